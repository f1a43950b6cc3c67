"""A progress bar for a terminal: count, rate, what remains. Writes where it is told to."""

from __future__ import annotations

import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from producers.publishing import Progress

__all__ = ["Bar"]

_EVERY_S = 0.2
_WIDTH = 20


class Bar:
    """Call it with the progress; it draws at most five times a second. `close` removes it."""

    def __init__(self, stream: IO[str], label: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._label = label
        self._clock = clock
        self._began = clock()
        self._drawn: float | None = None

    def __call__(self, progress: Progress) -> None:
        """Draw, unless that was done just now."""
        now = self._clock()
        if self._drawn is None or now - self._drawn >= _EVERY_S:
            self._drawn = now
            self._stream.write(f"\r\x1b[2K{self._label} {_text(progress, now - self._began)}")
            self._stream.flush()

    def close(self) -> None:
        """Remove the line, if one was drawn."""
        if self._drawn is not None:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()


def _text(progress: Progress, seconds: float) -> str:
    count = progress.published + progress.rejected
    rate = f"{count:,} events, {count / seconds:,.0f}/s" if seconds > 0 else f"{count:,} events"
    if progress.fraction is None:
        return rate
    done = round(_WIDTH * min(1.0, progress.fraction))
    return f"[{'#' * done}{'-' * (_WIDTH - done)}] {progress.fraction:4.0%} {rate}{_remaining(progress, seconds)}"


def _remaining(progress: Progress, seconds: float) -> str:
    if not progress.fraction or progress.fraction >= 1:
        return ""
    left = seconds / progress.fraction - seconds
    return f", {int(left // 60)}:{int(left % 60):02d} left"
