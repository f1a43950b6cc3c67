"""Which public names move from one version to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Move", "moves"]


@dataclass(frozen=True)
class Move:
    """A public view and the versions that it shows before and after; None: it is not there."""

    view: str
    before: str | None
    after: str | None


def moves(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[Move, ...]:
    """The views that show something else afterwards, by name. Both map a view to its version's number."""
    return tuple(
        Move(view, _shown(view, before), _shown(view, after))
        for view in sorted({*before, *after})
        if before.get(view) != after.get(view)
    )


def _shown(view: str, live: Mapping[str, int]) -> str | None:
    return f"{view}_v{live[view]}" if view in live else None
