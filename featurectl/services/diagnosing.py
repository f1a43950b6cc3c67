"""`doctor`: one finding a check, of the libraries, the event log, the engine. Nothing is written, nothing repaired."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from featurectl.engines.base import Finding
from featurectl.errors import FeaturectlError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featurectl.engines.base import Engine, SourceState, State
    from featurectl.log import EventLog
    from featurectl.settings import Settings

__all__ = ["diagnose"]

_LIBRARIES = ("duckdb", "sqlglot")


def diagnose(engine: Engine, log: EventLog, settings: Settings) -> Iterator[Finding]:
    """Findings in the order in which things depend on each other; a part that cannot be reached is one error."""
    yield from _libraries(settings)
    state: State | None = None
    try:
        yield from engine.diagnose()
        state = engine.inspect()
    except FeaturectlError as error:
        yield Finding(engine.name, "error", str(error), error.hint)
    yield from _log(log, settings, state)


def _libraries(settings: Settings) -> Iterator[Finding]:
    wanted = [*_LIBRARIES]
    if settings.target == "risingwave":
        wanted.append("psycopg2-binary")
    if settings.target == "risingwave" or settings.log == "kafka":
        wanted.append("confluent-kafka")
    found = []
    for name in wanted:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            extra = {"confluent-kafka": "kafka", "psycopg2-binary": "risingwave"}.get(name)
            remedy = f"pip install 'featurectl[{extra}]'" if extra else f"pip install {name}"
            yield Finding("libraries", "warning", f"{name} is not installed under that name", remedy)
    yield Finding("libraries", "ok", ", ".join(found))


def _log(log: EventLog, settings: Settings, state: State | None) -> Iterator[Finding]:
    try:
        topics = set(log.topics())
        yield Finding("log", "ok", f"{len(topics)} topics")
        sources = {source.topic: source for source in (state.sources if state else ())}
        for topic in sorted({*settings.topics.values(), *sources}):
            found = _topic if topic in topics else _no_topic
            yield found(log, topic, sources.get(topic))
    except FeaturectlError as error:
        yield Finding("log", "error", str(error), error.hint)


def _no_topic(_: EventLog, topic: str, source: SourceState | None) -> Finding:
    if source is not None and any(source.offsets.values()):
        remedy = "restore it: a new topic of that name does not go on where it ended"
        return Finding(f"topic {topic}", "error", f"is gone; {source.table} has {source.rows:,} events of it", remedy)
    return Finding(f"topic {topic}", "warning", "does not exist", "a producer's first event creates it")


def _topic(log: EventLog, topic: str, source: SourceState | None) -> Finding:
    begins, ends = log.begin_offsets(topic), log.end_offsets(topic)
    said = f"{len(ends)} partitions, {sum(ends.values()) - sum(begins.values()):,} events"
    if source is None:
        return Finding(f"topic {topic}", "ok", f"{said}; no source table reads it")
    lags = {p: end - source.offsets.get(p, 0) for p, end in ends.items()}
    if any(lag < 0 for lag in lags.values()):
        remedy = "the topic was made anew or cut: restore it, or start from its beginning"
        return Finding(f"topic {topic}", "error", f"{said}; {source.table} has read further than it reaches", remedy)
    lost = [p for p, first in begins.items() if first > source.offsets.get(p, 0)]
    if lost:
        remedy = "raise the topic's retention, and bring the lost range in by featurectl backfill"
        gone = f"partition {', '.join(map(str, lost))}"
        return Finding(f"topic {topic}", "error", f"{said}; events of {gone} went before they were read", remedy)
    waiting = ", ".join(f"{p}:{lag:,}" for p, lag in lags.items() if lag)
    return Finding(f"topic {topic}", "ok", f"{said}; {f'waiting, by partition: {waiting}' if waiting else 'all read'}")
