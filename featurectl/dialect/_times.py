"""Times: truncation and fields. Instants are reckoned with in UTC, whatever the session's time zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.dialect._output import call, quoted, sql

if TYPE_CHECKING:
    from sqlglot import exp

    from featurectl.dialect._context import Context, Typed
    from featurectl.dialect._types import Type

__all__ = ["as_instant", "as_utc", "date_trunc", "extract"]

_TRUNCATIONS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
_FIELDS = ("year", "quarter", "month", "week", "day", "doy", "dow", "isodow", "hour", "minute", "isoyear")
_FRACTIONS = {"epoch": "epoch_us({0})", "second": "extract(microseconds FROM {0})"}


def as_utc(node: exp.Expression, of: Type) -> exp.Expression:
    """An instant as a plain timestamp, with which DuckDB reckons faster; others as they are."""
    return call("rw_utc", node) if of == "timestamptz" else node


def as_instant(node: exp.Expression, of: Type) -> exp.Expression:
    """The way back."""
    return call("rw_instant", node) if of == "timestamptz" else node


def date_trunc(ctx: Context, node: exp.Expression) -> Typed:
    """date_trunc('hour', x[, 'UTC'])."""
    field, value, *zone = node.expressions
    name = ctx.constant(field, "a date_trunc field").lower()
    if name not in _TRUNCATIONS:
        raise ctx.unsupported(node, f"date_trunc({name!r}, …)")
    inner, of = ctx(value)
    if zone and zone[0].name.upper() != "UTC":
        at = quoted(ctx.constant(zone[0], "a time zone"))
        if of != "timestamptz" or name in ("second", "minute", "hour"):  # an hour may come twice in a zone
            raise ctx.unsupported(node, f"date_trunc({name!r}, …) of {of} in a time zone")
        return sql(f"(date_trunc('{name}', {{0}} AT TIME ZONE {at}) AT TIME ZONE {at})", inner), of
    if of not in (None, "timestamp", "timestamptz"):
        raise ctx.unsupported(node, f"date_trunc of {of}", "cast to timestamptz")
    return as_instant(sql(f"date_trunc('{name}', {{0}})", as_utc(inner, of)), of), of


def extract(ctx: Context, node: exp.Expression) -> Typed:
    """EXTRACT(field FROM x), a numeric."""
    field = node.name.lower()
    value, of = ctx(node.expression)
    if of not in (None, "date", "timestamp", "timestamptz") or field not in (*_FIELDS, *_FRACTIONS):
        raise ctx.unsupported(node, f"EXTRACT({field.upper()} FROM {of})")
    time = as_utc(value, of)
    if field in _FRACTIONS:
        return sql(f"CAST({_FRACTIONS[field]} * 0.000001 AS DECIMAL(38, 6))", time), "numeric"
    result = sql("CAST({0} AS DECIMAL(18, 0))", sql(f"extract({field} FROM {{0}})", time))
    result.meta["whole"] = True
    return result, "numeric"
