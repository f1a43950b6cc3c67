"""The log over librdkafka's own brokers: several of them, at once, without a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from featurectl.log.kafka import KafkaLog
from tests.kafka.conftest import events, publish
from tests.kafka.reading import from_chunks, read_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from featurectl.settings import Settings


@pytest.mark.parametrize("brokers", [1, 3])
def test_a_topic_whose_partitions_have_different_leaders(
    make_settings: Callable[..., Settings], mock_kafka: Callable[[int], tuple[str, str]], brokers: int
) -> None:
    servers, topic = mock_kafka(brokers)
    log = KafkaLog(make_settings(servers))
    assert log.topics() == [topic]
    publish(log, topic, events(400, keys=40))
    found = read_all(log, topic)
    assert {record.partition for record in found} == {0, 1, 2, 3}
    assert sorted(int(record.value) for record in found) == list(range(400))
    assert from_chunks(log, topic, max_bytes=300) == (found, log.end_offsets(topic))
