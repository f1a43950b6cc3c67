"""`rollback` and `history`: back to what an earlier release showed, and what became of each attempt at one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurectl.errors import EngineError, UsageError
from featurectl.services.moving import Move, moves
from featurectl.services.recording import WAIT_FOR_REFRESH, git_commit, who

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from featurectl.engines.base import Engine, Release, State

__all__ = ["HistoryRow", "Move", "Rollback", "history", "plan_rollback", "rollback"]


@dataclass(frozen=True)
class Rollback:
    """Back to `target`. `gone`: versions that it showed and that stand no more. `release`: None until it is done."""

    target: Release
    moves: tuple[Move, ...]
    gone: tuple[str, ...]
    release: Release | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class HistoryRow:
    """A release, or an attempt that became none (`release` is None). `live`: how many public views it shows."""

    release: int | None
    at: datetime
    command: str
    outcome: str
    who: str
    plan: str
    git_commit: str | None
    seconds: float | None
    environment: str | None
    live: bool
    detail: str


def plan_rollback(engine: Engine, number: int | None = None) -> Rollback:
    """What `rollback` would do. Reads only."""
    return _planned(engine.inspect(), number)


def rollback(
    engine: Engine, root: Path, number: int | None = None, progress: Callable[[str], None] | None = None
) -> Rollback:
    """Show again what a release showed (None: the one before what is live), and record that as a release.

    Nothing is built: the versions stand. Migrations are not taken back. Where the release shows what is live there is
    nothing to do: `release` of the answer is None.

    Raises:
        UsageError: there is no such release.
        EngineError: versions of it were dropped; the message names them, the hint how to build them again.
        EngineBusy: another process writes.
    """
    started = time.monotonic()
    commit = git_commit(root)
    with engine.write("rollback", WAIT_FOR_REFRESH) as writer:
        planned = _planned(writer.state(), number)
        target = planned.target
        if planned.gone:
            raise _gone(planned)
        if not planned.moves:  # asked for twice, or again after it was killed behind its last step
            return planned
        if progress is not None:
            progress(f"showing release {target.number}")
        writer.mark(target.plan_id, 1)
        release = writer.cut_over(
            (),
            target.live,
            {},
            target.plan_id,
            who(),
            commit,
            time.monotonic() - started,
            command="rollback",
            back_to=target.number,
        )
    return Rollback(target, planned.moves, (), release, time.monotonic() - started)


def history(engine: Engine, limit: int | None = None) -> list[HistoryRow]:
    """Releases and attempts, the newest first."""
    state = engine.inspect()
    current = max((release.number for release in state.releases), default=None)
    rows = [
        HistoryRow(
            r.number, r.finished_at, r.command, "released", r.who, r.plan_id, r.git_commit, r.seconds,
            r.environment, r.number == current, f"back to release {r.back_to}" if r.back_to is not None else "",
        )
        for r in state.releases
    ]  # fmt: skip
    rows += [
        HistoryRow(
            None, a.started_at, a.command, a.outcome, a.who, a.plan_id, a.git_commit, a.seconds, a.environment,
            False, a.detail,
        )
        for a in state.attempts
    ]  # fmt: skip
    rows.sort(key=lambda row: row.at, reverse=True)
    return rows[:limit]


def _planned(state: State, number: int | None) -> Rollback:
    target = _previous(state) if number is None else _named(state, number)
    gone = tuple(
        f"{view}_v{version}" for view, version in sorted(target.live.items()) if state.version(view, version) is None
    )
    return Rollback(target, moves(state.live, target.live), gone)


def _named(state: State, number: int) -> Release:
    found = next((release for release in state.releases if release.number == number), None)
    if found is None:
        known = ", ".join(str(release.number) for release in state.releases[-10:]) or "none"
        raise UsageError(f"there is no release {number}", hint=f"releases: {known}; see featurectl history")
    return found


def _previous(state: State) -> Release:
    """The newest release before the live one that showed something else; twice rolled back is two steps back."""
    if not state.releases:
        raise UsageError("nothing was released here yet", hint="run: featurectl apply")
    by_number = {release.number: release for release in state.releases}
    effective = max(by_number)
    while (back_to := by_number[effective].back_to) in by_number and back_to is not None:
        effective = back_to
    earlier = (r for r in reversed(state.releases) if r.number < effective and dict(r.live) != dict(state.live))
    found = next(earlier, None)
    if found is None:
        raise UsageError("there is no earlier release to go back to", hint="name one of those in: featurectl history")
    return found


def _gone(planned: Rollback) -> EngineError:
    target = planned.target
    commit = f"git checkout {target.git_commit[:12]}" if target.git_commit else "take the project's files of that day"
    return EngineError(
        f"release {target.number} cannot be shown again as it was: {', '.join(planned.gone)} "
        f"{'was' if len(planned.gone) == 1 else 'were'} dropped and would have to be built again",
        hint=f"{commit}, look at featurectl plan, and apply: it builds these and reuses the rest",
    )
