"""What a project is once it is read: feature views, migrations, and the graph between them. All frozen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from featurectl.project.metadata import ViewMetadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from featurectl.dialect import Query, Statement
    from featurectl.project.helping import Helpers
    from featurectl.project.rendering import Rendered

__all__ = ["FeatureView", "Migration", "Project", "Relation", "SourceTable", "ViewMetadata", "chained_fingerprint"]


def chained_fingerprint(own: str, references: Iterable[str], below: Mapping[str, str]) -> str:
    """What a query means together with all that it reads: `below` has the fingerprint of each view among the
    references; the others are tables, whose rows are no meaning."""
    known = sorted((name, below.get(name, "table")) for name in references)
    return hashlib.sha256(repr((own, known)).encode()).hexdigest()


@dataclass(frozen=True)
class FeatureView:
    """One `sql/**/name.sql`: a query with its metadata.

    `references` are the relations that the query reads, by name. `own_fingerprint` is that of the query's
    normalised meaning alone, `fingerprint` that together with everything below it. `parsed` is the query where
    loading the project had to parse it.
    """

    name: str
    file: str
    metadata: ViewMetadata
    rendered: Rendered
    references: tuple[str, ...]
    own_fingerprint: str
    fingerprint: str
    descriptions: Mapping[str, str] = field(default_factory=dict)
    parsed: Query | None = field(default=None, repr=False, compare=False)

    @property
    def text(self) -> str:
        """The author's rendered query, without the metadata: what an engine that speaks the dialect is sent."""
        return self.rendered.text

    @cached_property
    def query(self) -> Query:
        """The parsed query (parsing waits until something needs the tree)."""
        if self.parsed is not None:
            return replace(self.parsed, file=self.file)
        from featurectl.project.analysis import parse_view

        return parse_view(self.rendered)

    @property
    def entity(self) -> tuple[str, ...]:
        """The columns of the join key; empty for a view that has none."""
        return self.metadata.entity


@dataclass(frozen=True)
class SourceTable:
    """The raw events of a topic as rows, as a migration declared it.

    `data_column` holds a message's bytes; `include` maps partition, offset, timestamp and key to columns.
    """

    name: str
    topic: str
    data_column: str
    include: Mapping[str, str]


@dataclass(frozen=True)
class Migration:
    """An ordered, run-once change of what holds state. `checksum` is that of the template, not the rendering."""

    number: str
    name: str
    file: str
    checksum: str
    rendered: Rendered
    creates: tuple[str, ...]
    source_tables: tuple[SourceTable, ...]

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """The parsed statements, in order."""
        from featurectl.project.analysis import parse_migration

        return parse_migration(self.rendered)


@dataclass(frozen=True)
class Relation:
    """A node of the graph: a feature view, or a table that a migration created."""

    name: str
    kind: str  # "view", "source table", "table"
    references: tuple[str, ...] = ()


@dataclass(frozen=True)
class Project:
    """A project directory, read and rendered. `views` are in dependency order: a view comes after all it reads."""

    root: Path
    name: str
    views: Mapping[str, FeatureView]
    migrations: tuple[Migration, ...]
    helpers: Helpers | None = field(default=None, repr=False, compare=False)

    @cached_property
    def source_tables(self) -> Mapping[str, SourceTable]:
        """Source tables by name, in the order of the migrations."""
        return {table.name: table for m in self.migrations for table in m.source_tables}

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """Names of all tables that migrations create, source tables included."""
        return tuple(name for m in self.migrations for name in m.creates)

    def relations(self) -> Iterator[Relation]:
        """Tables first, then views in dependency order."""
        for name in self.tables:
            yield Relation(name, "source table" if name in self.source_tables else "table")
        for view in self.views.values():
            yield Relation(view.name, "view", view.references)

    def upstream(self, name: str) -> set[str]:
        """Everything that the relation reads, directly or through others."""
        found: set[str] = set()
        todo = [name]
        while todo:
            view = self.views.get(todo.pop())
            for reference in view.references if view else ():
                if reference not in found:
                    found.add(reference)
                    todo.append(reference)
        return found

    def downstream(self, name: str) -> set[str]:
        """Every view that reads the relation, directly or through others."""
        found = {name}
        for view in self.views.values():  # dependency order: one pass is enough
            if found.intersection(view.references):
                found.add(view.name)
        return found - {name}
