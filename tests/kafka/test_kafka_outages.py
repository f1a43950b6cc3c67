"""The broker pauses, or is killed and started again on its data, in the middle of producing and of reading."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from featurectl.log import Event
from tests.kafka.conftest import events, publish
from tests.kafka.reading import from_chunks, values

if TYPE_CHECKING:
    from collections.abc import Callable

    from featurectl.log.kafka import KafkaLog
    from tests.kafka_service import KafkaServer

PATIENT = {"kafka_timeout": 60, "kafka_delivery_timeout": 120}


class Producing(threading.Thread):
    """Appends and flushes batch after batch until told to stop, and knows what was acknowledged."""

    def __init__(self, log: KafkaLog, topic: str) -> None:
        super().__init__()
        self._log, self._topic = log, topic
        self.acknowledged = 0
        self.moved = threading.Condition()
        self.enough = threading.Event()

    def run(self) -> None:
        with self._log.writer(self._topic) as writer:
            while not self.enough.is_set():
                writer.append(events(50, keys=7, start=self.acknowledged))
                writer.flush()
                with self.moved:
                    self.acknowledged += 50
                    self.moved.notify_all()

    def wait_for(self, count: int) -> None:
        with self.moved:
            assert self.moved.wait_for(lambda: self.acknowledged >= count, timeout=120)

    def stop(self) -> int:
        self.enough.set()
        self.join(120)
        assert not self.is_alive()
        return self.acknowledged


def test_a_pause_while_producing(
    kafka_to_stop: KafkaServer, make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str]
) -> None:
    log, topic = make_log(**PATIENT), kafka_topic(3)
    producing = Producing(log, topic)
    producing.start()
    producing.wait_for(100)
    with kafka_to_stop.paused():
        before = producing.acknowledged
        producing.join(1)
        assert producing.acknowledged <= before + 50, "nothing is acknowledged while nobody answers"
    producing.wait_for(before + 200)
    count = producing.stop()
    assert sorted(map(int, values(log, topic))) == list(range(count)), "each once"


def test_a_killed_broker_comes_back_while_producing(
    kafka_to_stop: KafkaServer, make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str]
) -> None:
    log, topic = make_log(**PATIENT), kafka_topic(3)
    producing = Producing(log, topic)
    producing.start()
    producing.wait_for(300)
    kafka_to_stop.kill()
    before = producing.acknowledged
    kafka_to_stop.start()
    producing.wait_for(before + 200)
    count = producing.stop()
    found, _ = from_chunks(log, topic)
    assert sorted(int(record.value) for record in found) == list(range(count)), "each once"
    for key in {record.key for record in found}:
        of_key = [int(record.value) for record in found if record.key == key]
        assert of_key == sorted(of_key)


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
