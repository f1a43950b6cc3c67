"""The YAML on top of a feature view. An unknown key is an error: a typo must not switch a check off."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, NonNegativeFloat, NonNegativeInt, PlainSerializer

__all__ = ["ColumnLimits", "ComparisonLimits", "Duration", "HistoryRules", "ViewMetadata", "parse_duration"]

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_DURATION = re.compile(r"\s*(\d+)\s*(second|minute|hour|day|week)s?\s*", re.IGNORECASE)


def parse_duration(text: Any) -> timedelta:
    """Read `1 hour`, `15 minutes`, `7 days`. Raises ValueError."""
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as '1 hour' or '15 minutes'")
    try:
        return timedelta(seconds=int(match[1]) * _UNITS[match[2].lower()])
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any duration here") from None


def _format_duration(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    for unit, size in reversed(_UNITS.items()):
        if seconds and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return "0 seconds"


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(_format_duration)]
Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class ColumnLimits(BaseModel):
    """How far a new version's column may be from the live one's before a release stops; None is what is usual.

    `differing`: the share of cells that differ in the rows that both have (0 to 1).
    `nulls`: how much the share of NULL may rise (0 to 1).
    `mean`: how far the mean may move, in standard deviations of the live column.
    `range`: how far minimum and maximum may move outwards, in widths of the live column's range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    differing: NonNegativeFloat | None = None
    nulls: NonNegativeFloat | None = None
    mean: NonNegativeFloat | None = None
    range: NonNegativeFloat | None = None


class ComparisonLimits(ColumnLimits):
    """Limits of a view, or of all views.

    `missing`: the share of the live version's rows that the new one may lack (0 to 1). `rows`: means, ranges, NULLs
    and missing rows are judged from so many rows on. `columns`: other limits for some columns.
    """

    missing: NonNegativeFloat | None = None
    rows: NonNegativeInt | None = None
    columns: dict[str, ColumnLimits] = {}


class HistoryRules(BaseModel):
    """How a view's changes are recorded. `keep`: for how long they are kept apart; None: as long as the version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep: Duration | None = None


class ViewMetadata(BaseModel):
    """What a feature view says of itself.

    `entity`: the join key's columns. `event_time`: the column with the time that a row is about.
    `grain`: the regular distance of a key's rows in event time. `available_after`: how long after its event
    time a row is really known; `ttl`: how long after it the row still counts in training sets.
    `checks`: SQL conditions that hold in every row (NULL passes).
    `freshness`: how old the newest event time may be before `featurectl freshness` says that the view is stale.
    `history`: false where its changes are not to be recorded; `{keep: 90 days}` where older ones are not wanted.
    `rejects`: the source table whose refused messages this view lists.
    `compare`: how far a new version may be from the live one before a release stops.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    entity: Names = ()
    event_time: str | None = None
    grain: Duration | None = None
    available_after: Duration | None = None
    ttl: Duration | None = None
    freshness: Duration | None = None
    owner: str | None = None
    tags: Names = ()
    checks: tuple[str, ...] = ()
    history: bool | HistoryRules | None = None
    rejects: str | None = None
    compare: ComparisonLimits | None = None
