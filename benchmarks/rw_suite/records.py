"""sqllogictest files as records: the subset that RisingWave's suite uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Record", "read_records"]


@dataclass(frozen=True)
class Record:
    """One statement or query.

    `expected` is None where no rows are given; `fails` says that RisingWave refuses it; `sort` is the sort mode.
    """

    kind: str
    sql: str
    file: Path
    line: int
    expected: tuple[str, ...] | None = None
    fails: bool = False
    sort: str = ""


def read_records(path: Path) -> Iterator[Record]:
    """The records of a file and of the files that it includes, in order; `system` and `sleep` are left out."""
    lines = path.read_text(encoding="utf-8").splitlines()
    at, skip = 0, False
    while at < len(lines):
        words = lines[at].split()
        head = words[0] if words and not lines[at].startswith((" ", "\t")) else ""
        if head == "halt":
            return
        if head == "include":
            for found in sorted(path.parent.glob(words[1])):
                yield from read_records(found.resolve())
        if head == "onlyif":
            skip = True
        if head in ("statement", "query", "system"):
            end = at + 1
            record, end = _record(path, lines, at)
            if not skip and head != "system":
                yield record
            at, skip = end, False
            continue
        at += 1


def _record(path: Path, lines: list[str], at: int) -> tuple[Record, int]:
    words = lines[at].split()
    kind, how = words[0], words[1] if len(words) > 1 else ""
    end = at + 1
    text = []
    while end < len(lines) and lines[end].strip() and lines[end] != "----":
        text.append(lines[end])
        end += 1
    expected: list[str] | None = None
    if end < len(lines) and lines[end] == "----":
        end += 1
        expected = []
        while end < len(lines) and (lines[end].strip() or _more_of_an_error(how, lines, end)):
            expected.append(lines[end])
            end += 1
    fails = how == "error"
    sort = next((word for word in words[2:] if word in ("rowsort", "valuesort", "nosort")), "")
    rows = tuple(expected or ()) if kind == "query" and not fails else None
    return Record(kind, "\n".join(text).strip().rstrip(";"), path, at + 1, rows, fails, sort), end


def _more_of_an_error(how: str, lines: list[str], at: int) -> bool:
    """The text of an error ends with two empty lines."""
    return how == "error" and at + 1 < len(lines) and bool(lines[at + 1].strip()) and not lines[at].strip()
