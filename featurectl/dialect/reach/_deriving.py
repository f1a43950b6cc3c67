"""Walks a query from the relations that it reads up to its rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sqlglot import exp

from featurectl.dialect._aggregates import is_aggregate
from featurectl.dialect._naming import output_name
from featurectl.dialect._walking import walk
from featurectl.dialect._windows import windows_of
from featurectl.dialect.reach._from import Items, from_items, opaque
from featurectl.dialect.reach._model import TIMES, Bound, InputReach, Leaf, Reach, Relation
from featurectl.dialect.reach._times import bound_of
from featurectl.dialect.reach._windows import through_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from featurectl.dialect._query import Query

__all__ = ["reach_of"]


def reach_of(
    query: Query,
    schema: Mapping[str, Mapping[str, str]],
    columns: Mapping[str, str],
    *,
    entity: Sequence[str] = (),
    event_time: str | None = None,
    tables: Collection[str] = (),
) -> Reach:
    """How far a change of each relation that a query reads reaches among its rows.

    Args:
        query: The view's query.
        schema: The columns of each relation that it reads and their types, by the names in the query.
        columns: The query's own columns and their types.
        entity: The columns that say which entity a row is about; none given: those that can be followed through.
        event_time: The column that says at what time; none given: a time that can be followed through.
        tables: Those of the relations that are reference tables: rows joined with them are still made of one row.
    """
    walk = _Walk(schema, frozenset(tables))
    found = walk.query(query.meant or query.tree, {})
    leaves = found.leaves
    entity = tuple(entity) or _followed(leaves, columns, lambda kind: kind not in TIMES, walk.tables)
    event_time = event_time or next(iter(_followed(leaves, columns, lambda kind: kind in TIMES, walk.tables)), None)
    if event_time is not None and columns.get(event_time) not in TIMES:
        event_time = None
    events = [leaf for leaf in leaves if leaf.relation not in walk.tables]
    inputs = tuple(_input(leaf, entity, event_time) for leaf in leaves)
    return Reach(entity, event_time, inputs, bool(events) and all(leaf.rowwise for leaf in events))


def _followed(
    leaves: Sequence[Leaf], columns: Mapping[str, str], fits: Callable[[str], bool], tables: Collection[str]
) -> tuple[str, ...]:
    """The columns of these types that every reading of events determines, of those that determine any."""
    events = [leaf for leaf in leaves if leaf.relation not in tables and leaf.bounds] or list(leaves)
    known = [
        {name for name, b in leaf.bounds.items() if not b.maybe_null and (b.is_exact or b.kind in TIMES)}
        for leaf in events
    ]
    return tuple(
        name for name, kind in columns.items() if fits(kind) and known and all(name in names for names in known)
    )


def _input(leaf: Leaf, entity: Sequence[str], event_time: str | None) -> InputReach:
    bounds = [leaf.bounds.get(name) for name in entity]
    named = tuple(bound.column for bound in bounds if bound is not None and bound.is_exact and not bound.maybe_null)
    whose = named if entity and len(named) == len(entity) else None
    time = leaf.bounds.get(event_time or "")
    if time is not None and (time.maybe_null or time.kind not in TIMES or (time.low is None and time.high is None)):
        time = None
    why = "" if whose is not None and time is not None else leaf.why or _unnamed(entity, event_time, whose is None)
    if time is None:
        return InputReach(leaf.relation, whose, None, None, None, why)
    return InputReach(leaf.relation, whose, time.column, time.low, time.high, why)


def _unnamed(entity: Sequence[str], event_time: str | None, lacks_entity: bool) -> str:
    if not entity and event_time is None:
        return "no column of it tells the entity or the event time of the rows that it changes"
    lacking = "entity" if lacks_entity else "event time"
    return f"no column of it tells the {lacking} of the rows that it changes"


@dataclass
class _Walk:
    """`query` answers a query's columns and the readings below it."""

    schema: Mapping[str, Mapping[str, str]]
    tables: frozenset[str]

    def query(self, node: exp.Expression, ctes: Mapping[str, Relation]) -> Relation:
        """Of a SELECT, a set operation, VALUES, in parentheses or not."""
        ctes = self._with(node, ctes)
        if isinstance(node, exp.Subquery):
            return self.query(node.this, ctes)
        if isinstance(node, exp.Select):
            return self._select(node, ctes)
        if isinstance(node, exp.SetOperation):
            return _limited(node, self._set_operation(node, ctes))
        return Relation(None, tuple(opaque(self, node, ctes, "a query of another kind")))

    def _with(self, node: exp.Expression, ctes: Mapping[str, Relation]) -> Mapping[str, Relation]:
        clause = node.args.get("with_")
        for cte in clause.expressions if clause is not None else []:
            found = self.query(cte.this, ctes)
            if clause is not None and clause.args.get("recursive"):
                found = found.mapped(lambda leaf: leaf.lost("a recursive query"))
            names = [column.name for column in cte.args["alias"].args.get("columns") or []]
            ctes = {**ctes, cte.alias: renamed(found, names)}
        return ctes

    def _select(self, node: exp.Select, ctes: Mapping[str, Relation]) -> Relation:
        items = from_items(self, node, ctes)
        projected = list(items.projected(node))
        is_open = any(item.is_star for item in node.expressions) and not items.are_known
        columns = None if is_open else tuple(name for name, _ in projected)
        inner = [
            leaf
            for part in (*node.expressions, *(node.args[c] for c in ("where", "having", "group") if node.args.get(c)))
            for leaf in opaque(self, part, ctes, "it is read by a subquery in an expression")
        ]
        windows = windows_of(node)
        has_aggregates = node.args.get("having") is not None or any(map(is_aggregate, _own_parts(node, windows)))
        shape = _Shape(projected, windows, has_aggregates, bool(inner))
        own = [_through(node, items, leaf, shape) for leaf in items.leaves]
        return _limited(node, Relation(columns, (*own, *inner)))

    def _set_operation(self, node: exp.SetOperation, ctes: Mapping[str, Relation]) -> Relation:
        left, right = self.query(node.this, ctes), self.query(node.expression, ctes)
        if node.args.get("by_name") or left.columns is None:
            lost = [leaf.lost("the columns of a UNION are not known") for leaf in (*left.leaves, *right.leaves)]
            return Relation(None, tuple(lost))
        right = renamed(right, list(left.columns))
        rowwise = isinstance(node, exp.Union) and not node.args.get("distinct")
        leaves = (*left.leaves, *right.leaves)
        return Relation(left.columns, tuple(leaf.with_bounds(leaf.bounds, rowwise=rowwise) for leaf in leaves))


@dataclass(frozen=True)
class _Shape:
    """Of a SELECT: its columns and what each is made of, its window functions, whether it aggregates, and whether its
    expressions hold queries.
    """

    projected: list[tuple[str, exp.Expression]]
    windows: list[exp.Window]
    has_aggregates: bool
    has_queries: bool


def _through(node: exp.Select, items: Items, leaf: Leaf, shape: _Shape) -> Leaf:
    """A reading of FROM as the SELECT's rows depend on it."""
    known = items.finder(leaf)
    group, distinct = node.args.get("group"), node.args.get("distinct")
    if group is not None:
        keyed = _grouped(node, group, known, items)
        if keyed is None:
            return leaf.lost("GROUP BY several sets of keys")
        known = keyed
    elif shape.has_aggregates:
        return leaf.lost("an aggregate over all rows")
    if shape.windows:
        known = through_windows(node, shape.windows, known, items.place_of)
    found = {name: bound_of(value, known) for name, value in shape.projected}
    once = {name for name, times in Counter(name for name, _ in shape.projected).items() if times == 1}
    bounds = {name: bound for name, bound in found.items() if bound is not None and name in once}
    if distinct is not None and distinct.args.get("on") is not None:
        bounds = _chosen(node, distinct.args["on"], bounds)
    return leaf.with_bounds(bounds, rowwise=not (group or shape.windows or distinct or shape.has_queries))


def _limited(node: exp.Expression, found: Relation) -> Relation:
    if node.args.get("limit") is None and node.args.get("offset") is None:
        return found
    return found.mapped(lambda leaf: leaf.lost("LIMIT over all rows"))


def renamed(found: Relation, names: Sequence[str]) -> Relation:
    """With other names for the first columns."""
    if not names:
        return found
    if found.columns is None:
        return Relation(None, tuple(leaf.lost("its columns are not known") for leaf in found.leaves))
    columns = (*names, *found.columns[len(names) :])
    new = dict(zip(found.columns, columns, strict=False))
    return Relation(columns, tuple(_renamed_leaf(leaf, new) for leaf in found.leaves))


def _renamed_leaf(leaf: Leaf, new: Mapping[str, str]) -> Leaf:
    return leaf.with_bounds({new[name]: bound for name, bound in leaf.bounds.items() if name in new})


def _own_parts(node: exp.Select, windows: Sequence[exp.Window]) -> Iterator[exp.Expression]:
    """The expressions of this SELECT's columns, without those of inner queries and the calls that stand before OVER."""
    calls = {id(window.this.this if isinstance(window.this, exp.Filter) else window.this) for window in windows}
    for item in node.expressions:
        inside = walk(item, lambda inner: not isinstance(inner, exp.Query | exp.Column))
        parts = inside if not isinstance(item, exp.Query) else ()
        yield from (part for part in parts if id(part) not in calls and not isinstance(part, exp.Query))


def _grouped(
    node: exp.Select, group: exp.Expression, known: Callable[[exp.Expression], Bound | None], items: Items
) -> Callable[[exp.Expression], Bound | None] | None:
    """What is known of a group's keys; None for several sets of keys."""
    keys: list[tuple[exp.Expression, Bound]] = []
    named = {output_name(item): item for item in node.expressions if isinstance(item, exp.Alias)}
    for written in group.expressions:
        key = written
        if isinstance(key, exp.Rollup | exp.Cube | exp.GroupingSets | exp.Tuple):
            return None
        if isinstance(key, exp.Literal) and str(key.this).isdigit() and int(key.this) <= len(node.expressions):
            key = node.expressions[int(key.this) - 1]
        elif isinstance(key, exp.Column) and not key.table and key.name in named and items.place_of(key) is None:
            key = named[key.name]
        key = cast("exp.Expression", key.unalias())
        bound = bound_of(key, known)
        if bound is not None:
            keys.append((key, bound))

    def found(part: exp.Expression) -> Bound | None:
        return next((bound for key, bound in keys if items.are_same(key, part.unalias())), None)

    return found


def _chosen(node: exp.Select, on: exp.Expression, bounds: Mapping[str, Bound]) -> dict[str, Bound]:
    """Of DISTINCT ON: the keys. Another row may be the one that is taken, with other values of the rest."""
    keys = on.expressions if isinstance(on, exp.Tuple) else [on]
    names = {output_name(item) for item in node.expressions if any(item.unalias() == key for key in keys)}
    return {name: bound for name, bound in bounds.items() if name in names}
