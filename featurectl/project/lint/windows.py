"""Rules about window functions: their partitions, frames and offsets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.project.lint.scopes import TEMPORAL, is_there

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featurectl.project.lint.scopes import Scope

__all__ = [
    "frames_without_values",
    "implicit_frames",
    "ranges_of_days",
    "rows_over_time",
    "unknown_functions",
    "windows_without_partition",
]

_RANKS = ("row_number", "rank", "dense_rank")
_LEFT_OVER = {"sum": "0", "avg": "NaN", "bool_and": "true", "bool_or": "false"}
_OFFSETS = ("lag", "lead")
_UNKNOWN = ("ntile", "percent_rank", "cume_dist", "nth_value")
_LONG = re.compile(r"\b(d|days?|w|weeks?|mon|months?|mons|y|yrs?|years?|decades?|centur(y|ies))\b", re.IGNORECASE)


def windows_without_partition(scope: Scope) -> Iterator[tuple[exp.Expression, str]]:
    """RW101."""
    for window in scope.nodes(exp.Window):
        if not isinstance(window.parent, exp.Select) and not _part(scope, window, "partition_by"):
            yield window, f"{_name(window)} OVER a window without PARTITION BY"


def ranges_of_days(scope: Scope) -> Iterator[tuple[exp.Expression, str]]:
    """RW102."""
    for window in scope.nodes(exp.Window):
        spec, order = _part(scope, window, "spec"), _part(scope, window, "order")
        if spec is None or order is None or str(spec.args["kind"]).upper() != "RANGE":
            continue
        long = next((i for i in spec.find_all(exp.Interval) if _is_long(i)), None)
        if long is not None and scope.type_of(order.expressions[0].this) == "timestamptz":
            yield window, f"a RANGE frame of {long.sql()} over timestamptz"


def implicit_frames(scope: Scope) -> Iterator[tuple[exp.Expression, str]]:
    """RW201."""
    for window in scope.nodes(exp.Window):
        name = _name(window)
        if isinstance(window.parent, exp.Select) or name in (*_RANKS, *_OFFSETS, *_UNKNOWN):
            continue
        if _part(scope, window, "order") is not None and _part(scope, window, "spec") is None:
            yield window, f"{name} OVER (… ORDER BY …) without a frame"


def rows_over_time(scope: Scope) -> Iterator[tuple[exp.Expression, str]]:
    """RW202."""
    for window in scope.nodes(exp.Window):
        order, spec = _part(scope, window, "order"), _part(scope, window, "spec")
        if isinstance(window.parent, exp.Select) or order is None:
            continue
        counts = _name(window) in _OFFSETS or (spec is not None and _counts_rows(spec))
        if counts and scope.type_of(order.expressions[0].this) in (*TEMPORAL, None):
            what = _name(window) if _name(window) in _OFFSETS else f"{_name(window)} over n ROWS"
            yield window, f"{what}, ordered by a time, counts rows"


def frames_without_values(scope: Scope) -> Iterator[tuple[exp.Expression, str]]:
    """RW208. A frame that begins before everything keeps what it has seen."""
    for window in scope.nodes(exp.Window):
        name, spec = _name(window), _part(scope, window, "spec")
        left = _LEFT_OVER.get(name)
        if left is None or spec is None or spec.args.get("start") == "UNBOUNDED" or _is_guarded(window):
            continue
        argument = _call(window).expressions[0]
        if name == "avg" and scope.type_of(argument) not in ("double", "real"):
            continue
        if not _has_current_row(spec) or not is_there(scope, argument):
            yield window, f"{name} over a frame that can lose all its values: {left}, not NULL"


def unknown_functions(scope: Scope) -> Iterator[tuple[exp.Expression, str]]:
    """RW105."""
    for window in scope.nodes(exp.Window):
        spec = window.args.get("spec")
        if spec is not None and str(spec.args["kind"]).upper() == "GROUPS":
            yield window, "a GROUPS frame"
        if _name(window) in _UNKNOWN:
            yield window, f"the window function {_name(window)}"


def _call(window: exp.Expression) -> exp.Expression:
    call: exp.Expression = window.this
    while isinstance(call, exp.Filter | exp.IgnoreNulls | exp.RespectNulls):
        call = call.this
    return call


def _name(window: exp.Expression) -> str:
    call = _call(window)
    return str(call.this).lower() if isinstance(call, exp.Anonymous) else ""


def _is_guarded(window: exp.Expression) -> bool:
    """Inside a CASE that counts over a window first."""
    at = window.parent
    while at is not None and not isinstance(at, exp.Select):
        if isinstance(at, exp.If) and any(_name(other) == "count" for other in at.this.find_all(exp.Window)):
            return True
        at = at.parent
    return False


def _has_current_row(spec: exp.Expression) -> bool:
    start = spec.args.get("start") == "CURRENT ROW" or spec.args.get("start_side") == "PRECEDING"
    end = spec.args.get("end") in (None, "CURRENT ROW") or spec.args.get("end_side") == "FOLLOWING"
    return start and end


def _part(scope: Scope, window: exp.Expression, key: str) -> exp.Expression | None:
    """A part of a window, or of the named one that it stands for."""
    found = window.args.get(key)
    if not found and window.args.get("alias") is not None:
        named = next((w for w in scope.select.args.get("windows") or [] if w.name == window.alias), None)
        found = named.args.get(key) if named is not None else None
    part: exp.Expression | None = found or None
    return part


def _is_long(interval: exp.Expression) -> bool:
    """Days and more, however spelled: INTERVAL '7 days', INTERVAL '1' DAY."""
    text = str(interval.this.this if interval.this is not None else "")
    return _LONG.search(re.sub(r"(?<=\d)(?=[a-z])", " ", f"{text} {interval.text('unit')}".lower())) is not None


def _counts_rows(spec: exp.Expression) -> bool:
    bounds = (spec.args.get("start"), spec.args.get("end"))
    return str(spec.args["kind"]).upper() == "ROWS" and any(isinstance(bound, exp.Expression) for bound in bounds)
