"""Factories for logs over a real broker and over librdkafka's own."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from featurectl.log import Event
from featurectl.log.kafka import KafkaLog
from featurectl.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Producer


@pytest.fixture(scope="session")
def make_settings(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Settings]:
    """A factory of settings for a log over Kafka."""

    def make(servers: str, **flags: Any) -> Settings:
        folder = tmp_path_factory.mktemp("project")
        return load_settings(folder, log="kafka", kafka_bootstrap_servers=servers, **flags)

    return make


@pytest.fixture(scope="session")
def make_log(kafka_dsn: str, make_settings: Callable[..., Settings]) -> Callable[..., KafkaLog]:
    """A factory of logs over the test broker."""

    def make(**flags: Any) -> KafkaLog:
        return KafkaLog(make_settings(kafka_dsn, **flags))

    return make


@pytest.fixture
def raw_producer(kafka_dsn: str) -> Callable[..., Producer]:
    """A factory of producers that write what no writer of ours would."""
    from confluent_kafka import Producer

    def make(**options: Any) -> Producer:
        return Producer({"bootstrap.servers": kafka_dsn, "log_level": 0, **options})

    return make


@pytest.fixture
def mock_kafka() -> Callable[[int], tuple[str, str]]:
    """A factory: the address of librdkafka's own brokers, and a topic of 4 partitions there."""
    from confluent_kafka import Producer

    brokers: list[Producer] = []

    def make(count: int = 1) -> tuple[str, str]:
        owner = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": count, "log_level": 0})
        brokers.append(owner)  # they live as long as this client
        topic = f"mock-{uuid.uuid4().hex[:8]}"
        found = owner.list_topics(topic, timeout=10)  # which makes it
        return ",".join(f"{broker.host}:{broker.port}" for broker in found.brokers.values()), topic

    return make


def events(count: int, keys: int = 3, start: int = 0) -> list[Event]:
    return [Event(b"%d" % n, f"k{n % keys}") for n in range(start, start + count)]


def publish(log: KafkaLog, topic: str, messages: list[Event]) -> None:
    with log.writer(topic) as writer:
        assert writer.append(messages) == len(messages)
