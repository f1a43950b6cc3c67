"""For how long a version's changes are kept apart: `history: {keep: 90 days}` in its metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.project.metadata import parse_duration

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from featurectl.engines.base import Version

__all__ = ["horizon_of", "kept_for"]


def kept_for(version: Version) -> timedelta | None:
    """How far back the changes go; None: as far as they were recorded."""
    history = version.metadata.get("history")
    return parse_duration(history["keep"]) if isinstance(history, dict) and history.get("keep") else None


def horizon_of(version: Version, now: datetime) -> datetime | None:
    """Before this nobody wants to know what was seen; None: there is no such time."""
    kept = kept_for(version)
    return None if kept is None else now - kept
