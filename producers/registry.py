"""What a producer is, and how one is found by its name.

A package plugs its own producer in by an entry point of the group `featurectl.producers`:

    [project.entry-points."featurectl.producers"]
    clicks = "shop.clicks:CLICKS"

where `CLICKS` is a `Producer`. `producers clicks` and `featurectl backfill clicks` then work; the latter takes
any function of the same arguments and result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from featurectl.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from pydantic import BaseModel

    from featurectl.settings import Settings
    from featurectl.stopping import Stop
    from producers.publishing import ProduceResult

__all__ = [
    "GROUP",
    "Feed",
    "Producer",
    "Request",
    "Source",
    "SourceUnavailable",
    "installed_producers",
    "load_producer",
    "producer_names",
]

GROUP = "featurectl.producers"


class SourceUnavailable(SourceError):
    """A source did not answer, after all attempts; later it may. Live mode goes on, anything else fails."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted of a source: events with `start` <= time < `end`, both in UTC.

    `regions`: by name, all that the source serves if empty. `now`: a source gives nothing later than it.
    A source that waits does so by `stop`, so that it can be interrupted.
    """

    start: datetime
    end: datetime
    regions: tuple[str, ...]
    seed: int
    now: datetime
    settings: Settings
    stop: Stop


@dataclass(frozen=True, slots=True)
class Feed:
    """The messages of a source, as bytes, and how far it is.

    `total`: how many there will be, if known. `fraction`: how much of it was read, 0 to 1, where only that
    is known (a file).
    """

    messages: Iterable[bytes]
    total: int | None = None
    fraction: Callable[[], float] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where events come from.

    `open` returns at once, what takes time happens while its messages are read. `lookback`: how far back a
    poll in live mode asks, for what was revised. `at_once`: how many ranges a backfill may fetch at a time.
    """

    open: Callable[[Request], Feed]
    lookback: timedelta = timedelta(hours=2)
    at_once: int = 1


@dataclass(frozen=True, slots=True)
class Producer:
    """Everything that is particular to one kind of events.

    Attributes:
        name: Short name, which the settings know the topic by.
        topic: The topic if the settings name none.
        contract: What an event has to be.
        key: The key that keeps an event's order among its revisions.
        time: The event's time, aware.
        sources: By name; the first is the default.
        keys_of_regions: The keys that belong to names of regions; None if keys are those names.
    """

    name: str
    topic: str
    contract: type[BaseModel]
    key: Callable[[Any], str]
    time: Callable[[Any], datetime]
    sources: Mapping[str, Source] = field(default_factory=dict)
    keys_of_regions: Callable[[Sequence[str]], set[str]] = set

    def __call__(
        self,
        *,
        start: datetime,
        end: datetime,
        source: str,
        regions: Sequence[str] = (),
        settings: Settings,
        seed: int = 0,
    ) -> ProduceResult:
        """Publish the source's events in [`start`, `end`) to the project's log; see `commands.produce_range`."""
        from producers.commands import produce_range

        return produce_range(self, source, start, end, regions, settings, seed=seed)

    def at_once(self, source: str) -> int:
        """How many ranges of a source may be fetched at a time; 1: each is published while it is read."""
        return self.sources[source].at_once if source in self.sources else 1

    def fetch(
        self,
        *,
        start: datetime,
        end: datetime,
        source: str,
        regions: Sequence[str] = (),
        settings: Settings,
        seed: int = 0,
        stop: Stop,
    ) -> Callable[[], ProduceResult]:
        """Read the source's events in [`start`, `end`) into memory; what is returned publishes them."""
        from producers.commands import fetch_range

        return fetch_range(self, source, start, end, regions, settings, seed=seed, stop=stop)

    def topic_in(self, settings: Settings) -> str:
        """The topic's name in a project."""
        return settings.topics.get(self.name, self.topic)


def producer_names() -> list[str]:
    """Names of the producers that are installed, sorted. Loads none of them."""
    from importlib.metadata import entry_points

    return sorted({point.name for point in entry_points(group=GROUP)})


def installed_producers() -> list[Producer]:
    """Those of the entry points that give a `Producer`, not just a function for backfills."""
    from importlib.metadata import entry_points

    loaded = [point.load() for point in entry_points(group=GROUP)]
    return [each for each in loaded if isinstance(each, Producer)]


def load_producer(name: str) -> Producer:
    """The producer of that name. Raises UsageError if none is installed."""
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP, name=name):
        producer = point.load()
        if not isinstance(producer, Producer):
            raise UsageError(f"producer {name!r} has no command", hint="its entry point gives no Producer")
        return producer
    raise UsageError(f"no producer is named {name!r}", hint=f"installed: {', '.join(producer_names()) or 'none'}")
