"""Scalar functions: a table of signatures, and what each is on DuckDB."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._arrays import ARRAYS
from featurectl.dialect._building import BUILDERS
from featurectl.dialect._casts import bytes_of
from featurectl.dialect._formats import formatted, parsed
from featurectl.dialect._json import jsonb_typeof
from featurectl.dialect._json_operators import JSON_FUNCTIONS
from featurectl.dialect._output import call, quoted, sql
from featurectl.dialect._regexp_functions import regexp_count, regexp_match, regexp_replace, regexp_split
from featurectl.dialect._sql_functions import called
from featurectl.dialect._table_functions import ROWS, rows_of
from featurectl.dialect._times import date_bin, date_part, date_trunc
from featurectl.dialect._trigonometry import DOUBLE_FUNCTIONS
from featurectl.dialect._types import EXACT, INTEGERS, duckdb_type, is_kind, postgres_name, unify

if TYPE_CHECKING:
    from collections.abc import Callable

    from featurectl.dialect._context import Context, Typed
    from featurectl.dialect._types import Type

__all__ = ["FUNCTIONS", "Signature", "clock", "named", "overlay", "result_type", "scalar", "select_signature"]


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

# DuckDB has a year 0, RisingWave goes from -1 to 1
_YEAR = "CASE WHEN {0} < 0 THEN {0} + 1 WHEN {0} > 0 THEN {0} END"
_MADE = f"make_timestamp({_YEAR}, {{1}}, {{2}}, {{3}}, {{4}}, CAST({{5}} AS DOUBLE))"


def _of_double(template: str, raises: bool = False) -> list[Signature]:
    """What RisingWave computes of a numeric as a numeric; here it is a double, as a quotient is."""
    exact = template.replace("{0}", "CAST({0} AS DOUBLE)")
    return [S("float", "double", template, raises), S("numeric", "numeric", exact, raises)]


_EXACT_POWER = "rw_power(CAST({0} AS DOUBLE), CAST({1} AS DOUBLE))"
_POWER = [
    S("float float", "double", "rw_power({0}, {1})", raises=True),
    S("exact int", "numeric", _EXACT_POWER, raises=True),
]

FUNCTIONS: dict[str, list[Signature]] = {
    "abs": [S("int", "=0", "TRY(abs({0}))", raises=True), S("number", "=0", "abs({0})")],
    "ceil": [S("float", "double", "ceil({0})"), S("numeric", "numeric", "(ceil(CAST({0} AS DECIMAL(38, 10))) + 0)")],
    "ceiling": [S("float", "double", "ceil({0})"), S("numeric", "numeric", "(ceil(CAST({0} AS DECIMAL(38, 10))) + 0)")],
    "floor": [S("float", "double", "floor({0})"), S("numeric", "numeric", "(floor(CAST({0} AS DECIMAL(38, 10))) + 0)")],
    "trunc": [S("float", "double", "trunc({0})"), S("numeric", "numeric", "(trunc(CAST({0} AS DECIMAL(38, 10))) + 0)")],
    "round": [
        S("float", "double", "round_even({0}, 0)"),
        S("exact", "numeric", "round(CAST({0} AS DECIMAL(38, 10)))"),
        S("exact int", "numeric", "round(CAST({0} AS DECIMAL(38, 10)), {1})"),
    ],
    "sign": _of_double("CAST(sign({0}) AS DOUBLE)"),
    "sqrt": _of_double("CASE WHEN NOT {0} < 0 THEN sqrt({0}) END", raises=True),
    "exp": [S("float", "double", "rw_exp({0})", raises=True)],
    "ln": _of_double("CASE WHEN {0} > 0 THEN ln({0}) END", raises=True),
    **{
        name: [S(" ".join(["float"] * (1 + ("{1}" in template))), "double", template)]
        for name, template in DOUBLE_FUNCTIONS.items()
    },
    "cbrt": [S("float", "double", "cbrt({0})")],
    **{name: _of_double("CASE WHEN {0} > 0 THEN log10({0}) END", raises=True) for name in ("log10", "log")},
    **dict.fromkeys(("pow", "power"), _POWER),
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
    "translate": [S("text text text", "varchar", "translate({0}, {1}, {2})")],
    "reverse": [S("text", "varchar", "reverse({0})")],
    "ascii": [S("text", "int", "CAST(ascii({0}) AS INTEGER)")],
    "bit_length": [
        S("text", "int", "CAST(bit_length({0}) AS INTEGER)"),
        S("bytea", "int", "CAST(8 * octet_length({0}) AS INTEGER)"),
    ],
    "repeat": [S("text int", "varchar", "repeat({0}, greatest({1}, 0))")],
    "initcap": [S("text", "varchar", "rw_initcap({0})")],
    "left": [S("text int", "varchar", "rw_left({0}, {1})")],
    "right": [S("text int", "varchar", "rw_right({0}, {1})")],
    "lpad": [
        S("text int", "varchar", "lpad({0}, greatest({1}, 0), ' ')"),
        S(
            "text int text",
            "varchar",
            "CASE WHEN {2} = '' THEN substr({0}, 1, {1}) ELSE lpad({0}, greatest({1}, 0), {2}) END",
        ),
    ],
    "rpad": [
        S("text int", "varchar", "rpad({0}, greatest({1}, 0), ' ')"),
        S(
            "text int text",
            "varchar",
            "CASE WHEN {2} = '' THEN substr({0}, 1, {1}) ELSE rpad({0}, greatest({1}, 0), {2}) END",
        ),
    ],
    "chr": [S("int", "varchar", "chr({0})")],
    "sha1": [S("bytea", "bytea", "unhex(sha1({0}))")],
    "sha256": [S("bytea", "bytea", "unhex(sha256({0}))")],
    "to_hex": [
        S("bigint", "varchar", "lower(hex({0}))"),
        S("int", "varchar", "rw_hex_of_int(CAST({0} AS INTEGER))"),
    ],
    "md5": [S("text", "varchar", "md5({0})"), S("bytea", "varchar", "md5({0})")],
    "jsonb_typeof": [S("jsonb", "varchar", "rw_jsonb_typeof({0})")],
    "jsonb_array_length": [S("jsonb", "int", "rw_jsonb_array_length({0})")],
    "make_date": [S("int int int", "date", f"TRY(make_date({_YEAR}, {{1}}, {{2}}))", raises=True)],
    "make_time": [S("int int number", "time", "TRY(make_time({0}, {1}, CAST({2} AS DOUBLE)))", raises=True)],
    "make_timestamp": [S("int int int int int number", "timestamp", f"TRY({_MADE})", raises=True)],
    "make_timestamptz": [S("int int int int int number", "timestamptz", f"rw_instant(TRY({_MADE}))", raises=True)],
    "to_timestamp": [
        S(
            "float",
            "timestamptz",
            "make_timestamptz(TRY_CAST(round(CAST({0} AS DOUBLE) * 1000000) AS BIGINT))",
            raises=True,
        )
    ],
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


_IN_DOUBLE = {*DOUBLE_FUNCTIONS, "sqrt", "cbrt", "exp", "ln", "log", "log10", "sign", "to_timestamp", "pow", "power"}
_OF_NUMERIC = ("sqrt", "exp", "ln", "log", "log10", "sign", "pow", "power")
_ROUGH = ("exp", "pow", "power")  # RisingWave computes them of decimals to some seven digits
_NANOSECONDS = re.compile(r"\.\d{7}")
_ROUNDINGS = ("ceil", "ceiling", "floor", "trunc", "round")


def _promoted(name: str, types: list[Type]) -> list[Type]:
    """RisingWave computes these in double precision, whatever number comes in."""
    if name in _IN_DOUBLE:
        exact = (
            ("numeric",) if name in _OF_NUMERIC and not {"double", "real"} & set(types) and "numeric" in types else ()
        )
        return [of if of in exact else "double" if of in (*EXACT, "unknown") and not exact else of for of in types]
    if name in _ROUNDINGS and len(types) == 1:
        return ["double" if of in (*INTEGERS, "unknown") else of for of in types]
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
    if name in ROWS:
        rows, of = rows_of(ctx, name, node, node.expressions)
        return sql("unnest({0})", rows), of
    if name in ctx.functions:
        return called(ctx, node, ctx.functions[name])
    rule = ARRAYS.get(name) or BUILDERS.get(name) or JSON_FUNCTIONS.get(name)
    if rule is not None:
        return rule(ctx, node)
    if name in _SPECIAL:
        return _SPECIAL[name](ctx, node)
    return _by_table(ctx, node, name, node.expressions)


def _typeof(ctx: Context, node: exp.Expression) -> Typed:
    return jsonb_typeof(ctx, node) or _by_table(ctx, node, "jsonb_typeof", node.expressions)


def _by_table(ctx: Context, node: exp.Expression, name: str, arguments: list[exp.Expression]) -> Typed:
    if name.startswith("make_time") and _NANOSECONDS.search(arguments[-1].name):
        raise ctx.unsupported(node, f"{name} of nanoseconds", "give at most six decimals")
    typed = [ctx(argument) for argument in arguments]
    types = _promoted(name, [of for _, of in typed])
    if name in _ROUGH and types[-1] == "numeric":
        raise ctx.unsupported(node, f"{name} of decimals", "cast to double precision")
    signature = select_signature(ctx, node, FUNCTIONS, name, types)
    parts = [_as_double(part, before, of) for (part, before), of in zip(typed, types, strict=True)]
    result = sql(signature.template, *parts)
    if signature.raises:
        return ctx.or_fail(parts[0], result, name), result_type(signature, types)
    return result, result_type(signature, types)


def _as_double(part: exp.Expression, before: Type, of: Type) -> exp.Expression:
    return sql("CAST({0} AS DOUBLE)", part) if before == "unknown" and of == "double" else part


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


_AS_TEXT = {
    **dict.fromkeys(("varchar", "unknown", *INTEGERS, "date"), "{0}"),
    "boolean": "CASE WHEN {0} THEN 't' WHEN NOT {0} THEN 'f' END",
    "double": "rw_double_text({0})",
    "timestamp": "rw_timestamp_text({0})",
    "timestamptz": "rw_timestamptz_text({0})",
}


def _concat(ctx: Context, node: exp.Expression) -> Typed:
    """concat and concat_ws: NULLs are left out, but a NULL separator is NULL."""
    parts = []
    for argument in node.expressions:
        part, of = ctx(argument)
        template = _AS_TEXT.get(str(of))
        if template is None:
            raise ctx.unsupported(node, f"{node.this} of {of}", "cast to varchar")
        parts.append(sql(template, part))
    return call(str(node.this).lower(), *parts), "varchar"


def _make_timestamptz(ctx: Context, node: exp.Expression) -> Typed:
    """make_timestamptz(…, zone): a wall clock in a zone."""
    if len(node.expressions) != 7:
        return _by_table(ctx, node, "make_timestamptz", node.expressions)
    plain = exp.Anonymous(this="make_timestamp", expressions=node.expressions[:6])
    return ctx(exp.AtTimeZone(this=plain, zone=node.expressions[6]))


def overlay(ctx: Context, node: exp.Expression) -> Typed:
    """overlay(text PLACING new FROM start [FOR length])."""
    text, new, start = (ctx.sql(node.args[name]) for name in ("this", "expression", "from_"))
    length = ctx.sql(node.args["for_"]) if node.args.get("for_") is not None else sql("length({0})", new)
    placed = "substr({0}, 1, {2} - 1) || {1} || substr({0}, greatest({2} + {3}, 1))"
    result = sql(f"CASE WHEN {{2}} > 0 THEN {placed} END", text, new, start, length)
    return ctx.or_fail(text, result, "overlay"), "varchar"


def _timezone(ctx: Context, node: exp.Expression) -> Typed:
    zone, value = node.expressions
    return ctx(exp.AtTimeZone(this=value, zone=zone))


def _by_pattern(ctx: Context, node: exp.Expression) -> Typed:
    return parsed(ctx, node) or _by_table(ctx, node, str(node.this).lower(), node.expressions)


def _convert_from(ctx: Context, node: exp.Expression) -> Typed:
    data, encoding = node.expressions
    if ctx.constant(encoding, "an encoding").upper() not in ("UTF8", "UTF-8"):
        raise ctx.unsupported(node, f"the encoding {encoding.name}")
    return ctx.guarded(call("decode", bytes_of(ctx, data))), "varchar"


def _convert_to(ctx: Context, node: exp.Expression) -> Typed:
    text, encoding = node.expressions
    if ctx.constant(encoding, "an encoding").upper() not in ("UTF8", "UTF-8"):
        raise ctx.unsupported(node, f"the encoding {encoding.name}")
    return call("encode", ctx.sql(text)), "bytea"


_ENCODE = {"hex": "lower(hex({0}))", "base64": "rw_base64({0})"}


def _date(ctx: Context, node: exp.Expression) -> Typed:
    """date(x), as a cast."""
    if len(node.expressions) != 1:
        raise ctx.wrong(node, "date takes one argument")
    return ctx(exp.Cast(this=node.expressions[0], to=exp.DataType.build("date")))


def _format(ctx: Context, node: exp.Expression) -> Typed:
    """format('%s and %s', a, b) of texts and whole numbers; a NULL is empty."""
    pieces = re.split(r"(%s|%%)", ctx.constant(node.expressions[0], "a format")) if node.expressions else []
    given = [ctx(argument) for argument in node.expressions[1:]]
    if any("%" in piece and piece not in ("%s", "%%") for piece in pieces) or pieces.count("%s") != len(given):
        raise ctx.unsupported(node, "this format", "only %s and %%, one argument for each %s")
    places = iter(range(len(given)))
    texts = [f"{{{next(places)}}}" if piece == "%s" else quoted(piece.replace("%%", "%")) for piece in pieces]
    unknown = [of for _, of in given if str(of) not in _AS_TEXT]
    if unknown:
        raise ctx.unsupported(node, f"format of {unknown[0]}", "cast to varchar")
    parts = [sql(_AS_TEXT[str(of)], part) for part, of in given]
    return sql(f"concat({', '.join(texts)})", *parts), "varchar"


_DECODE = {"hex": "unhex(rw_hex_digits({0}))", "base64": "rw_from_base64({0})"}


def _encode(ctx: Context, node: exp.Expression) -> Typed:
    data, kind = node.expressions
    template = _ENCODE.get(ctx.constant(kind, "an encoding"))
    if template is None:
        raise ctx.unsupported(node, f"encode to {kind.name}")
    return sql(template, bytes_of(ctx, data)), "varchar"


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
    kinds = [
        "varchar" if of == "unknown" and not isinstance(given, exp.Null) else of
        for given, (_, of) in zip(node.expressions, typed, strict=True)
    ]
    if None in kinds:
        raise ctx.unsupported(node, "row of values whose types are not known", "cast them")
    cells = ", ".join(f"{name} := {{{index}}}" for index, name in enumerate(names))
    of = ",".join(f"{name}:{kind}" for name, kind in zip(names, kinds, strict=True))
    return sql(f"struct_pack({cells})", *(part for part, _ in typed)), f"struct<{of}>"


def _grouping(ctx: Context, node: exp.Expression) -> Typed:
    places = ", ".join(f"{{{index}}}" for index in range(len(node.expressions)))
    result = sql(f"CAST(grouping({places}) AS INTEGER)", *(ctx.sql(part) for part in node.expressions))
    result.meta["aggregate"] = True
    return result, "int"


def _array(ctx: Context, node: exp.Expression) -> Typed:
    """ARRAY(SELECT … ORDER BY …)."""
    query = node.expressions[0] if len(node.expressions) == 1 else None
    if not isinstance(query, exp.Select) or not (query.args.get("order") or _gives_one_order(query)):
        raise ctx.unsupported(node, "ARRAY(…) without a SELECT with ORDER BY", "its order is not defined")
    inner, columns = ctx.query(ctx, query)
    of = next(iter(columns.values())) if columns and len(columns) == 1 else None
    if of is None:
        raise ctx.unsupported(node, "ARRAY(SELECT …) of a type that is not known", "cast it")
    of = "varchar" if of == "unknown" else of
    return sql(f"coalesce(ARRAY({{0}}), CAST([] AS {duckdb_type(of)}[]))", inner), f"{of}[]"


def _gives_one_order(query: exp.Expression) -> bool:
    """A series as it comes."""
    first = query.args.get("from_")
    call = first.this.this if first is not None and not query.args.get("joins") else None
    return (
        isinstance(call, exp.Anonymous) and str(call.this).lower() == "generate_series" and not query.args.get("group")
    )


def _pg_typeof(ctx: Context, node: exp.Expression) -> Typed:
    of = ctx(node.expressions[0])[1]
    if of is None:
        raise ctx.unsupported(node, "pg_typeof of a type that is not known")
    return sql(quoted(postgres_name(of))), "varchar"


def _now(ctx: Context, node: exp.Expression) -> Typed:
    if ctx.in_view:
        raise ctx.unsupported(
            node, "now() in a view", "filter by NOW() where the view is read, or bound it by its events"
        )
    return sql("now()"), "timestamptz"


def _proctime(ctx: Context, node: exp.Expression) -> Typed:
    raise ctx.unsupported(node, "PROCTIME()", "take the event's time: what depends on arrival cannot be replayed")


def clock(ctx: Context, node: exp.Expression) -> Typed:
    """CURRENT_TIMESTAMP and the like, which RisingWave's views do not know either."""
    raise ctx.unsupported(node, node.sql(), "write NOW(), and only where a view is read")


_SPECIAL: dict[str, Callable[[Context, exp.Expression], Typed]] = {
    **dict.fromkeys(("coalesce", "greatest", "least"), _unified),
    "mod": lambda ctx, node: ctx(exp.Mod(this=node.expressions[0], expression=node.expressions[1])),
    "nullif": _nullif,
    **dict.fromkeys(("concat", "concat_ws"), _concat),
    "to_char": formatted,
    **dict.fromkeys(("to_date", "to_timestamp"), _by_pattern),
    "timezone": _timezone,
    "make_timestamptz": _make_timestamptz,
    "convert_from": _convert_from,
    "date": _date,
    "format": _format,
    "convert_to": _convert_to,
    "encode": _encode,
    "decode": _decode,
    "date_trunc": date_trunc,
    "date_part": date_part,
    "date_bin": date_bin,
    "regexp_match": regexp_match,
    "regexp_replace": regexp_replace,
    "regexp_count": regexp_count,
    "regexp_split_to_array": regexp_split,
    "now": _now,
    "proctime": _proctime,
    "row": _row,
    "array": _array,
    "grouping": _grouping,
    "pg_typeof": _pg_typeof,
    "jsonb_typeof": _typeof,
}


def named(name: str, *arguments: str) -> Callable[[Context, exp.Expression], Typed]:
    """A rule for a function with a syntax of its own: its arguments by their names in the node."""

    def rule(ctx: Context, node: exp.Expression) -> Typed:
        given = [node.args[key] for key in arguments if node.args.get(key) is not None]
        return _by_table(ctx, node, name, given)

    return rule
