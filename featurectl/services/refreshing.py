"""`run`: new events into the source tables, and what depends on them recomputed, once or until told to stop.

An engine that does this by itself is only followed: what came in, and what the log still holds.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from featurectl.engines.base import Ingested, RefreshReport
from featurectl.errors import EngineBusy, EngineError, LogUnavailable, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from featurectl.engines.base import Engine
    from featurectl.errors import FeaturectlError
    from featurectl.stopping import Stop

__all__ = ["follow", "refresh_once"]

_WAIT_FOR_APPLY = timedelta(seconds=60)
_BUSY_IS_FINE = timedelta(seconds=1)
_LOOK_SECONDS = 0.2
_TRY_AGAIN_SECONDS = 1.0
# A busy server shows nothing until its next barrier is through, which may take minutes.
_STANDSTILL_SECONDS = 300.0


def refresh_once(
    engine: Engine, progress: Callable[[str], None] | None = None, *, command: str = "run"
) -> list[RefreshReport]:
    """Refresh until caught up with the log as it stands. `command` is shown to those who wait for the engine.

    Raises UsageError where nothing was ever applied.
    """
    if engine.capabilities.refreshes_by_itself:
        _require_sources(engine)
        report = _wait_until_caught_up(engine, progress)
        return [report] if report.ingested else []
    reports: list[RefreshReport] = []
    while engine.has_news():
        with engine.write(command, _WAIT_FOR_APPLY) as writer:
            reports.append(writer.refresh(progress))
    if not reports:
        _require_sources(engine)
    return reports


def follow(
    engine: Engine, interval: timedelta, stop: Stop, trouble: Callable[[FeaturectlError | None], None]
) -> Iterator[RefreshReport]:
    """Refresh whenever there are new events, looking every `interval`, until `stop` is asked.

    The engine is held only while there is something to do, so that an apply gets its turn. One that refreshes by
    itself is not held at all; a report then says what came in since the last one.

    A log that does not answer, or an engine elsewhere that does not, is no end: it is tried again, and `trouble` is
    told each reason, and None once it is over. Raises FeaturectlError for what does not pass by itself.
    """
    _require_sources(engine)
    if engine.capabilities.refreshes_by_itself:
        yield from _watch(engine, interval, stop, _Trouble(trouble))
        return
    told = _Trouble(trouble)
    while not stop.asked:
        try:
            report = _refreshed(engine) if engine.has_news() else None
        except EngineBusy:
            continue  # an apply or a backfill has it; the events wait in the log
        except LogUnavailable as error:
            told.of(error)
            stop.wait(max(interval.total_seconds(), _TRY_AGAIN_SECONDS))
            continue
        told.over()
        if report is not None:
            yield report
        else:
            stop.wait(interval.total_seconds())


def _refreshed(engine: Engine) -> RefreshReport:
    with engine.write("run", _BUSY_IS_FINE) as writer:
        return writer.refresh()


class _Trouble:
    """Says a reason once, however often it comes, and when it is over."""

    def __init__(self, tell: Callable[[FeaturectlError | None], None]) -> None:
        self._tell = tell
        self._said: str | None = None

    def of(self, error: FeaturectlError) -> None:
        """Something is in the way."""
        if str(error) != self._said:
            self._said = str(error)
            self._tell(error)

    def over(self) -> None:
        """Nothing is."""
        if self._said is not None:
            self._said = None
            self._tell(None)


def _watch(engine: Engine, interval: timedelta, stop: Stop, told: _Trouble) -> Iterator[RefreshReport]:
    before, since = _rows(engine), time.monotonic()
    while not stop.wait(interval.total_seconds()):
        try:
            now, at = _rows(engine), time.monotonic()
            engine.record_changes()
        except EngineError as error:
            told.of(error)
            stop.wait(_TRY_AGAIN_SECONDS)
            continue
        told.over()
        report = _between(before, now, at - since)
        before, since = now, at
        if report.ingested:
            yield report


def _wait_until_caught_up(engine: Engine, progress: Callable[[str], None] | None) -> RefreshReport:
    """Wait until the engine has what the log holds. Raises EngineError if nothing comes in for long."""
    start = before = _rows(engine)
    started = moved = time.monotonic()
    while engine.has_news():
        now = _rows(engine)
        if now != before:
            before, moved = now, time.monotonic()
        if time.monotonic() - moved > _STANDSTILL_SECONDS:
            raise EngineError(
                f"the log holds events that have not come in for {_STANDSTILL_SECONDS:.0f} s",
                hint="can the engine reach the log? was the topic made anew?",
            )
        if progress is not None:
            progress(f"{sum(now.values()) - sum(start.values()):,} new events")
        time.sleep(_LOOK_SECONDS)
    engine.record_changes()
    return _between(start, _rows(engine), time.monotonic() - started)


def _rows(engine: Engine) -> dict[str, int]:
    return {source.table: source.rows for source in engine.inspect().sources}


def _between(before: Mapping[str, int], now: Mapping[str, int], seconds: float) -> RefreshReport:
    parts = (Ingested(table, rows - before.get(table, 0)) for table, rows in now.items())
    return RefreshReport(tuple(part for part in parts if part.rows > 0), (), seconds)


def _require_sources(engine: Engine) -> None:
    state = engine.inspect()
    if not state.sources and not (state.versions and engine.capabilities.refreshes_by_itself):
        raise UsageError("no source table exists yet", hint="run: featurectl apply")
