"""The lineage of a whole project: from a column up to what it depends on, and down to all that depends on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from featurectl.errors import ProjectError, UsageError, did_you_mean
from featurectl.project.analysis import template_lines
from featurectl.project.lineage.parts import NOTHING, ROWS, By, Deps, Frame, Ref, stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlglot import exp

    from featurectl.project.model import FeatureView, Project

__all__ = ["Impact", "LineageGraph", "Upstream"]


@dataclass(frozen=True)
class Upstream:
    """What a column depends on, directly or through others.

    `edges` are (what is read, by what, in which way); `reached` says of each reference, and of the column's own
    rows, in which ways the column depends on it: the one nearest to the column counts.
    """

    target: Ref
    edges: tuple[tuple[Ref, Ref, By], ...] = ()
    reached: Mapping[Ref, frozenset[By]] = field(default_factory=dict)


@dataclass(frozen=True)
class Impact:
    """What depends on a column: `reached` says in which ways; `edges` as in `Upstream`."""

    source: Ref
    edges: tuple[tuple[Ref, Ref, By], ...] = ()
    reached: Mapping[Ref, frozenset[By]] = field(default_factory=dict)


class LineageGraph:
    """Reads the project's queries as they are asked for. Errors of a query are ProjectErrors with file and line."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._frames: dict[str, Frame] = {}
        self._tables = _columns_of_tables(project)

    def upstream(self, target: Ref) -> Upstream:
        """All that a column depends on, what decides on its view's rows included."""
        start = {target, Ref(target.relation, ROWS)}
        reached, edges = _walk(
            {(ref, By.VALUE if ref == target else By.ROWS) for ref in start},
            lambda ref: ((found, by, by) for found, by in self.dependencies(ref)),
            _from_target,
        )
        return Upstream(target, tuple(sorted((up, down, by) for down, up, by in edges)), reached)

    def impact(self, source: Ref) -> Impact:
        """All columns, and rows, that depend on a column or a field; on all of a relation for its column `*`."""
        readers = self._readers(source.relation)
        whole = source.column == ROWS
        touched = {ref for ref in readers if (ref.relation == source.relation if whole else ref.touches(source))}
        start = {(ref, By.VALUE) for ref in touched | {source}}
        reached, edges = _walk(start, lambda ref: ((d, by, by) for d, by in readers.get(ref, ())), _from_source)
        found = {ref: by for ref, by in reached.items() if ref.relation != source.relation or ref == source}
        return Impact(source, tuple(sorted(edges)), found)

    def dependencies(self, ref: Ref) -> Deps:
        """What a column of a view, or its rows, depends on directly; nothing for a table."""
        if ref.relation not in self._project.views:
            return NOTHING
        frame = self.frame(ref.relation)
        if ref.column == ROWS:
            return frame.rows
        column = frame.get(ref.column)
        if column is None:
            return NOTHING
        return (column.field(*ref.path) if ref.path else column).deps

    def frame(self, view: str) -> Frame:
        """A view's columns and what each depends on. Raises ProjectError."""
        if view not in self._frames:
            needed = {view, *self._project.upstream(view)}
            for name in self._project.views:  # dependency order: no deep recursion
                if name in needed and name not in self._frames:
                    self._frames[name] = self._read(self._project.views[name])
        return self._frames[view]

    def columns(self, relation: str) -> tuple[str, ...]:
        """The columns of a view or a table, as they stand in SQL."""
        if relation in self._project.views:
            return tuple(self.frame(relation).columns)
        return self._tables.get(relation, ())

    def fields(self, table: str) -> list[Ref]:
        """The fields that any view reads out of a table's documents, the whole documents left out."""
        found = {ref for ref in self._readers(table) if ref.relation == table and ref.path}
        return sorted(found)

    def name(self, ref: Ref) -> str:
        """How a reference is written: `relation.column`; a field of a topic's messages stands as a column, too."""
        if not ref.path:
            return f"{ref.relation}.{ref.column}"
        source = self._project.source_tables.get(ref.relation)
        path = ".".join(ref.path)
        if source is not None and ref.column == source.data_column and ref.path[0] not in self._tables[ref.relation]:
            return f"{ref.relation}.{path}"
        return f"{ref.relation}.{ref.column}.{path}"

    def find(self, text: str) -> Ref:
        """The column, field or (`relation.*`) rows that a name means. Raises UsageError, with names that are near."""
        relation, _, rest = text.partition(".")
        known = [*self._project.views, *self._project.tables]
        if relation not in known:
            hint = did_you_mean(relation, known, f"there are: {', '.join(known)}", 3)
            raise UsageError(f"no view or table is named {relation!r}", hint=hint)
        if rest == ROWS:
            return Ref(relation, ROWS)
        if rest in self.columns(relation):
            return Ref(relation, rest)
        fields = {self.name(ref).partition(".")[2]: ref for ref in self.fields(relation)}
        if rest in fields:
            return fields[rest]
        raise self._unknown_column(relation, rest, [*self.columns(relation), *fields])

    def _unknown_column(self, relation: str, column: str, known: list[str]) -> UsageError:
        kind = "view" if relation in self._project.views else "table"
        hint = did_you_mean(column, known, f"it has: {', '.join(known)}", 3)
        if not column:
            return UsageError(f"{relation} is a {kind}, not a column", hint=f"such as {relation}.{known[0]}")
        return UsageError(f"the {kind} {relation} has no column {column!r}, and nothing reads such a field", hint=hint)

    def _readers(self, relation: str) -> dict[Ref, set[tuple[Ref, By]]]:
        """For each reference that views above the relation read: who reads it, and how."""
        found: dict[Ref, set[tuple[Ref, By]]] = {}
        above = self._project.downstream(relation)
        todo = [Ref(view, c) for view in self._project.views if view in above for c in (*self.columns(view), ROWS)]
        seen = set(todo)
        while todo:
            reader = todo.pop()
            for ref, by in self.dependencies(reader):
                found.setdefault(ref, set()).add((reader, by))
                if ref not in seen:
                    seen.add(ref)
                    todo.append(ref)
        return found

    def _relation(self, name: str) -> Frame:
        return stored(name, self.columns(name), hidden=name not in self._project.views)

    def _read(self, view: FeatureView) -> Frame:
        from featurectl.dialect._grammar import line_of
        from featurectl.project.lineage.queries import Queries

        def fail(node: exp.Expression, message: str, hint: str | None) -> ProjectError:
            return ProjectError(message, file=view.file, line=line_of(node, 1), hint=hint)

        with template_lines(view.rendered):
            return Queries(self._relation, fail)(view.query.tree, {})


def _columns_of_tables(project: Project) -> dict[str, tuple[str, ...]]:
    """The columns of the tables that migrations create, later ALTER TABLEs included."""
    from featurectl.dialect import AlterTable, CreateSourceTable, CreateTable

    found: dict[str, tuple[str, ...]] = {}
    for migration in project.migrations:
        for statement in migration.statements:
            if isinstance(statement, CreateSourceTable):
                found[statement.name] = (statement.data_column, *statement.include.values())
            elif isinstance(statement, CreateTable):
                found[statement.name] = tuple(statement.columns)
            elif isinstance(statement, AlterTable):
                kept = [name for name in found.get(statement.name, ()) if name not in statement.dropped]
                found[statement.name] = (*kept, *statement.added)
    return found


def _from_target(nearer: By, edge: By) -> By:
    """Going up: the way that is nearest to the target counts; rows give way to what decides on them."""
    if nearer not in (By.VALUE, By.ROWS) or edge == By.VALUE:
        return nearer
    return edge


def _from_source(farther: By, edge: By) -> By:
    """The same going down, where the edge is the nearer one."""
    if edge == By.VALUE:
        return farther
    return edge if edge != By.ROWS or farther == By.VALUE else farther


def _walk(
    start: set[tuple[Ref, By]],
    step: Callable[[Ref], Iterator[tuple[Ref, By, By]]],
    combine: Callable[[By, By], By],
) -> tuple[dict[Ref, frozenset[By]], set[tuple[Ref, Ref, By]]]:
    """Everything that can be reached, in which ways, and the edges that were gone."""
    reached: dict[Ref, set[By]] = {}
    edges: set[tuple[Ref, Ref, By]] = set()
    todo = list(start)
    for ref, by in start:
        reached.setdefault(ref, set()).add(by)
    while todo:
        ref, way = todo.pop()
        for found, edge, by in step(ref):
            edges.add((ref, found, by))
            combined = combine(way, edge)
            if combined not in reached.setdefault(found, set()):
                reached[found].add(combined)
                todo.append((found, combined))
    return {ref: frozenset(ways) for ref, ways in reached.items()}, edges
