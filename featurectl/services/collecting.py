"""`gc`: which versions nobody needs any more, and away with them. Who needs one is found before anything is dropped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from featurectl.services.recording import WAIT_FOR_REFRESH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from featurectl.engines.base import Engine, Leftover, State, Version

__all__ = ["Collection", "collect", "collectable"]


@dataclass(frozen=True)
class Collection:
    """What goes, and what stays with the reasons, by name. `refused`: what the engine would not drop, and why."""

    versions: tuple[Version, ...]
    leftovers: tuple[Leftover, ...]
    kept: dict[str, tuple[str, ...]]
    refused: dict[str, str]


def collectable(state: State, keep: int) -> Collection:
    """What may be dropped, so that the `keep` releases before the live one can still be gone back to.

    Never a version that is live, shown by an environment, pinned, or read by somebody else or by a version that
    stays. Pure.
    """
    reasons: dict[str, list[str]] = {}
    for name, reason in _needed(state, keep):
        reasons.setdefault(name, []).append(reason)
    todo = list(reasons)
    versions = {version.name: version for version in state.versions}
    while todo:
        reader = todo.pop()
        for name in versions[reader].inputs.values() if reader in versions else ():
            if name in versions:
                if name not in reasons:
                    todo.append(name)
                reasons.setdefault(name, []).append(f"read by {reader}")
    read = {outsider.reads: f"read by {outsider.name} ({outsider.kind})" for outsider in state.outsiders}
    old = [leftover for leftover in state.leftovers if leftover.name in read]
    kept = {name: tuple(dict.fromkeys(found)) for name, found in reasons.items() if name in versions}
    kept |= {leftover.name: (read[leftover.name],) for leftover in old}
    return Collection(
        tuple(version for version in state.versions if version.name not in reasons),
        tuple(leftover for leftover in state.leftovers if leftover.name not in read),
        kept,
        {},
    )


def collect(engine: Engine, keep: int, *, dry_run: bool = False) -> Collection:
    """Drop what may be dropped, and changes older than views keep them; with `dry_run` only say what is dropped.

    Raises EngineBusy if another process writes.
    """
    if dry_run:
        return collectable(engine.inspect(), keep)
    with engine.write("gc", WAIT_FOR_REFRESH) as writer:
        writer.forget_changes(datetime.now(UTC))
        found = collectable(writer.state(), keep)
        if not found.versions and not found.leftovers:
            return found
        refused = writer.drop(found.versions, found.leftovers)
    return Collection(
        tuple(version for version in found.versions if version.name not in refused),
        tuple(leftover for leftover in found.leftovers if leftover.name not in refused),
        found.kept,
        refused,
    )


def _needed(state: State, keep: int) -> Iterable[tuple[str, str]]:
    """Names of versions with a reason to keep each."""
    for view, number in state.live.items():
        yield f"{view}_v{number}", "live"
    for environment in state.environments.values():
        for view, number in environment.live.items():
            if state.live.get(view) != number:
                yield f"{view}_v{number}", f"shown by environment {environment.name}"
    for pin in state.pins:
        yield pin.version, f"pinned by {pin.consumer}"
    for outsider in state.outsiders:
        yield outsider.reads, f"read by {outsider.name} ({outsider.kind})"
    shown = [dict(state.live)]
    for release in reversed(state.releases):
        if dict(release.live) in shown:
            continue
        if len(shown) > keep:
            break
        shown.append(dict(release.live))
        for view, number in release.live.items():
            if state.live.get(view) != number:
                yield f"{view}_v{number}", f"shown by release {release.number}"
