"""The reading side of a topic's files: which bytes to read from an offset on, and chunks of them."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import IO, TYPE_CHECKING

from featurectl.errors import LogError
from featurectl.log._base import Chunk
from featurectl.log._segments import (
    Segment,
    find_line,
    last_newline,
    list_segments,
    next_line,
    offset_at,
    opened,
    tail_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Span", "chunk_file", "copied_pieces", "is_whole", "remove_abandoned", "spans"]

_COPY_PREFIX = ".chunk-"
_ABANDONED_AFTER_S = 3600
_COPY_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Span:
    """Complete lines of a segment: bytes `begin` to `end`, offsets `first_offset` to `next_offset`.

    `sealed`: no writer will add to the segment. `size`: of the whole file.
    """

    segment: Segment
    begin: int
    end: int
    first_offset: int
    next_offset: int
    sealed: bool
    size: int


def spans(topic: str, folder: Path, start: int, *, fsync: bool) -> Iterator[Span]:
    """The lines from offset `start` on, segment by segment, of the segments that exist now.

    With `fsync` they are made durable first: a reader may store its position, and the position must not
    survive a power cut that the events before it did not survive.
    Raises LogError if the log ends before `start`.
    """
    segments = list_segments(folder)
    _refuse_beyond_end(topic, segments, start)
    for segment, follower in zip_longest(segments, segments[1:]):
        if follower is None or follower.first_offset > start:
            span = _span(segment, start, sealed=follower is not None, fsync=fsync)
            if span.begin < span.end:
                yield span


def _refuse_beyond_end(topic: str, segments: list[Segment], start: int) -> None:
    end = 0
    if segments:
        with opened(segments[-1].path) as descriptor:
            end = tail_of(descriptor, segments[-1].first_offset).next_offset
    if start > end:
        raise LogError(
            f"topic {topic}: position {start} is past the end of the log, {end}",
            hint="the log was replaced or cut; restore it, or start from its beginning",
        )


def _span(segment: Segment, start: int, *, sealed: bool, fsync: bool) -> Span:
    with opened(segment.path) as descriptor:
        tail = tail_of(descriptor, segment.first_offset)
        begin = find_line(descriptor, tail.end, start) if start > segment.first_offset else 0
        if fsync and not sealed:
            os.fsync(descriptor)
        first = offset_at(descriptor, begin) if begin < tail.end else tail.next_offset
        assert first is not None, "find_line gives a line's beginning"
        return Span(segment, begin, tail.end, first, tail.next_offset, sealed, os.fstat(descriptor).st_size)


def is_whole(span: Span, max_bytes: int) -> bool:
    """Whether the segment's file is the chunk: sealed, from its beginning, nothing torn at its end."""
    return span.sealed and span.begin == 0 and span.end == span.size <= max_bytes


def copied_pieces(topic: str, span: Span, max_bytes: int) -> Iterator[Chunk]:
    """The span as copies of at most `max_bytes` (or one line), each removed when the next is asked for."""
    remove_abandoned(span.segment.path.parent)
    with opened(span.segment.path) as source:
        begin, first = span.begin, span.first_offset
        while begin < span.end:
            end, following = _piece_end(source, begin, span, max_bytes)
            with _copy(source, begin, end, span.segment.path.parent) as path:
                yield Chunk(topic, 0, path, first, following)
            begin, first = end, following


def _piece_end(source: int, begin: int, span: Span, max_bytes: int) -> tuple[int, int]:
    """Where a piece that begins at a line ends, and the offset that follows it."""
    if span.end - begin <= max_bytes:
        return span.end, span.next_offset
    end = last_newline(source, begin + max_bytes) + 1
    if end <= begin:
        end = next_line(source, begin, span.end)
    if end == span.end:
        return end, span.next_offset
    following = offset_at(source, end)
    assert following is not None, "a line begins behind a newline"
    return end, following


@contextmanager
def chunk_file(folder: Path) -> Iterator[IO[bytes]]:
    """A new file in a folder, removed at the end; locked as long as it is in use."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=_COPY_PREFIX, suffix=".tsv") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        yield file


@contextmanager
def _copy(source: int, begin: int, end: int, folder: Path) -> Iterator[Path]:
    """A copy of a byte range beside the segments."""
    with chunk_file(folder) as file:
        _copy_bytes(source, file.fileno(), begin, end - begin)
        yield Path(file.name)


def _copy_bytes(source: int, target: int, begin: int, count: int) -> None:
    while count > 0:
        copied = _copy_some(source, target, begin, count)
        if copied == 0:
            raise LogError("a segment became shorter while it was read", hint="it was edited; restore it")
        begin += copied
        count -= copied


def _copy_some(source: int, target: int, begin: int, count: int) -> int:
    # The kernel's copy needs no trip through this process, and on some file systems no copy at all.
    if hasattr(os, "copy_file_range"):
        with suppress(OSError):
            return os.copy_file_range(source, target, count, offset_src=begin)
    return os.write(target, os.pread(source, min(count, _COPY_BLOCK), begin))


def remove_abandoned(folder: Path) -> None:
    """Remove copies that a killed reader left: old, and locked by nobody."""
    long_ago = time.time() - _ABANDONED_AFTER_S
    for path in folder.glob(f"{_COPY_PREFIX}*"):
        with suppress(OSError), opened(path) as descriptor:
            if os.fstat(descriptor).st_mtime < long_ago:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
