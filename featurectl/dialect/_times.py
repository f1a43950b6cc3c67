"""Times: truncation and fields. Instants are reckoned with in UTC, whatever the session's time zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._intervals import interval_parts, spelled
from featurectl.dialect._output import call, quoted, sql

if TYPE_CHECKING:
    from featurectl.dialect._context import Context, Typed
    from featurectl.dialect._types import Type

__all__ = ["as_instant", "as_utc", "date_bin", "date_part", "date_trunc", "extract"]

_SHORT = ("microseconds", "milliseconds", "second", "minute", "hour")

_TRUNCATIONS = (
    *("microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year"),
    *("decade", "century", "millennium"),
)
_FROM_ONE = ("century", "millennium")
_PARTS = ("hour", "minute")
_DATES = (
    "year",
    "quarter",
    "month",
    "week",
    "day",
    "doy",
    "dow",
    "isodow",
    "isoyear",
    "decade",
    "century",
    "millennium",
)
_SPANS = ("year", "quarter", "month", "day", "decade", "century", "millennium", *_PARTS)
_WHOLE = {
    "date": (*_DATES, *_PARTS, "julian"),
    "timestamp": (*_DATES, *_PARTS),
    "timestamptz": (*_DATES, *_PARTS),
    "time": _PARTS,
    "interval": _SPANS,
}
_SECONDS = {
    "epoch": "epoch_us({0}) * 0.000001",
    "second": "extract(microseconds FROM {0}) * 0.000001",
    "millisecond": "extract(microseconds FROM {0}) * 0.001",
    "microsecond": "extract(microseconds FROM {0})",
}
# A year is of 365.25 days and a month of 30 where an interval becomes seconds
_EPOCH_OF_INTERVAL = (
    "(extract(year FROM {0}) * 31557600000000 + extract(month FROM {0}) * 2592000000000 "
    "+ extract(day FROM {0}) * 86400000000 + rw_clock_us({0})) * 0.000001"
)


def as_utc(node: exp.Expression, of: Type) -> exp.Expression:
    """An instant as a plain timestamp, with which DuckDB reckons faster; others as they are."""
    return call("rw_utc", node) if of == "timestamptz" else node


def as_instant(node: exp.Expression, of: Type) -> exp.Expression:
    """The way back."""
    return call("rw_instant", node) if of == "timestamptz" else node


def date_trunc(ctx: Context, node: exp.Expression) -> Typed:
    """date_trunc('hour', x[, 'UTC'])."""
    field, value, *zone = node.expressions
    if isinstance(field, exp.Column) and not zone:
        return _truncated_by_column(ctx, node, field, value)
    name = ctx.constant(field, "a date_trunc field").lower()
    if name not in _TRUNCATIONS:
        raise ctx.unsupported(node, f"date_trunc({name!r}, …)")
    inner, of = ctx(value)
    if of == "date":
        inner, of = sql("rw_instant(CAST({0} AS TIMESTAMP))", inner), "timestamptz"
    if zone and zone[0].name.upper() != "UTC":
        at = quoted(ctx.constant(zone[0], "a time zone"))
        if of != "timestamptz" or name in _SHORT:  # an hour may come twice in a zone
            raise ctx.unsupported(node, f"date_trunc({name!r}, …) of {of} in a time zone")
        return sql(f"({_cut(name, f'({{0}} AT TIME ZONE {at})')} AT TIME ZONE {at})", inner), of
    if of not in (None, "timestamp", "timestamptz"):
        raise ctx.unsupported(node, f"date_trunc of {of}", "cast to timestamptz")
    return as_instant(sql(_cut(name, "{0}"), as_utc(inner, of)), of), of


def _cut(field: str, time: str) -> str:
    """Centuries and millennia begin with a year one."""
    shift = "INTERVAL '1 year'"
    return (
        f"(date_trunc('{field}', {time} - {shift}) + {shift})"
        if field in _FROM_ONE
        else f"date_trunc('{field}', {time})"
    )


def _truncated_by_column(ctx: Context, node: exp.Expression, field: exp.Expression, value: exp.Expression) -> Typed:
    """The field comes from the rows; one that is not known is an error outside a view."""
    name, kind = ctx(field)
    inner, of = ctx(value)
    if kind not in ("varchar", "unknown") or of not in ("timestamp", "timestamptz"):
        raise ctx.unsupported(node, f"date_trunc({kind}, {of})")
    known = ", ".join(quoted(each) for each in _TRUNCATIONS if each not in _FROM_ONE)
    eras = " ".join(f"WHEN '{each}' THEN {_cut(each, '{1}')}" for each in _FROM_ONE)
    plain = f"CASE WHEN lower({{0}}) IN ({known}) THEN date_trunc(lower({{0}}), {{1}}) END"
    cut = sql(f"CASE lower({{0}}) {eras} ELSE {plain} END", name, as_utc(inner, of))
    return ctx.or_fail(name, as_instant(cut, of), "date_trunc"), of


def date_part(ctx: Context, node: exp.Expression) -> Typed:
    """date_part('field', x), a double."""
    if len(node.expressions) != 2:
        raise ctx.wrong(node, "date_part takes a field and a time")
    field = ctx.constant(node.expressions[0], "a date_part field")
    value, _ = extract(ctx, exp.Extract(this=exp.Var(this=field), expression=node.expressions[1]))
    return sql("CAST({0} AS DOUBLE)", value), "double"


def date_bin(ctx: Context, node: exp.Expression) -> Typed:
    """date_bin(INTERVAL '15 minutes', time, origin)."""
    if len(node.expressions) != 3 or not isinstance(node.expressions[0], exp.Interval):
        raise ctx.unsupported(node, "date_bin with a stride that is not an INTERVAL literal, or without an origin")
    stride, value, origin = node.expressions
    parts = interval_parts(ctx, stride)
    micros = parts["day"] * 86_400_000_000 + parts["microsecond"]
    if parts["month"] or micros <= 0:
        raise ctx.wrong(node, "the stride of date_bin has to be some days or less, and more than nothing")
    (time, of), (start, kind) = ctx(value), ctx(origin)
    if of not in ("timestamp", "timestamptz") or kind != of:
        raise ctx.unsupported(node, f"date_bin of {of} from {kind}", "cast both to timestamptz")
    binned = f"time_bucket({spelled(microsecond=micros)}, {{0}}, {{1}})"
    return as_instant(sql(binned, as_utc(time, of), as_utc(start, of)), of), of


def extract(ctx: Context, node: exp.Expression) -> Typed:
    """EXTRACT(field FROM x), a numeric."""
    field = node.name.lower()
    value, of = ctx(node.expression)
    known = _WHOLE.get(of or "timestamp", ())
    if not known or field not in (*known, *_SECONDS) or (of == "date" and field in ("millisecond", "microsecond")):
        raise ctx.unsupported(node, f"EXTRACT({field.upper()} FROM {of})")
    time = as_utc(value, of)
    if field in _SECONDS:
        template = _EPOCH_OF_INTERVAL if (field, of) == ("epoch", "interval") else _SECONDS[field]
        return sql(f"CAST({template} AS DECIMAL(38, 6))", time), "numeric"
    result = sql("CAST({0} AS DECIMAL(18, 0))", sql(f"extract({field} FROM {{0}})", time))
    result.meta["whole"] = True
    return result, "numeric"
