"""Live mode: ask a source again and again, and know what of its answer is new."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from featurectl.log import Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from producers.contracts import Rejection
    from producers.publishing import Judge

__all__ = ["News"]


class News:
    """A judge that leaves out what an earlier poll brought in the same words.

    It remembers the last two polls only. Every poll asks for the same recent past, so what two of them did
    not bring has left that past and does not come again.
    """

    def __init__(self, judge: Judge, identity: Callable[[bytes], object]) -> None:
        self._judge = judge
        self._identity = identity
        self._before: dict[object, bytes] = {}
        self._now: dict[object, bytes] = {}

    def next_poll(self) -> None:
        """A poll brought all it had: forget what only the one before it brought."""
        self._before, self._now = self._now, {}

    def __call__(self, raw: bytes) -> Event | Rejection | None:
        """The judge's answer; None for what was sent before and was not revised since."""
        judged = self._judge(raw)
        if judged is None:
            return None
        digest = blake2b(raw, digest_size=16).digest()
        what = self._identity(raw) if isinstance(judged, Event) else digest
        known = self._now.get(what, self._before.get(what))
        self._now[what] = digest
        return None if known == digest else judged
