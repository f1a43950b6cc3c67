"""The writing side of the log over Kafka: a bounded queue, and every delivery report looked at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from featurectl.errors import LogError
from featurectl.log._base import MAX_EVENT_BYTES, MAX_KEY_BYTES
from featurectl.log._kafka_client import kafka_library
from featurectl.log._limits import refuse_if_too_large
from featurectl.log._lines import key_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from confluent_kafka import KafkaError, Message, Producer

    from featurectl.log._base import Event
    from featurectl.log._kafka_client import KafkaClient

__all__ = ["MESSAGE_BYTES", "KafkaWriter"]

# An event and a key at their limits, with room for what Kafka writes around them.
MESSAGE_BYTES = MAX_EVENT_BYTES + MAX_KEY_BYTES + (64 << 10)
QUEUE_EVENTS = 100_000
_QUEUE_KBYTES = 64 << 10
_REPORTS_EVERY = 1000
_SLICE_S = 0.2
_GRACE_S = 5


class KafkaWriter:
    """Appends to one topic of Kafka; see `TopicWriter`. For one thread.

    An event that Kafka refused, or did not acknowledge in time, stays an error: every later `append`,
    `flush` and `close` raises it again, so that nobody takes a later flush for its acknowledgement.
    """

    def __init__(self, client: KafkaClient, topic: str, compression: str, queue_events: int = QUEUE_EVENTS) -> None:
        self._client = client
        self._topic = topic
        self._appended = self._delivered = self._refused = 0
        self._reason: KafkaError | None = None
        self._producer: Producer | None = client.producer(
            {
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": compression,
                "partitioner": "murmur2_random",  # a key goes where Kafka's own Java clients put it
                "message.max.bytes": MESSAGE_BYTES,
                "queue.buffering.max.messages": queue_events,
                "queue.buffering.max.kbytes": _QUEUE_KBYTES,
                "request.timeout.ms": int(client.timeout * 1000) + 1,
                "message.timeout.ms": int(client.delivery_timeout * 1000),
            }
        )

    def append(self, events: Iterable[Event]) -> int:
        """Take events over, in order; wait while the queue is full; return how many.

        Raises LogError for an event over the limits (those before it are taken over, it and those after
        it are not), for a closed writer, and if Kafka refused an event.
        """
        producer = self._open()
        self._raise_refusals()
        count = 0
        for event in events:
            refuse_if_too_large(self._topic, event)
            self._produce(producer, event)
            count += 1
            if count % _REPORTS_EVERY == 0:
                producer.poll(0)
                self._raise_refusals()
        producer.poll(0)
        self._raise_refusals()
        return count

    def flush(self) -> None:
        """Return when everything appended so far is acknowledged. Raises LogError if some of it is not."""
        producer = self._open()
        # In slices, so that a signal's handler runs. Each event's own timeout ends this one.
        deadline = time.monotonic() + self._client.delivery_timeout + _GRACE_S
        while self._wait(producer) and time.monotonic() < deadline:
            pass
        self._raise_refusals()
        if self._delivered != self._appended:
            raise self._failure(f"no answer in {self._client.delivery_timeout:g} s")

    def close(self) -> None:
        """Flush and release the topic; again is fine."""
        if self._producer is None:
            return
        try:
            self.flush()
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, LogError):
            self._release()  # a second attempt would hide the first one's reason
        else:
            self.close()

    def _open(self) -> Producer:
        if self._producer is None:
            raise LogError(f"topic {self._topic}: the writer is closed")
        return self._producer

    def _produce(self, producer: Producer, event: Event) -> None:
        key = None if event.key is None else key_bytes(event.key)
        while True:
            try:
                with self._client.errors(f"append to topic {self._topic}"):
                    producer.produce(self._topic, event.value, key, on_delivery=self._report)
            except BufferError:  # the queue is full: reports make room
                producer.poll(_SLICE_S)
                self._raise_refusals()
            else:
                self._appended += 1
                return

    def _wait(self, producer: Producer) -> int:
        """Wait a moment for reports; return how many are still to come."""
        try:
            return producer.flush(_SLICE_S)
        except kafka_library().KafkaException as error:  # the producer itself has failed, for good
            self._reason = self._reason or error.args[0]
            return 0

    def _report(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self._delivered += 1
        else:
            self._refused += 1
            self._reason = self._reason or error

    def _raise_refusals(self) -> None:
        if self._reason is not None:
            explained = self._client.error("append", self._reason)
            raise self._failure(self._reason.str(), explained.hint)

    def _failure(self, reason: str, hint: str | None = None) -> LogError:
        count = f"{self._refused or self._appended - self._delivered:,} of {self._appended:,}"
        return LogError(f"topic {self._topic}: {count} events were not acknowledged: {reason}", hint=hint)

    def _release(self) -> None:
        if self._producer is not None:
            # What is still queued was never acknowledged; without the purge the end would wait for it.
            with self._client.errors(f"close topic {self._topic}"):
                self._producer.purge()
                self._producer.poll(0)
            self._producer = None
