"""Aggregates, plain, filtered and over windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._building import json_template
from featurectl.dialect._functions import Signature, result_type, select_signature
from featurectl.dialect._ordered_sets import ordered_set
from featurectl.dialect._output import call, sql
from featurectl.dialect._types import FLOATS, rw_type

if TYPE_CHECKING:
    from featurectl.dialect._context import Context, Rule, Typed
    from featurectl.dialect._types import Type

__all__ = ["AGGREGATES", "WINDOWS", "aggregate", "framed", "is_aggregate"]

S = Signature
_FIRSTS = {"first_value": "first", "last_value": "last"}

# The template is what surrounds the finished call, FILTER and OVER included:
# HUGEINT and DECIMAL sums come back in RisingWave's types.
AGGREGATES: dict[str, list[Signature]] = {
    "count": [S("any", "bigint", "{0}"), S("", "bigint", "{0}")],
    "sum": [
        S("bigint", "numeric", "CAST({0} AS DECIMAL(38, 0))"),
        S("int", "bigint", "CAST({0} AS BIGINT)"),
        S("numeric", "numeric", "{0}"),
        S("float", "=0", "{0}"),
    ],
    "avg": [S("exact", "numeric", "{0}"), S("float", "double", "{0}")],
    "min": [S("any", "=0", "{0}")],
    "max": [S("any", "=0", "{0}")],
    **{name: [S("int", "=0", "{0}")] for name in ("bit_and", "bit_or", "bit_xor")},
    "bool_and": [S("bool", "boolean", "{0}")],
    "bool_or": [S("bool", "boolean", "{0}")],
    **{
        name: [S("exact", "numeric", "{0}"), S("float", "double", "{0}")]
        for name in ("stddev_samp", "stddev_pop", "var_samp", "var_pop")
    },
    "string_agg": [S("text text", "varchar", "{0}")],
    "array_agg": [S("any", "[]", "{0}")],
    "jsonb_agg": [S("any", "jsonb", "coalesce(to_json({0}), CAST('[]' AS JSON))")],
    "jsonb_object_agg": [S("text any", "jsonb", "{0}")],
    **{name: [S("any", "=0", "{0}")] for name in _FIRSTS},
    **{name: [S("any any", "=0", "{0}")] for name in ("arg_min", "arg_max")},
    "approx_count_distinct": [S("any", "bigint", "{0}")],
}
_MEMBERS = "coalesce(list_transform([{0}], lambda rw_ms: rw_object(rw_ms))[1], CAST('{{}}' AS JSON))"
_NUMERIC_BOUND = "79228162514264337593543950335"
_ORDERED = ("string_agg", "array_agg", "jsonb_agg", *_FIRSTS)
# Aggregates of `x::numeric`, x a double, that need no decimal: DuckDB's function, and the type that RisingWave returns.
_OF_DOUBLES: dict[str, tuple[str, Type]] = {"avg": ("favg", "numeric"), "count": ("count", "bigint")}
_RANKS = ("row_number", "rank", "dense_rank")
_OFFSETS = ("lag", "lead")
_ENDS = ("first_value", "last_value")
_WHOLE_PARTITION = ("arg_min", "arg_max")
_NO_WINDOW = ("jsonb_object_agg", "approx_count_distinct")
_UNORDERABLE = ("boolean", "jsonb")


def is_aggregate(node: exp.Expression) -> bool:
    """Whether a call is an aggregate by its name or its clause."""
    return isinstance(node, exp.WithinGroup) or (
        isinstance(node, exp.Anonymous) and str(node.this).lower() in AGGREGATES
    )


def aggregate(ctx: Context, node: exp.Expression) -> Typed:
    """An aggregate in a GROUP BY query."""
    result, of, around = _parts(ctx, node)
    return _mark(sql(around, result)), of


def _mark(node: exp.Expression) -> exp.Expression:
    """TRY cannot hold an aggregate, so arithmetic has to recognise one."""
    node.meta["aggregate"] = True
    return node


def _parts(ctx: Context, node: exp.Expression) -> tuple[exp.Expression, Type, str]:
    """The bare call, its type, and what goes around it once FILTER and OVER are there."""
    if isinstance(node, exp.WithinGroup):
        result, of, around = ordered_set(ctx, node)
        return _mark(result), of, around
    name = str(node.this).lower()
    if name == "count" and isinstance(node.expressions[0] if node.expressions else None, exp.Star):
        return sql("count(*)"), "bigint", "{0}"
    arguments, distinct, order = _arguments(ctx, node)
    if name in _OF_DOUBLES and not distinct:
        bounded = _double_as_numeric(ctx, arguments[0])
        if bounded is not None:
            function, returned = _OF_DOUBLES[name]
            return _mark(sql(f"{function}({{0}})", bounded)), returned, "{0}"
    typed = [ctx(argument) for argument in arguments]
    types = [of for _, of in typed]
    signature = select_signature(ctx, node, AGGREGATES, name, types)
    if name in ("min", "max", "arg_min", "arg_max") and types[-1] in _UNORDERABLE:
        raise ctx.unsupported(node, f"{name}({', '.join(map(str, types))})")
    if name in ("arg_min", "arg_max", "approx_count_distinct") and (distinct or order is not None):
        raise ctx.unsupported(node, f"{name} with DISTINCT or ORDER BY")
    if name in _ORDERED and order is None:
        raise ctx.unsupported(node, f"{name} without ORDER BY", "its order is not defined")
    if name == "string_agg" and not isinstance(arguments[1], exp.Literal):
        raise ctx.unsupported(node, "string_agg with a separator that is not a constant")
    parts = [part for part, _ in typed]
    inside = ", ".join(f"{{{index}}}" for index in range(len(parts)))
    ordered = _order_text(ctx, order, parts) if order is not None else ""
    if name == "jsonb_agg":
        parts[0] = sql(f"coalesce({json_template(ctx, node, types[0])}, CAST('null' AS JSON))", parts[0])
    if name == "jsonb_object_agg":
        value = sql(f"coalesce({json_template(ctx, node, types[1])}, CAST('null' AS JSON))", parts[1])
        return _mark(sql("list({{'k': {0}, 'v': {1}}} ORDER BY {0})", parts[0], value)), "jsonb", _MEMBERS
    if name == "approx_count_distinct":  # within its error, whatever that is
        return _mark(sql("count(DISTINCT {0})", parts[0])), "bigint", "{0}"
    function = {**_FIRSTS, "jsonb_agg": "list"}.get(name, name)
    result = sql(f"{function}({'DISTINCT ' if distinct else ''}{inside}{ordered})", *parts)
    return _mark(result), _result(signature, types), signature.template


def _double_as_numeric(ctx: Context, argument: exp.Expression) -> exp.Expression | None:
    """`x::numeric` as the double that it is: a compensated sum is as good as 28 digits, DuckDB's ten decimals are not.

    NaN makes the mean NaN on both; of infinities it is NaN here, where RisingWave may say infinity. A finite value
    beyond 28 digits is NULL there and left out here. Values of which some are 10**16 times as large as their mean
    are beyond it.
    """
    if not isinstance(argument, exp.Cast) or rw_type(argument.to.sql()) != "numeric" or not ctx.in_view:
        return None
    value, of = ctx(argument.this.copy())
    if of not in FLOATS:
        return None
    return sql(f"CASE WHEN NOT (abs({{0}}) >= {_NUMERIC_BOUND}) OR isnan({{0}}) OR isinf({{0}}) THEN {{0}} END", value)


def _result(signature: Signature, types: list[Type]) -> Type:
    if signature.returns == "[]":
        return f"{types[0]}[]" if types[0] else None
    return result_type(signature, types)


def _arguments(ctx: Context, node: exp.Expression) -> tuple[list[exp.Expression], bool, exp.Expression | None]:
    """The arguments without DISTINCT and ORDER BY, which the parser wraps around them."""
    arguments, distinct, order = list(node.expressions), False, None
    if arguments and isinstance(arguments[-1], exp.Order):
        order = arguments[-1]
        arguments[-1] = order.this
    if arguments and isinstance(arguments[0], exp.Distinct):
        ctx.check(arguments[0], frozenset({"expressions"}))
        distinct, arguments[:1] = True, arguments[0].expressions
    return arguments, distinct, order


def _order_text(ctx: Context, order: exp.Expression, parts: list[exp.Expression]) -> str:
    terms = []
    for term in order.expressions:
        direction = "DESC" if term.args.get("desc") else "ASC"
        nulls = "FIRST" if term.args.get("nulls_first") else "LAST"
        terms.append(f"{{{len(parts)}}} {direction} NULLS {nulls}")
        parts.append(ctx.sql(term.this))
    return f" ORDER BY {', '.join(terms)}"


def _filter(ctx: Context, node: exp.Expression) -> Typed:
    if not is_aggregate(node.this):
        raise ctx.wrong(node, "FILTER belongs to an aggregate")
    result, of, around = _parts(ctx, node.this)
    filtered = sql("{0} FILTER (WHERE {1})", result, ctx.sql(node.expression.this))
    return _mark(sql(around, filtered)), of


def framed(ctx: Context, node: exp.Expression, over: str) -> Typed:
    """An aggregate, FILTER or not, over a window that is ready as text."""
    condition = node.expression.this if isinstance(node, exp.Filter) else None
    result, of, around = _parts(ctx, node.this if condition is not None else node)
    if condition is not None:
        result = sql("{0} FILTER (WHERE {1})", result, ctx.sql(condition))
    return sql(around, sql(f"{{0}} {over}", result)), of


def _window(ctx: Context, node: exp.Expression) -> Typed:
    result, of, around = _window_call(ctx, node.this)
    name = str(getattr(node.this, "this", "")).lower()
    node.set("this", result)
    node.set("partition_by", [ctx.sql(key) for key in node.args.get("partition_by") or []])
    order = node.args.get("order")
    for term in order.expressions if order is not None else []:
        term.set("this", ctx.sql(term.this))
    if name in _WHOLE_PARTITION and (order is not None or node.args.get("spec") is not None):
        raise ctx.unsupported(node, f"{name} over a frame", "RisingWave looks at the whole partition")
    node.set("spec", _frame(ctx, node, name))
    return (sql(around, node) if around != "{0}" else node), of


def _window_call(ctx: Context, node: exp.Expression) -> tuple[exp.Expression, Type, str]:
    if is_aggregate(node) and str(node.this).lower() not in _ENDS:
        if isinstance(node, exp.WithinGroup) or str(node.this).lower() in _NO_WINDOW:
            raise ctx.unsupported(
                node, f"{node.this.this if isinstance(node, exp.WithinGroup) else node.this} over a window"
            )
        if any(isinstance(part, exp.Distinct | exp.Order) for part in node.expressions):
            raise ctx.unsupported(node, "DISTINCT or ORDER BY inside an aggregate over a window")
        return _parts(ctx, node)
    name = str(node.this).lower() if isinstance(node, exp.Anonymous) else ""
    if name in _RANKS and not node.expressions:
        return call(name), "bigint", "{0}"
    if name in _OFFSETS:
        return _offset(ctx, node, name)
    if name in _ENDS and len(node.expressions) == 1:
        return _end(ctx, node, name)
    raise ctx.unsupported(node, f"the window function {name or type(node).key}")


def _offset(ctx: Context, node: exp.Expression, name: str) -> tuple[exp.Expression, Type, str]:
    value, *offset = node.expressions
    count = _constant(offset[0]) if offset else 1
    if len(offset) > 1 or count is None:
        raise ctx.unsupported(node, f"{name} with a default or an offset that is not a constant")
    part, of = ctx(value)
    return call(name, part, *([exp.Literal.number(count)] if offset else [])), of, "{0}"


def _constant(node: exp.Expression) -> int | None:
    """A whole number, or a sum of such."""
    if isinstance(node, exp.Paren):
        return _constant(node.this)
    if isinstance(node, exp.Add | exp.Sub):
        left, right = _constant(node.this), _constant(node.expression)
        sign = 1 if isinstance(node, exp.Add) else -1
        return None if left is None or right is None else left + sign * right
    return int(node.this) if isinstance(node, exp.Literal) and str(node.this).isdigit() else None


def _end(ctx: Context, node: exp.Expression, name: str) -> tuple[exp.Expression, Type, str]:
    value = node.expressions[0]
    ignore = isinstance(value, exp.IgnoreNulls)
    part, of = ctx(value.this if ignore else value)
    return sql(f"{name}({{0}}{' IGNORE NULLS' if ignore else ''})", part), of, "{0}"


_SPEC = frozenset({"kind", "start", "start_side", "end", "end_side"})


def _frame(ctx: Context, node: exp.Expression, name: str) -> exp.Expression | None:
    """RisingWave's default frame is ROWS, DuckDB's is RANGE: it is always written out."""
    spec = node.args.get("spec")
    if name in (*_RANKS, *_OFFSETS):
        return None
    if spec is None:
        start = {"start": "UNBOUNDED", "start_side": "PRECEDING", "end": "CURRENT ROW"}
        return exp.WindowSpec(kind="ROWS", **start) if node.args.get("order") is not None else None
    ctx.check(spec, _SPEC)
    if str(spec.args["kind"]).upper() not in ("ROWS", "RANGE"):
        raise ctx.unsupported(node, f"a {spec.args['kind']} frame")
    for edge in ("start", "end"):
        bound = spec.args.get(edge)
        if isinstance(bound, exp.Expression):
            spec.set(edge, ctx.sql(bound))
    return spec  # type: ignore[no-any-return]


WINDOWS: dict[type[exp.Expression], tuple[Rule, frozenset[str]]] = {
    exp.WithinGroup: (aggregate, frozenset({"this", "expression"})),
    exp.Filter: (_filter, frozenset({"this", "expression"})),
    exp.Window: (_window, frozenset({"this", "partition_by", "order", "spec", "over"})),
}
