"""The broker pauses, or is killed and started again on its data, in the middle of producing and of reading."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from featurectl.log import Event
from tests.kafka.conftest import events, publish
from tests.kafka.producing import PATIENT, Producing
from tests.kafka.reading import from_chunks, values

if TYPE_CHECKING:
    from collections.abc import Callable

    from featurectl.log.kafka import KafkaLog
    from tests.kafka_service import KafkaServer


def test_a_pause_while_producing(
    kafka_to_stop: KafkaServer, make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str]
) -> None:
    log, topic = make_log(**PATIENT), kafka_topic(3)
    with Producing(log, topic) as producing:
        producing.wait_for(100)
        with kafka_to_stop.paused():
            before = producing.acknowledged
            producing.join(1)
            assert producing.acknowledged <= before + 50, "nothing is acknowledged while nobody answers"
        producing.wait_for(before + 200)
        count = producing.stop()
        assert sorted(map(int, values(log, topic))) == list(range(count)), "each once"


def test_a_killed_broker_comes_back_while_reading(
    kafka_to_stop: KafkaServer, make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str]
) -> None:
    log, topic = make_log(**PATIENT), kafka_topic(1)
    # More than a reader fetches ahead, so that most of it is still to come when the broker ends.
    sent = [Event(b"%03d" % n + os.urandom(1_000_000)) for n in range(45)]
    publish(log, topic, sent)
    found: list[bytes] = []
    for chunk in log.chunks(topic, {}, max_bytes=1_500_000):
        found.append(chunk.path.read_bytes().split(b"\t")[4])
        if len(found) == 2:
            kafka_to_stop.kill()
            restart = threading.Thread(target=kafka_to_stop.start)
            restart.start()
    restart.join()
    assert len(found) == 45
    assert from_chunks(log, topic)[1] == {0: 45}


def test_a_pause_while_reading(
    kafka_to_stop: KafkaServer, make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str]
) -> None:
    log, topic = make_log(**PATIENT), kafka_topic(1)
    publish(log, topic, events(5000))
    found: list[bytes] = []

    def read() -> None:
        found.extend(record.value for record in log.read(topic))

    reading = threading.Thread(target=read)
    with kafka_to_stop.paused():
        reading.start()
        reading.join(1)
        assert reading.is_alive()
    reading.join(60)
    assert found == [event.value for event in events(5000)]
