"""Window functions: which rows of a partition a row can alter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect.reach._times import span_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from featurectl.dialect.reach._model import Bound, Place

__all__ = ["through_windows"]

_RANKS = frozenset({"row_number", "rank", "dense_rank"})
_SHARES = frozenset({"percent_rank", "cume_dist", "ntile"})


@dataclass(frozen=True)
class _Frame:
    """How far before and after a row, along the window's order, those lie that it depends on; None: without an end."""

    before: int | None
    after: int | None


def through_windows(
    select: exp.Select,
    windows: Sequence[exp.Window],
    known: Callable[[exp.Expression], Bound | None],
    place_of: Callable[[exp.Expression], Place | None],
) -> Callable[[exp.Expression], Bound | None]:
    """What is known of columns once a row has altered others by these windows: of what all of them keep apart."""
    named = {window.name: window for window in select.args.get("windows") or []}

    def name(node: exp.Expression) -> Place:
        return place_of(node) or ("", node.name)

    kept = [_kept(_written_out(window, named), window, known, name) for window in windows]

    def kept_by_all(node: exp.Expression) -> Bound | None:
        if not isinstance(node, exp.Column):
            return None
        bounds = [each.get(name(node)) for each in kept]
        found = known(node)
        for bound in bounds:
            found = None if found is None or bound is None else found.around(bound)
        return found

    return kept_by_all


def _written_out(window: exp.Window, named: dict[str, exp.Window]) -> exp.Window:
    alias = window.args.get("alias")
    return named.get(alias.name, window) if alias is not None else window


def _kept(
    definition: exp.Window,
    window: exp.Window,
    known: Callable[[exp.Expression], Bound | None],
    name: Callable[[exp.Expression], Place],
) -> dict[Place, Bound]:
    """The columns that rows altered through this window have near those of the row that alters them."""
    kept = {}
    order = definition.args.get("order")
    if order is not None and isinstance(order.expressions[0].this, exp.Column):
        first = order.expressions[0]
        bound = known(first.this)
        frame = _frame(window.this, definition, only_key=len(order.expressions) == 1)
        if first.args.get("desc"):
            frame = _Frame(frame.after, frame.before)
        moved = bound.moved(None if frame.after is None else -frame.after, frame.before) if bound is not None else None
        if moved is not None:
            kept[name(first.this)] = moved
    for part in definition.args.get("partition_by") or []:
        bound = known(part) if isinstance(part, exp.Column) else None
        if bound is not None:
            kept[name(part)] = bound
    return kept


def _frame(call: exp.Expression, definition: exp.Window, *, only_key: bool) -> _Frame:
    while isinstance(call, exp.Filter | exp.IgnoreNulls | exp.RespectNulls):
        call = call.this
    name = str(call.this).lower() if isinstance(call, exp.Anonymous) else call.key
    if name in _RANKS:
        return _Frame(None, 0)
    if name in _SHARES:
        return _Frame(None, None)
    if name in ("lag", "lead"):
        offset = call.expressions[1] if len(getattr(call, "expressions", [])) > 1 else None
        if offset is not None and not (isinstance(offset, exp.Literal) and str(offset.this).isdigit()):
            return _Frame(None, None)
        return _Frame(None, 0) if name == "lag" else _Frame(0, None)
    spec = definition.args.get("spec")
    if spec is None:
        return _Frame(None, 0)
    by_value = str(spec.args.get("kind") or "").upper() == "RANGE" and only_key
    return _Frame(_end(spec, "start", "preceding", by_value), _end(spec, "end", "following", by_value))


def _end(spec: exp.Expression, end: str, outward: str, by_value: bool) -> int | None:
    """How far an end of a frame is from its row, 0 for one that lies on the other side of it."""
    place, side = spec.args.get(end), str(spec.args.get(f"{end}_side") or "").lower()
    if place is None and end == "end":  # `ROWS n PRECEDING` ends at the row
        return 0
    if isinstance(place, str):
        return 0 if place.upper() == "CURRENT ROW" else None
    if side != outward:
        return 0
    span = span_of(place)
    return span[1] if by_value and span is not None and span[0] >= 0 else None
