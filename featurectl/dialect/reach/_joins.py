"""Conditions of joins: what a row's values say about those of the rows that it meets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from featurectl.dialect.reach._model import JUST
from featurectl.dialect.reach._times import bound_of, span_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from featurectl.dialect.reach._model import Bound, Place

__all__ = ["Condition", "conditions_of", "spread"]

_MIRRORED: dict[Any, Any] = {exp.GT: exp.LT, exp.GTE: exp.LTE, exp.LT: exp.GT, exp.LTE: exp.GTE, exp.EQ: exp.EQ}


@dataclass(frozen=True)
class Condition:
    """`place + [low, high]` (microseconds) compares by `kind` with `value`, on rows of the item `optional`, if any.

    `kind` is exp.EQ or an inequality. `optional` is the item that a LEFT JOIN fills with NULL where nothing meets it.
    """

    place: Place
    low: int
    high: int
    kind: Any
    value: exp.Expression
    optional: frozenset[str] = frozenset()


def conditions_of(
    node: exp.Expression | None, place_of: Callable[[exp.Expression], Place | None], optional: frozenset[str]
) -> Iterator[Condition]:
    """The comparisons that have to hold together, each in both directions in which it can be read."""
    if isinstance(node, exp.Paren):
        yield from conditions_of(node.this, place_of, optional)
    elif isinstance(node, exp.And):
        yield from conditions_of(node.this, place_of, optional)
        yield from conditions_of(node.expression, place_of, optional)
    elif isinstance(node, exp.Between):
        yield from _read(exp.GTE, node.this, node.args["low"], place_of, optional)
        yield from _read(exp.LTE, node.this, node.args["high"], place_of, optional)
    elif node is not None and type(node) in _MIRRORED:
        yield from _read(type(node), node.this, node.expression, place_of, optional)


def _read(
    kind: Any,
    left: exp.Expression,
    right: exp.Expression,
    place_of: Callable[[exp.Expression], Place | None],
    optional: frozenset[str],
) -> Iterator[Condition]:
    for one, other, way in ((left, right, kind), (right, left, _MIRRORED[kind])):
        found = _shifted(one, place_of)
        if found is not None:
            yield Condition(*found, way, other, optional)


def _shifted(node: exp.Expression, place_of: Callable[[exp.Expression], Place | None]) -> tuple[Place, int, int] | None:
    """A column, or one with an interval added or taken away."""
    if isinstance(node, exp.Paren):
        return _shifted(node.this, place_of)
    if isinstance(node, exp.Column):
        place = place_of(node)
        return None if place is None else (place, 0, 0)
    if not isinstance(node, exp.Add | exp.Sub):
        return None
    inner, span = _shifted(node.this, place_of), span_of(node.expression)
    if inner is None or span is None:
        return None
    place, low, high = inner
    if isinstance(node, exp.Add):
        return place, low + span[0], high + span[1]
    return place, low - span[1], high - span[0]


def spread(
    known: dict[Place, Bound],
    conditions: list[Condition],
    place_of: Callable[[exp.Expression], Place | None],
) -> None:
    """Adds what the conditions say of places that nothing was known of, until nothing new is said."""

    def at(node: exp.Expression) -> Bound | None:
        place = place_of(node) if isinstance(node, exp.Column) else None
        return known.get(place) if place is not None else None

    grown = True
    while grown:
        said: dict[Place, Bound] = {}
        for condition in conditions:
            if condition.place in known:
                continue
            bound = _said(condition, bound_of(condition.value, at))
            if bound is not None:
                before = said.get(condition.place)
                said[condition.place] = bound.within(before)
        grown = bool(said)
        known.update(said)


def _said(condition: Condition, value: Bound | None) -> Bound | None:
    if value is None:
        return None
    apart = JUST if condition.kind in (exp.GT, exp.LT) else 0
    if condition.kind is exp.EQ:
        bound = value.moved(-condition.high, -condition.low)
    elif condition.kind in (exp.GT, exp.GTE):
        bound = value.moved(apart - condition.high, None)
    else:
        bound = value.moved(None, -condition.low - apart)
    if bound is None:
        return None
    return replace(bound, maybe_null=condition.place[0] in condition.optional)
