"""What an event log is: topics of events with stable offsets. Files implement it, and Kafka."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

__all__ = ["MAX_EVENT_BYTES", "MAX_KEY_BYTES", "Chunk", "Event", "EventLog", "Record", "TopicWriter"]

# Kafka's own default for a message. In base64 with its key a line stays under the 2,000,000 bytes that
# DuckDB reads as one line unless told otherwise.
MAX_EVENT_BYTES = 1 << 20
MAX_KEY_BYTES = 1 << 16


class Event(NamedTuple):
    """What a producer hands over: the message's bytes, as they are, and the key that keeps its order."""

    value: bytes
    key: str | None = None


class Record(NamedTuple):
    """An event as the log keeps it. `ingested_us`: microseconds since 1970-01-01 UTC, by the log's clock."""

    partition: int
    offset: int
    ingested_us: int
    key: str | None
    value: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of one partition's records, as a text file that SQL engines can read in bulk.

    The file has one record a line, five tab-separated columns, no quoting, no header, UTF-8:
    offset, ingested_us, encoding, key, value. `encoding` is `r` (value as it is: UTF-8 without tab,
    newline, carriage return or NUL) or `b` (value in base64). `key` is empty for none, else `=` and the
    key with `%`, tab, newline, carriage return and NUL percent-encoded. All lines of the file belong to
    the chunk: offsets run from `first_offset` to `next_offset` (exclusive), ascending, perhaps with holes.
    The file stays until the iterator that gave the chunk is advanced or closed.
    """

    topic: str
    partition: int
    path: Path
    first_offset: int
    next_offset: int


class TopicWriter(Protocol):
    """Appends to one topic. An event is acknowledged once `flush` (or `close`) returned without an error."""

    def append(self, events: Iterable[Event]) -> int:
        """Take events over, in order, perhaps in a buffer; return how many.

        Raises LogError for an event over MAX_EVENT_BYTES or with a key over MAX_KEY_BYTES of UTF-8: those
        before it are taken over, it and those after it are not.
        """
        ...

    def flush(self) -> None:
        """Return when everything appended so far is in the log. Raises LogError if some of it is not."""
        ...

    def close(self) -> None:
        """Flush and release the topic."""
        ...

    def __enter__(self) -> TopicWriter: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class EventLog(Protocol):
    """Topics with stable offsets: what was appended is read back byte for byte, in order per partition."""

    def topics(self) -> list[str]:
        """Names of the topics that exist, sorted."""
        ...

    def writer(self, topic: str) -> TopicWriter:
        """A writer to the topic, which is created if it does not exist. Raises LogError."""
        ...

    def ensure_topic(self, topic: str) -> bool:
        """Make the topic as `writer` would, unless it exists; return whether it was made. Raises LogError."""
        ...

    def begin_offsets(self, topic: str) -> dict[int, int]:
        """Per partition the first offset that the log still holds; empty if the topic does not exist."""
        ...

    def end_offsets(self, topic: str) -> dict[int, int]:
        """Per partition the offset that the next event will get; empty if the topic does not exist."""
        ...

    def read(self, topic: str, partition: int = 0, start: int = 0) -> Iterator[Record]:
        """Complete records from offset `start` on, up to the end as it was at some moment after the call.

        Raises LogError if `start` lies past the end: the log is not the one that the position is from.
        """
        ...

    def chunks(self, topic: str, positions: Mapping[int, int], max_bytes: int = 256 << 20) -> Iterator[Chunk]:
        """The records from `positions` (partition → offset, 0 where absent) to the end, in bulk.

        Raises LogError as `read` does.
        """
        ...
