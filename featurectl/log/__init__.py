"""The event log: topics of events with stable offsets. `open_log` gives the one that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.log._base import MAX_EVENT_BYTES, MAX_KEY_BYTES, Chunk, Event, EventLog, Record, TopicWriter
from featurectl.log.files import FileLog

if TYPE_CHECKING:
    from featurectl.settings import Settings

__all__ = [
    "MAX_EVENT_BYTES",
    "MAX_KEY_BYTES",
    "Chunk",
    "Event",
    "EventLog",
    "FileLog",
    "Record",
    "TopicWriter",
    "open_log",
]


def open_log(settings: Settings) -> EventLog:
    """The event log of a project. A server's log is Kafka: it cannot read this machine's files."""
    if settings.log == "kafka" or settings.target == "risingwave":
        from featurectl.log.kafka import KafkaLog

        return KafkaLog(settings)
    return FileLog(settings.log_dir, fsync=settings.fsync)
