"""The event log over Apache Kafka: topics with partitions, a key's events in order in one of them.

Readers assign partitions themselves and remember offsets themselves (the embedded engine in the transaction
that adds the rows), so no rebalance and no commit comes between. Only committed messages are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.log._kafka_client import KafkaClient, kafka_library
from featurectl.log._kafka_reading import begin_offsets, chunks, end_offsets, partitions_of, records, spans
from featurectl.log._kafka_writing import MESSAGE_BYTES, KafkaWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from confluent_kafka import Consumer

    from featurectl.log._base import Chunk, Record
    from featurectl.settings import Settings

__all__ = ["KafkaLog"]


class KafkaLog:
    """An `EventLog` of topics on the brokers that the settings name. Connects when it is first used."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = KafkaClient(settings)

    def topics(self) -> list[str]:
        """Names of the topics that exist, sorted; Kafka's own are left out. Raises LogError."""

        def question(consumer: Consumer, seconds: float) -> list[str]:
            found = consumer.list_topics(timeout=seconds).topics.values()
            return sorted(topic.topic for topic in found if topic.error is None and not topic.topic.startswith("__"))

        return self._client.ask("list topics", question)

    def writer(self, topic: str) -> KafkaWriter:
        """A writer to the topic, which is created with the configured partitions if it does not exist."""
        self.ensure_topic(topic)
        return KafkaWriter(self._client, topic, self._settings.kafka_compression)

    def ensure_topic(self, topic: str) -> bool:
        """Create the topic with the configured partitions and replicas, unless it exists. Raises LogError."""
        is_new = partitions_of(self._client, topic) is None
        if is_new:
            self._create(topic)
        return is_new

    def begin_offsets(self, topic: str) -> dict[int, int]:
        """Per partition the first offset that retention has left; empty if the topic does not exist."""
        return begin_offsets(self._client, topic)

    def end_offsets(self, topic: str) -> dict[int, int]:
        """Per partition the offset that the next event will get; empty if the topic does not exist."""
        return end_offsets(self._client, topic)

    def read(self, topic: str, partition: int = 0, start: int = 0) -> Iterator[Record]:
        """The partition's records from offset `start` up to its end as of the call; see `EventLog.read`.

        Offsets that retention took are a logged warning, and reading goes on behind them.
        """
        for span in spans(self._client, topic, {partition: start}):
            if span.partition == partition:
                for batch in records(self._client, span):
                    yield from batch

    def chunks(self, topic: str, positions: Mapping[int, int], max_bytes: int = 256 << 20) -> Iterator[Chunk]:
        """The records from `positions` up to the ends as of the call, in bulk; see `EventLog.chunks`.

        Offsets that retention took are a logged warning. Of a message that is too large for a line only
        the beginning is handed on, with a logged warning: no event, but a trace of one.
        """
        folder = self._settings.home_dir / "chunks"
        for span in spans(self._client, topic, positions):
            yield from chunks(self._client, span, max_bytes, folder)

    def _create(self, topic: str) -> None:
        library = kafka_library()
        wanted = library.admin.NewTopic(
            topic,
            num_partitions=self._settings.kafka_partitions,
            replication_factor=self._settings.kafka_replication or -1,  # -1: the broker's default
            config={"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(MESSAGE_BYTES)},
        )
        with self._client.errors(f"create topic {topic}"):
            admin = self._client.admin()  # held: without it the answer would never come
            try:
                admin.create_topics([wanted], request_timeout=self._client.timeout)[topic].result()
            except library.KafkaException as error:
                if error.args[0].code() != library.KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
        self._await(topic)

    def _await(self, topic: str) -> None:
        """Wait until the brokers know a topic that was just made."""
        library = kafka_library()

        def question(consumer: Consumer, seconds: float) -> None:
            found = consumer.list_topics(topic, timeout=seconds).topics[topic]
            if found.error is not None:
                raise library.KafkaException(library.KafkaError(library.KafkaError.LEADER_NOT_AVAILABLE))

        self._client.ask(f"find topic {topic}", question)
