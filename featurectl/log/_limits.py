"""What no event log takes: names that are none, events and keys that are too large."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from featurectl.errors import LogError
from featurectl.log._base import MAX_EVENT_BYTES, MAX_KEY_BYTES

if TYPE_CHECKING:
    from featurectl.log._base import Event

__all__ = ["is_topic_name", "refuse_if_too_large", "require_topic_name"]

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


def is_topic_name(name: str) -> bool:
    """Whether a topic can have this name, by Kafka's rule."""
    return _TOPIC.fullmatch(name) is not None and name not in (".", "..")


def require_topic_name(name: str) -> None:
    """Raises LogError for what cannot be a topic's name."""
    if not is_topic_name(name):
        raise LogError(
            f"{name!r} cannot be a topic's name",
            hint="letters, digits, '.', '_' and '-', at most 249 of them",
        )


def refuse_if_too_large(topic: str, event: Event) -> None:
    """Raises LogError for an event over MAX_EVENT_BYTES or with a key over MAX_KEY_BYTES of UTF-8."""
    if len(event.value) > MAX_EVENT_BYTES:
        _refuse(topic, "event", len(event.value), MAX_EVENT_BYTES)
    # A character has at most 4 bytes: most keys are measured without encoding them.
    if event.key is not None and len(event.key) * 4 > MAX_KEY_BYTES:
        size = len(event.key.encode(errors="replace"))
        if size > MAX_KEY_BYTES:
            _refuse(topic, "key", size, MAX_KEY_BYTES)


def _refuse(topic: str, what: str, size: int, limit: int) -> NoReturn:
    raise LogError(
        f"topic {topic}: {what} of {size:,} bytes, the limit is {limit:,}",
        hint="send a reference to large data, not the data",
    )
