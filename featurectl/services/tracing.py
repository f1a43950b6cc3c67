"""Where a feature comes from, and who would feel a change: lineage and impact as values that can be printed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from featurectl.project.lineage import By, LineageGraph, Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from featurectl.engines.base import State
    from featurectl.project import Project

__all__ = ["Consumer", "Edge", "ImpactTrace", "LineageTrace", "Node", "Reached", "trace_impact", "trace_lineage"]

_FORMAT = 1


@dataclass(frozen=True)
class Node:
    """A column, a field of a topic's messages, or the rows of a relation (`relation.*`).

    `kind`: "source table", "table" or "view", that of the relation; `description` is the author's.
    """

    name: str
    relation: str
    column: str
    kind: str
    description: str = ""


@dataclass(frozen=True)
class Edge:
    """`reader` depends on `reads` in the ways `by`; "value" means that it is computed from it."""

    reads: str
    reader: str
    by: tuple[str, ...]


@dataclass(frozen=True)
class Reached:
    """A column that is connected with the one that was asked for, through others if need be; `by` says how."""

    name: str
    relation: str
    kind: str
    by: tuple[str, ...]


@dataclass(frozen=True)
class Consumer:
    """Who reads a version or a public view from outside the project: a pin, or a server's relation such as a sink."""

    kind: str
    name: str
    reads: str


@dataclass(frozen=True)
class LineageTrace:
    """Where a column comes from. `inputs` are all columns and fields of tables that it depends on, in any way.

    `nodes` and `edges` follow values only, unless everything was asked for; each node's other dependencies are
    among the edges.
    """

    target: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    inputs: tuple[Reached, ...]

    def as_json(self) -> dict[str, Any]:
        """For programs; keys only ever get added."""
        return {"format": _FORMAT, **asdict(self)}


@dataclass(frozen=True)
class ImpactTrace:
    """Who depends on a column. `affected` are columns and rows of views; `consumers` read those views from outside.

    `consumers` is None where no engine was asked.
    """

    source: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    affected: tuple[Reached, ...]
    consumers: tuple[Consumer, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """For programs; keys only ever get added."""
        return {"format": _FORMAT, **asdict(self)}


def trace_lineage(project: Project, column: str, *, everything: bool = False) -> LineageTrace:
    """Follow a column of a view (`view.column`; `view.*` for its rows) up to the tables.

    Raises UsageError for a name that nothing has, ProjectError for a query that cannot be followed.
    """
    graph = LineageGraph(project)
    target = graph.find(column)
    upstream = graph.upstream(target)
    kept = _through(upstream.edges, target, everything=everything)
    tables = [ref for ref in upstream.reached if ref.relation not in project.views]
    inputs = _reached(graph, project, {ref: upstream.reached[ref] for ref in sorted(tables)})
    return LineageTrace(graph.name(target), _nodes(graph, project, kept, target), _edges(graph, kept), inputs)


def trace_impact(project: Project, column: str, state: State | None = None) -> ImpactTrace:
    """Follow a column, a field, or all of a relation (`relation.*`) down to all that depends on it.

    `state` names the consumers outside the project. Raises as `trace_lineage`.
    """
    graph = LineageGraph(project)
    source = graph.find(column)
    impact = graph.impact(source)
    order = {name: place for place, name in enumerate(project.views)}
    refs = sorted((ref for ref in impact.reached if ref != source), key=lambda ref: (order[ref.relation], ref))
    affected = _reached(graph, project, {ref: impact.reached[ref] for ref in refs if not ref.path})
    views = {ref.relation for ref in refs} | {source.relation}
    consumers = None if state is None else _consumers(state, views)
    nodes = _nodes(graph, project, impact.edges, source)
    return ImpactTrace(graph.name(source), nodes, _edges(graph, impact.edges), affected, consumers)


def _through(edges: Iterable[tuple[Ref, Ref, By]], target: Ref, *, everything: bool) -> tuple[tuple[Ref, Ref, By], ...]:
    """The edges into whatever the target's value comes through; or all of them."""
    if everything:
        return tuple(edges)
    into: dict[Ref, list[tuple[Ref, Ref, By]]] = {}
    for edge in edges:
        into.setdefault(edge[1], []).append(edge)
    seen, todo, kept = {target}, [target], []
    while todo:
        for reads, reader, by in into.get(todo.pop(), ()):
            kept.append((reads, reader, by))
            if by == By.VALUE and reads not in seen:
                seen.add(reads)
                todo.append(reads)
    return tuple(sorted(kept))


def _nodes(graph: LineageGraph, project: Project, edges: Iterable[tuple[Ref, Ref, By]], asked: Ref) -> tuple[Node, ...]:
    refs = {asked, *(ref for reads, reader, _ in edges for ref in (reads, reader))}
    return tuple(_node(graph, project, ref) for ref in sorted(refs))


def _node(graph: LineageGraph, project: Project, ref: Ref) -> Node:
    name = graph.name(ref)
    view, table = project.views.get(ref.relation), project.source_tables.get(ref.relation)
    said = view.descriptions.get(ref.column, "") if view is not None else ""
    if table is not None and ref.column == table.data_column and not ref.path:
        said = "the whole message"
    return Node(name, ref.relation, name.removeprefix(f"{ref.relation}."), _kind(project, ref.relation), said)


def _edges(graph: LineageGraph, edges: Iterable[tuple[Ref, Ref, By]]) -> tuple[Edge, ...]:
    ways: dict[tuple[Ref, Ref], set[By]] = {}
    for reads, reader, by in edges:
        ways.setdefault((reads, reader), set()).add(by)
    return tuple(Edge(graph.name(a), graph.name(b), _in_order(by)) for (a, b), by in sorted(ways.items()))


def _reached(graph: LineageGraph, project: Project, found: Mapping[Ref, frozenset[By]]) -> tuple[Reached, ...]:
    return tuple(
        Reached(graph.name(ref), ref.relation, _kind(project, ref.relation), _in_order(by)) for ref, by in found.items()
    )


def _in_order(by: Iterable[By]) -> tuple[str, ...]:
    """Values first, then as `By` lists them."""
    return tuple(str(way) for way in sorted(by, key=list(By).index))


def _kind(project: Project, relation: str) -> str:
    if relation in project.views:
        return "view"
    return "source table" if relation in project.source_tables else "table"


def _consumers(state: State, views: set[str]) -> tuple[Consumer, ...]:
    """Pins, and what others built on a public view or a version of one of these views."""
    pins = [Consumer("pin", pin.consumer, pin.version) for pin in state.pins if pin.view in views]
    ours = views | {version.name for version in state.versions if version.view in views}
    others = {(o.kind, o.name): o for o in state.outsiders if o.reads in ours}
    # What reads a public view is listed for the version below it, too: the public name says more.
    others.update({(o.kind, o.name): o for o in state.outsiders if o.reads in views})
    found = [*pins, *(Consumer(o.kind, o.name, o.reads) for o in others.values())]
    return tuple(sorted(found, key=lambda consumer: (consumer.kind, consumer.name, consumer.reads)))
