"""`backfill`: a producer over a range of history, in chunks that are remembered, then one refresh."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from featurectl.engines.base import BackfillChunk
from featurectl.errors import UsageError
from featurectl.project.metadata import parse_duration
from featurectl.services.gaps import find_gaps, merged
from featurectl.services.refreshing import refresh_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from featurectl.engines.base import Engine, State, Version
    from featurectl.settings import Settings

__all__ = ["BackfillResult", "Coverage", "backfill", "find_producer", "remaining"]

_GROUP = "featurectl.producers"
_WAIT = timedelta(seconds=60)


class Produced(Protocol):
    """What a producer reports of a range: the topic it wrote to, events published and refused."""

    @property
    def topic(self) -> str: ...

    @property
    def published(self) -> int: ...

    @property
    def rejected(self) -> int: ...


class Producer(Protocol):
    """A function of the entry point group `featurectl.producers`: publishes a source's events in [start, end)."""

    def __call__(
        self,
        *,
        start: datetime,
        end: datetime,
        source: str,
        regions: Sequence[str],
        settings: Settings,
        seed: int,
    ) -> Produced: ...


@dataclass(frozen=True)
class Coverage:
    """For one entity: rows in the range, and how many steps of the grain have none."""

    entity: tuple[Any, ...]
    rows: int
    missing: int


@dataclass(frozen=True)
class BackfillResult:
    """What a backfill did. `view` is the first view above the topic that has a grain: the one that is counted."""

    topic: str | None
    published: int
    rejected: int
    chunks: int
    skipped: int
    events: int
    view: str | None
    entity: tuple[str, ...]
    coverage: tuple[Coverage, ...]


def find_producer(name: str) -> Producer:
    """The installed producer of that name. Raises UsageError, naming those that there are."""
    from importlib.metadata import entry_points

    found = {point.name: point for point in entry_points(group=_GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none is installed"
        raise UsageError(f"no producer is named {name!r}", hint=f"known: {known}")
    producer: Producer = found[name].load()
    return producer


def backfill(
    engine: Engine,
    settings: Settings,
    name: str,
    start: datetime,
    end: datetime,
    *,
    source: str,
    regions: Sequence[str] = (),
    seed: int = 0,
    chunk: timedelta = timedelta(days=7),
    force: bool = False,
    only_gaps: bool = False,
    dry_run: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> BackfillResult:
    """Publish the events of [start, end) chunk by chunk, bring them in, and count what is still missing.

    A chunk is remembered once its events are in the log: a second call, or one after an interruption, does only
    what is left; `force` does all again; `only_gaps` what the view above the topic lacks. An event that is published
    twice changes nothing. `dry_run` does nothing, and says how many chunks and, by those before, events there are.

    Raises:
        UsageError: an empty range, an unknown producer, nothing applied yet.
        SourceError, LogError: the chunk in hand failed; those before it stay done.
    """
    _require_something_to_do(engine, start, end)
    producer = find_producer(name)
    before = _rows_of_sources(engine)
    scope = f"{','.join(sorted(regions))}#{seed}"
    todo, done = _todo(engine, settings, (name, source, scope), (start, end), chunk, force, only_gaps, regions)
    if dry_run:
        return _rehearsed(engine, (name, source, scope), todo, done, settings.topics.get(name))
    say = progress or _silent
    made = []
    for number, (begins, ends) in enumerate(todo, 1):
        say(f"{name} {begins:%Y-%m-%d}", number, len(todo))
        part = BackfillChunk(name, source, scope, begins, ends, 0, 0)
        made.append(_publish(engine, settings, producer, part, regions, seed))
    refresh_once(engine, command="backfill")
    events = _rows_of_sources(engine) - before
    topic = made[-1].topic if made else settings.topics.get(name)
    view, coverage = _coverage(engine, topic, start, end)
    return BackfillResult(
        topic,
        sum(part.published for part in made),
        sum(part.rejected for part in made),
        len(todo),
        done,
        events,
        view.view if view else None,
        tuple(view.metadata["entity"]) if view else (),
        coverage,
    )


def _publish(
    engine: Engine, settings: Settings, producer: Producer, chunk: BackfillChunk, regions: Sequence[str], seed: int
) -> Produced:
    """A chunk's events into the log, remembered before and after."""
    with engine.write("backfill", _WAIT) as writer:
        writer.intend_backfill(chunk, settings.topics.get(chunk.producer))
    made = producer(
        start=chunk.start, end=chunk.end, source=chunk.origin, regions=regions, settings=settings, seed=seed
    )
    with engine.write("backfill", _WAIT) as writer:
        writer.record_backfill(replace(chunk, published=made.published, rejected=made.rejected), made.topic)
    return made


def _silent(*_: object) -> None:
    return


def _require_something_to_do(engine: Engine, start: datetime, end: datetime) -> None:
    if start >= end:
        raise UsageError(f"the range is empty: from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}")
    if not engine.inspect().sources:
        raise UsageError("no source table exists yet", hint="run: featurectl apply")


def _rehearsed(
    engine: Engine,
    origin: tuple[str, str, str],
    todo: Sequence[tuple[datetime, datetime]],
    done: int,
    topic: str | None,
) -> BackfillResult:
    """What would be done; `published` is an estimate, 0 where nothing like it was done before."""
    with engine.write("backfill", _WAIT) as writer:
        before = writer.backfilled(*origin)
    covered = sum((c.end - c.start for c in before), timedelta(0))
    left = sum((end - start for start, end in todo), timedelta(0))
    likely = round(sum(c.published for c in before) * (left / covered)) if covered else 0
    return BackfillResult(topic, likely, 0, len(todo), done, 0, None, (), ())


def _todo(
    engine: Engine,
    settings: Settings,
    origin: tuple[str, str, str],
    span: tuple[datetime, datetime],
    chunk: timedelta,
    force: bool,
    only_gaps: bool,
    regions: Sequence[str],
) -> tuple[list[tuple[datetime, datetime]], int]:
    """The chunks that are left, and how many were done before. `origin`: producer, source and scope."""
    if only_gaps:
        return _in_gaps(engine, settings, origin[0], *span, chunk, regions), 0
    done: list[BackfillChunk] = []
    if not force:
        with engine.write("backfill", _WAIT) as writer:
            done = writer.backfilled(*origin)
    return list(remaining(*span, [(c.start, c.end) for c in done], chunk)), len(done)


def _in_gaps(
    engine: Engine, settings: Settings, name: str, start: datetime, end: datetime, chunk: timedelta,
    regions: Sequence[str],
) -> list[tuple[datetime, datetime]]:  # fmt: skip
    """The parts of [start, end) in which the counted view lacks something, a step wider on either side.

    `regions`: only what these lack, where the view is by region; one that it has no row of lacks all.
    """
    view = _counted_view(engine.inspect(), settings.topics.get(name))
    if view is None:
        raise UsageError(
            f"no view above the topic of {name} has a grain: what it lacks cannot be known",
            hint="say entity, event_time and grain in a view's metadata",
        )
    keys = ", ".join(f'"{column}"' for column in view.metadata["entity"])
    with engine.query(f"SELECT DISTINCT {keys} FROM {view.view}") as result:
        there = {row[0] if len(row) == 1 else row for row in result.all()}
    wanted = set(regions) if all(isinstance(value, str) for value in there) else set()
    if not there or wanted - there:
        return list(remaining(start, end, [], chunk))
    step = parse_duration(view.metadata["grain"])
    wide = [
        replace(gap, start=max(gap.start - step, start), end=min(gap.end + step, end))
        for gap in find_gaps(engine, [view.view], start, end)
        if not wanted or gap.entity[0] in wanted
    ]
    return [part for begins, ends in merged(wide) for part in remaining(begins, ends, [], chunk)]


def _rows_of_sources(engine: Engine) -> int:
    return sum(source.rows for source in engine.inspect().sources)


def remaining(
    start: datetime, end: datetime, done: Sequence[tuple[datetime, datetime]], chunk: timedelta
) -> Iterator[tuple[datetime, datetime]]:
    """The parts of [start, end) that no done range covers, in order, none longer than `chunk`."""
    at = start
    for done_start, done_end in [*sorted(done), (end, end)]:
        until = min(done_start, end)
        while at < until:
            step = min(at + chunk, until)
            yield at, step
            at = step
        at = max(at, done_end)


def _coverage(
    engine: Engine, topic: str | None, start: datetime, end: datetime
) -> tuple[Version | None, tuple[Coverage, ...]]:
    view = _counted_view(engine.inspect(), topic)
    if view is None:
        return None, ()
    grain = parse_duration(view.metadata["grain"])
    at = view.metadata["event_time"]
    keys = ", ".join(f'"{column}"' for column in view.metadata["entity"])
    sql = (
        f'SELECT {keys}, count(DISTINCT "{at}") AS steps FROM {view.view}'
        f" WHERE \"{at}\" >= '{_literal(start)}'::timestamptz AND \"{at}\" < '{_literal(end)}'::timestamptz"
        f" GROUP BY {keys} ORDER BY {keys}"
    )
    expected = -((start - end) // grain)
    with engine.query(sql) as result:
        rows = result.all()
    return view, tuple(Coverage(tuple(key), int(steps), max(expected - int(steps), 0)) for *key, steps in rows)


def _counted_view(state: State, topic: str | None) -> Version | None:
    """The first live view above the topic's source table that has an entity, an event time and a grain."""
    above = {s.table for s in state.sources if s.topic == topic}
    for version in state.versions:
        if above.intersection(version.inputs.values()):
            above.add(version.name)
            wanted = (version.metadata.get(key) for key in ("grain", "event_time", "entity"))
            if state.live.get(version.view) == version.number and all(wanted):
                return version
    return None


def _literal(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
