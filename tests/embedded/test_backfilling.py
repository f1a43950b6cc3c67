"""Backfills: chunks that are remembered, resumed after a failure, repeated without effect, counted per entity."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurectl.errors import SourceError, UsageError
from featurectl.services import backfilling
from featurectl.services.backfilling import BackfillResult, Coverage, backfill, remaining
from tests import oracle
from tests.workspace import SOLAR, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2024, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)


def solar(workspace: Workspace, days: int, **options: Any) -> BackfillResult:
    end = START + timedelta(days=days)
    given_options = {"source": "simulated", "regions": ("DE", "ES"), **options}
    return backfill(workspace.engine, workspace.settings, "solar", START, end, **given_options)


def test_a_range_is_produced_brought_in_and_counted(workspace: Workspace) -> None:
    result = solar(workspace, 10)
    assert (result.topic, result.chunks, result.skipped, result.rejected) == (SOLAR, 2, 0, 0)
    assert result.events == result.published > 0
    assert result.view == "solar_hourly"
    # 15-minute readings from 00:00 on fill every hour of the range; the last ones belong to the hour behind it.
    assert result.coverage == (Coverage(("DE",), 240, 0), Coverage(("ES",), 240, 0))


def test_a_second_call_does_nothing_and_a_longer_range_only_the_rest(workspace: Workspace) -> None:
    solar(workspace, 7)
    before = workspace.features()
    again = solar(workspace, 7)
    assert (again.chunks, again.skipped, again.published, again.events) == (0, 1, 0, 0)
    assert again.coverage[0] == Coverage(("DE",), 168, 0)
    assert workspace.features() == before
    longer = solar(workspace, 9)
    assert (longer.chunks, longer.skipped) == (1, 1)
    assert longer.coverage[0].rows == 216


def test_a_dry_run_estimates_and_does_nothing(workspace: Workspace) -> None:
    first = solar(workspace, 14, dry_run=True)
    assert (first.chunks, first.skipped, first.published, first.events) == (2, 0, 0, 0)
    done = solar(workspace, 7)
    again = solar(workspace, 28, dry_run=True)
    assert (again.chunks, again.skipped) == (3, 1)
    assert again.published == 3 * done.published
    assert solar(workspace, 7).chunks == 0
    assert workspace.rows("SELECT count(*) FROM solar_production_raw") == [(done.events,)]


def test_force_does_again_and_changes_nothing(workspace: Workspace) -> None:
    first = solar(workspace, 3)
    before = workspace.features()
    again = solar(workspace, 3, force=True)
    assert again.published == first.published
    assert oracle.differences(workspace.features(), before) == []  # sums of doubles: their order is the scheduler's


def test_what_was_done_before_a_failure_stays_done(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    real = backfilling.find_producer("solar")
    calls: list[datetime] = []

    def breaks_at_the_second(**wanted: Any) -> Any:
        calls.append(wanted["start"])
        if len(calls) == 2:
            raise SourceError("the source went away")
        return real(**wanted)

    monkeypatch.setattr(backfilling, "find_producer", lambda _: breaks_at_the_second)
    with pytest.raises(SourceError):
        solar(workspace, 21)
    result = solar(workspace, 21)
    assert (result.chunks, result.skipped) == (2, 1)
    assert calls == [START, START + WEEK, START + WEEK, START + 2 * WEEK]
    assert [c.missing for c in result.coverage] == [0, 0]


def test_missing_hours_are_counted(workspace: Workspace) -> None:
    event = b'{"timestamp": "2024-01-01T%02d:00:00Z", "production_mw": 1, "region": "DE"}'
    workspace.publish(SOLAR, [event % hour for hour in (0, 1, 5)])
    result = solar(workspace, 1, regions=("ES",))
    assert result.coverage == (Coverage(("DE",), 3, 21), Coverage(("ES",), 24, 0))


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda w: solar(w, 0), "range is empty"),
        (lambda w: backfill(w.engine, w.settings, "tides", START, START + WEEK, source="api"), "'tides'"),
        (lambda w: solar(w, 1, regions=("Atlantis",)), "Atlantis"),
    ],
)
def test_what_cannot_be_is_refused(workspace: Workspace, call: Callable[[Workspace], Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        call(workspace)


hours = st.integers(0, 60).map(lambda n: START + timedelta(hours=n))
ranges = st.tuples(hours, hours).filter(lambda r: r[0] < r[1])


@given(ranges, st.lists(ranges, max_size=5), st.integers(1, 30))
def test_what_remains_and_what_is_done_cover_the_range_once(
    wanted: tuple[datetime, datetime], done: list[tuple[datetime, datetime]], chunk: int
) -> None:
    parts = list(remaining(*wanted, done, timedelta(hours=chunk)))
    assert all(end - start <= timedelta(hours=chunk) for start, end in parts)
    for n in range(60):
        at = START + timedelta(hours=n)
        covered = sum(start <= at < end for start, end in parts)
        is_done = any(start <= at < end for start, end in done)
        assert covered == (wanted[0] <= at < wanted[1] and not is_done)
