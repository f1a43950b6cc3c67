"""Queries: SELECT, UNION, VALUES, WITH."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._casts import cast_to
from featurectl.dialect._context import Scope
from featurectl.dialect._hop import hop_as_frame
from featurectl.dialect._json import share_documents
from featurectl.dialect._latest import mark_latest, pick_latest
from featurectl.dialect._merging import merged
from featurectl.dialect._naming import output_name
from featurectl.dialect._output import sql
from featurectl.dialect._relations import Found, conditions, from_items
from featurectl.dialect._types import NUMBERS, fields_of, unify
from featurectl.dialect._windows import name_windows

if TYPE_CHECKING:
    from featurectl.dialect._context import Columns, Context, Typed
    from featurectl.dialect._types import Type

__all__ = ["query"]

Result = tuple[exp.Expression, "Columns | None"]

_TAIL = frozenset({"with_", "distinct", "order", "limit", "offset"})
_SELECT = _TAIL | {"expressions", "from_", "joins", "where", "group", "having", "windows"}
_SET = _TAIL | {"this", "expression", "side", "kind"}


def query(ctx: Context, node: exp.Expression) -> Result:
    """Translates a query in place; answers its columns where they are known."""
    if isinstance(node, exp.Select):
        return _select(ctx, node)
    if isinstance(node, exp.SetOperation):
        return _set_operation(ctx, node)
    if isinstance(node, exp.Values):
        return _values(ctx, node)
    if isinstance(node, exp.Subquery):
        ctx.check(node, frozenset({"this"}))
        inner, columns = query(ctx, node.this)
        node.set("this", inner)
        return node, columns
    raise ctx.unsupported(node, f"{type(node).key.upper()} as a query")


def _with(ctx: Context, node: exp.Expression) -> Context:
    clause = node.args.get("with_")
    if clause is None:
        return ctx
    ctx.check(clause, frozenset({"expressions"}))
    if len({cte.alias for cte in clause.expressions}) < len(clause.expressions):
        raise ctx.unsupported(node, "two CTEs of one name")
    for cte in clause.expressions:
        ctx.check(cte, frozenset({"this", "alias"}))
        inner, columns = query(ctx, cte.this)
        cte.set("this", inner)
        names = [column.name for column in cte.args["alias"].args.get("columns") or []]
        if names and columns is not None:
            columns = dict(zip([*names, *list(columns)[len(names) :]], columns.values(), strict=False))
        ctx = ctx.with_cte(cte.alias, columns)
    return ctx


def _select(ctx: Context, node: exp.Expression) -> Result:
    ctx.check(node, _SELECT)
    if not node.expressions:
        raise ctx.wrong(node, "SELECT without a column")
    ctx = _with(ctx, node)
    name_windows(ctx, node)
    mark_latest(node)
    windows = hop_as_frame(ctx, node)
    ctx = ctx.within(Scope({"rw_hops": windows}, ctx.scope) if windows else _sources(ctx, node))
    pick_latest(ctx, node)
    if ctx.has_arrows:
        share_documents(node, ctx.scope)
    _conditions(ctx, node)
    columns = _projections(ctx, node)
    if node.args.get("distinct") is not None:
        _no_intervals(ctx, node, "DISTINCT", list((columns or {}).values()))
    _order(ctx, node)
    _limits(ctx, node)
    return node, columns


def _sources(ctx: Context, node: exp.Expression) -> Scope:
    found: Found = {}
    first = node.args.get("from_")
    if first is not None:
        first.set("this", from_items(ctx, first.this, node.args.get("joins") or [], found))
    places = [first, *(node.args.get("joins") or [])] if first is not None else []
    tables = [place.this for place in places if isinstance(place.this, exp.Table)]
    qualified = frozenset(
        f"{table.text('db')}.{table.name}" for table in tables if table.text("db") and not table.alias
    )
    return Scope(found, ctx.scope, qualified)


def _conditions(ctx: Context, node: exp.Expression) -> None:
    conditions(ctx, node.args.get("joins") or [])
    for clause in ("where", "having"):
        if node.args.get(clause) is not None:
            part = node.args[clause]
            part.set("this", ctx.sql(part.this))
    group = node.args.get("group")
    if group is not None:
        ctx.check(group, frozenset({"expressions"}))
        if len(group.expressions) > 1 and any(isinstance(key, _SETS) for key in group.expressions):
            raise ctx.wrong(node, "GROUP BY of sets of keys and something else", "RisingWave takes one set alone")
        if any(isinstance(key, _SETS) for key in group.expressions):  # of no rows there is no total
            having = node.args.get("having")
            some = sql("count(*) > 0")
            node.set("having", exp.Having(this=sql("({0}) AND {1}", having.this, some) if having is not None else some))
        group.set("expressions", [_key(ctx, node, key) for key in group.expressions])
    distinct = node.args.get("distinct")
    if distinct is not None and distinct.args.get("on") is not None:
        distinct.set("on", ctx.sql(distinct.args["on"]))


_SETS = (exp.Rollup, exp.Cube, exp.GroupingSets)


def _key(ctx: Context, node: exp.Expression, key: exp.Expression) -> exp.Expression:
    """A key of GROUP BY, or several sets of keys."""
    if isinstance(key, (*_SETS, exp.Tuple)):
        ctx.check(key, frozenset({"expressions"}))
        if any(isinstance(part.unnest(), exp.Literal) for part in key.expressions):
            raise ctx.unsupported(key, "GROUP BY a constant")
        key.set("expressions", [_key(ctx, node, part) for part in key.expressions])
        return key
    inner = key.unnest()  # DuckDB takes `(2)` for the second column
    if not isinstance(key, exp.Literal) and isinstance(
        inner.this if isinstance(inner, exp.Neg) else inner, exp.Literal
    ):
        raise ctx.unsupported(key, "GROUP BY a constant")
    translated, of = ctx(key)
    _no_intervals(ctx, node, "GROUP BY", [of])
    return translated


def _no_intervals(ctx: Context, node: exp.Expression, what: str, types: list[Type]) -> None:
    """'1 day' and '24 hours' are equal on both engines; which of them a group shows is not defined."""
    if "interval" in types:
        raise ctx.unsupported(node, f"{what} over intervals", "compare extract(epoch FROM …) instead")


def _projections(ctx: Context, node: exp.Expression) -> Columns | None:
    columns: Columns = {}
    known = True
    projected = []
    for item in merged(ctx, node, _without_fields(ctx, node.expressions)):
        part, added = _projection(ctx, node, item)
        projected.append(part)
        known = known and added is not None
        for name, of in (added or {}).items():  # a name that occurs twice still takes its place
            columns[name if name not in columns else f"{name} ({len(columns)})"] = of
    node.set("expressions", projected)
    return columns if known else None


def _without_fields(ctx: Context, items: list[exp.Expression]) -> list[exp.Expression]:
    """`(struct).*` as the fields one by one."""
    found: list[exp.Expression] = []
    for item in items:
        if not isinstance(item, exp.Dot) or not isinstance(item.expression, exp.Star):
            found.append(item)
            continue
        of = ctx(item.this.copy())[1]
        if of is None or not of.startswith("struct<"):
            raise ctx.unsupported(item, "(…).* of what is not known to be a struct")
        found += [
            exp.Dot(this=item.this.copy(), expression=exp.to_identifier(name, quoted=True)) for name in fields_of(of)
        ]
    return found


def _projection(ctx: Context, select: exp.Expression, item: exp.Expression) -> Result:
    if item.is_star:
        return _star(ctx, select, item)
    name = output_name(item)
    value, of = ctx(item.this if isinstance(item, exp.Alias) else item)
    if isinstance(item, exp.Alias):
        item.set("this", value)
        return item, {name: of}
    if isinstance(value, exp.Column):
        return value, {name: of}
    alias = exp.to_identifier(name, quoted=not name.isidentifier())
    return exp.Alias(this=value, alias=alias), {name: of}


def _star(ctx: Context, select: exp.Expression, item: exp.Expression) -> Result:
    star = item.this if isinstance(item, exp.Column) else item
    ctx.check(star, frozenset({"except_"}))
    prefix = item.text("table") if isinstance(item, exp.Column) else ""
    excepted = [
        column for column in star.args.get("except_") or [] if not prefix or column.text("table") in ("", prefix)
    ]
    if not prefix and len(ctx.scope.sources) > 1 and any(column.text("table") for column in excepted):
        raise ctx.unsupported(item, "* EXCEPT (table.column) over a join", "name the columns")
    left_out = {column.name for column in excepted}
    star.set("except_", [exp.Column(this=column.this) for column in excepted])
    columns: Columns = {}
    for name, found in ctx.scope.sources.items():
        if prefix in ("", name):
            if found is None:
                return item, None
            columns.update({key: of for key, of in found.items() if key not in left_out})
    return item, columns


def _order(ctx: Context, node: exp.Expression) -> None:
    order = node.args.get("order")
    if order is not None:  # by a text that is the same in each row
        given = [term for term in order.expressions if not (isinstance(term.this, exp.Literal) and term.this.is_string)]
        node.set("order", exp.Order(expressions=given) if given else None)
    for term in order.expressions if order is not None else []:
        ctx.check(term, frozenset({"this", "desc", "nulls_first"}))
        term.set("this", ctx.sql(term.this))


def _limits(ctx: Context, node: exp.Expression) -> None:
    fetch = node.args.get("limit")
    if isinstance(fetch, exp.Fetch):
        options = fetch.args.get("limit_options")
        if options is not None and (options.args.get("with_ties") or options.args.get("percent")):
            raise ctx.unsupported(node, "FETCH … WITH TIES", "rank() OVER (…) <= n in an outer query")
        node.set("limit", exp.Limit(expression=fetch.args.get("count") or exp.Literal.number(1)))
    for name in ("limit", "offset"):
        part = node.args.get(name)
        if part is None or isinstance(part.args.get("expression"), exp.Literal):
            continue
        count = part.args.get("expression")
        if isinstance(count, exp.Null) or (isinstance(count, exp.Var) and count.name.upper() == "ALL"):
            node.set(name, None)
            continue
        if isinstance(count, exp.Literal) and count.this.isdigit():
            part.set("expression", exp.Literal.number(count.this))
            continue
        if count is None or count.find(exp.Column, exp.Query):
            raise ctx.unsupported(node, f"{name.upper()} that is not a number")
        value, of = ctx(count)
        if of not in (*NUMBERS, "unknown"):
            raise ctx.wrong(node, f"{name.upper()} of {of}")
        part.set("expression", sql("CAST({0} AS BIGINT)", value))


def _set_operation(ctx: Context, node: exp.Expression) -> Result:
    ctx.check(node, _SET | {"by_name", "on"})
    if node.args.get("side"):
        raise ctx.unsupported(node, "a set operation BY NAME")
    ctx = _with(ctx, node)
    left, columns = query(ctx, node.this)
    right, others = query(ctx, node.expression)
    if node.args.get("by_name"):
        common = _corresponding(ctx, node, columns, others)
        left, columns = _narrowed(left, columns, common)
        right, others = _narrowed(right, others, common)
        for name in ("by_name", "on", "kind"):
            node.set(name, None)
    node.set("this", left)
    node.set("expression", right)
    _order(ctx.within(Scope({"": columns}, ctx.scope)), node)
    _limits(ctx, node)
    if columns is None or others is None:
        return node, None
    if len(columns) != len(others):
        raise ctx.wrong(node, "both sides of a UNION need the same number of columns")
    if node.args.get("distinct"):
        _no_intervals(ctx, node, type(node).key.upper(), [*columns.values(), *others.values()])
    pairs = zip(columns.items(), others.values(), strict=True)
    return node, {name: _common(ctx, node, name, of, other) for (name, of), other in pairs}


def _corresponding(ctx: Context, node: exp.Expression, left: Columns | None, right: Columns | None) -> list[str]:
    """The columns of UNION CORRESPONDING [BY (…)]: those that both sides have."""
    if left is None or right is None:
        raise ctx.unsupported(node, "CORRESPONDING over columns that are not known")
    names = [column.name for column in node.args.get("on") or []] or [name for name in left if name in right]
    if node.args.get("on") and any(
        list(left).index(name) != list(right).index(name) for name in names if name in left and name in right
    ):
        raise ctx.unsupported(node, "CORRESPONDING BY of columns that stand at other places", "name them in a SELECT")
    if not names or set(names) - set(left) or set(names) - set(right):
        raise ctx.wrong(node, "CORRESPONDING over columns that not both sides have")
    return names


def _narrowed(side: exp.Expression, columns: Columns | None, names: list[str]) -> Result:
    listed = ", ".join('"' + name.replace('"', '""').replace("{", "{{").replace("}", "}}") + '"' for name in names)
    return sql(f"(SELECT {listed} FROM ({{0}}) AS rw_side)", side), {name: (columns or {})[name] for name in names}


def _common(ctx: Context, node: exp.Expression, name: str, of: Type, other: Type) -> Type:
    common = unify((of, other))
    if common is None and None not in (of, other):
        raise ctx.wrong(node, f"column {name} is {of} here and {other} there", "cast one side")
    return common


def _values(ctx: Context, node: exp.Expression) -> Result:
    ctx.check(node, frozenset({"expressions", "alias"}))
    rows = [[ctx(cell) for cell in row.expressions] for row in node.expressions]
    if len({len(row) for row in rows}) > 1:
        raise ctx.wrong(node, "the rows of VALUES differ in length")
    types = [unify(of for _, of in column) for column in zip(*rows, strict=True)]
    for row, typed in zip(node.expressions, rows, strict=True):
        pairs = zip(row.expressions, typed, types, strict=True)
        row.set("expressions", [_cell(ctx, given, cell, to) for given, cell, to in pairs])
    return node, {f"column_{index}": of for index, of in enumerate(types)}


def _cell(ctx: Context, given: exp.Expression, typed: Typed, to: Type) -> exp.Expression:
    """A literal in VALUES beside others of a type is of that type."""
    value, of = typed
    if of != "unknown" or to in (None, "unknown", "varchar") or isinstance(given, exp.Null):
        return value
    return cast_to(ctx, value, of, str(to))
