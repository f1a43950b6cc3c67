"""Pins: which version a consumer relies on, by number and by meaning. What is pinned is not collected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from featurectl.engines.base import Pin
from featurectl.errors import EngineError, UsageError, did_you_mean
from featurectl.services.recording import WAIT_FOR_REFRESH, who

if TYPE_CHECKING:
    from collections.abc import Iterable

    from featurectl.engines.base import Engine, State, Version

__all__ = ["PinRow", "pin", "pinned_version", "pins", "unpin"]

_TARGET = re.compile(r"(.+?)(?:@v|_v)(\d+)")
_LEAST_FINGERPRINT = 8


@dataclass(frozen=True)
class PinRow:
    """A pin as it stands. `state`: live, kept (another version is live), gone, or other meaning."""

    consumer: str
    view: str
    version: str
    fingerprint: str
    state: str
    pinned_at: datetime
    who: str


def pin(engine: Engine, consumer: str, target: str, fingerprint: str | None = None) -> Pin:
    """Remember that a consumer relies on a version, `view@vN`; a pin of the same view is replaced.

    `fingerprint`, or its first 8 characters or more, is what the consumer was made with: another is refused.

    Raises:
        UsageError: no such view or version; the hint names the nearest.
        EngineError: the version means something else than the fingerprint says.
    """
    if not consumer or re.search(r"\s", consumer):
        raise UsageError(f"a consumer's name has no blanks: {consumer!r}", hint="such as model:churn")
    with engine.write("pin", WAIT_FOR_REFRESH) as writer:
        version = _version(writer.state(), target)
        _require_meaning(version, fingerprint)
        found = Pin(consumer, version.view, version.number, version.fingerprint, datetime.now(UTC), who())
        writer.pin(found)
    return found


def unpin(engine: Engine, consumer: str, view: str) -> Pin:
    """Forget what a consumer relies on of a view (`view` or `view@vN`). Raises UsageError if it pins no such thing."""
    with engine.write("unpin", WAIT_FOR_REFRESH) as writer:
        found = _pin(writer.state(), consumer, view)
        writer.unpin(found.consumer, found.view)
    return found


def pins(engine: Engine) -> list[PinRow]:
    """Every pin and whether what it pins still stands and still means the same."""
    state = engine.inspect()
    return [
        PinRow(p.consumer, p.view, p.version, p.fingerprint, _standing(state, p), p.pinned_at, p.who)
        for p in sorted(state.pins, key=lambda p: (p.consumer, p.view))
    ]


def pinned_version(state: State, consumer: str, view: str) -> Version:
    """The version that a consumer relies on.

    Raises:
        UsageError: it pins no version of that view.
        EngineError: the version is gone, or is no longer what was pinned.
    """
    found = _pin(state, consumer, view)
    version = state.version(found.view, found.number)
    if version is None:
        raise EngineError(f"{consumer} pins {found.version}, which is gone", hint="pin another: featurectl pin")
    _require_meaning(version, found.fingerprint)
    return version


def _standing(state: State, pin: Pin) -> str:
    version = state.version(pin.view, pin.number)
    if version is None:
        return "gone"
    if version.fingerprint != pin.fingerprint:
        return "other meaning"
    return "live" if state.live.get(pin.view) == pin.number else "kept"


def _require_meaning(version: Version, fingerprint: str | None) -> None:
    if fingerprint is None:
        return
    if len(fingerprint) < _LEAST_FINGERPRINT:
        raise UsageError(f"a fingerprint has at least {_LEAST_FINGERPRINT} characters: {fingerprint!r}")
    if not version.fingerprint.startswith(fingerprint):
        raise EngineError(
            f"{version.name} is {version.fingerprint[:16]}, not {fingerprint[:16]}: it means something else",
            hint=f"another number may mean what {fingerprint[:16]} does, or it was dropped: featurectl history",
        )


def _version(state: State, target: str) -> Version:
    found = _TARGET.fullmatch(target)
    view = found[1] if found else target
    standing = [version for version in state.versions if version.view == view]
    if not standing:
        raise UsageError(f"there is no view {view!r}", hint=_nearest(view, {v.view for v in state.versions}))
    names = ", ".join(f"{view}@v{version.number}" for version in standing)
    if found is None:
        raise UsageError(f"{target!r} names no version", hint=f"say which: {names}")
    version = state.version(view, int(found[2]))
    if version is None:
        raise UsageError(f"there is no version {view}@v{found[2]}", hint=f"there is {names}")
    return version


def _pin(state: State, consumer: str, view: str) -> Pin:
    mine = [pin for pin in state.pins if pin.consumer == consumer]
    if not mine:
        known = {pin.consumer for pin in state.pins}
        raise UsageError(f"{consumer!r} pins nothing", hint=_nearest(consumer, known) if known else "nobody does")
    wanted = _TARGET.fullmatch(view)
    number = int(wanted[2]) if wanted else None
    named = wanted[1] if wanted else view
    found = next((pin for pin in mine if pin.view == named and number in (None, pin.number)), None)
    if found is None:
        theirs = ", ".join(f"{pin.view}@v{pin.number}" for pin in mine)
        raise UsageError(f"{consumer} does not pin {view}", hint=f"it pins {theirs}")
    return found


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    return did_you_mean(name, names, f"there is {', '.join(names) or 'none yet'}", 3)
