"""The YAML on top of a feature view. An unknown key is an error: a typo must not switch a check off."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

__all__ = ["Duration", "ViewMetadata", "parse_duration"]

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_DURATION = re.compile(r"\s*(\d+)\s*(second|minute|hour|day|week)s?\s*", re.IGNORECASE)


def parse_duration(text: Any) -> timedelta:
    """Read `1 hour`, `15 minutes`, `7 days`. Raises ValueError."""
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as '1 hour' or '15 minutes'")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2].lower()])


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


class ViewMetadata(BaseModel):
    """What a feature view says of itself.

    `entity`: the join key's columns. `event_time`: the column with the time that a row is about.
    `grain`: the regular distance of a key's rows in event time. `available_after`: how long after its event
    time a row is really known. `checks`: SQL conditions that hold in every row (NULL passes).
    `rejects`: the source table whose refused messages this view lists.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    entity: Names = ()
    event_time: str | None = None
    grain: Duration | None = None
    available_after: Duration | None = None
    owner: str | None = None
    tags: Names = ()
    checks: tuple[str, ...] = ()
    rejects: str | None = None
