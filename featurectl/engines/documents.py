"""Pins, environments and attempts as JSON documents, in which both engines' ledgers keep them, and their rules."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from featurectl.engines.base import Attempt, Environment, Pin
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

__all__ = [
    "attempt_key",
    "attempt_of",
    "document_of",
    "environment_of",
    "interrupted",
    "pin_key",
    "pin_of",
    "require_standing",
]

_TIMES = ("pinned_at", "applied_at", "started_at")


def document_of(value: Pin | Environment | Attempt) -> dict[str, Any]:
    """The value as plain JSON."""
    return {name: part.isoformat() if name in _TIMES else part for name, part in asdict(value).items()}


def attempt_key(attempt: Attempt) -> tuple[str, str]:
    """Kind and key of an attempt: the keys sort as the numbers do."""
    return ("attempt", f"{attempt.number:08d}")


def pin_key(consumer: str, view: str) -> str:
    """The key of a pin: a consumer pins one version of a view."""
    return f"{consumer} {view}"


def pin_of(document: Mapping[str, Any]) -> Pin:
    """The pin of a document."""
    return Pin(**_values(Pin, document))


def environment_of(document: Mapping[str, Any]) -> Environment:
    """The environment of a document."""
    return Environment(**_values(Environment, document))


def attempt_of(document: Mapping[str, Any]) -> Attempt:
    """The attempt of a document."""
    return Attempt(**_values(Attempt, document))


def interrupted(attempts: Iterable[Attempt]) -> dict[tuple[str, str], dict[str, Any]]:
    """The entries that end what is still under way: for who holds the lock, that belongs to a process that died."""
    why = "its process ended in the middle"
    left = [replace(a, outcome="interrupted", detail=why) for a in attempts if a.outcome == "under way"]
    return {attempt_key(attempt): document_of(attempt) for attempt in left}


def require_standing(live: Mapping[str, int], standing: Collection[str]) -> None:
    """Raise EngineError where a version that shall be shown is not among the names of those that stand."""
    gone = sorted(f"{view}_v{number}" for view, number in live.items() if f"{view}_v{number}" not in standing)
    if gone:
        raise EngineError(f"{', '.join(gone)} cannot be shown: dropped", hint="apply builds what is missing")


def _values(kind: type, document: Mapping[str, Any]) -> dict[str, Any]:
    """What the class knows of the document: a newer featurectl may have written more."""
    known = {field.name for field in fields(kind)}
    return {
        name: datetime.fromisoformat(value).astimezone(UTC) if name in _TIMES else value
        for name, value in document.items()
        if name in known
    }
