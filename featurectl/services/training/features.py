"""Which features a training set is made of: `view`, `view.column`, `view@v3`, resolved against what stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from featurectl.engines.base import EVENT_TIME_TYPES
from featurectl.errors import UsageError, did_you_mean
from featurectl.project.metadata import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from featurectl.engines.base import State, Version

__all__ = ["FeatureGroup", "feature_groups", "group_of", "spelled"]

_NAME = re.compile(r"(?P<view>[^.@]+?)(?:@v(?P<number>\d+))?(?:\.(?P<column>.+))?")
_NO_TIME = timedelta(0)


@dataclass(frozen=True)
class FeatureGroup:
    """Features of one version of one view.

    `columns` maps the name in the training set to the view's column. A row counts from its event time plus
    `available_after` on, and until its event time plus `ttl` where there is one, both ends inclusive. `named`: the
    version was asked for by its number, not as the one that is live.
    """

    version: Version
    entity: tuple[str, ...]
    event_time: str
    available_after: timedelta
    ttl: timedelta | None
    columns: Mapping[str, str]
    named: bool = False

    @property
    def view(self) -> str:
        """The view's name, without the version's number."""
        return self.version.view


def feature_groups(state: State, asked: Sequence[str], *, full_names: bool = False) -> tuple[FeatureGroup, ...]:
    """The features that are asked for, by version, in the order asked.

    `full_names`: each is called `view__column` instead of `column`.

    Raises:
        UsageError: nothing is asked for; an unknown view, version or column; a view without entity and event time;
            two features of one name.
    """
    chosen: dict[str, tuple[Version, dict[str, None]]] = {}
    by_number: set[str] = set()
    for text in asked:
        version, columns, named = _resolved(state, text.strip())
        chosen.setdefault(version.name, (version, {}))[1].update(dict.fromkeys(columns))
        by_number |= {version.name} if named else set()
    if not chosen:
        raise UsageError("no feature is asked for", hint="such as --features features_enriched")
    groups = [
        group_of(version, {f"{version.view}__{c}" if full_names else c: c for c in columns}, named=name in by_number)
        for name, (version, columns) in chosen.items()
    ]
    _require_different(groups)
    return tuple(groups)


def spelled(groups: Iterable[FeatureGroup], *, follow: bool = False) -> list[str]:
    """The features with their versions, as they can be asked for again.

    `follow`: without a version where none was named.
    """
    return [
        f"{group.view}.{column}" if follow and not group.named else f"{group.view}@v{group.version.number}.{column}"
        for group in groups
        for column in group.columns.values()
    ]


def _resolved(state: State, text: str) -> tuple[Version, list[str], bool]:
    """The version, its columns that are asked for, and whether its number was named."""
    match = _NAME.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} names no feature", hint="view, view.column, view@v3 or view@v3.column")
    version = _version(state, match["view"], match["number"])
    named = match["view"] not in state.live or match["number"] is not None
    missing = [word for word in ("entity", "event_time") if not version.metadata.get(word)]
    if missing:
        raise UsageError(
            f"{version.view} cannot be joined point in time: it has no {' and no '.join(missing)}",
            hint=f"say them in the metadata of {version.file}",
        )
    kind = version.columns[version.metadata["event_time"]]
    if kind not in EVENT_TIME_TYPES:
        raise UsageError(
            f"{version.view} cannot be joined point in time: its event time is {kind}",
            hint=f"name a column of dates or times in {version.file}",
        )
    keys = (*version.metadata["entity"], version.metadata["event_time"])
    features = [column for column in version.columns if column not in keys]
    wanted = match["column"]
    if wanted in (None, "*"):
        return version, features, named
    if wanted not in features:
        what = "is its key, no feature" if wanted in keys else "is none of its features"
        hint = did_you_mean(wanted, features, f"it has {', '.join(features)}")
        raise UsageError(f"{wanted} of {version.view} {what}", hint=hint)
    return version, [wanted], named


def _version(state: State, view: str, number: str | None) -> Version:
    by_name = state.live_version(view) or state.named(view)
    version = by_name if number is None else state.version(view, int(number))
    if version is None:
        if not state.live:
            raise UsageError("nothing is applied here yet", hint="run: featurectl apply")
        known = [*state.live, *(v.name for v in state.versions)]
        hint = did_you_mean(view if number is None else f"{view}_v{number}", known, f"live: {', '.join(state.live)}")
        raise UsageError(f"there is no view {view if number is None else f'{view}@v{number}'!r}", hint=hint)
    return version


def group_of(version: Version, columns: Mapping[str, str], *, named: bool = True) -> FeatureGroup:
    """Columns of a version, with the version's own rules. It has an entity and an event time."""
    said = version.metadata
    return FeatureGroup(
        version,
        tuple(said["entity"]),
        said["event_time"],
        parse_duration(said["available_after"]) if said.get("available_after") else _NO_TIME,
        parse_duration(said["ttl"]) if said.get("ttl") else None,
        columns,
        named,
    )


def _require_different(groups: Sequence[FeatureGroup]) -> None:
    seen: dict[str, str] = {}
    for group in groups:
        for name in group.columns:
            if name in seen:
                raise UsageError(
                    f"{seen[name]} and {group.version.name} both have a feature {name}",
                    hint="ask for single features (view.column), or for --full-names",
                )
            seen[name] = group.version.name
