"""Ranges of time, cut as APIs want them, and instants as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["date_pages", "parse_time", "rfc3339"]


def rfc3339(at: datetime) -> str:
    """An aware time as events carry it: UTC, with `Z`."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def date_pages(start: datetime, end: datetime, days: int, zone: tzinfo = UTC) -> Iterator[tuple[datetime, datetime]]:
    """The range in pieces, in UTC, that touch at most `days` days of the zone's calendar each."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    while start < end:
        midnight = start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        following = min((midnight + timedelta(days=days)).astimezone(UTC), end)
        yield start, following
        start = following


def parse_time(text: str) -> datetime:
    """A day (its beginning) or a time, UTC unless it says otherwise. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
