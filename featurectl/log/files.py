"""The event log as files: `<root>/<topic>/<first offset>.log`, one partition, append-only.

A line of a file is a record, in the format of `Chunk`, so a segment that nobody appends to any more is a
chunk as it stands. Writers take turns under a lock file per topic; readers take no lock, because the
bytes before the last newline never change. A process killed while writing leaves half a line behind the
last newline, which no reader looks at and the next writer cuts off; it was never acknowledged.

Without `fsync` a power cut may take the last seconds of acknowledged events with it; with it none, and
readers make durable what they hand out, so that a position never outlives the events before it.
Needs a file system with POSIX locks between the writers (Linux, macOS; not Windows, not old NFS).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.errors import LogError
from featurectl.log._base import Chunk
from featurectl.log._limits import is_topic_name, require_topic_name
from featurectl.log._reading import copied_pieces, is_whole, spans
from featurectl.log._segments import list_segments, opened, records, tail_of
from featurectl.log._writing import FileWriter, WriterOptions, mapped_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from featurectl.log._base import Record

__all__ = ["FileLog"]


class FileLog:
    """An `EventLog` of files below `root`.

    Args:
        root: Folder with a folder for each topic; made when the first topic is written.
        fsync: Make every acknowledged event survive a power cut, at the price of a disk flush a batch.
        segment_bytes: A segment that has reached this size is followed by a new one.
        buffer_bytes: A writer's batch is written once its values hold this much, or at `flush`.
    """

    def __init__(
        self, root: Path, *, fsync: bool = False, segment_bytes: int = 64 << 20, buffer_bytes: int = 1 << 20
    ) -> None:
        self._root = root
        self._options = WriterOptions(fsync, segment_bytes, buffer_bytes)

    def topics(self) -> list[str]:
        """Names of the topics that exist, sorted."""
        try:
            names = [path.name for path in self._root.iterdir() if path.is_dir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LogError(f"cannot list topics: {self._root}: {error.strerror}") from error
        return sorted(filter(is_topic_name, names))

    def writer(self, topic: str) -> FileWriter:
        """A writer to the topic, which is created if it does not exist. Raises LogError."""
        return FileWriter(topic, self._folder(topic), self._options)

    def ensure_topic(self, topic: str) -> bool:
        """Make the topic's folder, unless it is there. Raises LogError."""
        is_new = not self._folder(topic).is_dir()
        self.writer(topic).close()
        return is_new

    def begin_offsets(self, topic: str) -> dict[int, int]:
        """The first offset that is still there, by partition 0; empty if the topic does not exist."""
        folder = self._folder(topic)
        segments = list_segments(folder)
        return {0: segments[0].first_offset if segments else 0} if folder.is_dir() else {}

    def end_offsets(self, topic: str) -> dict[int, int]:
        """The offset that the next event will get, by partition 0; empty if the topic does not exist."""
        folder = self._folder(topic)
        if not folder.is_dir():
            return {}
        segments = list_segments(folder)
        if not segments:
            return {0: 0}
        with mapped_errors(topic, "read it"), opened(segments[-1].path) as descriptor:
            return {0: tail_of(descriptor, segments[-1].first_offset).next_offset}

    def read(self, topic: str, partition: int = 0, start: int = 0) -> Iterator[Record]:
        """Complete records from offset `start` on; see `EventLog.read`. Raises LogError also for damage."""
        _require_partition_0(topic, {partition: start})
        with mapped_errors(topic, "read it"):
            for span in spans(topic, self._folder(topic), start, fsync=self._options.fsync):
                yield from records(span.segment.path, span.begin, span.end)

    def chunks(self, topic: str, positions: Mapping[int, int], max_bytes: int = 256 << 20) -> Iterator[Chunk]:
        """The records from `positions` to the end, in bulk; see `EventLog.chunks`.

        A full segment is handed out as it stands. A part of one, and the segment that is still being
        written, is copied to a file of its own, which is removed when the iterator moves on. A copy has
        at most `max_bytes`, or one line.
        """
        _require_partition_0(topic, positions)
        with mapped_errors(topic, "read it"):
            for span in spans(topic, self._folder(topic), positions.get(0, 0), fsync=self._options.fsync):
                if is_whole(span, max_bytes):
                    yield Chunk(topic, 0, span.segment.path, span.first_offset, span.next_offset)
                else:
                    yield from copied_pieces(topic, span, max_bytes)

    def _folder(self, topic: str) -> Path:
        require_topic_name(topic)
        return self._root / topic


def _require_partition_0(topic: str, positions: Mapping[int, int]) -> None:
    unknown = next((partition for partition in positions if partition != 0), None)
    if unknown is not None:
        raise LogError(
            f"topic {topic}: there is no partition {unknown}",
            hint="files have partition 0 only; the position is from another event log",
        )
