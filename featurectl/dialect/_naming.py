"""The names of output columns."""

from __future__ import annotations

from sqlglot import exp

__all__ = ["output_name"]


def output_name(item: exp.Expression) -> str:
    """The name that RisingWave gives an output column."""
    if isinstance(item, exp.Alias | exp.Column):
        return item.alias_or_name
    if isinstance(item, exp.Anonymous):
        return str(item.this).lower()
    if isinstance(item, exp.Window | exp.Filter | exp.WithinGroup | exp.Cast | exp.Paren):
        return output_name(item.this)
    if isinstance(item, exp.Dot):
        return str(item.expression.name)
    if isinstance(item, exp.Extract | exp.Case):
        return type(item).key
    return "?column?"
