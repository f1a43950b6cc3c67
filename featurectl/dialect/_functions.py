"""Scalar functions: a table of signatures, and what each is on DuckDB."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._json import jsonb_typeof
from featurectl.dialect._output import call, sql
from featurectl.dialect._regexp_functions import regexp_match, regexp_replace
from featurectl.dialect._table_functions import rows_of
from featurectl.dialect._times import date_trunc
from featurectl.dialect._types import is_kind, unify

if TYPE_CHECKING:
    from collections.abc import Callable

    from featurectl.dialect._context import Context, Typed
    from featurectl.dialect._types import Type

__all__ = ["FUNCTIONS", "Signature", "named", "result_type", "scalar", "select_signature"]


@dataclass(frozen=True)
class Signature:
    """The kinds of the arguments, the type of the result, the DuckDB text.

    `returns` may be `=N` (the type of argument N) or `?` (not known). With `raises` the text answers NULL where
    RisingWave fails; outside a view that becomes an error.
    """

    kinds: str
    returns: str
    template: str
    raises: bool = False


S = Signature

FUNCTIONS: dict[str, list[Signature]] = {
    "abs": [S("int", "=0", "TRY(abs({0}))", raises=True), S("number", "=0", "abs({0})")],
    "ceil": [S("float", "double", "ceil({0})"), S("numeric", "numeric", "ceil({0})")],
    "ceiling": [S("float", "double", "ceil({0})"), S("numeric", "numeric", "ceil({0})")],
    "floor": [S("float", "double", "floor({0})"), S("numeric", "numeric", "floor({0})")],
    "trunc": [S("float", "double", "trunc({0})"), S("numeric", "numeric", "trunc({0})")],
    "round": [
        S("float", "double", "round_even({0}, 0)"),
        S("exact", "numeric", "round(CAST({0} AS DECIMAL(38, 10)))"),
        S("exact int", "numeric", "round(CAST({0} AS DECIMAL(38, 10)), {1})"),
    ],
    "sign": [S("float", "double", "CAST(sign({0}) AS DOUBLE)")],
    "sqrt": [S("float", "double", "CASE WHEN NOT {0} < 0 THEN sqrt({0}) END", raises=True)],
    "exp": [S("float", "double", "rw_exp({0})", raises=True)],
    "ln": [S("float", "double", "CASE WHEN {0} > 0 THEN ln({0}) END", raises=True)],
    **{name: [S("float", "double", f"{name}({{0}})")] for name in ("sin", "cos", "tan", "atan")},
    "radians": [S("float", "double", "radians({0})")],
    "degrees": [S("float", "double", "degrees({0})")],
    **{name: [S("float float", "double", "rw_power({0}, {1})", raises=True)] for name in ("pow", "power")},
    "pi": [S("", "double", "pi()")],
    "length": [
        S("text", "int", "CAST(length({0}) AS INTEGER)"),
        S("bytea", "int", "CAST(octet_length({0}) AS INTEGER)"),
    ],
    "char_length": [S("text", "int", "CAST(length({0}) AS INTEGER)")],
    "octet_length": [
        S("text", "int", "CAST(strlen({0}) AS INTEGER)"),
        S("bytea", "int", "CAST(octet_length({0}) AS INTEGER)"),
    ],
    "lower": [S("text", "varchar", "rw_lower({0})")],
    "upper": [S("text", "varchar", "rw_upper({0})")],
    "trim": [S("text", "varchar", "trim({0})"), S("text text", "varchar", "trim({0}, {1})")],
    "ltrim": [S("text", "varchar", "ltrim({0})"), S("text text", "varchar", "ltrim({0}, {1})")],
    "rtrim": [S("text", "varchar", "rtrim({0})"), S("text text", "varchar", "rtrim({0}, {1})")],
    "btrim": [S("text", "varchar", "trim({0})"), S("text text", "varchar", "trim({0}, {1})")],
    "replace": [S("text text text", "varchar", "replace({0}, {1}, {2})")],
    "substr": [
        S("text int", "varchar", "rw_substr_from({0}, {1})"),
        S("text int int", "varchar", "rw_substr({0}, {1}, {2})", raises=True),
    ],
    "split_part": [S("text text int", "varchar", "rw_split_part({0}, {1}, {2})", raises=True)],
    "starts_with": [S("text text", "boolean", "starts_with({0}, {1})")],
    "strpos": [S("text text", "int", "CAST(strpos({0}, {1}) AS INTEGER)")],
    "reverse": [S("text", "varchar", "reverse({0})")],
    "md5": [S("text", "varchar", "md5({0})"), S("bytea", "varchar", "md5({0})")],
    "jsonb_typeof": [S("jsonb", "varchar", "rw_jsonb_typeof({0})")],
    "jsonb_array_length": [S("jsonb", "int", "rw_jsonb_array_length({0})")],
    "to_timestamp": [S("float", "timestamptz", "TRY(to_timestamp({0}))", raises=True)],
}
for _alias, _name in (("substring", "substr"), ("position", "strpos"), ("character_length", "char_length")):
    FUNCTIONS[_alias] = FUNCTIONS[_name]


def select_signature(
    ctx: Context, node: exp.Expression, table: dict[str, list[Signature]], name: str, types: list[Type]
) -> Signature:
    """The one signature that fits the arguments.

    Raises:
        UnsupportedOnEngine: unknown function, no signature, or several where a type is not known.
    """
    shown = f"{name}({', '.join(str(of or '?') for of in types)})"
    fits = [sig for sig in table.get(name, []) if _fits(sig, types)]
    if not fits:
        raise ctx.unsupported(node, f"the function {shown}")
    if None not in types or len(fits) == 1:
        return fits[0]
    merged = fits[0] if len({sig.template for sig in fits}) == 1 else _by_physical_type(fits)
    if merged is None:
        raise ctx.unsupported(node, f"the function {shown}", "cast the argument, its type is not known")
    return merged if len({sig.returns for sig in fits}) == 1 else replace(merged, returns="?")


_PHYSICAL = {"text": "VARCHAR", "bytea": "BLOB"}


def _by_physical_type(fits: list[Signature]) -> Signature | None:
    """One signature for text and bytea: DuckDB knows which, and drops the other branch when it plans."""
    if any(sig.kinds not in _PHYSICAL for sig in fits):
        return None
    branches = [
        f"WHEN '{kind}' THEN {sig.template.replace('{0}', f'CAST({{0}} AS {kind})')}"
        for sig in fits
        for kind in (_PHYSICAL[sig.kinds],)
    ]
    return replace(fits[0], template=f"CASE typeof({{0}}) {' '.join(branches)} END")


def _fits(signature: Signature, types: list[Type]) -> bool:
    kinds = signature.kinds.split()
    return len(kinds) == len(types) and all(map(is_kind, kinds, types))


_IN_DOUBLE = {"sqrt", "exp", "ln", "sin", "cos", "tan", "atan", "radians", "degrees", "sign", "pow", "power"}


def _promoted(name: str, types: list[Type]) -> list[Type]:
    """RisingWave computes these in double precision, whatever number comes in."""
    doubles = (
        "sqrt",
        "exp",
        "ln",
        "sin",
        "cos",
        "tan",
        "atan",
        "radians",
        "degrees",
        "sign",
        "to_timestamp",
        "pow",
        "power",
    )
    exact = ("smallint", "int", "bigint", "numeric")
    if name in doubles:
        return ["double" if of in exact else of for of in types]
    if name in ("ceil", "ceiling", "floor", "trunc", "round") and types[:1] != ["numeric"]:
        return ["double" if of in exact[:3] and len(types) == 1 else of for of in types]
    return types


def result_type(signature: Signature, types: list[Type]) -> Type:
    """What a signature's `returns` says for these arguments."""
    if signature.returns == "?":
        return None
    if signature.returns.startswith("="):
        return types[int(signature.returns[1:])]
    return signature.returns


def scalar(ctx: Context, node: exp.Expression) -> Typed:
    """A call by name."""
    name = str(node.this).lower()
    if name in ("unnest", "generate_series", "range"):
        rows, of = rows_of(ctx, name, node, node.expressions)
        return sql("unnest({0})", rows), of
    if name in _SPECIAL:
        return _SPECIAL[name](ctx, node)
    return _by_table(ctx, node, name, node.expressions)


def _typeof(ctx: Context, node: exp.Expression) -> Typed:
    return jsonb_typeof(ctx, node) or _by_table(ctx, node, "jsonb_typeof", node.expressions)


def _by_table(ctx: Context, node: exp.Expression, name: str, arguments: list[exp.Expression]) -> Typed:
    typed = [ctx(argument) for argument in arguments]
    types = _promoted(name, [of for _, of in typed])
    signature = select_signature(ctx, node, FUNCTIONS, name, types)
    parts = [part for part, _ in typed]
    result = sql(signature.template, *parts)
    if signature.raises:
        return ctx.or_fail(parts[0], result, name), result_type(signature, types)
    return result, result_type(signature, types)


def _unified(ctx: Context, node: exp.Expression) -> Typed:
    name = str(node.this).lower()
    typed = [ctx(argument) for argument in node.expressions]
    common = unify(of for _, of in typed)
    known = [of for _, of in typed]
    if common is None and None not in known:
        raise ctx.wrong(node, f"{name} of {', '.join(map(str, known))}", "cast them to one type")
    return call(name, *(part for part, _ in typed)), common


def _nullif(ctx: Context, node: exp.Expression) -> Typed:
    (left, of), (right, _) = (ctx(argument) for argument in node.expressions)
    return sql("nullif({0}, {1})", left, right), of


def _concat(ctx: Context, node: exp.Expression) -> Typed:
    typed = [ctx(argument) for argument in node.expressions]
    if any(of not in ("varchar", "unknown", "int", "bigint", "smallint") for _, of in typed):
        raise ctx.unsupported(node, "concat of other types than text and whole numbers", "cast to varchar")
    return call("concat", *(part for part, _ in typed)), "varchar"


def _convert_from(ctx: Context, node: exp.Expression) -> Typed:
    data, encoding = node.expressions
    if ctx.constant(encoding, "an encoding").upper() not in ("UTF8", "UTF-8"):
        raise ctx.unsupported(node, f"the encoding {encoding.name}")
    return ctx.guarded(call("decode", ctx.sql(data))), "varchar"


def _convert_to(ctx: Context, node: exp.Expression) -> Typed:
    text, encoding = node.expressions
    if ctx.constant(encoding, "an encoding").upper() not in ("UTF8", "UTF-8"):
        raise ctx.unsupported(node, f"the encoding {encoding.name}")
    return call("encode", ctx.sql(text)), "bytea"


_ENCODE = {"hex": "lower(hex({0}))", "base64": "rw_base64({0})"}
_DECODE = {"hex": "unhex(rw_hex_digits({0}))"}


def _encode(ctx: Context, node: exp.Expression) -> Typed:
    data, kind = node.expressions
    template = _ENCODE.get(ctx.constant(kind, "an encoding"))
    if template is None:
        raise ctx.unsupported(node, f"encode to {kind.name}")
    return sql(template, ctx.sql(data)), "varchar"


def _decode(ctx: Context, node: exp.Expression) -> Typed:
    data, kind = node.expressions
    template = _DECODE.get(ctx.constant(kind, "an encoding"))
    if template is None:
        raise ctx.unsupported(node, f"decode from {kind.name}")
    text = ctx.sql(data)
    return ctx.or_fail(text, sql(template, text), "decode"), "bytea"


def _row(ctx: Context, node: exp.Expression) -> Typed:
    typed = [ctx(argument) for argument in node.expressions]
    names = [f"f{index + 1}" for index in range(len(typed))]
    kinds = ["varchar" if of == "unknown" else of for _, of in typed]
    if None in kinds:
        raise ctx.unsupported(node, "row of values whose types are not known", "cast them")
    cells = ", ".join(f"{name} := {{{index}}}" for index, name in enumerate(names))
    of = ",".join(f"{name}:{kind}" for name, kind in zip(names, kinds, strict=True))
    return sql(f"struct_pack({cells})", *(part for part, _ in typed)), f"struct<{of}>"


def _now(ctx: Context, node: exp.Expression) -> Typed:
    if ctx.in_view:
        raise ctx.unsupported(node, "now() in a view", "its answer depends on when it is asked")
    return sql("now()"), "timestamptz"


_SPECIAL: dict[str, Callable[[Context, exp.Expression], Typed]] = {
    **dict.fromkeys(("coalesce", "greatest", "least"), _unified),
    "mod": lambda ctx, node: ctx(exp.Mod(this=node.expressions[0], expression=node.expressions[1])),
    "nullif": _nullif,
    "concat": _concat,
    "convert_from": _convert_from,
    "convert_to": _convert_to,
    "encode": _encode,
    "decode": _decode,
    "date_trunc": date_trunc,
    "regexp_match": regexp_match,
    "regexp_replace": regexp_replace,
    "now": _now,
    "row": _row,
    "jsonb_typeof": _typeof,
}


def named(name: str, *arguments: str) -> Callable[[Context, exp.Expression], Typed]:
    """A rule for a function with a syntax of its own: its arguments by their names in the node."""

    def rule(ctx: Context, node: exp.Expression) -> Typed:
        given = [node.args[key] for key in arguments if node.args.get(key) is not None]
        return _by_table(ctx, node, name, given)

    return rule
