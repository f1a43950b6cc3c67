"""Live mode: ask a source again and again, and know what of its answer is new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producers.publishing import Judged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from featurectl.log import Event
    from producers.publishing import Judge

__all__ = ["News"]


class News:
    """A judge that leaves out what an earlier poll brought in the same words.

    It remembers the last two polls only. Every poll asks for the same recent past, so what two of them did
    not bring has left that past and does not come again.
    """

    def __init__(self, judge: Judge, identity: Callable[[Event], object]) -> None:
        self._judge = judge
        self._identity = identity
        self._before: dict[object, bytes] = {}
        self._now: dict[object, bytes] = {}

    def next_poll(self) -> None:
        """A poll brought all it had: forget what only the one before it brought."""
        self._before, self._now = self._now, {}

    def __call__(self, messages: Sequence[bytes]) -> Judged:
        """The judge's answer without what was sent before and not revised since."""
        judged = self._judge(messages)
        events = [event for event in judged.events if self._is_new(self._identity(event), event.value)]
        refused = [(raw, reason) for raw, reason in judged.refused if self._is_new(raw, raw)]
        known = len(judged.events) - len(events) + len(judged.refused) - len(refused)
        return Judged(events, refused, judged.skipped + known)

    def _is_new(self, what: object, raw: bytes) -> bool:
        known = self._now.get(what, self._before.get(what))
        self._now[what] = raw
        return known != raw
