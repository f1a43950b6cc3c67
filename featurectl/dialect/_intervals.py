"""Interval literals: as RisingWave reads them, and as DuckDB is told them."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._output import sql

if TYPE_CHECKING:
    from featurectl.dialect._context import Context, Typed

__all__ = ["interval", "interval_parts", "read_interval", "spelled"]

_HOUR, _MINUTE, _SECOND = 3_600_000_000, 60_000_000, 1_000_000
_UNITS = {
    **dict.fromkeys(("years", "year", "yrs", "yr", "y"), ("month", 12)),
    **dict.fromkeys(("months", "month", "mons", "mon"), ("month", 1)),
    **dict.fromkeys(("days", "day", "d"), ("day", 1)),
    **dict.fromkeys(("hours", "hour", "hrs", "hr", "h"), ("microsecond", _HOUR)),
    **dict.fromkeys(("minutes", "minute", "mins", "min", "m"), ("microsecond", _MINUTE)),
    **dict.fromkeys(("seconds", "second", "secs", "sec", "s"), ("microsecond", _SECOND)),
}
_PIECE = re.compile(r"\s*([+-]?)\s*(\d+)\s*([a-z]+)", re.I)
_CLOCK = re.compile(r"\s*([+-]?)\s*(\d+):(?:(\d+)(?::(\d+(?:\.\d+)?)?)?)?\s*$")
_SECONDS = re.compile(r"\s*([+-]?)\s*(\d+)\s*$")
_ISO = re.compile(r"P(\d+)Y(\d+)M(\d+)DT(\d+)H(\d+)M(\d+(?:\.\d+)?)S")
_MOST = {"month": 2**31 - 1, "day": 2**31 - 1, "microsecond": 2**63 - 1}


def interval_parts(ctx: Context, node: exp.Expression) -> dict[str, int]:
    """An interval literal as months, days and microseconds.

    Raises:
        UnsupportedOnEngine: a spelling that RisingWave does not know, or more than its interval holds.
    """
    parts = read_interval(node)
    if parts is None:
        raise ctx.unsupported(node, f"the interval {_text(node).strip()!r}", "write INTERVAL '1 hour'")
    if any(abs(parts[kind]) > most for kind, most in _MOST.items()):
        raise ctx.unsupported(node, f"the interval {_text(node).strip()!r}", "it is too long")
    return parts


def read_interval(node: exp.Expression) -> dict[str, int] | None:
    """The same without a bound on its length; None for a spelling that RisingWave does not know."""
    text, unit = _text(node), node.args.get("unit")
    parts = _iso(text)
    rest: str | None = "" if parts else text
    if unit is not None and not re.fullmatch(r"\s*[+-]?\d+\s*", node.this.name):  # INTERVAL '…' HOUR has one number
        rest = None
    parts = parts or {"month": 0, "day": 0, "microsecond": 0}
    while rest is not None and rest.strip():
        rest = _take(rest, parts)
    return None if rest is None else parts


def _text(node: exp.Expression) -> str:
    unit = node.args.get("unit")
    text = node.this.name if isinstance(node.this, exp.Literal) else ""
    return f"{text} {unit.name}" if unit is not None else text


def _iso(text: str) -> dict[str, int] | None:
    found = _ISO.fullmatch(text)
    if not found:
        return None
    years, months, days, hours, minutes = (int(found[index]) for index in range(1, 6))
    seconds = int(Decimal(found[6]) * _SECOND)
    return {"month": 12 * years + months, "day": days, "microsecond": hours * _HOUR + minutes * _MINUTE + seconds}


def _take(text: str, parts: dict[str, int]) -> str | None:
    """Adds the first piece of the text to the parts; answers the rest, None for what is no piece."""
    clock, piece, seconds = _CLOCK.match(text), _PIECE.match(text), _SECONDS.match(text)
    if clock:
        minutes, rest = int(clock[3] or 0), Decimal(clock[4] or 0)
        if minutes > 59 or rest >= 61:
            return None
        micros = int((rest * _SECOND).to_integral_value(ROUND_HALF_EVEN))
        whole = int(clock[2]) * _HOUR + minutes * _MINUTE + micros
        parts["microsecond"] += -whole if clock[1] == "-" else whole
        return ""
    if seconds:
        parts["microsecond"] += _signed(seconds) * _SECOND
        return ""
    kind, size = _UNITS.get(piece[3].lower(), ("", 0)) if piece else ("", 0)
    if piece is None or not kind:
        return None
    parts[kind] += _signed(piece) * size
    return text[piece.end() :]


def _signed(found: re.Match[str]) -> int:
    return -int(found[2]) if found[1] == "-" else int(found[2])


def interval(ctx: Context, node: exp.Expression) -> Typed:
    """INTERVAL '1 day 02:00:00', INTERVAL '1' HOUR."""
    return sql(spelled(**interval_parts(ctx, node))), "interval"


def spelled(month: int = 0, day: int = 0, microsecond: int = 0) -> str:
    """An interval literal."""
    counts = (("month", month), ("day", day), ("microsecond", microsecond))
    texts = [_counted(kind, count) for kind, count in counts if count] or ["0 seconds"]
    return f"INTERVAL '{' '.join(texts)}'"


def _counted(kind: str, count: int) -> str:
    if kind == "microsecond":
        for unit, size in (("hour", _HOUR), ("minute", _MINUTE), ("second", _SECOND)):
            if count % size == 0:
                kind, count = unit, count // size
                break
    return f"{count} {kind}{'' if abs(count) == 1 else 's'}"
