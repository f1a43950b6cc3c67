"""Preview environments: a schema of public views for a change that is looked at before it is live.

An environment shares its versions with production and with other environments. Its plan compares the project with
production; what stands anywhere with the same meaning is shown, the rest is built. Promoting shows in production what
the environment shows.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from featurectl.engines.base import Environment
from featurectl.errors import BreakingChange, EngineError, ProjectError, UsageError
from featurectl.project.metadata import ComparisonLimits
from featurectl.services.comparing import key_of, refusal, remarks, too_different
from featurectl.services.effects import Effect, changed_columns, changed_keys, of_standing
from featurectl.services.identity import digest
from featurectl.services.moving import Move, moves
from featurectl.services.planning import CutOver, Migrate, Preview, build_plan
from featurectl.services.recording import WAIT_FOR_REFRESH, who

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from featurectl.engines.base import Engine, Release, State, Writer
    from featurectl.engines.comparing import VersionComparison
    from featurectl.project import FeatureView, Project
    from featurectl.services.planning import Change, Plan

__all__ = [
    "EnvironmentRow",
    "Promotion",
    "drop_environment",
    "environment_of",
    "environments",
    "plan_for",
    "plan_promotion",
    "promote",
]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# Schemas and databases that are there before anybody makes an environment, on one engine or the other.
_TAKEN = frozenset(
    (
        *("public", "main", "prod", "production", "featurectl", "features", "engine", "snapshot"),
        *("temp", "system", "memory", "information_schema"),
    )
)
_TAKEN_BEGINNINGS = ("pg_", "rw_", "featurectl_", "duckdb_")


@dataclass(frozen=True)
class EnvironmentRow:
    """An environment as it stands: how many views it shows, which of them otherwise than production does.

    `behind`: views that production changed since the environment was applied, and that it shows otherwise here.
    """

    name: str
    views: int
    differs: tuple[str, ...]
    behind: tuple[str, ...]
    based_on: int
    applied_at: datetime
    who: str
    git_commit: str | None
    plan: str


@dataclass(frozen=True)
class Promotion:
    """What production is to show of an environment. `breaking`: what that takes from readers, in words.

    `release` is None until it is done, and where production shows all of it already. `comparisons` are of what is live
    with what shall be; `remarks`: what of them is beyond its limits, and was accepted.
    """

    environment: Environment
    moves: tuple[Move, ...]
    breaking: tuple[str, ...] = ()
    release: Release | None = None
    seconds: float = 0.0
    comparisons: tuple[VersionComparison, ...] = ()
    remarks: tuple[str, ...] = ()


def plan_for(project: Project, state: State, selected: frozenset[str] | None, environment: str | None) -> Plan:
    """What an apply in an environment does; None: in production. Pure.

    Raises:
        UsageError: nothing can have that name.
        ProjectError: a migration is pending, which would change what production reads.
        ProjectError, MigrationChanged: as for production.
    """
    if environment is None:
        return build_plan(project, state, selected)
    require_name(environment, project)
    shown = state.environments.get(environment)
    production = dict(state.live)
    if shown is not None and selected is not None:  # what is not selected stays as it is shown
        production |= {view: number for view, number in shown.live.items() if view not in selected}
    plan = build_plan(project, replace(state, live=production), selected)
    _refuse_migrations(plan, environment)
    cut = next((step for step in plan.steps if isinstance(step, CutOver)), CutOver(production, {}))
    own = _described_here(state, environment, cut)
    based_on = max((release.number for release in state.releases), default=0)
    # What is built is shown, too: a build that nothing needs is in no plan.
    is_shown = shown is not None and dict(shown.live) == dict(cut.live) and shown.based_on == based_on and not own
    kept = () if is_shown else tuple(step for step in plan.steps if not isinstance(step, CutOver))
    steps = () if is_shown else (*kept, Preview(environment, cut.live, own, based_on))
    changes = tuple(_change(change, own) for change in plan.changes)
    known = sorted(shown.live.items()) if shown is not None else None
    return replace(plan, id=digest([plan.id, environment, known])[:12], changes=changes, steps=steps)


def environment_of(step: Preview, plan_id: str, who: str, git_commit: str | None) -> Environment:
    """The environment as it is recorded now."""
    return Environment(step.environment, dict(step.live), plan_id, datetime.now(UTC), who, git_commit, step.based_on)


def environments(engine: Engine) -> list[EnvironmentRow]:
    """Every environment, by name."""
    state = engine.inspect()
    return [_row(state, environment) for _, environment in sorted(state.environments.items())]


def drop_environment(engine: Engine, name: str) -> Environment:
    """Take an environment's public views away; the versions stay until they are collected.

    Raises:
        UsageError: there is none of that name.
        EngineError: somebody else reads a view of it.
        EngineBusy: another process writes.
    """
    with engine.write("env drop", WAIT_FOR_REFRESH) as writer:
        found = writer.state().environment(name)
        writer.drop_environment(name)
    return found


def plan_promotion(engine: Engine, name: str) -> Promotion:
    """What promoting an environment would change for readers of production. Reads only. Raises as `promote` does."""
    return _planned(engine.inspect(), name)


def promote(
    engine: Engine,
    name: str,
    *,
    allow_breaking: bool = False,
    accept_differences: bool = False,
    limits: ComparisonLimits | None = None,
    progress: Callable[[str], None] | None = None,
) -> Promotion:
    """Show in production what the environment shows: nothing is built. Promoting twice changes nothing.

    What is live now is compared with what shall be, as an apply does: the preview's comparison was with what was live
    then, and stopped at nothing. `limits` are those of the settings; a view's own come first.

    Raises:
        UsageError: there is no such environment.
        EngineError: production changed since the environment was applied, so that promoting would take that back.
        BreakingChange: readers of production would lose something, and that was not allowed.
        TooDifferent: a version is too far from the live one, which stays, and that was not accepted.
        EngineBusy: another process writes.
    """
    started = time.monotonic()
    say = progress or (lambda _: None)
    with engine.write("promote", WAIT_FOR_REFRESH) as writer:
        planned = _planned(writer.state(), name)
        if not planned.moves:
            return replace(planned, seconds=time.monotonic() - started)
        if planned.breaking and not allow_breaking:
            raise BreakingChange(
                f"breaking: {'; '.join(planned.breaking)}",
                hint="those who read it must be ready first; then promote with --allow-breaking",
            )
        beyond = _compare(writer, planned.moves, limits, say)
        compared = tuple(found for found, _ in beyond)
        told = [(found, sentence) for found, sentences in beyond for sentence in sentences]
        if told and not accept_differences:
            raise refusal(told, compared, f"featurectl apply --env {name} --promote --accept-differences")
        say(f"showing {name}")
        found = planned.environment
        writer.mark(found.plan_id, 1)
        release = writer.cut_over(
            (), found.live, {}, found.plan_id, who(), found.git_commit, time.monotonic() - started,
            command="promote", environment=name,
        )  # fmt: skip
    seconds = time.monotonic() - started
    return replace(planned, release=release, seconds=seconds, comparisons=compared, remarks=remarks(told))


def _compare(
    writer: Writer, changed: Sequence[Move], limits: ComparisonLimits | None, say: Callable[[str], None]
) -> list[tuple[VersionComparison, list[str]]]:
    """What is live with what shall be, view by view, and what of it is beyond its limits."""
    state = writer.state()
    named = {move.view: (state.named(move.before or ""), state.named(move.after or "")) for move in changed}
    pairs = {view: (old, new) for view, (old, new) in named.items() if old is not None and new is not None}
    found = []
    for view, effect in of_standing(pairs).items():
        old, new = pairs[view]
        say(f"comparing {old.name} with {new.name}")
        compared = writer.compare(old, new, key_of(new.metadata))
        own = new.metadata.get("compare")
        of_view = ComparisonLimits.model_validate(own) if own else None
        found.append((compared, too_different(compared, effect.same, of_view, limits)))
    return found


def require_name(name: str, project: Project) -> None:
    """Raise UsageError where no environment can have the name."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be an environment's name",
            hint="a schema has it: small letters, digits and _, a letter first, 40 at most",
        )
    if name in _TAKEN or name.startswith(_TAKEN_BEGINNINGS):
        raise UsageError(f"an environment cannot be called {name!r}", hint="take another: that schema is not yours")
    if name in project.views or name in project.tables:
        raise UsageError(f"an environment cannot be called {name!r}", hint="a view or a table has that name")


def _refuse_migrations(plan: Plan, environment: str) -> None:
    """Tables are production's and everybody's, and who has not that migration's file could plan nothing any more."""
    pending = [step.migration for step in plan.steps if isinstance(step, Migrate)]
    if pending:
        names = ", ".join(f"{migration.number}_{migration.name}" for migration in pending)
        raise ProjectError(
            f"{names} did not run yet, and {environment} has no tables of its own",
            file=pending[0].file,
            hint="apply it to production first: a migration changes what all environments read",
        )


def _described_here(state: State, environment: str, cut: CutOver) -> dict[str, FeatureView]:
    """Descriptions belong to versions: those that others show, too, are left to production's apply."""
    others = [state.live, *(e.live for name, e in state.environments.items() if name != environment)]
    return {
        view: described
        for view, described in cut.metadata.items()
        if all(live.get(view) != cut.live[view] for live in others)
    }


def _change(change: Change, own: Mapping[str, FeatureView]) -> Change:
    if change.action != "metadata" or change.name in own:
        return change
    return replace(change, action="reuse", reason="described otherwise: recorded when production is applied")


def _row(state: State, environment: Environment) -> EnvironmentRow:
    return EnvironmentRow(
        environment.name,
        len(environment.live),
        tuple(move.view for move in moves(state.live, environment.live)),
        tuple(move.view for move in _behind(state, environment)),
        environment.based_on,
        environment.applied_at,
        environment.who,
        environment.git_commit,
        environment.plan_id,
    )


def _behind(state: State, environment: Environment) -> tuple[Move, ...]:
    """What production changed since the environment was applied, and promoting would take back."""
    base: Mapping[str, int] = next((r.live for r in state.releases if r.number == environment.based_on), {})
    here = environment.live
    return tuple(move for move in moves(base, state.live) if here.get(move.view) != state.live.get(move.view))


def _planned(state: State, name: str) -> Promotion:
    environment = state.environment(name)
    changed = moves(state.live, environment.live)
    behind = _behind(state, environment)
    if behind:
        raise EngineError(
            f"production changed since {name} was applied: "
            + ", ".join(f"{move.view} is {move.after or 'gone'}" for move in behind),
            hint=f"promoting would take that back; bring it into your project, then: featurectl apply --env {name}",
        )
    return Promotion(environment, changed, tuple(filter(None, (_broken(state, move) for move in changed))))


def _broken(state: State, move: Move) -> str:
    """What a move takes from readers, in words; empty if nothing."""
    before, after = state.named(move.before or ""), state.named(move.after or "")
    if before is None:
        return ""
    if after is None:
        return f"{move.view}: the public view is gone"
    columns = changed_columns(before.columns, after.columns)
    taken = Effect("breaking", columns, changed_keys(before.metadata, after.metadata)).breaks()
    return f"{move.view}: {taken}" if taken else ""
