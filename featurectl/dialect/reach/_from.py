"""What stands in FROM: relations, subqueries, windows in time, joins."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, cast

from sqlglot import exp

from featurectl.dialect._meaning import read_tables, relation_name
from featurectl.dialect._naming import output_name
from featurectl.dialect._walking import children, holds_queries
from featurectl.dialect.reach._joins import Condition, conditions_of, spread
from featurectl.dialect.reach._model import JUST, TIMES, Bound, Leaf, Relation
from featurectl.dialect.reach._times import span_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from featurectl.dialect.reach._model import Place

__all__ = ["Items", "Walk", "from_items", "opaque"]

_MERGED = ""  # the item of the columns that FULL JOIN … USING makes of both sides


class Walk(Protocol):
    """What walks queries."""

    schema: Mapping[str, Mapping[str, str]]
    tables: frozenset[str]

    def query(self, node: exp.Expression, ctes: Mapping[str, Relation]) -> Relation:
        """A query's columns and the readings below it."""
        ...


def opaque(walk: Walk, node: exp.Expression, ctes: Mapping[str, Relation], why: str) -> Iterator[Leaf]:
    """Readings inside queries inside an expression: each can alter any row."""
    for query in _queries(node):
        for table in read_tables(query):
            name = relation_name(table)
            if name in ctes:
                yield from (leaf.lost(why) for leaf in ctes[name].leaves)
            else:
                yield Leaf(name, {}, rowwise=False, why=why)


def _queries(node: exp.Expression) -> Iterator[exp.Expression]:
    """The outermost queries in an expression."""
    if isinstance(node, exp.Query):
        yield node
        return
    for part in children(node):
        if holds_queries(part):
            yield from _queries(part)


class Items:
    """The items of a FROM, joined: which column a name means, and what each reading says of it."""

    def __init__(self) -> None:
        self.columns: dict[str, tuple[str, ...] | None] = {}
        self.leaves: list[Leaf] = []
        self._owners: list[str] = []  # of each leaf the item that it is in
        self._conditions: list[Condition] = []
        self._nullable: set[str] = set()
        self._merged: dict[str, str] = {}  # of a column of USING the item that has its value
        self._whole: dict[str, tuple[Place, Place]] = {}  # of one of a FULL JOIN both sides

    @property
    def are_known(self) -> bool:
        """Whether the columns of all items are known."""
        return all(columns is not None for columns in self.columns.values())

    def add(self, name: str, found: Relation) -> None:
        """One more item."""
        self.columns[name] = found.columns
        self.leaves += found.leaves
        self._owners += [name] * len(found.leaves)

    def place_of(self, node: exp.Expression) -> Place | None:
        """The item and its column that a name means; None where that is not clear."""
        if not isinstance(node, exp.Column) or node.is_star:
            return None
        if node.table:
            return (node.table, node.name) if node.table in self.columns else None
        if node.name in self._merged:
            return self._merged[node.name], node.name
        owners = [item for item, columns in self.columns.items() if columns is not None and node.name in columns]
        return (owners[0], node.name) if len(owners) == 1 else None

    def are_same(self, one: object, other: object) -> bool:
        """Whether two expressions are the same, whichever way their columns are named."""
        if isinstance(one, exp.Column) and isinstance(other, exp.Column):
            place = self.place_of(one)
            return one == other or (place is not None and place == self.place_of(other))
        if isinstance(one, exp.Expression) and isinstance(other, exp.Expression):
            if type(one) is not type(other) or one.args.keys() != other.args.keys():
                return False
            return all(self.are_same(part, other.args[name]) for name, part in one.args.items())
        if isinstance(one, list) and isinstance(other, list):
            return len(one) == len(other) and all(map(self.are_same, one, other))
        return one == other

    def join(self, node: exp.Join, name: str, before: list[str]) -> None:
        """Takes in what a join says of the item `name` and the items `before` it."""
        side = str(node.args.get("side") or "").upper()
        optional = set()
        if side in ("LEFT", "FULL"):
            optional.add(name)
        if side in ("RIGHT", "FULL"):
            optional.update(before)
        shared = [column.name for column in node.args.get("using") or []]
        if str(node.args.get("method") or "").upper() == "NATURAL":
            left = {column for item in before for column in self.columns[item] or ()}
            shared = [column for column in self.columns[name] or () if column in left]
        for column in shared:
            self._share(column, name, before, side, frozenset(optional))
        self._conditions += conditions_of(node.args.get("on"), self.place_of, frozenset(optional))
        self._nullable |= optional

    def _share(self, column: str, name: str, before: list[str], side: str, optional: frozenset[str]) -> None:
        owner = self._merged.get(column) or next(
            (item for item in before if column in (self.columns[item] or ())), before[0]
        )
        left, right = exp.column(column, table=owner), exp.column(column, table=name)
        self._conditions += conditions_of(exp.EQ(this=left, expression=right), self.place_of, optional)
        self._merged[column] = name if side == "RIGHT" else owner
        if side == "FULL":
            self._whole[column] = ((owner, column), (name, column))
            self._merged[column] = _MERGED

    def where(self, node: exp.Expression | None) -> None:
        """Takes in what WHERE says: of rows that are left."""
        if node is not None:
            self._conditions += conditions_of(node.this, self.place_of, frozenset())

    def finder(self, leaf: Leaf) -> Callable[[exp.Expression], Bound | None]:
        """What a reading says of the columns that an expression names."""
        owner = self._owners[next(i for i, each in enumerate(self.leaves) if each is leaf)]
        known: dict[Place, Bound] = {(owner, column): bound for column, bound in leaf.bounds.items()}
        spread(known, self._conditions, self.place_of)
        for column, sides in self._whole.items():
            bounds = [known.get(place) for place in sides]
            one, other = bounds
            if one is not None and other is not None and (one.column, one.is_exact) == (other.column, True):
                known[_MERGED, column] = replace(one, maybe_null=False)
        for place in list(known):
            if place[0] in self._nullable:
                known[place] = replace(known[place], maybe_null=True)

        def found(node: exp.Expression) -> Bound | None:
            place = self.place_of(node)
            return known.get(place) if place is not None else None

        return found

    def projected(self, node: exp.Select) -> Iterator[tuple[str, exp.Expression]]:
        """The output columns and what each is made of, `*` written out as far as the items' columns are known."""
        for item in node.expressions:
            if not item.is_star:
                yield output_name(item), item.unalias()
                continue
            star = item.this if isinstance(item, exp.Column) else item
            left_out = {column.name for column in star.args.get("except_") or []}
            prefix = item.table if isinstance(item, exp.Column) else ""
            yield from self._star(prefix, left_out)

    def _star(self, prefix: str, left_out: set[str]) -> Iterator[tuple[str, exp.Expression]]:
        seen = set()
        for name, columns in self.columns.items():
            if prefix not in ("", name):
                continue
            for column in columns or ():
                is_shared = not prefix and column in self._merged
                if column in left_out or (is_shared and column in seen):
                    continue
                seen.add(column)
                yield column, exp.column(column, table=None if is_shared else name)


def from_items(walk: Walk, node: exp.Select, ctes: Mapping[str, Relation]) -> Items:
    """The FROM of a SELECT with its joins and its WHERE."""
    items = Items()
    first = node.args.get("from_")
    if first is None:
        return items
    _add(walk, items, first.this, ctes)
    for join in [*(first.this.args.get("joins") or []), *(node.args.get("joins") or [])]:
        before = list(items.columns)
        name = _add(walk, items, join.this, ctes)
        items.join(join, name, before)
    _judge_rowwise(walk, node, items)
    items.where(node.args.get("where"))
    return items


def _judge_rowwise(walk: Walk, node: exp.Select, items: Items) -> None:
    """Rows that are joined with others than reference tables, or that others lack for, are not made of one row."""
    joins = node.args.get("joins") or []
    events = [leaf for leaf in items.leaves if leaf.relation not in walk.tables]
    sides = {str(join.args.get("side") or "").upper() for join in joins}
    simple = len(events) <= 1 and sides <= {"", "INNER", "LEFT"}
    first_is_event = not items.leaves or items.leaves[0].relation not in walk.tables
    if joins and not (simple and (first_is_event or "LEFT" not in sides)):
        items.leaves[:] = [replace(leaf, rowwise=False) for leaf in items.leaves]


def _add(walk: Walk, items: Items, node: exp.Expression, ctes: Mapping[str, Relation]) -> str:
    name, found = _item(walk, node, ctes)
    name = name or f"?{len(items.columns)}"
    alias = node.args.get("alias")
    names = [column.name for column in alias.args.get("columns") or []] if isinstance(alias, exp.TableAlias) else []
    if names and found.leaves:
        from featurectl.dialect.reach._deriving import renamed

        found = renamed(found, names)
    elif names:
        found = Relation(tuple(names))
    items.add(name, found)
    return name


def _item(walk: Walk, node: exp.Expression, ctes: Mapping[str, Relation]) -> tuple[str, Relation]:
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
        return node.alias, walk.query(cast("exp.Expression", node.this), ctes)
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        return node.alias or node.name, _read(walk, relation_name(node), ctes)
    if isinstance(node, exp.Table):
        return _windowed(walk, node, ctes)
    leaves = tuple(opaque(walk, node, ctes, "it is read by a LATERAL or nested join"))
    return node.alias, Relation(None, leaves)


def _read(walk: Walk, name: str, ctes: Mapping[str, Relation]) -> Relation:
    if name in ctes:
        return ctes[name]
    kinds = walk.schema.get(name)
    if kinds is None:
        return Relation(None, (Leaf(name, {}, rowwise=False, why="its columns are not known"),))
    return Relation(tuple(kinds), (Leaf(name, {column: Bound(column, kind) for column, kind in kinds.items()}),))


def _windowed(walk: Walk, node: exp.Table, ctes: Mapping[str, Relation]) -> tuple[str, Relation]:
    """TUMBLE and HOP: a row's window begins at its time or before, and ends after it. Of other functions nothing is
    known.
    """
    name, function = relation_name(node), node.this
    if not name:
        return node.alias, Relation(None, tuple(opaque(walk, node, ctes, "it is read by a function in FROM")))
    found = _read(walk, name, ctes)
    time, size = function.expressions[1], span_of(function.expressions[3 if function.name.lower() == "hop" else 2])
    alias = node.alias or name.rpartition(".")[2]
    if found.columns is None or size is None:
        return alias, Relation(None, tuple(leaf.lost("a window of unknown size") for leaf in found.leaves))

    def with_window(leaf: Leaf) -> Leaf:
        bounds, at = dict(leaf.bounds), leaf.bounds.get(time.name)
        if at is not None and at.kind in TIMES:
            start, end = at.moved(JUST - size[1], 0), at.moved(JUST, size[1])
            assert start is not None
            assert end is not None
            bounds |= {"window_start": start, "window_end": end}
        return leaf.with_bounds(bounds)

    columns = (*found.columns, "window_start", "window_end")
    return alias, Relation(columns, tuple(map(with_window, found.leaves)))
