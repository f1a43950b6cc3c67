"""Whether a new version is near enough to the live one to take its place: figures against limits.

Where nothing else is said: columns that a change leaves alone keep every value; the live version's rows are there
but for 1 %; the share of NULL rises by no more than 5 percentage points; no mean moves by more than half a standard
deviation. The last three are judged from 100 rows on: fewer say nothing.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from featurectl.errors import SettingsError, TooDifferent, UsageError
from featurectl.project.metadata import ColumnLimits, ComparisonLimits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from featurectl.engines.base import Engine, State, Version
    from featurectl.engines.comparing import ColumnComparison, ColumnFigures, VersionComparison
    from featurectl.settings import Settings

__all__ = ["compare", "comparison_as_json", "key_of", "limits_from", "refusal", "remarks", "too_different"]

_USUAL = ComparisonLimits(nulls=0.05, mean=0.5, missing=0.01, rows=100)


def compare(engine: Engine, old: str, new: str) -> VersionComparison:
    """Compare two versions that stand, such as `clicks_v1` and `clicks_v2`. Reads only.

    Raises UsageError for a name that is none, and for versions of two views.
    """
    state = engine.inspect()
    before, after = _standing(state, old), _standing(state, new)
    if before.view != after.view:
        raise UsageError(f"{old} and {new} are versions of two views", hint="compare versions of one view")
    return engine.compare(before, after, key_of(after.metadata))


def key_of(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that say which row it is: the entity, and the event time. Empty where no entity is declared."""
    entity = tuple(metadata.get("entity") or ())
    event_time = metadata.get("event_time")
    return (*entity, event_time) if entity and event_time else entity


def limits_from(settings: Settings) -> ComparisonLimits:
    """`[compare]` of featurectl.toml, or FEATURECTL_COMPARE. Raises SettingsError."""
    from pydantic import ValidationError

    try:
        return ComparisonLimits.model_validate(settings.compare)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        known = ", ".join(ComparisonLimits.model_fields)
        raise SettingsError(f"setting compare: {place}: {first['msg']}", hint=f"known: {known}") from None


def too_different(
    found: VersionComparison, same: tuple[str, ...], of_view: ComparisonLimits | None, of_all: ComparisonLimits | None
) -> list[str]:
    """What is beyond its limit, a sentence each. `same` are the columns that keep their values."""
    layers = [limits for limits in (of_view, of_all, _USUAL) if limits is not None]
    judged = found.old_rows >= (_first(layers, "rows") or 0)
    sentences = list(_rows(found, _first(layers, "missing"))) if judged else []
    for column in found.columns:
        mine = [columns for limits in layers[:-1] if (columns := limits.columns.get(column.name)) is not None]
        chosen: list[ColumnLimits] = [*mine, *layers]
        sentences += _cells(found, column, _first(chosen, "differing"), column.name in same)
        if judged:
            sentences += _shifts(column, found, chosen)
    return sentences


def refusal(
    beyond: Sequence[tuple[VersionComparison, str]], compared: Sequence[VersionComparison], accepting: str
) -> TooDifferent:
    """The error that names all that is beyond its limits. `accepting`: the command that takes it as meant."""
    found, _ = beyond[0]
    return TooDifferent(
        "too different from what is live: " + "; ".join(remarks(beyond)),
        tuple(compared),
        hint=f"both stand: featurectl compare {found.old} {found.new}, or query either; if it is meant: {accepting}",
    )


def remarks(beyond: Sequence[tuple[VersionComparison, str]]) -> tuple[str, ...]:
    """What is beyond its limits, a sentence each with the version."""
    return tuple(f"{found.new}: {sentence}" for found, sentence in beyond)


def comparison_as_json(found: VersionComparison) -> dict[str, Any]:
    """The figures for machines."""
    return {**asdict(found), "missing": found.missing, "extra": found.extra}


def _standing(state: State, name: str) -> Version:
    version = state.named(name)
    if version is None:
        view = name.rpartition("_v")[0] or name
        names = [v.name for v in state.versions if view in (v.view, name)]
        raise UsageError(
            f"there is no version {name!r}",
            hint=f"there are: {', '.join(names)}" if names else "featurectl status lists what there is",
        )
    return version


def _first(layers: list[ComparisonLimits] | list[ColumnLimits], name: str) -> float | None:
    """The limit of the first layer that has one: the column's, the view's, the settings', the usual one."""
    return next((value for limits in layers if (value := getattr(limits, name, None)) is not None), None)


def _rows(found: VersionComparison, limit: float | None) -> Iterator[str]:
    if limit is None or not found.old_rows:
        return
    missing = max(0, found.old_rows - found.new_rows) if found.missing is None else found.missing
    if missing > limit * found.old_rows:
        share = f"{_percent(missing / found.old_rows)}, allowed {_percent(limit)}"
        yield f"{missing:,} of {found.old_rows:,} rows are missing ({share})"


def _cells(found: VersionComparison, column: ColumnComparison, limit: float | None, same: bool) -> Iterator[str]:
    if not found.shared or not column.differing:
        return
    share = column.differing / found.shared
    counted = f"{column.name}: {column.differing:,} of {found.shared:,} cells differ ({_percent(share)}"
    if limit is None and same:
        yield f"{counted}), but the change leaves this column alone"
    elif limit is not None and share > limit:
        yield f"{counted}, allowed {_percent(limit)})"


def _shifts(column: ColumnComparison, found: VersionComparison, layers: list[ColumnLimits]) -> Iterator[str]:
    old, new, name = column.old, column.new, column.name
    nulls = _first(layers, "nulls")
    before, after = old.nulls / max(1, found.old_rows), new.nulls / max(1, found.new_rows)
    if nulls is not None and after - before > nulls:
        yield f"{name}: NULL in {_percent(after)}, before {_percent(before)} (allowed {_percent(nulls)} more)"
    mean = _first(layers, "mean")
    moved = _mean_shift(old, new)
    if mean is not None and moved is not None and moved > mean:
        shift = f"{moved:,.1f} standard deviations (allowed {mean:g})"
        yield f"{name}: the mean moved from {old.mean:,.6g} to {new.mean:,.6g}, {shift}"
    width = _first(layers, "range")
    beyond = _range_shift(old, new)
    if width is not None and beyond is not None and beyond > width:
        grown = f"{old.least} to {old.greatest} is now {new.least} to {new.greatest}"
        yield f"{name}: the range {grown} (allowed {width:g} of its width)"


def _mean_shift(old: ColumnFigures, new: ColumnFigures) -> float | None:
    """How far the mean moved, in standard deviations; infinitely far where all values were one."""
    if old.mean is None or new.mean is None:
        return None
    moved = abs(new.mean - old.mean)
    if moved <= 1e-9 * max(abs(old.mean), abs(new.mean)):
        return 0.0
    return moved / old.deviation if old.deviation else float("inf")


def _range_shift(old: ColumnFigures, new: ColumnFigures) -> float | None:
    """How far minimum or maximum went outwards, in widths of the old range."""
    values = (old.least, old.greatest, new.least, new.greatest)
    if not all(isinstance(value, float | int) for value in values):
        return None
    least, greatest, lower, upper = (float(value) for value in values if value is not None)
    outwards = max(least - lower, upper - greatest, 0.0)
    if outwards == 0.0:
        return 0.0
    return outwards / (greatest - least) if greatest > least else float("inf")


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
