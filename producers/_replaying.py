"""A timed replay: messages come when their event times say so, faster or slower by a factor."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from producers.contracts import Rejection, Validator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from featurectl.stopping import Stop
    from producers.registry import Producer

__all__ = ["timed"]

_MOST_AT_ONCE = 500


def timed(
    messages: Iterable[bytes],
    producer: Producer,
    speed: float,
    *,
    stop: Stop,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], object] | None = None,
) -> Iterator[list[bytes]]:
    """Lists of messages that are due together.

    The first event's time is now; one that is so many seconds later comes so many seconds / `speed` later.
    A message that lies in the past of those before it, or has no time, comes at once.
    """
    check, wait = Validator(producer.contract), wait or stop.wait
    began, first = clock(), None
    due: list[bytes] = []
    for message in messages:
        checked = check(message)
        if not isinstance(checked, Rejection):
            at = producer.time(checked).timestamp()
            first = at if first is None else first
            seconds = (at - first) / speed - (clock() - began)
            if seconds > 0:
                yield due
                due = []
                wait(seconds)
        if stop.asked:
            return
        due.append(message)
        if len(due) >= _MOST_AT_ONCE:
            yield due
            due = []
    yield due
