"""What the commands do, as functions: `produce`, `produce_range`, `replay`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from featurectl.buckets import is_bucket
from featurectl.errors import UsageError
from featurectl.log import open_log
from featurectl.stopping import Stop
from producers._logging import get_logger
from producers._polling import News
from producers._replaying import timed
from producers._times import rfc3339
from producers.contracts import Validator
from producers.files import is_lines, open_bucket, open_file
from producers.publishing import ProduceResult, Progress, Publisher, judge_events, judge_raw
from producers.registry import (
    Producer,
    Request,
    Source,
    SourceUnavailable,
    installed_producers,
    load_producer,
    producer_names,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import BaseModel

    from featurectl.log import Event
    from featurectl.settings import Settings

__all__ = ["ProduceResult", "produce", "produce_range", "replay"]

DEFAULT_RANGE = timedelta(days=7)
Mode = Literal["historical", "live"]
EARLIEST = datetime(1000, 1, 1, tzinfo=UTC)
LATEST = datetime(2999, 12, 31, tzinfo=UTC)
_logger = get_logger()


def produce(
    producer: Producer | str,
    *,
    settings: Settings,
    source: str | None = None,
    mode: Mode = "historical",
    start: datetime | None = None,
    end: datetime | None = None,
    regions: Sequence[str] = (),
    seed: int = 0,
    interval: float = 60.0,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> ProduceResult:
    """Bring the events of a source into the project's log.

    Args:
        producer: Itself or its name: solar, weather, or one that another package plugs in.
        settings: They name the log and the topic.
        source: One of the producer's sources or a file; its first source if None.
        mode: historical: the range, then return. live: poll every `interval` seconds until `stop` is asked.
        start: First instant; 7 days before `end` if None (live: the source's lookback; a file: all of it).
        end: First instant that is not wanted; now if None. Nothing is produced of the future.
        regions: By name; all that the source serves if empty.
        seed: Of simulated events.
        interval: Seconds between polls.
        stop: Asked to stop, the run flushes and returns.
        on_progress: Called every few hundred messages.

    Raises:
        UsageError: Unknown producer, source or region; an empty range; a combination that means nothing.
        SourceError: The source did not deliver. In live mode an unreachable one is logged and asked again.
        LogError: The log could not be written.
    """
    found = load_producer(producer) if isinstance(producer, str) else producer
    stop = stop or Stop()
    picked = _pick_source(found, source)
    if mode == "live":
        if picked.is_file or end is not None:
            what = "a file" if picked.is_file else "a range with an end"
            raise UsageError(f"{what} is not live", hint="use --mode historical, or replay --speed for a file")
        wanted = _Wanted(start, None, tuple(regions), seed)
        return _live(found, picked.source, wanted, settings, interval, stop, on_progress)
    if not picked.is_file:
        end = end or datetime.now(UTC)
        start = start or end - DEFAULT_RANGE
    wanted = _Wanted(start, end, tuple(regions), seed)
    return _historical(found, picked, wanted, settings, stop, on_progress)


def produce_range(
    producer: Producer | str,
    source: str | None,
    start: datetime,
    end: datetime,
    regions: Sequence[str],
    settings: Settings,
    *,
    seed: int = 0,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> ProduceResult:
    """Bring the events with `start` <= time < `end` into the log; what `featurectl backfill` calls per chunk.

    Raises what `produce` raises. Of a file, what the contract refuses has no time and is rejected each time.
    """
    found = load_producer(producer) if isinstance(producer, str) else producer
    wanted = _Wanted(start, end, tuple(regions), seed)
    return _historical(found, _pick_source(found, source), wanted, settings, stop or Stop(), on_progress)


def replay(
    topic: str,
    path: Path,
    *,
    settings: Settings,
    speed: float | None = None,
    raw: bool = False,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> ProduceResult:
    """Bring the messages of a file into a topic.

    Args:
        topic: A producer's name or its topic; with `raw` any topic.
        path: NDJSON, CSV or Parquet; see `files.open_file`.
        settings: They name the log and the topic.
        speed: Wait between events as their times say, so many times faster; all at once if None.
        raw: Pass every line on byte for byte, malformed ones included.
        stop: Asked to stop, the run flushes and returns.
        on_progress: Called every few hundred messages.

    Raises:
        UsageError: No such file or format, a topic without a contract, a speed that is no speed.
        SourceError: The file cannot be read.
        LogError: The log could not be written.
    """
    producer = _producer_of_topic(topic, settings)
    _check_replay(producer, topic, path, speed, raw=raw)
    stop = stop or Stop()
    judge = judge_events(producer) if producer is not None and not raw else judge_raw(producer)
    feed = open_file(path, producer.contract if producer else None)
    full_name = producer.topic_in(settings) if producer else topic
    with Publisher(open_log(settings), full_name, judge, stop=stop, on_progress=on_progress) as publisher:
        if speed is None or producer is None:
            publisher.publish(feed)
        else:
            publisher.publish(feed, timed(feed.messages, producer, speed, stop=stop))
    return publisher.result


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the caller asks for; None: no bound."""

    start: datetime | None
    end: datetime | None
    regions: tuple[str, ...]
    seed: int

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise UsageError(f"the range is empty: from {rfc3339(self.start)} to {rfc3339(self.end)}")

    def request(self, start: datetime, end: datetime, now: datetime, settings: Settings, stop: Stop) -> Request:
        return Request(start, end, self.regions, self.seed, now, settings, stop)


@dataclass(frozen=True, slots=True)
class _Picked:
    """A source, and whether it is a file, of which the wanted part is chosen here."""

    source: Source
    is_file: bool


def _pick_source(producer: Producer, name: str | None) -> _Picked:
    name = name or next(iter(producer.sources), "")
    if name in producer.sources:
        return _Picked(producer.sources[name], is_file=False)
    if name and Path(name).is_file():
        path = Path(name)
        return _Picked(Source(lambda request: open_file(path, producer.contract)), is_file=True)
    if is_bucket(name):
        return _Picked(Source(lambda request: open_bucket(name, producer.contract)), is_file=True)
    known = ", ".join(producer.sources) or "none"
    raise UsageError(f"{producer.name} has no source {name!r} and no file is named so", hint=f"sources: {known}")


def _historical(
    producer: Producer,
    picked: _Picked,
    wanted: _Wanted,
    settings: Settings,
    stop: Stop,
    on_progress: Callable[[Progress], None] | None,
) -> ProduceResult:
    judge = judge_events(producer, _filter(producer, wanted) if picked.is_file else None)
    now = datetime.now(UTC)
    feed = picked.source.open(wanted.request(wanted.start or EARLIEST, wanted.end or LATEST, now, settings, stop))
    topic = producer.topic_in(settings)
    with Publisher(open_log(settings), topic, judge, stop=stop, on_progress=on_progress) as publisher:
        publisher.publish(feed)
    return publisher.result


def _filter(producer: Producer, wanted: _Wanted) -> Callable[[BaseModel], bool] | None:
    """What of a file is wanted; None: all of it."""
    keys = producer.keys_of_regions(wanted.regions) if wanted.regions else None
    start, end = wanted.start, wanted.end
    if keys is None and start is None and end is None:
        return None

    def keep(event: BaseModel) -> bool:
        if keys is not None and producer.key(event) not in keys:
            return False
        at = producer.time(event)
        return (start is None or start <= at) and (end is None or at < end)

    return keep


def _live(
    producer: Producer,
    source: Source,
    wanted: _Wanted,
    settings: Settings,
    interval: float,
    stop: Stop,
    on_progress: Callable[[Progress], None] | None,
) -> ProduceResult:
    news = News(judge_events(producer), _identity(producer))
    topic = producer.topic_in(settings)
    since = wanted.start or datetime.now(UTC) - source.lookback
    with Publisher(open_log(settings), topic, news, stop=stop, on_progress=on_progress) as publisher:
        while not stop.asked:
            now = datetime.now(UTC)
            request = wanted.request(since, now + timedelta(seconds=1), now, settings, stop)
            if _poll(publisher, source, request):
                news.next_poll()
                since = now - source.lookback
            stop.wait(interval)
    return publisher.result


def _poll(publisher: Publisher, source: Source, request: Request) -> bool:
    """Whether the source delivered; what it delivered before it failed is in the log either way."""
    try:
        publisher.publish(replace(source.open(request), total=None))
    except SourceUnavailable as error:
        _logger.warning("poll_failed", error=error.message, hint=error.hint)
        return False
    finally:
        publisher.flush()
    return True


def _identity(producer: Producer) -> Callable[[Event], object]:
    """What makes two events revisions of each other: the key and the time."""
    check = Validator(producer.contract)

    def identity(event: Event) -> object:
        return event.key, producer.time(check(event.value))

    return identity


def _producer_of_topic(topic: str, settings: Settings) -> Producer | None:
    return next((p for p in installed_producers() if topic in (p.name, p.topic_in(settings))), None)


def _check_replay(producer: Producer | None, topic: str, path: Path, speed: float | None, *, raw: bool) -> None:
    if producer is None and not raw:
        known = ", ".join(producer_names())
        raise UsageError(f"no contract for topic {topic!r}", hint=f"known: {known}; or --raw to pass lines on")
    if raw and not is_lines(path):
        raise UsageError(f"{path.name} has no lines to pass on", hint="--raw is for .ndjson, .jsonl, .json")
    if speed is not None and not 0 < speed < math.inf:
        raise UsageError(f"speed {speed} is no speed", hint="1 is as it was, 60 an hour in a minute")
    if speed is not None and producer is None:
        raise UsageError("a timed replay needs a contract that says what an event's time is")
