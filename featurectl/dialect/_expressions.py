"""The rules for expressions, by node; what is not here is not supported."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._aggregates import WINDOWS, aggregate, is_aggregate
from featurectl.dialect._arrays import sliced
from featurectl.dialect._casts import cast
from featurectl.dialect._functions import clock, named, overlay, scalar
from featurectl.dialect._intervals import interval
from featurectl.dialect._json import JSON
from featurectl.dialect._json_operators import JSON_OPERATORS
from featurectl.dialect._latest import LATEST
from featurectl.dialect._operators import OPERATORS
from featurectl.dialect._output import Sql, quoted, sql
from featurectl.dialect._times import extract
from featurectl.dialect._types import INTEGERS, fields_of, unify

if TYPE_CHECKING:
    from featurectl.dialect._context import Context, Rule, Typed

__all__ = ["RULES"]


_HIDDEN = ("_rw_timestamp", "_row_id")


def _column(ctx: Context, node: exp.Expression) -> Typed:
    if node.args.get("db"):
        return _of_schema(ctx, node)
    if node.name in _HIDDEN and not _is_known(ctx, node):
        raise ctx.unsupported(node, f"the hidden column {node.name}")
    return node, ctx.scope.type_of(node.text("table"), node.name)


def _is_known(ctx: Context, node: exp.Expression) -> bool:
    return None in ctx.scope.sources.values() or ctx.scope.has(node.text("table"), node.name)


def _of_schema(ctx: Context, node: exp.Expression) -> Typed:
    """schema.table.column, where FROM has that table under its own name."""
    if (
        f"{node.text('db')}.{node.text('table')}" not in ctx.scope.qualified
        or node.text("table") not in ctx.scope.sources
    ):
        raise ctx.unsupported(node, f"{node.sql()}, which is no column of a relation in FROM")
    node.set("db", None)
    return node, ctx.scope.type_of(node.text("table"), node.name)


def _literal(ctx: Context, node: exp.Expression) -> Typed:
    if node.args["is_string"]:
        return node, "unknown"
    text = str(node.this)
    if text.isdigit():
        size = int(text)
        if size >= 2**63:
            return sql(f"CAST({text} AS DECIMAL(38, 0))"), "numeric"
        return node, "int" if size < 2**31 else "bigint"
    plain = format(Decimal(text), "f")
    if len(plain.replace(".", "")) > 28:
        raise ctx.unsupported(node, f"the number {text}", "numeric keeps 28 digits")
    return exp.Literal(this=plain, is_string=False), "numeric"


def _raw_string(_: Context, node: exp.Expression) -> Typed:
    return exp.Literal(this=node.this, is_string=True), "unknown"


def _escaped(ctx: Context, node: exp.Expression) -> Typed:
    """E'…'. The parser has read the usual escapes; a backslash that is left may be one that was written twice."""
    if "\\" in node.this[:-1]:
        raise ctx.unsupported(node, "this escape in E'…'", "write the character itself")
    return exp.Literal(this=node.this, is_string=True), "unknown"


def _collated(ctx: Context, node: exp.Expression) -> Typed:
    """RisingWave compares texts by their bytes, whatever the collation of these two."""
    value, of = ctx(node.this)
    if node.expression.name.upper() not in ("C", "POSIX") or of not in ("varchar", "unknown"):
        raise ctx.unsupported(node, f"COLLATE {node.expression.name} of {of}")
    return value, of


def _ready(_: Context, node: exp.Expression) -> Typed:
    return node, "bigint"  # the one fragment that a rewriting puts in before translation: a row number


def _boolean(_: Context, node: exp.Expression) -> Typed:
    return node, "boolean"


def _null(_: Context, node: exp.Expression) -> Typed:
    return node, "unknown"


def _paren(ctx: Context, node: exp.Expression) -> Typed:
    inner, of = ctx(node.this)
    if isinstance(inner, Sql):  # every fragment stands by itself
        return inner, of
    node.set("this", inner)
    return node, of


def _case(ctx: Context, node: exp.Expression) -> Typed:
    if node.this is not None:
        node.set("this", ctx.sql(node.this))
    types = []
    for branch in node.args["ifs"]:
        branch.set("this", ctx.sql(branch.this))
        value, of = ctx(branch.args["true"])
        branch.set("true", value)
        types.append(of)
    if node.args.get("default") is not None:
        value, of = ctx(node.args["default"])
        node.set("default", value)
        types.append(of)
    common = unify(types)
    if common is None and None not in types:
        raise ctx.wrong(node, f"CASE of {', '.join(map(str, types))}", "cast its branches to one type")
    return node, "varchar" if common == "unknown" else common


def _call(ctx: Context, node: exp.Expression) -> Typed:
    return aggregate(ctx, node) if is_aggregate(node) else scalar(ctx, node)


def _array(ctx: Context, node: exp.Expression) -> Typed:
    typed = [ctx(member) for member in node.expressions]
    node.set("expressions", [part for part, _ in typed])
    of = unify(kind for _, kind in typed)
    of = "varchar" if of == "unknown" else of
    return node, f"{of}[]" if of else None


def _bracket(ctx: Context, node: exp.Expression) -> Typed:
    value, of = ctx(node.this)
    index = node.expressions[0]
    if len(node.expressions) != 1 or not of or not of.endswith("[]"):
        raise ctx.unsupported(node, "a subscript of what is not known to be an array")
    if isinstance(index, exp.Slice):
        return sliced(ctx, (value, of), index.this, index.args.get("expression"))
    place, kind = ctx(index)
    if kind not in (None, *INTEGERS):
        raise ctx.wrong(node, f"a subscript that is {kind}")
    return sql("CASE WHEN {1} > 0 THEN ({0})[{1}] END", value, place), of.removesuffix("[]")


def _dot(ctx: Context, node: exp.Expression) -> Typed:
    """(struct).field."""
    value, of = ctx(node.this)
    name = node.expression.name
    if of is not None and not of.startswith("struct<"):
        raise ctx.wrong(node, f"{name} of {of}, which has no fields")
    known = fields_of(of) if of else {}
    if of and name not in known:
        raise ctx.wrong(node, f"there is no field {name}")
    return sql(f"struct_extract({{0}}, {quoted(name)})", value), known.get(name)


def _exists(ctx: Context, node: exp.Expression) -> Typed:
    node.set("this", ctx.query(ctx, node.this)[0])
    return node, "boolean"


def _subquery(ctx: Context, node: exp.Expression) -> Typed:
    inner, columns = ctx.query(ctx, node.this)
    node.set("this", inner)
    return node, next(iter(columns.values())) if columns else None


_COMPARING = (exp.Binary, exp.In, exp.Between, exp.Distinct, exp.Ordered)


def _tuple(ctx: Context, node: exp.Expression) -> Typed:
    """`(a, b)`: a row, and beside a comparison what is compared one by one."""
    if not isinstance(node.parent, _COMPARING):
        return ctx(exp.Anonymous(this="row", expressions=node.expressions))
    node.set("expressions", [ctx.sql(part) for part in node.expressions])
    return node, None


def _trim(ctx: Context, node: exp.Expression) -> Typed:
    side = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or ""), "trim")
    return named(side, "this", "expression")(ctx, node)


def _as_call(name: str) -> Rule:
    """An operator that is a function."""
    return lambda ctx, node: ctx(exp.Anonymous(this=name, expressions=[node.this]))


RULES: dict[type[exp.Expression], tuple[Rule, frozenset[str]]] = {
    **OPERATORS,
    **WINDOWS,
    **JSON,
    **JSON_OPERATORS,
    **LATEST,
    Sql: (_ready, frozenset({"this", "expressions"})),
    exp.Column: (_column, frozenset({"this", "table", "db"})),
    exp.Literal: (_literal, frozenset({"this", "is_string"})),
    exp.Sqrt: (_as_call("sqrt"), frozenset({"this"})),
    exp.Cbrt: (_as_call("cbrt"), frozenset({"this"})),
    exp.ByteString: (_escaped, frozenset({"this"})),
    exp.Collate: (_collated, frozenset({"this", "expression"})),
    exp.Overlay: (overlay, frozenset({"this", "expression", "from_", "for_"})),
    exp.RawString: (_raw_string, frozenset({"this"})),
    exp.Boolean: (_boolean, frozenset({"this"})),
    exp.Null: (_null, frozenset()),
    exp.Paren: (_paren, frozenset({"this"})),
    exp.Case: (_case, frozenset({"this", "ifs", "default"})),
    exp.Cast: (cast, frozenset({"this", "to"})),
    exp.Interval: (interval, frozenset({"this", "unit"})),
    exp.Extract: (extract, frozenset({"this", "expression"})),
    exp.Anonymous: (_call, frozenset({"this", "expressions"})),
    exp.Array: (_array, frozenset({"expressions", "value_constructor"})),
    exp.Bracket: (_bracket, frozenset({"this", "expressions"})),
    exp.Dot: (_dot, frozenset({"this", "expression"})),
    **dict.fromkeys((exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime), (clock, frozenset({"this", "sysdate"}))),
    exp.Exists: (_exists, frozenset({"this"})),
    exp.Subquery: (_subquery, frozenset({"this"})),
    exp.Tuple: (_tuple, frozenset({"expressions"})),
    exp.Substring: (
        named("substr", "this", "start", "length"),
        frozenset({"this", "start", "length"}),
    ),
    exp.StrPosition: (named("strpos", "this", "substr"), frozenset({"this", "substr"})),
    exp.Trim: (_trim, frozenset({"this", "position", "expression"})),
}
