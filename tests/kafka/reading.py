"""What the tests read back: every record of a topic, by `read` and by chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.log._lines import decode_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from featurectl.log import Record
    from featurectl.log.kafka import KafkaLog


def read_all(log: KafkaLog, topic: str) -> list[Record]:
    """All records, partition by partition."""
    return [record for partition in sorted(log.end_offsets(topic)) for record in log.read(topic, partition)]


def values(log: KafkaLog, topic: str) -> list[bytes]:
    """All values, sorted."""
    return sorted(record.value for record in read_all(log, topic))


def from_chunks(
    log: KafkaLog, topic: str, positions: Mapping[int, int] | None = None, max_bytes: int = 1 << 20
) -> tuple[list[Record], dict[int, int]]:
    """All records of chunks, and the positions behind them."""
    found: list[Record] = []
    after = dict(positions or {})
    for chunk in log.chunks(topic, after, max_bytes):
        assert chunk.first_offset == after.get(chunk.partition, 0), "chunks follow each other without a gap"
        lines = chunk.path.read_bytes().splitlines(keepends=True)
        assert sum(map(len, lines)) <= max_bytes or len(lines) == 1
        parsed = [decode_line(line)._replace(partition=chunk.partition) for line in lines]
        assert all(chunk.first_offset <= record.offset < chunk.next_offset for record in parsed)
        found += parsed
        after[chunk.partition] = chunk.next_offset
    return found, after
