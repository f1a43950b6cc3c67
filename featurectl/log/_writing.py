"""The writing side of a topic's files: one batch, one write, under the topic's lock."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from bisect import bisect_right
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Self

from featurectl.errors import LogError
from featurectl.log._base import MAX_EVENT_BYTES, MAX_KEY_BYTES
from featurectl.log._limits import refuse_if_too_large
from featurectl.log._lines import encode_lines
from featurectl.log._segments import Segment, Tail, list_segments, opened, segment_path, tail_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from featurectl.log._base import Event

__all__ = ["FileWriter", "WriterOptions", "mapped_errors"]

_LOCK_FILE = ".lock"
_BUFFER_EVENTS = 8192
_SURELY_SHORT_KEY = MAX_KEY_BYTES // 4  # characters; more of them need to be measured
_MADE_FOLDERS = 3  # <project>/<home>/log: a first run makes them all
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_HINT = "free space on the disk and go on: what was acknowledged is there"
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
_REFUSED_HINT = "FEATURECTL_HOME, or --home, is a folder that may be written to"


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """How a log writes. `buffer_bytes`: a batch is written once its values hold this much."""

    fsync: bool
    segment_bytes: int
    buffer_bytes: int


@contextmanager
def mapped_errors(topic: str, doing: str) -> Iterator[None]:
    """The operating system's refusals as LogError."""
    try:
        yield
    except OSError as error:
        hint = _FULL_HINT if error.errno in _FULL else _REFUSED_HINT if error.errno in _REFUSED else None
        raise LogError(f"topic {topic}: cannot {doing}: {error.strerror or error}", hint=hint) from error


class FileWriter:
    """Appends to the files of one topic; see `TopicWriter`. For one thread.

    Several writers, in any processes, take turns batch by batch. A batch that fails half way leaves its
    complete lines in the log (a reader may have seen them) and keeps the rest for the next `flush`.
    """

    def __init__(self, topic: str, folder: Path, options: WriterOptions) -> None:
        self._topic = topic
        self._folder = folder
        self._options = options
        self._pending: list[Event] = []
        self._pending_bytes = 0
        self._known: tuple[Segment, Tail] | None = None
        with mapped_errors(topic, "open it for writing"):
            _make_folder(folder, durable=options.fsync)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._lock: int | None = os.open(folder / _LOCK_FILE, flags, 0o644)

    def append(self, events: Iterable[Event]) -> int:
        """Take events over, in order; return how many.

        Raises LogError for an event over the limits (those before it are taken over, it and those after
        it are not), for a closed writer, and for a write that failed.
        """
        self._require_open()
        count, pending, full = 0, self._pending, self._options.buffer_bytes
        for event in events:
            value, key = event
            if len(value) > MAX_EVENT_BYTES or (key is not None and len(key) > _SURELY_SHORT_KEY):
                refuse_if_too_large(self._topic, event)
            pending.append(event)
            self._pending_bytes += len(value)
            count += 1
            if self._pending_bytes >= full or len(pending) >= _BUFFER_EVENTS:
                self._write_pending()
        return count

    def flush(self) -> None:
        """Return when everything appended so far is in the log. Raises LogError if some of it is not."""
        self._require_open()
        self._write_pending()

    def close(self) -> None:
        """Flush and release the topic; again is fine."""
        if self._lock is None:
            return
        try:
            self._write_pending()
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

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _require_open(self) -> None:
        if self._lock is None:
            raise LogError(f"topic {self._topic}: the writer is closed")

    def _write_pending(self) -> None:
        if not self._pending:
            return
        with mapped_errors(self._topic, "append"), self._locked():
            segment, tail = self._place()
            with opened(segment.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as descriptor:
                self._write_lines(descriptor, segment, tail)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        assert self._lock is not None
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            if os.fstat(self._lock).st_nlink == 0:
                raise LogError(f"topic {self._topic}: it was removed while it was being written")
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _place(self) -> tuple[Segment, Tail]:
        """Where the next line goes: behind the last sound line, in a new segment if the last one is full."""
        segments = list_segments(self._folder)
        if not segments:
            return self._new_segment(0)
        tail = self._tail(segments[-1])
        if tail.end >= self._options.segment_bytes:
            return self._new_segment(tail.next_offset)
        return segments[-1], tail

    def _new_segment(self, first_offset: int) -> tuple[Segment, Tail]:
        # Only named here; the file comes with the first write. Killed between the two it is empty or
        # absent, and both continue at the same offset.
        return Segment(segment_path(self._folder, first_offset), first_offset), Tail(0, first_offset)

    def _tail(self, segment: Segment) -> Tail:
        # Others only add lines, so a file of the size that we left it with ends where we left it.
        size = segment.path.stat().st_size
        if self._known is not None and self._known[0] == segment and self._known[1].end == size:
            return self._known[1]
        with opened(segment.path, os.O_RDWR) as descriptor:
            tail = tail_of(descriptor, segment.first_offset)
            if os.fstat(descriptor).st_size > tail.end:
                os.ftruncate(descriptor, tail.end)
        return tail

    def _write_lines(self, descriptor: int, segment: Segment, tail: Tail) -> None:
        lines = encode_lines(self._pending, tail.next_offset, time.time_ns() // 1000)
        data = b"".join(lines)
        try:
            _write_all(descriptor, data)
        except OSError:
            self._keep_complete_lines(descriptor, tail, lines)
            raise
        if self._options.fsync:
            self._make_durable(descriptor, is_new=tail.end == 0)
        self._known = segment, Tail(tail.end + len(data), tail.next_offset + len(lines))
        self._forget_pending(len(lines))

    def _keep_complete_lines(self, descriptor: int, tail: Tail, lines: list[bytes]) -> None:
        """After a short write: what is whole is written; the next write cuts the half line off."""
        written = os.fstat(descriptor).st_size - tail.end
        ends = list(accumulate(len(line) for line in lines))
        self._forget_pending(bisect_right(ends, written))

    def _make_durable(self, descriptor: int, *, is_new: bool) -> None:
        os.fsync(descriptor)
        if is_new:
            _sync_folder(self._folder)

    def _forget_pending(self, count: int) -> None:
        del self._pending[:count]
        self._pending_bytes = sum(len(event.value) for event in self._pending)


def _write_all(descriptor: int, data: bytes) -> None:
    # One write takes all of it, except on a disk that is filling up or over a limit.
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def _make_folder(folder: Path, *, durable: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if durable:
        for parent in list(folder.parents)[:_MADE_FOLDERS]:
            _sync_folder(parent)


def _sync_folder(folder: Path) -> None:
    with opened(folder) as descriptor:
        os.fsync(descriptor)
