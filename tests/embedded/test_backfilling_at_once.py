"""Backfills whose chunks are fetched at a time, and backfills beside producers that write."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from featurectl.errors import SourceError
from featurectl.log import Event, open_log
from featurectl.services import backfilling
from featurectl.services.backfilling import backfill, find_producer
from tests.workspace import SOLAR

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.workspace import Workspace

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PATIENCE_SECONDS = 60


class ThreeAtOnce:
    """The simulated source, whose first three chunks come only when all three are asked for."""

    def __init__(self, broken: datetime | None = None) -> None:
        self.real: Any = find_producer("solar")
        self.broken = broken
        self.fetched: list[datetime] = []
        self.published: list[datetime] = []
        self.stops: list[Any] = []
        self._together = threading.Barrier(3)

    def at_once(self, source: str) -> int:
        return 3

    def __call__(self, **wanted: Any) -> Any:
        raise AssertionError("chunks are fetched, then published")

    def fetch(self, *, start: datetime, **wanted: Any) -> Callable[[], Any]:
        self.fetched.append(start)
        self.stops.append(wanted["stop"])
        if start < START + 3 * DAY:
            self._together.wait(PATIENCE_SECONDS)
        if start == self.broken:
            raise SourceError("the source went away")
        publish = self.real.fetch(start=start, **wanted)

        def published() -> Any:
            self.published.append(start)
            return publish()

        return published


def days(workspace: Workspace, number: int, **options: Any) -> Any:
    given = {"source": "simulated", "regions": ("DE",), "chunk": DAY, **options}
    return backfill(workspace.engine, workspace.settings, "solar", START, START + number * DAY, **given)


def use(monkeypatch: pytest.MonkeyPatch, producer: Any) -> None:
    monkeypatch.setattr(backfilling, "find_producer", lambda _: producer)


def fetching_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("fetch")]


def test_chunks_are_fetched_together_and_published_in_order(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = ThreeAtOnce()
    use(monkeypatch, producer)
    steps: list[int] = []
    result = days(workspace, 5, progress=lambda _, number, of: steps.append(number))
    assert producer.published == [START + n * DAY for n in range(5)]
    assert steps == [1, 2, 3, 4, 5]
    assert (result.chunks, result.published, result.events) == (5, 5 * 96, 5 * 96)
    assert [c.missing for c in result.coverage] == [0]
    with workspace.engine.write("test", timedelta(seconds=5)) as writer:
        assert [c.start for c in writer.backfilled("solar", "simulated", "DE#0")] == producer.published
    assert days(workspace, 5).chunks == 0
    assert fetching_threads() == []


def test_the_first_error_stops_the_rest_and_what_was_done_stays_done(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = ThreeAtOnce(broken=START + DAY)
    use(monkeypatch, producer)
    with pytest.raises(SourceError, match="went away"):
        days(workspace, 9)
    assert producer.published == [START]
    assert len(producer.fetched) <= 4  # no more than were asked for before the error was known
    assert all(stop.asked for stop in producer.stops)
    assert fetching_threads() == []
    monkeypatch.undo()
    result = days(workspace, 9)
    assert (result.chunks, result.skipped) == (8, 1)
    assert [c.missing for c in result.coverage] == [0]


def test_an_interrupt_ends_those_who_still_fetch(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(ThreeAtOnce):
        def fetch(self, *, start: datetime, **wanted: Any) -> Callable[[], Any]:
            if start > START:
                wanted["stop"].sleep(10 * PATIENCE_SECONDS)  # as it waits for its rate

            def interrupted() -> Any:
                raise KeyboardInterrupt

            return interrupted

    use(monkeypatch, Interrupted())
    with pytest.raises(KeyboardInterrupt):
        days(workspace, 9)
    assert fetching_threads() == []
    monkeypatch.undo()
    assert days(workspace, 3).chunks == 3


def test_beside_a_producer_that_writes_every_event_is_there_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    solar: Any = find_producer("solar")
    live: list[bytes] = []
    turns, wrote, over = threading.Semaphore(0), threading.Semaphore(0), threading.Event()

    def write() -> None:
        for number in count():
            turns.acquire()
            if over.is_set():
                return
            at = START + timedelta(minutes=number)
            event = {"timestamp": at.isoformat(), "production_mw": number, "region": "FR"}
            with open_log(workspace.settings).writer(SOLAR) as writer:
                writer.append([Event(json.dumps(event).encode(), "FR")])
            live.append(json.dumps(event).encode())
            wrote.release()

    def between_events(**wanted: Any) -> Any:
        turns.release(5)
        assert wrote.acquire(timeout=PATIENCE_SECONDS)
        made = solar(**wanted)  # beside four more events
        if wanted["start"] == START:
            workspace.refresh()  # as `run` does meanwhile
        return made

    use(monkeypatch, between_events)
    thread = threading.Thread(target=write)
    thread.start()
    try:
        result = days(workspace, 3)
    finally:
        over.set()
        turns.release()
        thread.join(PATIENCE_SECONDS)
    workspace.refresh()
    there = [data for (data,) in workspace.rows(f"SELECT data FROM {SOLAR}")]
    assert len(there) == len(set(there)) == result.published + len(live)
    assert result.published == 3 * 96
    assert set(live) < set(there)
    assert len(live) >= 3
