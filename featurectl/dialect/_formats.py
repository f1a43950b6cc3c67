"""Times to text and back by a pattern: to_char, to_date, to_timestamp."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._output import quoted, sql
from featurectl.dialect._times import as_utc

if TYPE_CHECKING:
    from featurectl.dialect._context import Context, Typed

__all__ = ["formatted", "parsed"]

_NUMBERS = {
    "YYYY": "%Y",
    "MM": "%m",
    "DD": "%d",
    "HH24": "%H",
    "HH12": "%I",
    "HH": "%I",
    "MI": "%M",
    "SS": "%S",
}
_SHOWN = {**_NUMBERS, "YY": "%y", "MS": "%g", "US": "%f", "Month": "%B", "Mon": "%b", "AM": "%p", "PM": "%p"}
_PIECE = re.compile(
    r"(?-i:T(?=HH)|(?<![A-Za-z])[TZ](?![A-Za-z]))|TZH|TZM|YYYY|YY|HH24|HH12|HH|MM|DD|MI|SS|MS|US|Month|Mon|AM|PM|"
    r"[A-Za-z]+|[^A-Za-z]+",
    re.I,
)


_LOWER = re.compile(r"(?<![A-Za-z])(am|pm)(?![A-Za-z])")


def _pattern(ctx: Context, node: exp.Expression, given: exp.Expression, known: dict[str, str]) -> str:
    """DuckDB's pattern for RisingWave's; letters that are no field are refused."""
    text = ctx.constant(given, "a pattern")
    parts = []
    for piece in _PIECE.findall(text):
        if piece in ("T", "Z") and known is not _NUMBERS:
            parts.append(piece)
            continue
        exact = piece in ("Month", "Mon", "AM", "PM")
        name = piece if exact else piece.upper()
        if name in known and (exact or name not in ("AM", "PM", "MON", "MONTH")):
            parts.append(known[name])
        elif piece[0].isalpha() or "%" in piece:
            raise ctx.unsupported(node, f"{piece!r} in the pattern {text!r}")
        else:
            parts.append(piece)
    return "".join(parts)


def formatted(ctx: Context, node: exp.Expression) -> Typed:
    """to_char(time, 'YYYY-MM-DD HH24:MI:SS')."""
    if len(node.expressions) != 2:
        raise ctx.wrong(node, "to_char takes a time and a pattern")
    value, of = ctx(node.expressions[0])
    if of not in ("date", "timestamp", "timestamptz"):
        raise ctx.unsupported(node, f"to_char of {of}", "cast to timestamp")
    known = {**_SHOWN, "TZH": "+00", "TZM": "00"} if of == "timestamptz" else _SHOWN
    text = ctx.constant(node.expressions[1], "a pattern")
    shown = []
    for piece in filter(None, _LOWER.split(text)):
        if _LOWER.fullmatch(piece):
            shown.append("lower(strftime({0}, '%p'))")
        else:
            pattern = _pattern(ctx, node, exp.Literal.string(piece), known)
            shown.append(f"strftime({{0}}, {quoted(pattern)})")
    return sql(f"({' || '.join(shown)})" if len(shown) > 1 else "".join(shown), as_utc(value, of)), "varchar"


def parsed(ctx: Context, node: exp.Expression) -> Typed | None:
    """to_date(text, pattern) and to_timestamp(text, pattern); None where there is no pattern."""
    if len(node.expressions) != 2:
        return None
    text, of = ctx(node.expressions[0])
    pattern = _pattern(ctx, node, node.expressions[1], _NUMBERS)
    if of not in ("varchar", "unknown") or not all(field in pattern for field in ("%Y", "%m", "%d")):
        raise ctx.unsupported(node, f"{node.this} without a text or without YYYY, MM and DD in its pattern")
    if "%I" in pattern and "%p" not in pattern:
        raise ctx.unsupported(node, f"{node.this} with an hour of twelve")
    time = sql(f"try_strptime({{0}}, {quoted(pattern)})", text)
    is_date = str(node.this).lower() == "to_date"
    result = sql("CAST({0} AS DATE)" if is_date else "rw_instant({0})", time)
    return ctx.or_fail(text, result, str(node.this)), "date" if is_date else "timestamptz"
