"""What lineage is made of: references to columns, the ways in which one depends on another, relations in between."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["NOTHING", "ROWS", "By", "Column", "Deps", "Frame", "Ref", "as_by", "deps_of", "stored"]

ROWS = "*"


class By(StrEnum):
    """How a column depends on another one."""

    VALUE = "value"  # it is computed from it
    CONDITION = "condition"  # CASE or FILTER asks it which value to take
    FILTER = "filter"  # WHERE, HAVING or IN asks it which rows count
    JOIN = "join"  # it decides which rows belong together
    GROUP = "group"  # rows with the same value are aggregated
    PARTITION = "partition"  # a window function, or DISTINCT ON, stays within its values
    ORDER = "order"  # a window function, or LIMIT, goes by its order
    WINDOW = "window"  # TUMBLE and HOP lay windows over it
    DISTINCT = "distinct"  # rows that agree in it are one
    ROWS = "rows"  # only on which rows there are


@dataclass(frozen=True, order=True)
class Ref:
    """A column of a relation; the column `*`: which rows there are. `path` goes into the JSON document in it."""

    relation: str
    column: str
    path: tuple[str, ...] = ()

    def at(self, *path: str) -> Ref:
        """A place inside the document."""
        return replace(self, path=(*self.path, *path))

    def touches(self, other: Ref) -> bool:
        """Whether one is the other, or holds it."""
        short = min(len(self.path), len(other.path))
        same = (self.relation, self.column) == (other.relation, other.column)
        return same and self.path[:short] == other.path[:short]


Deps: TypeAlias = frozenset[tuple[Ref, By]]
NOTHING: Deps = frozenset()


def as_by(deps: Deps, by: By) -> Deps:
    """The same references, all in one way."""
    return frozenset((ref, by) for ref, _ in deps)


def deps_of(columns: Iterable[Column]) -> Deps:
    """What any of the columns depends on."""
    return NOTHING.union(*(column.deps for column in columns))


@dataclass(frozen=True)
class Column:
    """What an expression depends on. `document`: it is nothing but the text or JSON of this stored document."""

    deps: Deps = NOTHING
    document: Ref | None = None

    def plain(self) -> Column:
        """The same where it is no document any more."""
        return Column(self.deps)

    def also(self, deps: Deps) -> Column:
        """With more dependencies."""
        return replace(self, deps=self.deps | deps)

    def field(self, *path: str) -> Column:
        """A field of the document; of a value that is none, all that the value depends on."""
        if self.document is None:
            return self.plain()
        place = self.document.at(*path)
        return Column(self.deps - {(self.document, By.VALUE)} | {(place, By.VALUE)}, place)


@dataclass(frozen=True)
class Frame:
    """The columns of a relation or a query, and what decides which rows it has.

    `rest` stands for columns whose names are not known; `hidden` is a stored relation with columns of the system.
    """

    columns: Mapping[str, Column] = field(default_factory=dict)
    rows: Deps = NOTHING
    rest: Column | None = None
    hidden: str | None = None

    def get(self, name: str) -> Column | None:
        """A column by name."""
        found = self.columns.get(name, self.rest)
        if found is None and self.hidden is not None and name.startswith(("_rw_", "_row_id")):
            return stored(self.hidden, [name]).columns[name]
        return found

    def renamed(self, names: list[str]) -> Frame:
        """`AS t(a, b)` renames the first columns."""
        if not names:
            return self
        if self.rest is not None:
            return replace(self, columns=dict.fromkeys(names, self.rest))
        left = list(self.columns.values())
        return replace(self, columns=dict(_renamings(self.columns, names, left)))


def _renamings(columns: Mapping[str, Column], names: list[str], values: list[Column]) -> Iterator[tuple[str, Column]]:
    yield from zip([*names, *list(columns)[len(names) :]], values, strict=False)


def stored(relation: str, columns: Iterable[str], *, hidden: bool = False) -> Frame:
    """A relation as a query that reads it sees it."""
    refs = {name: Ref(relation, name) for name in columns}
    return Frame(
        {name: Column(frozenset({(ref, By.VALUE)}), ref) for name, ref in refs.items()},
        frozenset({(Ref(relation, ROWS), By.ROWS)}),
        hidden=relation if hidden else None,
    )
