"""Which version a reader of a view's public name got at each time, as the releases say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from featurectl.services.training.features import group_of

if TYPE_CHECKING:
    from featurectl.engines.base import State
    from featurectl.services.training.features import FeatureGroup

__all__ = ["Segment", "segments"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Segment:
    """From `start` on, before `end` (microseconds since 1970, None: without an end), the features are `group`'s.

    None: the view was dropped, and nobody could read it.
    """

    start: int | None
    end: int | None
    group: FeatureGroup | None

    def condition(self, at: str) -> str:
        """Whether an expression, in microseconds, is within."""
        parts = [f"{at} >= {self.start}"] if self.start is not None else []
        parts += [f"{at} < {self.end}"] if self.end is not None else []
        return " AND ".join(parts) or "true"


def segments(state: State, group: FeatureGroup) -> list[Segment]:
    """The versions that were live, one after the other; a version that was asked for by its number alone.

    Where the version of a time is gone, or is joined by another key, the one that was asked for stands for it.
    """
    if group.named:
        return [Segment(None, None, group)]
    changes: list[tuple[int | None, FeatureGroup | None]] = []
    for release in sorted(state.releases, key=lambda release: release.number):
        number = release.live.get(group.view)
        if number is None and not changes:
            continue  # before it was there at all, its first version stands for it
        then = _then(state, group, number) if number is not None else None
        if not changes or _name(changes[-1][1]) != _name(then):
            begins = (release.finished_at - _EPOCH) // timedelta(microseconds=1)
            changes.append((begins if changes else None, then))
    if not changes:
        return [Segment(None, None, group)]
    ends = [start for start, _ in changes[1:]] + [None]
    return [Segment(start, end, then) for (start, then), end in zip(changes, ends, strict=True)]


def _name(group: FeatureGroup | None) -> str | None:
    return None if group is None else group.version.name


def _then(state: State, group: FeatureGroup, number: int) -> FeatureGroup:
    version = state.version(group.view, number)
    if version is None or not version.metadata.get("event_time"):
        return group
    then = group_of(version, group.columns)
    same = (then.entity, then.event_time) == (group.entity, group.event_time)
    return then if same else group
