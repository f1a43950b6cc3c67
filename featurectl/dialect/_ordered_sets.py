"""Aggregates WITHIN GROUP (ORDER BY …): percentiles and the mode.

RisingWave's approx_percentile counts values in buckets whose bounds grow by one factor, and answers the middle of the
bucket in which the rank lies. A bucket's order is its values' order, so here the value of that rank is found exactly
and the middle of its bucket is answered: the same number.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._output import sql
from featurectl.dialect._types import NUMBERS

if TYPE_CHECKING:
    from featurectl.dialect._context import Context
    from featurectl.dialect._types import Type

__all__ = ["ordered_set"]

_DEFAULT_ERROR = Decimal("0.01")
_SORTABLE = (*NUMBERS, "varchar", "date", "time", "timestamp", "timestamptz")


def ordered_set(ctx: Context, node: exp.Expression) -> tuple[exp.Expression, Type, str]:
    """The bare call, its type, and what goes around it once FILTER is there."""
    name = str(getattr(node.this, "this", "")).lower()
    terms = node.expression.expressions if isinstance(node.expression, exp.Order) else []
    if name not in ("approx_percentile", "percentile_cont", "percentile_disc", "mode") or len(terms) != 1:
        raise ctx.unsupported(node, f"{name or type(node.this).key} WITHIN GROUP")
    value, of = ctx(terms[0].this)
    descending = bool(terms[0].args.get("desc"))
    if name == "approx_percentile":
        return _approximate(ctx, node, value, of, descending)
    if ctx.in_view:
        hint = "a question can ask for it; in a view take approx_percentile(0.5, 0.001)"
        raise ctx.unsupported(node, f"{name} in a view, which RisingWave refuses too", hint)
    if of not in _SORTABLE or (name == "percentile_cont" and of not in NUMBERS):
        raise ctx.unsupported(node, f"{name} of {of}")
    direction = "DESC" if descending else "ASC"
    if name == "mode":
        return sql(f"mode({{0}} ORDER BY {{0}} {direction})", value), of, "{0}"
    (share,) = _shares(ctx, node, 1)
    if share is None:
        return sql("any_value(NULL)"), "double" if name == "percentile_cont" else of, "{0}"
    if name == "percentile_cont":
        return sql(f"quantile_cont(CAST({{0}} AS DOUBLE), {share} ORDER BY {{0}} {direction})", value), "double", "{0}"
    return sql(f"quantile_disc({{0}}, {share} ORDER BY {{0}} {direction})", value), of, "{0}"


def _approximate(
    ctx: Context, node: exp.Expression, value: exp.Expression, of: Type, descending: bool
) -> tuple[exp.Expression, Type, str]:
    if of not in NUMBERS or descending:
        raise ctx.unsupported(node, f"approx_percentile of {of}{' with DESC' if descending else ''}")
    share, *rest = _shares(ctx, node, 1, 2)
    error = rest[0] if rest else _DEFAULT_ERROR
    if share is None or error is None or not 0 < error < 1:
        raise ctx.wrong(node, "approx_percentile takes a share and a relative error between 0 and 1")
    if ctx.in_view and isinstance(node.parent, exp.Filter):
        raise ctx.unsupported(node, "FILTER of approx_percentile in a view", "RisingWave leaves it aside: filter below")
    base = repr((1.0 + float(error)) / (1.0 - float(error)))
    select = node.find_ancestor(exp.Select)
    alone = ctx.in_view and (select is None or not select.args.get("group"))
    nan = 0 if alone else 1  # in whose bucket RisingWave counts NaN
    template = f"CASE WHEN isnan(CAST({{0}} AS DOUBLE)) THEN {nan} ELSE CAST({{0}} AS DOUBLE) END"
    number = sql(template, value)
    around = f"rw_bucket_middle(rw_at_rank({{0}}, CAST({share} AS DOUBLE)), CAST({base} AS DOUBLE))"
    return sql("list({0} ORDER BY {0})", number), "double", around


def _shares(ctx: Context, node: exp.Expression, *counts: int) -> list[Decimal | None]:
    """The numbers before WITHIN GROUP; None for NULL."""
    given = node.this.expressions
    if len(given) not in counts:
        raise ctx.wrong(node, f"{node.this.this} takes {' or '.join(map(str, counts))} numbers")
    found = [_number(ctx, node, part) for part in given]
    if found[0] is not None and not 0 <= found[0] <= 1:
        raise ctx.wrong(node, f"a share of {found[0]}", "it lies between 0 and 1")
    return found


def _number(ctx: Context, node: exp.Expression, part: exp.Expression) -> Decimal | None:
    """A number, NULL, or a sum of such."""
    if isinstance(part, exp.Null):
        return None
    if isinstance(part, exp.Literal) and not part.is_string:
        return Decimal(part.this)
    if isinstance(part, exp.Paren | exp.Cast):
        return _number(ctx, node, part.this)
    if isinstance(part, exp.Add | exp.Sub):
        left, right = _number(ctx, node, part.this), _number(ctx, node, part.expression)
        if left is None or right is None:
            return None
        return left + right if isinstance(part, exp.Add) else left - right
    raise ctx.unsupported(node, "a percentile that is not a constant")
