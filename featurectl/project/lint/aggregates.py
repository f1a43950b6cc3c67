"""Rules about aggregates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.project.lint.scopes import conjuncts, is_there

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featurectl.project.lint.scopes import Scope

__all__ = ["exact_percentiles", "percentiles_of_all_rows", "poisoned_by_nan"]

_EXACT = ("percentile_cont", "percentile_disc", "mode")
_RUNNING = ("sum", "avg", "stddev_samp", "stddev_pop", "stddev", "var_samp", "var_pop", "variance")


def exact_percentiles(scope: Scope) -> Iterator[tuple[exp.Expression, str]]:
    """RW103."""
    for node in scope.nodes(exp.WithinGroup):
        name = str(node.this.this).lower()
        if name in _EXACT:
            yield node, name


def percentiles_of_all_rows(scope: Scope) -> Iterator[tuple[exp.Expression, str]]:
    """RW210. FILTER does not keep a NULL away from it, WHERE does."""
    for node in scope.nodes(exp.WithinGroup):
        if str(node.this.this).lower() != "approx_percentile" or scope.select.args.get("group") is not None:
            continue
        ordered = node.expression.expressions[0]
        if not is_there(scope, ordered.this if isinstance(ordered, exp.Ordered) else ordered):
            yield node, "approx_percentile without GROUP BY of what can be NULL"


def poisoned_by_nan(scope: Scope) -> Iterator[tuple[exp.Expression, str]]:
    """RW207. A cast to numeric keeps NaN, so what is cast counts."""
    for call in scope.calls(*_RUNNING):
        argument = call.expressions[0] if call.expressions else None
        if isinstance(argument, exp.Distinct):
            argument = argument.expressions[0]
        if argument is None or _is_bounded(scope, call, argument):
            continue
        of = scope.type_of(_uncast(argument))
        if of in ("double", "real"):
            yield call, f"{str(call.this).lower()} of {of}"


def _uncast(node: exp.Expression) -> exp.Expression:
    while isinstance(node, exp.Paren) or (isinstance(node, exp.Cast) and node.to.is_type("decimal")):
        node = node.this
    return node


def _is_bounded(scope: Scope, call: exp.Expression, argument: exp.Expression) -> bool:
    """Whether WHERE or FILTER gives the argument an upper bound: NaN is greater than every number."""
    clauses = [scope.select.args.get("where")]
    if isinstance(call.parent, exp.Filter):
        clauses.append(call.parent.expression)
    held = [part for clause in clauses if clause is not None for part in conjuncts(clause.this)]
    return any(_upper_bounded(part) in (argument, _uncast(argument)) for part in held)


def _upper_bounded(condition: exp.Expression) -> exp.Expression | None:
    """What a comparison keeps below something."""
    if isinstance(condition, exp.Between | exp.LT | exp.LTE):
        return condition.this  # type: ignore[no-any-return]
    return condition.expression if isinstance(condition, exp.GT | exp.GTE) else None
