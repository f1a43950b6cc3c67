"""The log over a real broker: bytes, keys, partitions, positions, holes, retention, refusals."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurectl.errors import LogError
from featurectl.log import MAX_EVENT_BYTES, MAX_KEY_BYTES, Event
from featurectl.log._kafka_client import KafkaClient
from featurectl.log._kafka_writing import KafkaWriter
from tests.kafka.conftest import events, publish
from tests.kafka.reading import from_chunks, read_all, values

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka.admin import AdminClient

    from featurectl.log.kafka import KafkaLog
    from featurectl.settings import Settings

AWKWARD = [b"", b"\n", b"\t", b"\r\n", b"\0", b"\xff\xfe", b"%0A", "é\u2028".encode()]
VALUES = st.one_of(st.binary(max_size=60), st.sampled_from(AWKWARD), st.text(max_size=30).map(str.encode))
KEYS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
EVENTS = st.lists(st.builds(Event, VALUES, KEYS), min_size=1, max_size=30)


@pytest.fixture
def admin(kafka_dsn: str) -> AdminClient:
    from confluent_kafka.admin import AdminClient

    return AdminClient({"bootstrap.servers": kafka_dsn, "log_level": 0})


def test_bytes_come_back_as_they_went_in(make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str]) -> None:
    log, topic = make_log(), kafka_topic(1)
    writer = log.writer(topic)

    @settings(max_examples=12, deadline=None)
    @given(messages=EVENTS)
    def round_trip(messages: list[Event]) -> None:
        start = log.end_offsets(topic)[0]
        assert writer.append(messages) == len(messages)
        writer.flush()
        found = list(log.read(topic, start=start))
        assert [Event(record.value, record.key) for record in found] == messages
        assert from_chunks(log, topic, {0: start}, max_bytes=100) == (found, {0: start + len(messages)})

    with writer:
        round_trip()


def test_a_topic_is_made_as_configured(
    make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str], admin: AdminClient
) -> None:
    from confluent_kafka.admin import ConfigResource, ResourceType

    log, topic = make_log(kafka_partitions=5, kafka_replication=1), kafka_topic()
    assert log.end_offsets(topic) == {}
    assert from_chunks(log, topic) == ([], {})
    assert list(log.read(topic)) == []
    log.writer(topic).close()
    assert log.end_offsets(topic) == dict.fromkeys(range(5), 0)
    assert topic in log.topics()
    assert not [name for name in log.topics() if name.startswith("__")]
    resource = ConfigResource(ResourceType.TOPIC, topic)
    found = admin.describe_configs([resource])[resource].result()
    assert found["message.timestamp.type"].value == "LogAppendTime"
    log.writer(topic).close()  # again is fine


def test_each_key_keeps_its_order_in_one_partition(
    make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str]
) -> None:
    log, topic = make_log(), kafka_topic()
    sent = events(3000, keys=20)
    publish(log, topic, sent)
    found = read_all(log, topic)
    assert {record.partition for record in found} == {0, 1, 2}
    for key in {event.key for event in sent}:
        of_key = [record for record in found if record.key == key]
        assert len({record.partition for record in of_key}) == 1
        assert [record.value for record in of_key] == [event.value for event in sent if event.key == key]


def test_reading_resumes_from_positions(make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str]) -> None:
    log, topic = make_log(), kafka_topic(3)
    publish(log, topic, events(300, keys=10))
    first, positions = from_chunks(log, topic, max_bytes=500)
    assert positions == log.end_offsets(topic)
    publish(log, topic, events(300, keys=10, start=300))
    second, positions = from_chunks(log, topic, positions, max_bytes=500)
    assert sorted(int(record.value) for record in first) == list(range(300))
    assert sorted(int(record.value) for record in second) == list(range(300, 600))
    assert from_chunks(log, topic, positions) == ([], positions)


def test_a_chunk_is_removed_when_the_next_one_is_asked_for(
    make_settings: Callable[..., Settings], kafka_dsn: str, kafka_topic: Callable[..., str]
) -> None:
    from featurectl.log.kafka import KafkaLog

    configured = make_settings(kafka_dsn)
    log, topic = KafkaLog(configured), kafka_topic(1)
    publish(log, topic, events(100))
    iterator = log.chunks(topic, {}, max_bytes=200)
    paths = [next(iterator).path for _ in range(3)]
    assert [path.exists() for path in paths] == [False, False, True]
    iterator.close()  # type: ignore[attr-defined]
    assert list((configured.home_dir / "chunks").iterdir()) == []


def test_what_other_producers_write(
    make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str], raw_producer: Callable[..., Any]
) -> None:
    topic = kafka_topic(1, **{"message.timestamp.type": "CreateTime", "message.timestamp.after.max.ms": str(2**62)})
    producer = raw_producer()
    producer.produce(topic, None, b"tombstone")
    producer.produce(topic, b"no key")
    producer.produce(topic, b"a key that is no text", b"\xff\xfe")
    producer.produce(topic, b"an absurd clock", timestamp=2**61)
    producer.flush()
    log = make_log()
    found = list(log.read(topic))
    assert [(record.key, record.value) for record in found] == [
        ("tombstone", b""),
        (None, b"no key"),
        ("\ufffd\ufffd", b"a key that is no text"),
        (None, b"an absurd clock"),
    ]
    assert found[3].ingested_us == 253_402_300_799_999_000
    assert from_chunks(log, topic)[0] == found


def wait_for_marks(log: KafkaLog, topic: str, end: int) -> None:
    """The broker answers that a transaction has ended before its mark is in the partition."""
    deadline = time.monotonic() + 60
    while log.end_offsets(topic) != {0: end}:
        assert time.monotonic() < deadline


def test_transactions_of_others(
    make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str], raw_producer: Callable[..., Any]
) -> None:
    log, topic = make_log(), kafka_topic(1)
    producer = raw_producer(**{"transactional.id": topic})
    producer.init_transactions()
    for value, end in ((b"kept", producer.commit_transaction), (b"undone", producer.abort_transaction)):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush()
        end()
    wait_for_marks(log, topic, 4)
    # Two messages, each followed by a mark: the chunk reaches behind what has no message.
    found, positions = from_chunks(log, topic)
    assert ([record.value for record in found], positions) == ([b"kept"], {0: 4})
    assert log.end_offsets(topic) == positions
    producer.begin_transaction()
    producer.produce(topic, b"open")
    producer.flush()
    assert log.end_offsets(topic) == positions, "what is not committed is not there yet"
    producer.commit_transaction()
    wait_for_marks(log, topic, 6)
    found, positions = from_chunks(log, topic, positions)
    assert ([record.value for record in found], positions) == ([b"open"], {0: 6})


def test_retention_is_a_warning_that_says_what_is_lost(
    make_log: Callable[..., KafkaLog],
    kafka_topic: Callable[..., str],
    admin: AdminClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from confluent_kafka import TopicPartition

    log, topic = make_log(), kafka_topic(1)
    publish(log, topic, events(100))
    admin.delete_records([TopicPartition(topic, 0, 60)])[TopicPartition(topic, 0)].result()
    with caplog.at_level(logging.WARNING):
        found, _ = from_chunks(log, topic, {0: 40})
    assert [record.offset for record in found] == list(range(60, 100))
    assert caplog.messages == [
        f"topic {topic}, partition 0: offsets 40 to 59 are gone from Kafka (retention); reading on from 60"
    ]
    admin.delete_records([TopicPartition(topic, 0, 100)])[TopicPartition(topic, 0)].result()
    assert from_chunks(log, topic, {0: 70}) == ([], {0: 100}), "a reader gets past what is gone"


def test_a_position_from_another_log_is_refused(
    make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str]
) -> None:
    log, topic, missing = make_log(), kafka_topic(1), kafka_topic()
    publish(log, topic, events(5))
    for name, positions, reason in (
        (topic, {0: 6}, "position 6 of partition 0 is past the end of the log, 5"),
        (topic, {7: 1}, "there is no partition 7, but it was read up to offset 1"),
        (missing, {0: 1}, "it does not exist, but it was read up to offset 1"),
    ):
        with pytest.raises(LogError, match=f"topic {name}: {reason}") as caught:
            list(log.chunks(name, positions))
        assert caught.value.hint
    with pytest.raises(LogError, match="cannot be a topic's name"):
        log.writer("no topic")


def test_an_event_and_a_key_at_their_limits(make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str]) -> None:
    log, topic = make_log(kafka_compression="none"), kafka_topic()
    largest = Event(os.urandom(MAX_EVENT_BYTES), "k" * MAX_KEY_BYTES)
    publish(log, topic, [largest])
    assert [Event(record.value, record.key) for record in read_all(log, topic)] == [largest]
    with log.writer(topic) as writer, pytest.raises(LogError, match="the limit is"):
        writer.append([Event(b"before"), Event(b"x" * (MAX_EVENT_BYTES + 1))])
    assert b"before" in values(log, topic)


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_compression(
    make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str], compression: str
) -> None:
    log, topic = make_log(kafka_compression=compression), kafka_topic(1)
    publish(log, topic, [Event(b"x" * 1000)] * 10)
    assert values(log, topic) == [b"x" * 1000] * 10


def test_an_event_that_the_broker_refuses_is_an_error_with_its_reason(
    make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str]
) -> None:
    log, topic = make_log(kafka_compression="none"), kafka_topic(1, **{"max.message.bytes": "1000"})
    writer = log.writer(topic)
    writer.append([Event(b"small")])
    writer.flush()
    writer.append([Event(b"x" * 2000)])
    for again in (writer.flush, writer.flush, lambda: writer.append([Event(b"later")]), writer.close):
        with pytest.raises(
            LogError, match=f"topic {topic}: 1 of 2 events were not acknowledged: Broker: Mess"
        ) as caught:
            again()
        assert "max.message.bytes" in str(caught.value.hint)
    with pytest.raises(LogError, match="the writer is closed"):
        writer.flush()
    assert values(log, topic) == [b"small"]


def test_a_full_queue_waits_for_room(
    make_settings: Callable[..., Settings],
    make_log: Callable[..., KafkaLog],
    kafka_dsn: str,
    kafka_topic: Callable[..., str],
) -> None:
    topic = kafka_topic(1)
    with KafkaWriter(KafkaClient(make_settings(kafka_dsn)), topic, "none", queue_events=25) as writer:
        assert writer.append(events(1000)) == 1000
    assert [record.value for record in make_log().read(topic)] == [event.value for event in events(1000)]


def test_writers_at_once(make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str]) -> None:
    log, topic = make_log(), kafka_topic()
    threads = [threading.Thread(target=publish, args=(log, topic, events(500, start=n * 500))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, values(log, topic))) == list(range(2000))


def test_of_a_message_that_no_line_holds_the_beginning_is_handed_on(
    make_log: Callable[..., KafkaLog],
    kafka_topic: Callable[..., str],
    raw_producer: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    topic = kafka_topic(1, **{"max.message.bytes": str(30 << 20)})
    producer = raw_producer(**{"message.max.bytes": 30 << 20})
    sizes = [10, 5_000_000, 20_000_000, 10]
    for size in sizes:
        producer.produce(topic, b"x" * size)
        producer.flush()
    log = make_log()
    with caplog.at_level(logging.WARNING):
        found, _ = from_chunks(log, topic, max_bytes=1000)
    assert [len(record.value) for record in found] == [10, 5_000_000, MAX_EVENT_BYTES, 10]
    assert caplog.messages == [
        f"topic {topic}, partition 0, offset 2: a message of 20,000,000 bytes is too large, only its beginning is read"
    ]
    assert [len(record.value) for record in log.read(topic)] == sizes
