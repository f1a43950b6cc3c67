"""Being asked to stop: by a signal, while waiting, polling or reading from a server."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["Stop", "StopRequested"]

_HANDLER_DELAY_SECONDS = 0.25


class StopRequested(BaseException):
    """Ends a wait or a request that would take too long to finish. Not an error: what follows is a flush."""


class Stop:
    """Whether somebody asked to stop; can be waited on.

    `threading.Event` will not do: its `set` in a signal handler can meet the lock that `wait` of the same
    thread holds. A lock that is released once has no such moment.
    """

    def __init__(self) -> None:
        self._asked = False
        self._may_interrupt = False
        self._gate = threading.Lock()
        self._gate.acquire()

    @property
    def asked(self) -> bool:
        """Whether `ask` was called."""
        return self._asked

    def ask(self) -> None:
        """Ask to stop; again changes nothing."""
        if not self._asked:
            self._asked = True
            self._gate.release()

    def wait(self, seconds: float) -> bool:
        """Wait until asked, at most `seconds`; return whether asked.

        In short waits: a signal that arrives just before one of them begins, or at another thread, does not end it,
        and Python calls the handler only when it is over.
        """
        until = time.monotonic() + seconds
        while not self._asked:
            left = until - time.monotonic()
            if left <= 0:
                break
            if self._gate.acquire(timeout=min(left, _HANDLER_DELAY_SECONDS)):
                self._gate.release()
        return self._asked

    def sleep(self, seconds: float) -> None:
        """Wait `seconds`. Raises StopRequested if asked meanwhile."""
        if self.wait(seconds):
            raise StopRequested

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """A signal raises StopRequested in here, where giving up half way does no harm: reading a socket."""
        if self._asked:
            raise StopRequested
        try:
            self._may_interrupt = True
            yield
        finally:
            self._may_interrupt = False

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM ask; the handlers from before come back at the end. Main thread only."""
        before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.ask()
        if self._may_interrupt:
            self._may_interrupt = False  # a second signal must not hit the flush that follows
            raise StopRequested
