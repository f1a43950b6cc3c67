"""Bounds of expressions: a time plus an interval, truncated, in another zone; anything else only as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._intervals import read_interval
from featurectl.dialect.reach._model import JUST, TIMES, Bound

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["bound_of", "span_of"]

DAY = 86_400_000_000
_SHORTEST_MONTH, _LONGEST_MONTH = 28 * DAY, 31 * DAY
_TRUNCATED = {
    "microseconds": 0, "milliseconds": 1_000, "second": 1_000_000, "minute": 60_000_000, "hour": 3_600_000_000,
    "day": DAY, "week": 7 * DAY, "month": 31 * DAY, "quarter": 92 * DAY, "year": 366 * DAY, "decade": 3_653 * DAY,
}  # fmt: skip
_ZONE = 15 * 3_600_000_000  # no zone is further from UTC; nor does a day in one have as much more than 24 hours
_CASTS = {
    exp.DType.TIMESTAMP: "timestamp", exp.DType.TIMESTAMPTZ: "timestamptz", exp.DType.DATE: "date",
}  # fmt: skip


def bound_of(node: exp.Expression, known: Callable[[exp.Expression], Bound | None]) -> Bound | None:
    """Where an expression's values lie, given what is known of its parts; None where that cannot be said."""
    found = known(node)
    if found is not None:
        return found
    if isinstance(node, exp.Paren | exp.Alias):
        found = bound_of(node.this, known)
    elif isinstance(node, exp.Add | exp.Sub):
        found = _moved(node, known)
    elif isinstance(node, exp.Cast):
        found = _cast(node, bound_of(node.this, known))
    elif isinstance(node, exp.AtTimeZone):
        found = _zoned(node, bound_of(node.this, known))
    elif isinstance(node, exp.Anonymous) and str(node.this).lower() == "date_trunc":
        found = _truncated(node, known)
    return found


def span_of(node: exp.Expression | None) -> tuple[int, int] | None:
    """The shortest and the longest that an interval literal is, in microseconds; None for what is none."""
    parts = read_interval(node) if isinstance(node, exp.Interval) else None
    if parts is None:
        return None
    fixed = parts["day"] * DAY + parts["microsecond"]
    ends = (parts["month"] * _SHORTEST_MONTH, parts["month"] * _LONGEST_MONTH)
    return fixed + min(ends), fixed + max(ends)


def _moved(node: exp.Expression, known: Callable[[exp.Expression], Bound | None]) -> Bound | None:
    left, right = node.this, node.expression
    if isinstance(node, exp.Add) and isinstance(left, exp.Interval):
        left, right = right, left
    span, bound = span_of(right), bound_of(left, known)
    if span is None or bound is None:
        return None
    return bound.moved(*span) if isinstance(node, exp.Add) else bound.moved(-span[1], -span[0])


def _cast(node: exp.Cast, bound: Bound | None) -> Bound | None:
    """Between times; the session is in UTC. To a date: less than a day earlier."""
    to = _CASTS.get(node.to.this)
    if bound is None or bound.kind not in TIMES or to is None:
        return None
    return bound.moved(JUST - DAY, 0) if to == "date" else bound


def _zoned(node: exp.AtTimeZone, bound: Bound | None) -> Bound | None:
    if bound is None or bound.kind not in TIMES:
        return None
    return bound if node.args["zone"].name.upper() == "UTC" else bound.moved(-_ZONE, _ZONE)


def _truncated(node: exp.Anonymous, known: Callable[[exp.Expression], Bound | None]) -> Bound | None:
    unit, time, *zone = node.expressions
    size = _TRUNCATED.get(unit.name.lower()) if isinstance(unit, exp.Literal) else None
    bound = bound_of(time, known)
    if size is None or bound is None:
        return None
    further = _ZONE if zone and zone[0].name.upper() != "UTC" and size >= DAY else 0
    return bound.moved(min(JUST - size, 0) - further, 0)
