"""Other processes that analyse a share of a large project's queries, so that the first plan uses every core.

A helper is this module run as a program. Each line that it reads is a task, a kind with items; each line that it writes
is what it found, an item each: JSON both ways. It keeps the trees of what it parsed, so it is asked about those again.
Whatever a helper does not answer, for whatever reason, is done here instead, where an error of a query is told with its
file and line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from featurectl.dialect import Query

__all__ = ["Helpers", "answers"]

# Starting a helper costs as much as parsing about so many queries.
_WORTH_A_HELPER = 150
_MOST = 8


class Helpers:
    """Started for texts of queries, one helper for each other core; none where that is not worth it.

    `ours` are the texts that are left for this process; `shares` are those of the helpers.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        count = min(_cores(), _MOST, len(texts) // _WORTH_A_HELPER)
        self._processes: list[subprocess.Popen[bytes]] = []
        self.close = weakref.finalize(self, _end, self._processes)
        self.ours = list(texts)
        self.shares: list[list[str]] = []
        if count < 2 or not sys.executable:
            return
        mine, rest = texts[:_WORTH_A_HELPER], texts[_WORTH_A_HELPER:]  # helpers start later, so they get less
        for number in range(1, count):
            process = _start()
            if process is not None:
                self._processes.append(process)
                self.shares.append(list(rest[number::count]))
        taken = {text for share in self.shares for text in share}
        self.ours = [*mine, *(text for text in rest if text not in taken)]
        self._owners = {text: number for number, share in enumerate(self.shares) for text in share}

    def owner(self, text: str) -> int | None:
        """The number of the helper that has parsed this text; None if none has."""
        return self._owners.get(text) if self.shares and self.close.alive else None

    def ask(self, number: int, kind: str, items: Sequence[Any]) -> None:
        """Give a helper a task. It is answered before the next one is given."""
        stream = self._processes[number].stdin
        assert stream is not None
        try:
            stream.write(json.dumps([kind, items]).encode() + b"\n")
            stream.flush()
        except OSError:  # it is gone: then there is no answer either
            return

    def answer(self, number: int, items: Sequence[Any]) -> list[Any]:
        """What a helper found, an item each, None where it found nothing."""
        stream = self._processes[number].stdout
        assert stream is not None
        try:
            found = json.loads(stream.readline())
        except (OSError, ValueError):
            found = None
        return found if isinstance(found, list) and len(found) == len(items) else [None] * len(items)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
        for stream in (process.stdin, process.stdout):
            try:
                if stream is not None:
                    stream.close()
            except OSError:  # what it was sent and never read
                continue
        process.wait()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _start() -> subprocess.Popen[bytes] | None:
    code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import main; main()"
    try:
        return subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        return None


def answers(items: Sequence[Any], find: Callable[[Any], Any]) -> list[Any]:
    """What `find` finds for each item, None where it raises one of our errors."""
    from featurectl.errors import FeaturectlError

    found: list[Any] = []
    for item in items:
        try:
            found.append(find(item))
        except FeaturectlError:
            found.append(None)
    return found


class _Helper:
    """What a helper does, by the task's kind."""

    def __init__(self) -> None:
        self._parsed: dict[str, Query] = {}

    def view(self, text: str) -> dict[str, Any]:
        from featurectl.project.analysis import raw_view

        raw, self._parsed[text] = raw_view(text)
        return raw

    def lint(self, item: tuple[str, Any, bool]) -> dict[str, Any]:
        from featurectl.project.lint.linting import check

        text, known, trained = item
        return check(self._parsed[text], text, known, trained=trained)


def main() -> None:
    """Answer tasks until the standard input ends."""
    helper = _Helper()
    out = os.fdopen(1, "wb")
    for line in sys.stdin.buffer:
        kind, items = json.loads(line)
        out.write(json.dumps(answers(items, getattr(helper, kind))).encode() + b"\n")
        out.flush()
