"""What is to be predicted: a view's value some time after each row's time, and the rows' parts in training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from featurectl.engines.embedded.connect import quote, text_literal
from featurectl.errors import UsageError, did_you_mean
from featurectl.project.metadata import parse_duration
from featurectl.services.training.features import feature_groups
from featurectl.services.training.sql import MICROSECOND, instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featurectl.engines.base import State
    from featurectl.services.training.features import FeatureGroup

__all__ = ["SPLIT", "Label", "Split", "due", "label_group", "label_name", "split_expression"]

SPLIT = "split"
_PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Label:
    """The value of `feature` (`column`, `view.column` or `topic.field`) at the time of the row plus `horizon`.

    Of a view with a grain the row counts whose step that time is in, of another one, or a topic, the row or event of
    just that time; where there is none the label is NULL. For a topic `entity` names the fields that are equal to the
    spine's columns (`column` or `column=field`), `time` the one with an event's time; else they are looked for.
    """

    feature: str
    horizon: timedelta
    entity: tuple[str, ...] = ()
    time: str | None = None


@dataclass(frozen=True)
class Split:
    """`train` before the first time, `validation` from there on, `test` from the second on; one time: no validation.

    Rows within `embargo` before a time are `embargo`: their labels may be of the part behind it.
    """

    times: tuple[datetime, ...]
    embargo: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if not 1 <= len(self.times) <= 2 or list(self.times) != sorted(set(self.times)):
            raise UsageError("a split is one time or two, the earlier one first", hint="--split 2024-07-01,2024-10-01")


def label_name(label: Label) -> str:
    """The label's column, such as `production_mw_in_24h`."""
    seconds = int(label.horizon.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds % size == 0 and (unit != "d" or seconds >= 7 * size):
            return f"{label.feature.rpartition('.')[2]}_in_{seconds // size}{unit}"
    raise AssertionError("every duration is of whole seconds")


def label_group(label: Label, state: State, groups: Sequence[FeatureGroup]) -> FeatureGroup:
    """The label as the only feature of its view. Raises UsageError where no view has it, or several have."""
    feature = label.feature
    if "." not in feature:
        views = [group for group in groups if feature in group.version.columns]
        if not views:
            known = {column for group in groups for column in group.version.columns}
            hint = did_you_mean(feature, known, "name its view: --label view.column")
            raise UsageError(f"none of the views has {feature}", hint=hint)
        if len(views) > 1:
            raise UsageError(f"several views have {feature}", hint=f"say which: --label {views[0].view}.{feature}")
        feature = f"{views[0].view}@v{views[0].version.number}.{feature}"
    [group] = feature_groups(state, [feature])
    [column] = group.columns.values()
    return replace(group, columns={label_name(label): column})


def due(label: Label, group: FeatureGroup, time: str) -> tuple[str, int]:
    """The time that the label of a spine row is about, as DuckDB's expression, and how long a row is about its own.

    Both in microseconds. A view with a grain has rows that are about as long; another one's are of just their time.
    """
    grain = group.version.metadata.get("grain")
    length = parse_duration(grain) // MICROSECOND if grain else 1
    return f"{instant(quote(time))} + {label.horizon // MICROSECOND}", length


def split_expression(split: Split, time: str) -> str:
    """DuckDB's expression of the part to which a row belongs."""
    at = f"s.{quote(time)}"
    parts = _PARTS if len(split.times) == 2 else ("train", "test")
    embargo = split.embargo // MICROSECOND
    branches = []
    for part, until in zip(parts, split.times, strict=False):
        bound = f"{text_literal(until.isoformat())}::TIMESTAMPTZ"
        branches.append(f"WHEN {at} < {bound} - to_microseconds({embargo}) THEN '{part}'")
        branches.append(f"WHEN {at} < {bound} THEN 'embargo'")
    return f"CASE {' '.join(branches)} ELSE '{parts[-1]}' END"
