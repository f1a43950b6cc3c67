"""Other processes that analyse a share of a large project's queries, so that the first plan uses every core.

A helper is this module run as a program. Each line that it reads is a task, a kind with items; each line that it writes
is what it found, an item each: JSON both ways. Texts are handed out a few at a time, as they come and as helpers get
free, so nobody waits while there is work. A helper keeps the trees of what it parsed, so it is asked about those again.
Whatever a helper does not answer, for whatever reason, is done here instead, where an error of a query is told with its
file and line.
"""

from __future__ import annotations

import json
import os
import random
import select
import subprocess
import sys
import weakref
from collections import deque
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from featurectl.dialect import Query

__all__ = ["Helpers", "answers"]

# Starting a helper costs as much as parsing about so many queries.
_WORTH_A_HELPER = 150
_MOST = 8
# So many texts at a time: a helper is looked after once a text is done here, and waits until then.
_CHUNK = 16


class Helpers:
    """Started for so many texts of queries, one helper for each other core; none where that is not worth it.

    `found` is what helpers found so far, by text: None for what they could not find.
    """

    def __init__(self, expected: int) -> None:
        count = min(_cores(), _MOST, expected // _WORTH_A_HELPER)
        self._processes: list[subprocess.Popen[bytes]] = []
        self.close = weakref.finalize(self, _end, self._processes)
        self.found: dict[str, Any] = {}
        self._waiting: deque[str] = deque()
        self._given: dict[int, list[str]] = {}
        self._owners: dict[str, int] = {}
        if count < 2 or not sys.executable or os.name != "posix":  # elsewhere a pipe cannot be looked at
            return
        self._processes += [process for _ in range(1, count) if (process := _start()) is not None]

    @property
    def count(self) -> int:
        """How many were started."""
        return len(self._processes)

    def owner(self, text: str) -> int | None:
        """The number of the helper that has parsed this text; None if none has."""
        return self._owners.get(text) if self.close.alive else None

    def offer(self, text: str) -> None:
        """A text to analyse; whoever is free takes it."""
        self._waiting.append(text)
        if len(self._waiting) >= _CHUNK:
            self._look_after()

    def mix(self) -> None:
        """Let texts be taken in no order, so that each process gets some of every layer: lint goes layer by layer."""
        shuffled = random.Random(0)  # noqa: S311 - no secret: only an order
        self._waiting = deque(shuffled.sample(self._waiting, len(self._waiting)))

    def take(self) -> str | None:
        """A text that no helper has taken, to be analysed here; None if there is none."""
        self._look_after()
        return self._waiting.pop() if self._waiting else None

    def finish(self) -> None:
        """Wait for what was handed out."""
        for number in list(self._given):
            self._collect(number)

    def _answers(self, number: int) -> IO[bytes]:
        stream = self._processes[number].stdout
        assert stream is not None
        return stream

    def _look_after(self) -> None:
        """Take what is answered, and hand out more."""
        streams = {self._answers(number): number for number in self._given}
        for stream in select.select(list(streams), [], [], 0)[0] if streams else []:
            self._collect(streams[stream])
        for number in range(len(self._processes)):
            if number not in self._given and self._waiting:
                # The last ones are shared, or one would wait for the other.
                size = min(_CHUNK, 1 + len(self._waiting) // (1 + len(self._processes)))
                chunk = self._given[number] = [self._waiting.popleft() for _ in range(size)]
                self.ask(number, "view", chunk)

    def _collect(self, number: int) -> None:
        texts = self._given.pop(number)
        for text, raw in zip(texts, self.answer(number, texts), strict=True):
            self.found[text] = raw
            if raw is not None:
                self._owners[text] = number

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
        try:
            found = json.loads(self._answers(number).readline())
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

    def lint(self, item: tuple[str, Any, dict[str, Any]]) -> dict[str, Any]:
        from featurectl.project.lint.linting import check

        text, known, about = item
        return check(self._parsed[text], text, known, about)


def main() -> None:
    """Answer tasks until the standard input ends."""
    from featurectl.project.garbage import seldom_collected

    helper = _Helper()
    out = os.fdopen(1, "wb")
    with seldom_collected():
        for line in sys.stdin.buffer:
            kind, items = json.loads(line)
            out.write(json.dumps(answers(items, getattr(helper, kind))).encode() + b"\n")
            out.flush()
