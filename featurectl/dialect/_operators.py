"""Operators: logic, comparisons, arithmetic by the types of its operands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from featurectl.dialect._arrays import joined
from featurectl.dialect._casts import cast_to
from featurectl.dialect._json_operators import concatenated, is_json, taken_out
from featurectl.dialect._output import Sql, quoted, sql
from featurectl.dialect._regexp import translate_pattern
from featurectl.dialect._regexp_functions import matches
from featurectl.dialect._times import as_instant, as_utc
from featurectl.dialect._types import FLOATS, INTEGERS, NUMBERS, duckdb_type, met

if TYPE_CHECKING:
    from featurectl.dialect._context import Context, Rule, Typed
    from featurectl.dialect._types import Type

__all__ = ["OPERATORS"]


def _logic(ctx: Context, node: exp.Expression) -> Typed:
    if isinstance(node, exp.And | exp.Or) and _ends_in_distinct(node.this):
        # RisingWave reads `a IS DISTINCT FROM b AND c` as `a IS DISTINCT FROM (b AND c)`
        raise ctx.wrong(node, "IS [NOT] DISTINCT FROM before AND or OR", "put it into parentheses")
    for name in ("this", "expression"):
        if name in node.args:
            node.set(name, ctx.sql(node.args[name]))
    if isinstance(node, exp.Not) and isinstance(node.this, exp.Not):
        return node.this.this, "boolean"
    if isinstance(node, exp.Not) and isinstance(node.this, exp.In) and node.this.args.get("query"):
        # RisingWave's NOT IN (SELECT …) is an anti join: a NULL matches nothing, so its row stays
        return sql("(NOT coalesce({0}, false))", node.this), "boolean"
    return node, "boolean"


_OPPOSITE: dict[Any, Any] = {
    exp.EQ: exp.NEQ,
    exp.NEQ: exp.EQ,
    exp.LT: exp.GTE,
    exp.LTE: exp.GT,
    exp.GT: exp.LTE,
    exp.GTE: exp.LT,
}


def _quantified(ctx: Context, node: exp.Expression) -> Typed | None:
    """`x = SOME(array)` and `x = ALL(array)`, as ANY."""
    right = node.expression
    name = str(right.this).lower() if isinstance(right, exp.Anonymous) else ""
    opposite = _OPPOSITE.get(type(node))
    if name not in ("all", "some") or len(right.expressions) != 1 or opposite is None:
        return None
    anyone = exp.Any(this=exp.Paren(this=right.expressions[0]))
    if name == "some":
        return ctx(type(node)(this=node.this, expression=anyone))
    return sql("(NOT {0})", ctx.sql(opposite(this=node.this, expression=anyone))), "boolean"


def _comparison(ctx: Context, node: exp.Expression) -> Typed:
    quantified = _quantified(ctx, node)
    if quantified is not None:
        return quantified
    left, right = _rows_alike(ctx, node)
    _comparable(ctx, node, left[1], right[1])
    common = met(left[1], right[1])
    node.set("this", _widened(left, common))
    node.set("expression", _widened(right, common))
    if isinstance(node.expression, Sql) and node.expression.this == "ANY({0})":  # of a NULL array: NULL
        return sql("CASE WHEN {1} IS NOT NULL THEN {0} END", node, node.expression.expressions[0].copy()), "boolean"
    return node, "boolean"


def _rows_alike(ctx: Context, node: exp.Expression) -> tuple[Typed, Typed]:
    """Both sides; where one is a struct, the other has the same fields: DuckDB compares them by their names."""
    sides = [node.this, node.expression]
    if any(isinstance(side, exp.Tuple) for side in sides) and not all(isinstance(side, exp.Tuple) for side in sides):
        sides = [
            exp.Anonymous(this="row", expressions=side.expressions) if isinstance(side, exp.Tuple) else side
            for side in sides
        ]
    left, right = (ctx(side) for side in sides)
    types = (str(left[1]), str(right[1]))
    if types[0] == types[1] or not all(of.startswith("struct<") for of in types):
        return left, right
    if isinstance(sides[0], exp.Anonymous) and "unknown" not in types[1]:
        return (cast_to(ctx, *left, types[1]), right[1]), right
    return left, (cast_to(ctx, *right, types[0]), left[1])


def _ends_in_distinct(node: exp.Expression) -> bool:
    while isinstance(node, exp.And | exp.Or | exp.Not):
        node = node.args.get("expression") or node.this
    return isinstance(node, exp.NullSafeEQ | exp.NullSafeNEQ)


def _comparable(ctx: Context, node: exp.Expression, *types: Type) -> None:
    common = met(*types)
    if common == "jsonb":
        raise ctx.unsupported(node, "comparing jsonb values", "compare j ->> 'key', or jsonb_typeof(j)")
    if common is None and None not in types:
        names = " and ".join(str(name) for name in dict.fromkeys(types))
        raise ctx.wrong(node, f"{names} cannot be compared", "cast one side")


def _any_of(ctx: Context, node: exp.Expression) -> Typed:
    inner = node.this.this if isinstance(node.this, exp.Paren) else node.this
    value, of = ctx(inner)
    if of == "unknown":
        raise ctx.unsupported(node, "ANY of a text", "cast it to an array")
    return sql("ANY({0})", value), of.removesuffix("[]") if of else None


def _is(ctx: Context, node: exp.Expression) -> Typed:
    if isinstance(node.expression, exp.JSON):
        return is_json(ctx, node)
    if not isinstance(node.expression, exp.Null | exp.Boolean):
        raise ctx.unsupported(node, "IS with this operand")
    if isinstance(node.expression, exp.Null) and str(node.this.this).lower() == "regexp_match":
        return exp.Not(this=matches(ctx, node.this)), "boolean"
    node.set("this", ctx.sql(node.this))
    return node, "boolean"


def _in(ctx: Context, node: exp.Expression) -> Typed:
    value, of = ctx(node.this)
    node.set("this", value)
    if node.args.get("query"):
        node.set("query", ctx.sql(node.args["query"]))
        return node, "boolean"
    members = [ctx(member) for member in node.expressions]
    _comparable(ctx, node, of, *(kind for _, kind in members))
    node.set("expressions", [member for member, _ in members])
    return node, "boolean"


def _between(ctx: Context, node: exp.Expression) -> Typed:
    parts = {name: ctx(node.args[name]) for name in ("this", "low", "high")}
    _comparable(ctx, node, *(of for _, of in parts.values()))
    for name, (part, _) in parts.items():
        node.set(name, part)
    return node, "boolean"


def _like(ctx: Context, node: exp.Expression) -> Typed:
    text, pattern = ctx.sql(node.this), node.expression
    if isinstance(pattern, exp.Any | exp.All):
        raise ctx.unsupported(node, "LIKE with ANY or ALL")
    operator = ("NOT " if node.args.get("negate") else "") + type(node).key.upper()
    if isinstance(pattern, exp.Literal) and "\\" not in pattern.this:
        return sql(f"({{0}} {operator} {{1}})", text, pattern), "boolean"
    # RisingWave escapes with a backslash where DuckDB has no default
    like = sql(f"({{0}} {operator} {{1}} ESCAPE '\\')", text, ctx.sql(pattern))
    return ctx.guarded(like), "boolean"


def _matches(ctx: Context, node: exp.Expression) -> Typed:
    if not isinstance(node.expression, exp.Literal):
        raise ctx.unsupported(node, "a regular expression that is not a constant")
    pattern = translate_pattern(ctx, node, node.expression.name).text
    return sql(f"regexp_matches({{0}}, {quoted(pattern)})", ctx.sql(node.this)), "boolean"


def _concat(ctx: Context, node: exp.Expression) -> Typed:
    left, right = ctx(node.this), ctx(node.expression)
    if any(str(of).endswith("[]") for _, of in (left, right)):
        return joined(ctx, node, left, right)
    if "jsonb" in (left[1], right[1]):
        return concatenated(ctx, node, left, right)
    types = [of for _, of in (left, right) if of != "unknown"]
    if None in types or (types and "varchar" not in types and len(types) == 2):
        raise ctx.unsupported(node, "|| of operands that are not known to be text", "cast to varchar")
    parts = [
        value if kind in ("varchar", "unknown") else cast_to(ctx, value, kind, "varchar")
        for value, kind in (left, right)
    ]
    return sql("({0} || {1})", *parts), "varchar"


_LEAST = {2**31: "int", 2**63: "bigint"}


def _negative(ctx: Context, node: exp.Expression) -> Typed:
    literal = node.this.name if isinstance(node.this, exp.Literal) and not node.this.is_string else ""
    if literal.isdigit() and int(literal) in _LEAST:  # the number belongs to its sign
        least = _LEAST[int(literal)]
        return sql(f"CAST('-{literal}' AS {duckdb_type(least)})"), least
    value, of = ctx(node.this)
    if of == "interval":
        raise ctx.wrong(node, "- of an interval", "write it into the interval, or subtract it")
    return _checked(ctx, sql("(-{0})", value), of)


def _raises_alone(node: exp.Expression) -> bool:
    """TRY cannot hold aggregates, windows and subqueries."""
    heavy = (exp.Window, exp.Query, exp.Subquery, exp.Filter)
    return not any(isinstance(part, heavy) or part.meta.get("aggregate") for part in node.walk())


def _checked(ctx: Context, node: exp.Expression, of: Type) -> Typed:
    """Overflow of whole numbers is NULL in a view; what only DuckDB cannot hold stays an error."""
    if of in (*INTEGERS, None) and _raises_alone(node):
        return ctx.guarded(node), of
    return node, of


_BITS: dict[type[exp.Expression], str] = {
    exp.BitwiseAnd: "({0} & {1})",
    exp.BitwiseOr: "({0} | {1})",
    exp.BitwiseXor: "xor({0}, {1})",
}
_WIDTHS = {"smallint": 16, "int": 32, "bigint": 64}


def _bits(ctx: Context, node: exp.Expression) -> Typed:
    left, right = ctx(node.this), ctx(node.expression)
    of = met(left[1], right[1])
    if of not in INTEGERS:
        raise ctx.unsupported(node, f"bits of {left[1]} and {right[1]}", "cast to whole numbers")
    return sql(_BITS[type(node)], _widened(left, of), _widened(right, of)), of


def _turned(ctx: Context, node: exp.Expression) -> Typed:
    value, of = ctx(node.this)
    if of not in INTEGERS:
        raise ctx.unsupported(node, f"~ of {of}", "cast to a whole number")
    return sql("(~{0})", value), of


def _shift(ctx: Context, node: exp.Expression) -> Typed:
    """What is shifted out is lost; a shift by the width or more fails."""
    (value, of), (count, kind) = ctx(node.this), ctx(node.expression)
    if of not in INTEGERS or kind not in INTEGERS:
        raise ctx.unsupported(node, f"a shift of {of} by {kind}", "cast to whole numbers")
    width = _WIDTHS[str(of)]
    if isinstance(node, exp.BitwiseRightShift):
        shifted = "{0} >> {1}"
    else:
        half, full = f"CAST({2 ** (width - 1)} AS HUGEINT)", f"CAST({2**width} AS HUGEINT)"
        moved = f"CAST({{0}} AS HUGEINT) * (CAST(1 AS HUGEINT) << {{1}}) + {half}"
        shifted = f"(({moved}) % {full} + {full}) % {full} - {half}"
    cast = f"CAST({shifted} AS {duckdb_type(str(of))})"
    return ctx.or_fail(
        value, sql(f"CASE WHEN {{1}} BETWEEN 0 AND {width - 1} THEN {cast} END", value, count), "shift"
    ), of


_TIME_SUMS: dict[tuple[str, Type, Type], str] = {
    **{(op, of, "interval"): of for op in "+-" for of in ("timestamp", "timestamptz", "time", "interval")},
    **{("+", "interval", of): of for of in ("timestamp", "timestamptz", "time")},
    ("+", "date", "interval"): "timestamp",
    ("-", "date", "interval"): "timestamp",
    ("+", "interval", "date"): "timestamp",
    ("+", "date", "int"): "date",
    ("-", "date", "int"): "date",
    ("+", "int", "date"): "date",
    ("-", "date", "date"): "int",
    ("-", "timestamp", "timestamp"): "interval",
    ("-", "time", "time"): "interval",
    ("+", "date", "time"): "timestamp",
    ("+", "time", "date"): "timestamp",
    ("-", "timestamptz", "timestamptz"): "interval",
}


def _sum_type(ctx: Context, node: exp.Expression, left: Type, right: Type) -> Type:
    op = "+" if isinstance(node, exp.Add) else "-"
    if left in NUMBERS and right in NUMBERS:
        return met(left, right)
    if (op, left, right) in _TIME_SUMS:
        return _TIME_SUMS[op, left, right]
    if {left, right} == {None, "interval"}:
        return None
    if "unknown" in (left, right) or (left is not None and right is not None):
        raise ctx.unsupported(node, f"{left} {op} {right}", "cast the operands")
    return None


def _widened(typed: Typed, to: Type) -> exp.Expression:
    """DuckDB computes SMALLINT + 1 in SMALLINT and REAL + 0.1 in REAL, RisingWave in INT and DOUBLE."""
    node, of = typed
    wider = {"smallint": "INTEGER", "real": "DOUBLE"}.get(str(of))
    return sql(f"CAST({{0}} AS {wider})", node) if wider and to != of else node


def _operands(ctx: Context, node: exp.Expression) -> tuple[Typed, Typed]:
    """Both sides; a text or a NULL beside a number is a number of that type."""
    left, right = ctx(node.this), ctx(node.expression)
    return _like_other(ctx, node.this, left, right[1]), _like_other(ctx, node.expression, right, left[1])


def _like_other(ctx: Context, node: exp.Expression, typed: Typed, other: Type) -> Typed:
    value, of = typed
    if of != "unknown" or other not in NUMBERS:
        return typed
    if isinstance(node, exp.Null):
        return sql(f"CAST(NULL AS {duckdb_type(str(other))})"), other
    return (cast_to(ctx, value, of, str(other)), other) if isinstance(node, exp.Literal) else typed


def _sum(ctx: Context, node: exp.Expression) -> Typed:
    left, right = _operands(ctx, node)
    if left[1] == "jsonb" and isinstance(node, exp.Sub):
        return taken_out(ctx, node, left[0], right)
    of = _sum_type(ctx, node, left[1], right[1])
    op = "+" if isinstance(node, exp.Add) else "-"
    if of == "time" and "interval" in (left[1], right[1]):
        return _moved(ctx, *((left, right) if left[1] == "time" else (right, left)), sign=op)
    parts = (as_utc(_widened(side, of), side[1]) for side in (left, right))
    template = (
        "to_microseconds(epoch_us({0}) - epoch_us({1}))" if left[1] == right[1] == "time" else f"({{0}} {op} {{1}})"
    )
    result = as_instant(sql(template, *parts), of)
    if of == "int" and left[1] == "date":
        result = sql("CAST({0} AS INTEGER)", result)
    return (result, of) if "interval" in (left[1], right[1]) else _checked(ctx, result, of)


def _moved(ctx: Context, time: Typed, interval: Typed, sign: str) -> Typed:
    """A time of day by an interval: beyond midnight there is none."""
    moved = sql(f"rw_time_plus({{0}}, {sign}(rw_clock_us({{1}})))", time[0], interval[0])
    if ctx.in_view:
        return moved, "time"
    both = sql("CASE WHEN {0} IS NOT NULL THEN {1} END", time[0], interval[0])
    return ctx.or_fail(both, moved, "time + interval"), "time"


def _product(ctx: Context, node: exp.Expression) -> Typed:
    left, right = _operands(ctx, node)
    types = (left[1], right[1])
    if "interval" in types:
        times, factor = (left, right) if types[0] == "interval" else (right, left)
        if factor[1] in INTEGERS:
            return _checked(ctx, sql("({0} * {1})", times[0], factor[0]), "interval")
        if factor[1] not in NUMBERS:
            raise ctx.unsupported(node, f"{types[0]} * {types[1]}", "cast the number")
        return sql("rw_interval_times({0}, CAST({1} AS DOUBLE))", times[0], factor[0]), "interval"
    of = met(*types)
    if of not in (None, *NUMBERS) or (of is None and None not in types):
        raise ctx.unsupported(node, f"{types[0]} * {types[1]}", "cast the operands")
    return _checked(ctx, sql("({0} * {1})", _widened(left, of), _widened(right, of)), of)


def _divisor(ctx: Context, node: exp.Expression) -> exp.Expression:
    """Division by zero is NULL in a view, else an error."""
    if isinstance(node, exp.Literal) and float(node.this) != 0:
        return node
    zero = "NULLIF({0}, 0)" if ctx.in_view else "CASE WHEN {0} = 0 THEN error('division by zero') ELSE {0} END"
    return sql(zero, node)


def _quotient(ctx: Context, node: exp.Expression) -> Typed:
    left, right = _operands(ctx, node)
    of = met(left[1], right[1])
    if of in INTEGERS:
        return sql("({0} // {1})", left[0], _divisor(ctx, right[0])), of
    if of in FLOATS:
        return sql("({0} / {1})", _widened(left, of), _widened(right, of)), of
    if of == "numeric":
        return sql("(CAST({0} AS DOUBLE) / {1})", left[0], _divisor(ctx, right[0])), "numeric"
    if left[1] == "interval" and right[1] in NUMBERS:
        return sql("rw_interval_over({0}, CAST({1} AS DOUBLE))", left[0], _divisor(ctx, right[0])), "interval"
    raise ctx.unsupported(
        node, "/ between operands whose types are not known", "cast one: whole numbers divide without rest"
    )


def _power(ctx: Context, node: exp.Expression) -> Typed:
    return ctx(exp.Anonymous(this="power", expressions=[node.this, node.expression]))


def _remainder(ctx: Context, node: exp.Expression) -> Typed:
    left, right = _operands(ctx, node)
    of = met(left[1], right[1])
    if of not in (*INTEGERS, "numeric"):
        raise ctx.unsupported(node, f"{left[1]} % {right[1]}", "cast to whole numbers or numeric")
    return sql("({0} % {1})", left[0], _divisor(ctx, right[0])), of


def _at_time_zone(ctx: Context, node: exp.Expression) -> Typed:
    value, of = ctx(node.this)
    if of not in ("timestamp", "timestamptz") or not isinstance(node.args["zone"], exp.Literal):
        raise ctx.unsupported(node, "AT TIME ZONE on this operand", "cast it to timestamp or timestamptz")
    other = "timestamptz" if of == "timestamp" else "timestamp"
    if node.args["zone"].name.upper() == "UTC":
        return as_instant(as_utc(value, of), other), other
    return sql("({0} AT TIME ZONE {1})", value, node.args["zone"]), other


_BINARY = frozenset({"this", "expression"})
_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ)

OPERATORS: dict[type[exp.Expression], tuple[Rule, frozenset[str]]] = {
    **dict.fromkeys((exp.And, exp.Or, exp.Not), (_logic, _BINARY)),
    **dict.fromkeys(_COMPARISONS, (_comparison, _BINARY)),
    exp.Is: (_is, _BINARY),
    exp.In: (_in, frozenset({"this", "expressions", "query"})),
    exp.Any: (_any_of, frozenset({"this"})),
    exp.Between: (_between, frozenset({"this", "low", "high"})),
    exp.Like: (_like, _BINARY | {"negate"}),
    exp.ILike: (_like, _BINARY | {"negate"}),
    exp.RegexpLike: (_matches, _BINARY),
    exp.DPipe: (_concat, _BINARY | {"safe"}),
    exp.Neg: (_negative, frozenset({"this"})),
    exp.Add: (_sum, _BINARY),
    exp.Sub: (_sum, _BINARY),
    exp.Mul: (_product, _BINARY),
    exp.Div: (_quotient, _BINARY | {"typed", "safe"}),
    exp.Pow: (_power, _BINARY),
    exp.Mod: (_remainder, _BINARY),
    **dict.fromkeys(_BITS, (_bits, _BINARY)),
    exp.BitwiseNot: (_turned, frozenset({"this"})),
    **dict.fromkeys((exp.BitwiseLeftShift, exp.BitwiseRightShift), (_shift, _BINARY)),
    exp.AtTimeZone: (_at_time_zone, frozenset({"this", "zone"})),
}
