"""Casts: from which type to which, and the DuckDB text that means the same.

The texts are those of a view, where a cast that fails is NULL; outside a view `rw_checked` turns that
NULL into an error. DuckDB reads text more generously than RisingWave ('1.5' as an integer, '1_000',
time zone names), so text goes through macros that know RisingWave's spellings.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from featurectl.dialect._intervals import interval
from featurectl.dialect._output import quoted, sql
from featurectl.dialect._types import FLOATS, INTEGERS, NUMBERS, Type, duckdb_type, fields_of, rw_type

if TYPE_CHECKING:
    from featurectl.dialect._context import Context, Typed

__all__ = ["bytes_of", "cast", "cast_to", "type_of"]

_PLAIN = "TRY_CAST({0} AS {to})"
_DIGITS = "TRY_CAST(rw_digits({0}) AS {to})"
_JSON_NUMBER = "TRY_CAST(rw_jsonb_number({0}) AS {to})"
# A numeric that came from a division is a DOUBLE: decimal places first, so that a half rounds away from zero
_ROUNDED = "TRY_CAST(TRY_CAST({0} AS DECIMAL(38, 10)) AS {to})"

_FROM_TEXT = {
    "boolean": "rw_boolean({0})",
    **dict.fromkeys(INTEGERS, _DIGITS),
    **dict.fromkeys(FLOATS, "TRY_CAST(rw_float({0}) AS {to})"),
    "numeric": _PLAIN,
    "date": "rw_date({0})",
    "timestamp": "rw_timestamp({0})",
    "timestamptz": "rw_timestamptz({0})",
    "time": "rw_time({0})",
    "jsonb": "rw_jsonb({0})",
    "bytea": "rw_bytes({0})",
}
CASTABLE = ("boolean", *INTEGERS, *FLOATS, "numeric", "varchar")
_TO_TEXT = {
    **dict.fromkeys((*INTEGERS, "boolean", "date"), "CAST({0} AS VARCHAR)"),
    "double": "rw_double_text({0})",
    "timestamp": "rw_timestamp_text({0})",
    "timestamptz": "rw_timestamptz_text({0})",
    "time": "rw_time_text({0})",
    "interval": "rw_interval_text({0})",
}

CASTS: dict[tuple[str, str], str] = {
    **{("varchar", to): text for to, text in _FROM_TEXT.items()},
    **{(of, "varchar"): text for of, text in _TO_TEXT.items()},
    **{(of, to): _PLAIN for of in INTEGERS for to in NUMBERS},
    **{(of, to): _PLAIN for of in FLOATS for to in NUMBERS},
    ("numeric", "real"): "CAST(TRY_CAST({0} AS DOUBLE) AS REAL)",
    ("real", "numeric"): "TRY_CAST(CAST({0} AS VARCHAR) AS {to})",  # its shortest digits
    **{("numeric", to): _ROUNDED for to in INTEGERS},
    **{("numeric", to): _PLAIN for to in ("double", "numeric")},
    **{("jsonb", to): _JSON_NUMBER for to in NUMBERS},
    ("jsonb", "boolean"): "rw_jsonb_boolean({0})",
    ("int", "boolean"): "({0} <> 0)",
    ("boolean", "int"): _PLAIN,
    ("time", "interval"): "to_microseconds(epoch_us({0}))",
    ("interval", "time"): "CAST(TIMESTAMP '1970-01-01' + to_microseconds(CAST(rw_clock_us({0}) AS BIGINT)) AS TIME)",
    ("bytea", "varchar"): "('\\x' || lower(hex({0})))",
    ("date", "timestamp"): _PLAIN,
    ("date", "timestamptz"): "rw_instant(TRY_CAST({0} AS TIMESTAMP))",
    ("timestamp", "date"): _PLAIN,
    ("timestamp", "time"): _PLAIN,
    ("timestamp", "timestamptz"): "rw_instant({0})",
    ("timestamptz", "timestamp"): "rw_utc({0})",
    ("timestamptz", "date"): "TRY_CAST(rw_utc({0}) AS DATE)",
    ("timestamptz", "time"): "TRY_CAST(rw_utc({0}) AS TIME)",
}

_HINTS = {
    ("jsonb", "varchar"): "use ->> to get a text",
    ("numeric", "varchar"): "DuckDB's decimals print other zeros",
}


@lru_cache(maxsize=256)
def _plain_type(kind: Any) -> str:
    return exp.DataType(this=kind).sql(dialect="risingwave")


def type_of(ctx: Context, node: exp.Expression, target: exp.DataType) -> str:
    """RisingWave's canonical name of a type in a query or a column definition."""
    plain = all(key == "this" for key, value in target.args.items() if value)
    text = _plain_type(target.this) if plain else target.sql(dialect="risingwave")
    name = rw_type(text)
    if name is None or (name == "jsonb" and text.upper() != "JSONB"):
        raise ctx.unsupported(node, f"the type {text}")
    return name


def cast(ctx: Context, node: exp.Expression) -> Typed:
    """CAST(x AS type) and x::type."""
    to = type_of(ctx, node, node.args["to"])
    if isinstance(node.this, exp.Literal) or (isinstance(node.this, exp.Array) and not node.this.expressions):
        constant = _constant(ctx, node, to)
        if constant is not None:
            return constant, to
    excerpt = "" if ctx.in_view else _excerpt(node)
    value, of = ctx(node.this)
    if value.meta.get("whole") and to in INTEGERS:  # a field of a time: there is nothing to round
        return sql(f"CAST({{0}} AS {duckdb_type(to)})", value.expressions[0]), to
    if isinstance(node.this, exp.Null):
        return sql(f"CAST(NULL AS {duckdb_type(to)})"), to
    if of == to or (of == "unknown" and to == "varchar"):
        return value, to
    result = sql(_template(ctx, node, of, to).replace("{to}", duckdb_type(to)), value)
    return ctx.or_fail(value, result, excerpt), to


def _excerpt(node: exp.Expression) -> str:
    if isinstance(node.this, exp.Literal) and len(node.this.name) <= 40:
        return f"CAST('{node.this.name}' AS {node.args['to'].this.value})"
    return " ".join(node.sql(dialect="risingwave").split())


def _constant(ctx: Context, node: exp.Expression, to: str) -> exp.Expression | None:
    """A literal that is read here and now; None for the others."""
    if isinstance(node.this, exp.Array):
        return sql(f"CAST([] AS {duckdb_type(to)})")
    if to == "interval":
        return interval(ctx, exp.Interval(this=node.this))[0]
    if to == "timestamp" and _NANOSECONDS.search(node.this.name):
        raise ctx.unsupported(node, "a timestamp of nanoseconds", "write at most six decimals")
    if to == "numeric" and _NO_NUMBER.fullmatch(node.this.name):
        raise ctx.unsupported(node, "a numeric that is NaN or infinite", "use double precision")
    return _bytes(ctx, node) if to == "bytea" else None


def _template(ctx: Context, node: exp.Expression, of: Type, to: str) -> str:
    if of is None:
        if to.startswith("struct<") or to.endswith("[]"):
            raise ctx.unsupported(node, f"the cast of a type that is not known to {to}")
        return _template_for_any(to)
    if of.endswith("[]") and to.endswith("[]") and of != to:
        inner = _element(ctx, node, of[:-2], to[:-2])
        return f"list_transform({{0}}, lambda rw_x: {inner})"
    if of.startswith("struct<") and to.startswith("struct<"):
        return _struct_template(ctx, node, of, to)
    if of in ("unknown", "varchar") and to.endswith("[]") and isinstance(node, exp.Cast):
        return _array_template(ctx, node, to)
    found = CASTS.get(("varchar" if of == "unknown" else of, to))
    if found is None:
        raise ctx.unsupported(node, f"the cast of {of} to {to}", _HINTS.get((of, to)))
    return found


def _element(ctx: Context, node: exp.Expression, of: str, to: str) -> str:
    if of == to:
        return "rw_x"
    template = _template(ctx, node, of, to).replace("{to}", duckdb_type(to))
    if "lambda" in template:
        raise ctx.unsupported(node, f"the cast of {of}[] to {to}[]")
    return template.replace("{0}", "rw_x")


def _struct_template(ctx: Context, node: exp.Expression, of: str, to: str) -> str:
    """By position, each field by its own cast."""
    old, new = fields_of(of), fields_of(to)
    if len(old) != len(new):
        raise ctx.wrong(node, "the structs have different numbers of fields")
    cells = []
    for place, (before, (name, after)) in enumerate(zip(old.values(), new.items(), strict=True), 1):
        value = f"struct_extract_at({{0}}, {place})"
        if before == "unknown":  # a NULL in a row
            cells.append(f'"{name}" := CAST(NULL AS {duckdb_type(after)})')
            continue
        inner = value if before == after else _template(ctx, node, before, after).replace("{0}", value)
        cells.append(f'"{name}" := {inner.replace("{to}", duckdb_type(after))}')
    return f"CASE WHEN {{0}} IS NOT NULL THEN struct_pack({', '.join(cells)}) END"


def _array_template(ctx: Context, node: exp.Expression, to: str) -> str:
    """'{1,2,NULL}' as a literal of whole numbers or plain words."""
    text = node.this.name if isinstance(node.this, exp.Literal) else ""
    members = re.fullmatch(r"\s*\{\s*([\w.+-]*(?:\s*,\s*[\w.+-]+)*)\s*\}\s*", text)
    inner = to[:-2]
    if members is None or inner not in CASTABLE:
        raise ctx.unsupported(node, f"the array literal {text!r}" if text else f"the cast of text to {to}")
    parts = [part.strip() for part in members[1].split(",")] if members[1] else []
    cast = "{0}" if inner == "varchar" else _FROM_TEXT[inner].replace("{to}", duckdb_type(inner))
    cells = ["NULL" if part.upper() == "NULL" else cast.replace("{0}", f"'{part}'") for part in parts]
    return f"CAST([{', '.join(cells)}] AS {{to}})"


def _template_for_any(to: str) -> str:
    """A source whose type only DuckDB knows: the branches for other types are dropped when it plans."""
    branches = [
        f"WHEN '{duckdb_type(of).replace(' ', '')}' THEN {text.replace('{0}', f'CAST({{0}} AS {physical})')}"
        for of, physical in (("varchar", "VARCHAR"), ("jsonb", "JSON"))
        if (text := CASTS.get((of, to)))
    ]
    return f"CASE typeof({{0}}) {' '.join(branches)} ELSE TRY_CAST({{0}} AS {{to}}) END"


def bytes_of(ctx: Context, node: exp.Expression) -> exp.Expression:
    """An argument that is bytea: a literal is read as one."""
    return _bytes(ctx, node) if isinstance(node, exp.Literal) and node.is_string else ctx.sql(node)


def _bytes(ctx: Context, node: exp.Expression) -> exp.Expression:
    text = node.name if isinstance(node, exp.Literal) else node.this.name
    if "\\" not in text:
        return sql(f"encode({quoted(text)})")
    if not re.fullmatch(r"\\x([0-9a-fA-F]{2})*", text):
        raise ctx.unsupported(node, f"the bytea literal {text!r}", r"write it in hex: '\x6162'")
    return sql(f"unhex({quoted(text[2:])})")


_NO_NUMBER = re.compile(r"\s*([+-]?inf(inity)?|nan)\s*", re.I)
_NANOSECONDS = re.compile(r"\.\d{6}\d*[1-9]")


def cast_to(ctx: Context, value: exp.Expression, of: Type, to: str) -> exp.Expression:
    """A translated value of one type as another, as an INSERT casts it."""
    if of == to or (of == "unknown" and to == "varchar"):
        return value
    result = sql(_template(ctx, value, of, to).replace("{to}", duckdb_type(to)), value)
    return ctx.or_fail(value, result, f"cast to {to}")
