"""A producer in a thread, for tests that stop the broker meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from tests.kafka.conftest import events

if TYPE_CHECKING:
    from collections.abc import Callable

    from featurectl.log import Event, EventLog

BATCH = 50
PATIENT = {"kafka_timeout": 60, "kafka_delivery_timeout": 120}


def batch_from(start: int) -> list[Event]:
    return events(BATCH, keys=7, start=start)


class Producing(threading.Thread):
    """Appends and flushes batch after batch until told to stop, and knows what was acknowledged."""

    def __init__(
        self, log: EventLog, topic: str, make: Callable[[int], list[Event]] = batch_from, pause: float = 0
    ) -> None:
        super().__init__()
        self._log, self._topic, self._make, self._pause = log, topic, make, pause
        self.acknowledged = 0
        self.moved = threading.Condition()
        self.enough = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self) -> None:
        with self._log.writer(self._topic) as writer:
            while not self.enough.wait(self._pause):  # for the load; nobody relies on it
                count = writer.append(self._make(self.acknowledged))
                writer.flush()
                with self.moved:
                    self.acknowledged += count
                    self.moved.notify_all()

    def wait_for(self, count: int) -> None:
        with self.moved:
            assert self.moved.wait_for(lambda: self.acknowledged >= count, timeout=120)

    def stop(self) -> int:
        self.enough.set()
        self.join(120)
        assert not self.is_alive()
        return self.acknowledged
