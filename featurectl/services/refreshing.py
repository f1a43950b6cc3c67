"""`run`: new events into the source tables, and what depends on them recomputed, once or until told to stop."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from featurectl.errors import EngineBusy, UsageError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from featurectl.engines.base import Engine, RefreshReport

__all__ = ["follow", "refresh_once"]

_WAIT_FOR_APPLY = timedelta(seconds=60)
_BUSY_IS_FINE = timedelta(seconds=1)


def refresh_once(engine: Engine, progress: Callable[[str], None] | None = None) -> list[RefreshReport]:
    """Refresh until caught up with the log as it stands. Raises UsageError where nothing was ever applied."""
    _require_sources(engine)
    reports: list[RefreshReport] = []
    while engine.has_news():
        with engine.write("run", _WAIT_FOR_APPLY) as writer:
            reports.append(writer.refresh(progress))
    return reports


def follow(engine: Engine, interval: timedelta, stop: threading.Event) -> Iterator[RefreshReport]:
    """Refresh whenever there are new events, looking every `interval`, until `stop` is set.

    The engine is held only while there is something to do, so that an apply gets its turn.
    """
    _require_sources(engine)
    while not stop.is_set():
        if engine.has_news():
            try:
                with engine.write("run", _BUSY_IS_FINE) as writer:
                    report = writer.refresh()
            except EngineBusy:
                continue  # an apply or a backfill has it; the events wait in the log
            yield report
        else:
            stop.wait(interval.total_seconds())


def _require_sources(engine: Engine) -> None:
    if not engine.inspect().sources:
        raise UsageError("no source table exists yet", hint="run: featurectl apply")
