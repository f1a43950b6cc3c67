"""A query's columns with what each depends on, through CTEs, joins, subqueries, windows and set operations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._naming import output_name
from featurectl.project.lineage.expressions import Scope, Source, deps, is_aggregated, value
from featurectl.project.lineage.parts import NOTHING, By, Column, Deps, Frame, as_by, deps_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from featurectl.errors import ProjectError

__all__ = ["Queries"]

_WINDOWS = ("tumble", "hop")


@dataclass(frozen=True)
class Queries:
    """Goes through queries. `relation` gives a relation of the project by name, `fail` makes an error of a node."""

    relation: Callable[[str], Frame]
    fail: Callable[[exp.Expression, str, str | None], ProjectError]

    def __call__(self, node: exp.Expression, ctes: Mapping[str, Frame], outer: Scope | None = None) -> Frame:
        """The frame of a query. Raises ProjectError for a name that nothing has."""
        ctes = self._with(node, ctes, outer)
        if isinstance(node, exp.Select):
            return _Select(self, node, ctes, outer).frame()
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, ctes, outer)
        if isinstance(node, exp.Values):
            return self._values(node, ctes, outer)
        if isinstance(node, exp.Subquery | exp.Paren):
            return self(node.this, ctes, outer)
        raise self.fail(node, f"lineage does not follow {type(node).key.upper()} as a query", None)

    def scope(self, ctes: Mapping[str, Frame], outer: Scope | None) -> Scope:
        """An empty scope in which these CTEs are known."""
        return Scope(lambda query, scope: self(query, ctes, scope), self.fail, outer)

    def _with(self, node: exp.Expression, ctes: Mapping[str, Frame], outer: Scope | None) -> Mapping[str, Frame]:
        clause = node.args.get("with_")
        for cte in clause.expressions if clause is not None else []:
            ctes = {**ctes, cte.alias: self(cte.this, ctes, outer).renamed(_alias_columns(cte))}
        return ctes

    def _set_operation(self, node: exp.Expression, ctes: Mapping[str, Frame], outer: Scope | None) -> Frame:
        left, right = self(node.this, ctes, outer), self(node.expression, ctes, outer)
        rows = left.rows | right.rows
        if node.args.get("distinct") or not isinstance(node, exp.Union):
            rows |= as_by(deps_of([*left.columns.values(), *right.columns.values()]), By.DISTINCT)
        pairs = zip(left.columns.items(), right.columns.values(), strict=False)
        if isinstance(node, exp.Except):
            columns = dict(left.columns)
        else:
            columns = {name: _either(one, other) for (name, one), other in pairs}
        scope = self.scope(ctes, outer)
        scope.sources.append(Source("", Frame(columns)))
        return Frame(columns, rows | _limit_order(node, scope))

    def _values(self, node: exp.Expression, ctes: Mapping[str, Frame], outer: Scope | None) -> Frame:
        scope = self.scope(ctes, outer)
        rows = [[value(cell, scope) for cell in row.expressions] for row in node.expressions]
        columns = zip(*rows, strict=False)
        return Frame({f"column{i}": Column(deps_of(cells)) for i, cells in enumerate(columns, 1)})


def _either(one: Column, other: Column) -> Column:
    return Column(one.deps | other.deps, one.document if one.document == other.document else None)


def _alias_columns(node: exp.Expression) -> list[str]:
    alias = node.args.get("alias")
    return [column.name for column in alias.args.get("columns") or []] if isinstance(alias, exp.TableAlias) else []


def _limit_order(node: exp.Expression, scope: Scope) -> Deps:
    """ORDER BY decides on nothing but which rows LIMIT leaves."""
    order = node.args.get("order")
    if order is None or not (node.args.get("limit") or node.args.get("offset")):
        return NOTHING
    return NOTHING.union(*(deps(term.this, scope, By.ORDER) for term in order.expressions))


class _Select:
    """One SELECT."""

    def __init__(self, queries: Queries, node: exp.Select, ctes: Mapping[str, Frame], outer: Scope | None) -> None:
        self.queries, self.node, self.ctes = queries, node, ctes
        self.scope = queries.scope(ctes, outer)

    def frame(self) -> Frame:
        """Its columns, and what decides on its rows."""
        node, scope = self.node, self.scope
        first = node.args.get("from_")
        if first is not None:
            self.add(first.this)
        for join in node.args.get("joins") or []:
            self.join(join)
        scope.windows = {window.name: window for window in node.args.get("windows") or []}
        self.filter_by("where")
        keys = self.group()
        columns = self.columns(keys)
        self.filter_by("having")
        self.filter_by("qualify")
        picked = self.distinct(columns)
        rows = scope.rows | self.order(columns)
        return Frame({name: column.also(picked) for name, column in columns.items()}, rows)

    def add(self, item: exp.Expression) -> list[Source]:
        """Put an item of FROM into the scope; one in parentheses with joins of its own is several."""
        inner = item.this if isinstance(item, exp.Subquery | exp.Paren) and not item.alias else item
        if isinstance(inner, exp.Table | exp.Subquery) and inner.args.get("joins"):
            bare = inner.copy()
            bare.set("joins", None)
            return [*self.add(bare), *(s for join in inner.args["joins"] for s in self.join(join))]
        name, frame = self.source(inner if isinstance(inner, exp.Table) else item)
        added = Source(name, frame.renamed(_alias_columns(item)))
        self.scope.sources.append(added)
        self.scope.rows |= frame.rows
        return [added]

    def join(self, node: exp.Expression) -> list[Source]:
        """Add the right side; its condition decides which row of it stands beside one of the left side."""
        before = list(self.scope.sources)
        added = self.add(node.this)
        names = [part.name for part in node.args.get("using") or []]
        if str(node.args.get("method") or "").upper() == "NATURAL":
            left = {name for source in before for name in source.frame.columns}
            names = [name for source in added for name in source.frame.columns if name in left]
        found = as_by(value(node.args.get("on"), self.scope).deps, By.JOIN)
        for name in names:
            sides = [source.get(name) for source in [*before, *added]]
            found |= as_by(deps_of(side for side in sides if side is not None), By.JOIN)
        side = str(node.args.get("side") or "").upper()
        for source in [*(before if side in ("RIGHT", "FULL") else []), *added]:
            source.joined |= found
        self.scope.rows |= found
        return added

    def source(self, item: exp.Expression) -> tuple[str, Frame]:
        """An item of FROM: its name and its columns."""
        if isinstance(item, exp.Table) and isinstance(item.this, exp.Identifier):
            return item.alias_or_name, self.named(item.text("db"), item.name)
        if isinstance(item, exp.Table) and isinstance(item.this, exp.Anonymous):
            return self.function(item, item.this)
        if isinstance(item, exp.Lateral) and not isinstance(item.this, exp.Query):
            return item.alias, self.computed(item)
        if isinstance(item, exp.Subquery | exp.Lateral | exp.Values):
            query = item if isinstance(item, exp.Values) else item.this
            lateral = self.scope if isinstance(item, exp.Lateral) else self.scope.outer
            return item.alias, self.queries(query, self.ctes, lateral)
        if isinstance(item, exp.Unnest):
            return item.alias, self.computed(item)
        raise self.queries.fail(item, f"lineage does not follow {type(item).key.upper()} in FROM", None)

    def named(self, schema: str, name: str) -> Frame:
        """A CTE or a relation."""
        if not schema and name in self.ctes:
            return self.ctes[name]
        return self.queries.relation(f"{schema}.{name}" if schema else name)

    def function(self, item: exp.Expression, call: exp.Expression) -> tuple[str, Frame]:
        """TUMBLE and HOP add the bounds of windows; of another function every column depends on all arguments."""
        if str(call.this).lower() not in _WINDOWS or len(call.expressions) < 2:
            return item.alias or str(call.this).lower(), self.computed(call)
        target, at = call.expressions[:2]
        frame = self.named(target.text("table"), target.name)
        own = replace(self.queries.scope(self.ctes, None), sources=[Source(target.name, frame)])
        time = value(at, own)
        bounds = dict.fromkeys(("window_start", "window_end"), time.plain())
        rows = frame.rows | as_by(time.deps, By.WINDOW)
        return item.alias or target.name, replace(frame, columns={**frame.columns, **bounds}, rows=rows)

    def computed(self, node: exp.Expression) -> Frame:
        """A function's rows; its arguments may name what stands before it."""
        found = value(node.this if isinstance(node, exp.Lateral) else node, self.scope).plain()
        name = str(node.args["alias"].this) if node.args.get("alias") else ""
        return Frame({name: found} if name else {}, as_by(found.deps, By.ROWS), rest=found)

    def filter_by(self, clause: str) -> None:
        """WHERE, HAVING, QUALIFY."""
        part = self.node.args.get(clause)
        if part is not None:
            self.scope.rows |= deps(part.this, self.scope, By.FILTER)

    def group(self) -> list[exp.Expression] | None:
        """GROUP BY's keys, ordinals and aliases looked up; they decide on the rows that come out."""
        group = self.node.args.get("group")
        if group is None:
            return None
        keys = [self.meant(key) for part in group.expressions for key in _plain_keys(part)]
        self.scope.rows |= NOTHING.union(*(deps(key, self.scope, By.GROUP) for key in keys))
        return keys

    def meant(self, key: exp.Expression) -> exp.Expression:
        """The item of SELECT that an ordinal or an alias names; else the expression itself."""
        items = self.node.expressions
        if isinstance(key, exp.Literal) and not key.is_string and 0 < int(key.this) <= len(items):
            item: exp.Expression = items[int(key.this) - 1].unalias()
            return item
        if isinstance(key, exp.Column) and not key.text("table"):
            aliases = {item.alias: item.this for item in items if isinstance(item, exp.Alias)}
            if key.name in aliases and not any(s.get(key.name) for s in self.scope.sources):
                inner: exp.Expression = aliases[key.name]
                return inner
        return key

    def columns(self, keys: list[exp.Expression] | None) -> dict[str, Column]:
        """The items of SELECT; one that is aggregated depends on what decides on the rows below it."""
        columns: dict[str, Column] = {}
        for item in self.node.expressions:
            if item.is_star:
                found = self.star(item)
            else:
                column = value(item, self.scope)
                if is_aggregated(item, keys, self.scope):
                    column = column.plain().also(self.scope.rows)
                found = {output_name(item): column}
            for name, column in found.items():
                columns[name] = _either(columns[name], column) if name in columns else column
        return columns

    def star(self, item: exp.Expression) -> dict[str, Column]:
        """`*`, `t.*`, with EXCEPT."""
        star = item.this if isinstance(item, exp.Column) else item
        prefix = item.text("table") if isinstance(item, exp.Column) else ""
        left_out = {column.name for column in star.args.get("except_") or []}
        found: dict[str, Column] = {}
        for source in self.scope.sources:
            for name, column in source.columns().items() if prefix in ("", source.name) else ():
                if name not in left_out:
                    found[name] = _either(found[name], column) if name in found else column
        return found

    def distinct(self, columns: Mapping[str, Column]) -> Deps:
        """DISTINCT makes equal rows one; DISTINCT ON picks one row of each key, which all its columns depend on."""
        clause = self.node.args.get("distinct")
        if clause is None:
            return NOTHING
        if clause.args.get("on") is None:
            self.scope.rows |= as_by(deps_of(columns.values()), By.DISTINCT)
            return NOTHING
        order = self.node.args.get("order")
        picked = deps(clause.args["on"], self.scope, By.PARTITION)
        terms = order.expressions if order is not None else []
        picked = picked.union(*(deps(term.this, self.scope, By.ORDER) for term in terms))
        self.scope.rows |= picked
        return picked

    def order(self, columns: Mapping[str, Column]) -> Deps:
        """LIMIT's order; it may name output columns."""
        own = replace(self.scope, sources=[Source("", Frame(columns))], outer=self.scope)
        return _limit_order(self.node, own)


def _plain_keys(part: exp.Expression) -> list[exp.Expression]:
    """The keys inside ROLLUP, CUBE, GROUPING SETS and parentheses."""
    if isinstance(part, exp.Rollup | exp.Cube | exp.GroupingSets | exp.Tuple):
        return [key for inner in part.expressions for key in _plain_keys(inner)]
    return _plain_keys(part.this) if isinstance(part, exp.Paren) else [part]
