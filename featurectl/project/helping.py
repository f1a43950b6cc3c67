"""Other processes that parse a share of a large project's queries, so that the first plan uses every core.

A helper is this module run as a program: texts come in on standard input, what was read out of them goes out on
standard output, both as JSON. Whatever a helper does not answer, for whatever reason, is analysed here instead, where
an error of a query is told with its file and line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Share", "answer", "helped"]

# Starting a helper costs as much as parsing about so many queries.
_WORTH_A_HELPER = 150
_MOST = 8


class Share:
    """Texts that a helper has taken."""

    def __init__(self, process: subprocess.Popen[bytes], texts: Sequence[str]) -> None:
        self._process, self._texts = process, texts

    def results(self) -> dict[str, Any]:
        """What was read out of each text; texts that the helper could not analyse are left out."""
        try:
            out, _ = self._process.communicate()
            found = json.loads(out)
        except (OSError, ValueError):
            return {}
        complete = isinstance(found, list) and len(found) == len(self._texts)
        return {t: raw for t, raw in zip(self._texts, found, strict=True) if raw is not None} if complete else {}


@contextmanager
def helped(texts: Sequence[str]) -> Iterator[tuple[Sequence[str], list[Share]]]:
    """Give shares of the texts to helpers, one a core; answers the texts that are left for this process."""
    count = min(_cores(), _MOST, len(texts) // _WORTH_A_HELPER)
    if count < 2 or not sys.executable:
        yield texts, []
        return
    size = (len(texts) - _WORTH_A_HELPER) // count  # helpers start later, so they get less
    processes: list[subprocess.Popen[bytes]] = []
    shares = []
    try:
        for number in range(count - 1):
            part = texts[number * size : (number + 1) * size]
            process = _start()
            if process is not None:
                processes.append(process)
                if _hand_over(process, part):
                    shares.append(Share(process, part))
        yield texts[len(shares) * size :] if len(shares) == count - 1 else texts, shares
    finally:
        for process in processes:
            process.kill()  # one that has answered is gone already
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
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


def _hand_over(process: subprocess.Popen[bytes], texts: Sequence[str]) -> bool:
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(texts).encode())
        process.stdin.close()
    except OSError:
        return False
    process.stdin = None  # communicate() is not to close it again
    return True


def answer(texts: Sequence[str], analyse: Callable[[str], Any]) -> list[Any]:
    """What `analyse` reads out of each text, None where it raises one of our errors."""
    from featurectl.errors import FeaturectlError

    found: list[Any] = []
    for text in texts:
        try:
            found.append(analyse(text))
        except FeaturectlError:
            found.append(None)
    return found


def main() -> None:
    """Answer for the texts on standard input, all of them read before anything heavy is imported."""
    texts = json.loads(sys.stdin.buffer.read())
    from featurectl.project.analysis import raw_view

    out = os.fdopen(1, "wb")
    out.write(json.dumps(answer(texts, raw_view)).encode())
    out.flush()
