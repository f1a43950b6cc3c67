"""The reading side of the log over Kafka: which offsets there are, their messages, chunks of them."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurectl.errors import LogError
from featurectl.log._base import MAX_EVENT_BYTES, MAX_KEY_BYTES, Chunk, Record
from featurectl.log._kafka_client import kafka_library
from featurectl.log._limits import require_topic_name
from featurectl.log._lines import encode_records
from featurectl.log._reading import chunk_file, remove_abandoned
from featurectl.log._writing import mapped_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from confluent_kafka import Consumer, Message

    from featurectl.log._kafka_client import KafkaClient

__all__ = [
    "MAX_CHUNK_VALUE_BYTES",
    "KafkaSpan",
    "begin_offsets",
    "chunks",
    "end_offsets",
    "partitions_of",
    "records",
    "spans",
]

# In base64 with its key a line stays under the 32 MiB that the embedded engine reads as one line.
MAX_CHUNK_VALUE_BYTES = 16 << 20
_BATCH = 2000
_WAIT_S = 0.1
_LAST_MS = 253_402_300_799_999  # the end of the year 9999: a foreign producer's clock can say anything
_log = logging.getLogger("featurectl.log")


@dataclass(frozen=True, slots=True)
class KafkaSpan:
    """Offsets of a partition to be read: `start` to `end` (exclusive). `asked`: where the reader had been."""

    topic: str
    partition: int
    asked: int
    start: int
    end: int


def partitions_of(client: KafkaClient, topic: str) -> list[int] | None:
    """The topic's partitions, None if it does not exist. Raises LogError."""
    require_topic_name(topic)
    library = kafka_library()

    def question(consumer: Consumer, seconds: float) -> list[int] | None:
        found = consumer.list_topics(topic, timeout=seconds).topics[topic]
        if found.error is None:
            return sorted(found.partitions)
        if found.error.code() == library.KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise library.KafkaException(found.error)

    return client.ask(f"find topic {topic}", question)


def begin_offsets(client: KafkaClient, topic: str) -> dict[int, int]:
    """Per partition the first offset that is still there; empty if the topic does not exist."""
    found = partitions_of(client, topic) or []
    return {partition: _watermarks(client, topic, partition)[0] for partition in found}


def end_offsets(client: KafkaClient, topic: str) -> dict[int, int]:
    """Per partition the offset that the next event will get; empty if the topic does not exist."""
    found = partitions_of(client, topic) or []
    return {partition: _watermarks(client, topic, partition)[1] for partition in found}


def spans(client: KafkaClient, topic: str, positions: Mapping[int, int]) -> list[KafkaSpan]:
    """What there is to read from the positions on, by partition. Raises LogError for a position past the end."""
    found = partitions_of(client, topic) or []
    for partition, position in positions.items():
        if position > 0 and partition not in found:
            what = f"there is no partition {partition}" if found else "it does not exist"
            raise _other_log(topic, f"{what}, but it was read up to offset {position}")
    return [_span(client, topic, partition, positions.get(partition, 0)) for partition in found]


def _span(client: KafkaClient, topic: str, partition: int, position: int) -> KafkaSpan:
    low, high = _watermarks(client, topic, partition)
    if position > high:
        raise _other_log(topic, f"position {position} of partition {partition} is past the end of the log, {high}")
    if position < low:
        _log.warning(
            "topic %s, partition %d: offsets %d to %d are gone from Kafka (retention); reading on from %d",
            topic, partition, position, low - 1, low,
        )  # fmt: skip
    return KafkaSpan(topic, partition, position, max(position, low), high)


def _other_log(topic: str, reason: str) -> LogError:
    return LogError(
        f"topic {topic}: {reason}", hint="the topic was made anew or cut; restore it, or start from its beginning"
    )


def _watermarks(client: KafkaClient, topic: str, partition: int) -> tuple[int, int]:
    """The first offset that is there and the one behind the last that is committed."""
    place = kafka_library().TopicPartition(topic, partition)

    def question(consumer: Consumer, seconds: float) -> tuple[int, int]:
        found: tuple[int, int] = consumer.get_watermark_offsets(place, timeout=seconds)
        return found

    return client.ask(f"find the ends of topic {topic}, partition {partition}", question)


def records(client: KafkaClient, span: KafkaSpan) -> Iterator[list[Record]]:
    """The span's records, some at a time. Raises LogError if nothing comes for as long as the timeout."""
    with client.errors(f"read topic {span.topic}"):
        consumer = client.consumer()
        try:
            yield from _batches(client, consumer, span)
        finally:
            consumer.close()


def _batches(client: KafkaClient, consumer: Consumer, span: KafkaSpan) -> Iterator[list[Record]]:
    following, waited = span.start, 0.0
    consumer.assign([kafka_library().TopicPartition(span.topic, span.partition, following)])
    while following < span.end:
        began = time.monotonic()
        messages = consumer.consume(min(_BATCH, span.end - following), timeout=_WAIT_S)
        reached = max((_position_after(client, span, message) for message in messages), default=0)
        if reached > following:
            following, waited = reached, 0.0
        else:
            waited += time.monotonic() - began  # not the time that the reader takes between two batches
        if waited > client.timeout:
            timed_out = kafka_library().KafkaError(kafka_library().KafkaError._TIMED_OUT)
            raise client.error(f"read topic {span.topic}, partition {span.partition} at {following}", timed_out)
        found = [_record(message) for message in messages if message.error() is None]
        yield [record for record in found if record.offset < span.end]


def _position_after(client: KafkaClient, span: KafkaSpan, message: Message) -> int:
    """Where reading goes on after a message or a notice; 0 if it says nothing about that."""
    error = message.error()
    offset = message.offset() or 0
    if error is None:
        return offset + 1
    names = kafka_library().KafkaError
    if error.code() == names._PARTITION_EOF:
        # Behind the last message there may be offsets without one: aborted, compacted, or a transaction's mark.
        return offset if offset >= span.end else 0
    if error.code() == names._AUTO_OFFSET_RESET:
        raise LogError(
            f"topic {span.topic}, partition {span.partition}: offsets went while they were read (retention)",
            hint="try again: reading goes on with what is there",
        )
    # No group is used, so a user who may not use one is welcome. A broker that comes back may not know its
    # topics yet; one that is really gone is said when the timeout is over.
    if error.code() == names.UNKNOWN_TOPIC_OR_PART:
        client.report(error)
    elif error.code() != names.GROUP_AUTHORIZATION_FAILED and client.is_hopeless(error):
        raise client.error(f"read topic {span.topic}, partition {span.partition}", error)
    return 0


def _record(message: Message) -> Record:
    """A tombstone is an empty value; a key that is not UTF-8 keeps what can be read of it."""
    key = message.key()
    return Record(
        message.partition() or 0,
        message.offset() or 0,
        min(max(message.timestamp()[1], 0), _LAST_MS) * 1000,
        None if key is None else key.decode(errors="replace"),
        message.value() or b"",
    )


def chunks(client: KafkaClient, span: KafkaSpan, max_bytes: int, folder: Path) -> Iterator[Chunk]:
    """The span as files of at most `max_bytes` (or one line), each removed when the next is asked for.

    The last one reaches up to the span's end, so it may be without a line: a reader that remembers
    `next_offset` does not come back for offsets without a message.
    """
    with mapped_errors(span.topic, "write a chunk of it"):
        folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder)
    first, waiting = span.asked, _lines(client, span)
    line = next(waiting, None)
    while first < span.end:
        with mapped_errors(span.topic, "write a chunk of it"), chunk_file(folder) as file:
            size = 0
            while line is not None and (size == 0 or size + len(line[1]) <= max_bytes):
                size += file.write(line[1])
                line = next(waiting, None)
            file.flush()
            following = span.end if line is None else line[0]
            yield Chunk(span.topic, span.partition, folder / file.name, first, following)
        first = following


def _lines(client: KafkaClient, span: KafkaSpan) -> Iterator[tuple[int, bytes]]:
    """Each record's offset and line."""
    for batch in records(client, span):
        fitting = [_fitting(span, record) for record in batch]
        for record, line in zip(fitting, encode_records(fitting), strict=True):
            yield record.offset, line


def _fitting(span: KafkaSpan, record: Record) -> Record:
    """The record, or its beginning if no engine could read it whole: that will not pass for an event, and says so."""
    if len(record.value) <= MAX_CHUNK_VALUE_BYTES and len(record.key or "") <= MAX_KEY_BYTES:
        return record
    _log.warning(
        "topic %s, partition %d, offset %d: a message of %s bytes is too large, only its beginning is read",
        span.topic, span.partition, record.offset, f"{len(record.value):,}",
    )  # fmt: skip
    value = record.value if len(record.value) <= MAX_CHUNK_VALUE_BYTES else record.value[:MAX_EVENT_BYTES]
    return record._replace(value=value, key=record.key and record.key[:MAX_KEY_BYTES])
