"""Segment files: which there are, where their complete lines end, where an offset begins.

Everything reads with `pread`, so a file descriptor has no position to share. Bytes before the last
newline never change, which is why readers need no lock.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurectl.errors import LogError
from featurectl.log._lines import LINE_START, decode_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from featurectl.log._base import Record

__all__ = [
    "Segment",
    "Tail",
    "find_line",
    "last_newline",
    "list_segments",
    "next_line",
    "offset_at",
    "opened",
    "records",
    "segment_path",
    "tail_of",
]

_SUFFIX = ".log"
_DIGITS = 20
_BLOCK = 1 << 16
_LINE_START_BYTES = 48


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of lines; `first_offset`, its name, is what its first line has or will have."""

    path: Path
    first_offset: int


@dataclass(frozen=True, slots=True)
class Tail:
    """Where a segment's complete lines end (a byte position), and the offset that comes next."""

    end: int
    next_offset: int


def segment_path(folder: Path, first_offset: int) -> Path:
    """The segment's file by its first offset."""
    return folder / f"{first_offset:0{_DIGITS}d}{_SUFFIX}"


def list_segments(folder: Path) -> list[Segment]:
    """The topic's segments in order of offsets; none if the folder does not exist."""
    try:
        names = sorted(name for name in os.listdir(folder) if _is_segment(name))
    except FileNotFoundError:
        return []
    return [Segment(folder / name, int(name[:_DIGITS])) for name in names]


def _is_segment(name: str) -> bool:
    return len(name) == _DIGITS + len(_SUFFIX) and name.endswith(_SUFFIX) and name[:_DIGITS].isdigit()


@contextmanager
def opened(path: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    """A file descriptor that is closed at the end."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def tail_of(descriptor: int, first_offset: int) -> Tail:
    """Where the segment's last sound line ends.

    What follows it is torn: half a line of a killed process, or the NULs and rubbish that a power cut
    leaves at a file's end. None of that was ever acknowledged, or fsync was off.
    """
    end = os.fstat(descriptor).st_size
    while (newline := last_newline(descriptor, end)) >= 0:
        line = last_newline(descriptor, newline) + 1
        offset = offset_at(descriptor, line)
        if offset is not None:
            return Tail(newline + 1, offset + 1)
        end = line
    return Tail(0, first_offset)


def last_newline(descriptor: int, end: int) -> int:
    """Position of the last newline before byte `end`, -1 if there is none."""
    while end > 0:
        begin = max(0, end - _BLOCK)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found
        end = begin
    return -1


def offset_at(descriptor: int, line: int) -> int | None:
    """The offset of the line that begins at a byte position; None if no line of ours does."""
    match = LINE_START.match(os.pread(descriptor, _LINE_START_BYTES, line))
    return None if match is None else int(match[1])


def find_line(descriptor: int, end: int, offset: int) -> int:
    """Byte position of the first line with at least this offset, `end` if there is none before it.

    Halves the bytes until few remain, then goes line by line: some 20 reads in any segment.
    """
    low, high = 0, end
    while high - low > _BLOCK:
        line = next_line(descriptor, (low + high) // 2, high)
        if line < high and _known_offset(descriptor, line) < offset:
            low = line
        else:
            high = (low + high) // 2
    # A line found beyond `high` may still be wanted: the search only proved that it is not before `low`.
    while low < end and _known_offset(descriptor, low) < offset:
        low = next_line(descriptor, low, end)
    return low


def _known_offset(descriptor: int, line: int) -> int:
    offset = offset_at(descriptor, line)
    if offset is None:
        raise LogError(f"a segment is damaged at byte {line}", hint="restore the file from a backup")
    return offset


def next_line(descriptor: int, position: int, end: int) -> int:
    """Where the first line after `position` begins, `end` if none does before it."""
    while position < end:
        found = os.pread(descriptor, min(_BLOCK, end - position), position).find(b"\n")
        if found >= 0:
            return position + found + 1
        position += _BLOCK
    return end


def records(path: Path, begin: int, end: int) -> Iterator[Record]:
    """The records between two byte positions, both at a line's beginning.

    Raises LogError for a damaged line.
    """
    with path.open("rb") as file:
        file.seek(begin)
        while begin < end:
            line = file.readline()
            try:
                yield decode_line(line)
            except ValueError as error:
                raise LogError(
                    f"{path.name} is damaged at byte {begin}: {error}", hint="restore the file from a backup"
                ) from None
            begin += len(line)
