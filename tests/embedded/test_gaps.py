"""Gaps and freshness: what is missing, why that may be, and that a backfill of just the gaps closes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from featurectl.errors import UsageError
from featurectl.services.backfilling import backfill
from featurectl.services.gaps import Gap, find_gaps, merged
from tests.workspace import SOLAR, Workspace

START = datetime(2024, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hour: float) -> datetime:
    return START + hour * HOUR


def reading(hour: float, region: str, mw: object = 5) -> bytes:
    return json.dumps({"timestamp": at(hour).isoformat(), "production_mw": mw, "region": region}).encode()


@pytest.fixture
def gappy(workspace: Workspace) -> Workspace:
    """DE lacks hours 3 and 4 for want of events and 7 because they are refused; ES ends at 5."""
    hours = {"DE": [0, 1, 2, 5, 6, 8, 9], "ES": [1, 2, 3, 4, 5]}
    workspace.publish(SOLAR, [reading(h, region) for region, found in hours.items() for h in found])
    workspace.publish(SOLAR, [reading(7, "DE", -1), reading(7, "FR", -1), b"no json", reading(3, "ES", -1)])
    workspace.refresh()
    return workspace


def test_ranges_by_entity_with_the_likely_cause(gappy: Workspace) -> None:
    [missing, refused, ended] = find_gaps(gappy.engine, ["solar_hourly"])
    assert missing == Gap("solar_hourly", ("DE",), at(3), at(5), 2, "no event")
    assert (refused.start, refused.end, refused.steps) == (at(7), at(8), 1)
    assert refused.cause == "rejected: 1 message (production_mw out of range)"
    assert ended == Gap("solar_hourly", ("ES",), at(6), at(10), 4, "nothing since")
    soon = at(6) - timedelta(minutes=1)  # without available_after an hour is known when it begins
    assert find_gaps(gappy.engine, ["solar_hourly"], now=soon)[-1].cause == "late: not due yet"
    assert find_gaps(gappy.engine, ["solar_hourly"], now=soon + timedelta(minutes=1))[-1].cause == "nothing since"
    gappy.publish(SOLAR, [reading(6, "ES")])
    assert find_gaps(gappy.engine, ["solar_hourly"])[-1].cause == "nothing since; events wait in the log"


def test_a_range_that_is_asked_for_is_expected_whole(gappy: Workspace) -> None:
    found = find_gaps(gappy.engine, ["solar_hourly"], at(-2), at(3))
    assert [(gap.entity, gap.start, gap.end) for gap in found] == [
        (("DE",), at(-2), at(0)),
        (("ES",), at(-2), at(1)),
    ]
    later = find_gaps(gappy.engine, ["solar_hourly"], at(20), at(22))
    assert sorted((gap.entity, gap.steps) for gap in later) == [(("DE",), 2), (("ES",), 2)]


def test_every_view_with_a_grain_unless_one_is_named(gappy: Workspace) -> None:
    named = {gap.view for gap in find_gaps(gappy.engine)}
    assert {"solar_hourly", "production_weather", "features_enriched"} <= named
    with pytest.raises(UsageError, match="what solar_readings lacks cannot be known"):
        find_gaps(gappy.engine, ["solar_readings"])
    with pytest.raises(UsageError, match="no view 'solar_hurly' is live") as caught:
        find_gaps(gappy.engine, ["solar_hurly"])
    assert caught.value.hint == "did you mean solar_hourly?"


def test_a_backfill_of_gaps_publishes_those_and_closes_them(workspace: Workspace) -> None:
    days = (START, START + timedelta(days=3))
    options = {"source": "simulated", "regions": ("DE", "ES"), "chunk": timedelta(days=7)}
    whole = backfill(workspace.engine, workspace.settings, "solar", *days, **options)  # type: ignore[arg-type]
    assert backfill(workspace.engine, workspace.settings, "solar", *days, only_gaps=True, **options).published == 0  # type: ignore[arg-type]
    other = Workspace(workspace.settings.home_dir.parent / "other")
    other.apply()
    for start, end in ((0, 20), (30, 72)):  # ten hours are missing
        backfill(other.engine, other.settings, "solar", at(start), at(end), **options)  # type: ignore[arg-type]
    assert [gap.steps for gap in find_gaps(other.engine, ["solar_hourly"], *days)] == [9, 9]
    filled = backfill(other.engine, other.settings, "solar", *days, only_gaps=True, **options)  # type: ignore[arg-type]
    assert 0 < filled.published < whole.published / 4
    assert find_gaps(other.engine, ["solar_hourly"], *days) == []
    ours, theirs = (
        w.rows("SELECT region, hour, production_mw FROM solar_hourly ORDER BY region, hour") for w in (workspace, other)
    )
    assert [row[:2] for row in ours] == [row[:2] for row in theirs]
    # Sums of doubles: their order is the scheduler's.
    assert [row[2] for row in ours] == pytest.approx([row[2] for row in theirs], rel=1e-12)
    added = {**options, "regions": ("FR", "DE")}  # nobody has a row of the one yet
    france = backfill(other.engine, other.settings, "solar", *days, only_gaps=True, **added)  # type: ignore[arg-type]
    assert ("FR",) in {counted.entity for counted in france.coverage}
    assert find_gaps(other.engine, ["solar_hourly"], *days) == []


def test_ranges_of_several_entities_are_merged() -> None:
    gaps = [
        Gap("v", ("a",), at(0), at(2), 2, ""),
        Gap("v", ("b",), at(1), at(3), 2, ""),
        Gap("v", ("c",), at(5), at(6), 1, ""),
    ]
    assert merged(gaps) == [(at(0), at(3)), (at(5), at(6))]
