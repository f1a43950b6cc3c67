"""Carries a plan out: migrations, builds beside the live versions, checks, one cut-over."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from featurectl.errors import CheckFailed, ProjectError
from featurectl.project.analysis import template_lines
from featurectl.services.planning import Build, CutOver, Migrate, Plan, Preview
from featurectl.services.previewing import environment_of, plan_for
from featurectl.services.recording import git_commit, recorded, who
from featurectl.services.selecting import select_views

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from featurectl.engines.base import Engine, Release, Version, Writer
    from featurectl.project import Project

__all__ = ["ApplyResult", "apply", "plan"]

_WAIT_FOR_REFRESH = timedelta(seconds=15)


@dataclass(frozen=True)
class ApplyResult:
    """What an apply did. `release` is None when no public name changed."""

    plan: Plan
    built: tuple[Version, ...]
    release: Release | None
    seconds: float


def plan(project: Project, engine: Engine, select: Sequence[str] = (), environment: str | None = None) -> Plan:
    """What `apply` would do, in production or in a preview environment. Reads only."""
    return plan_for(project, engine.inspect(), select_views(project, select), environment)


def apply(
    project: Project,
    engine: Engine,
    select: Sequence[str] = (),
    progress: Callable[[str, int, int], None] | None = None,
    environment: str | None = None,
) -> ApplyResult:
    """Bring the engine to what the project says; applying twice changes nothing.

    `progress` is told each step's title, its number (from 1) and how many there are. In a preview `environment` only
    what stands nowhere yet is built, and no public name of production changes.

    Raises:
        EngineBusy: another process writes.
        CheckFailed: a new version breaks one of its checks; the live versions stay.
        ProjectError, EngineError: a step failed; the live versions stay.
    """
    started = time.monotonic()
    with engine.write("apply", _WAIT_FOR_REFRESH) as writer:
        todo = plan_for(project, writer.state(), select_views(project, select), environment)
        built: list[Version] = []
        release: Release | None = None
        if not todo.is_empty:
            commit = git_commit(project.root)
            with recorded(writer, "apply", todo.id, who(), commit, environment) as under_way:
                for number, step in enumerate(todo.steps, 1):
                    under_way.step = step.title
                    if progress is not None:
                        progress(step.title, number, len(todo.steps))
                    writer.mark(todo.id, number)
                    match step:
                        case Migrate(migration):
                            writer.migrate(migration)
                        case Build(version, view):
                            with template_lines(view.rendered):
                                told = _within(progress, step, number, len(todo.steps))
                                built.append(writer.build(version, view, told))
                            _check(writer, built[-1])
                        case CutOver(live, metadata):
                            seconds = time.monotonic() - started
                            release = writer.cut_over(built, live, metadata, todo.id, who(), commit, seconds)
                        case Preview(metadata=metadata):
                            shown = environment_of(step, todo.id, who(), commit)
                            writer.preview(built, shown, metadata, time.monotonic() - started)
    return ApplyResult(todo, tuple(built), release, time.monotonic() - started)


def _within(
    progress: Callable[[str, int, int], None] | None, step: Build, number: int, count: int
) -> Callable[[str], None] | None:
    """Progress of a step as progress of the whole."""
    return None if progress is None else lambda text: progress(f"{step.title}: {text}", number, count)


def _check(writer: Writer, version: Version) -> None:
    for check in version.metadata.get("checks", ()):
        try:
            failing = writer.failing_rows(version, check)
        except ProjectError as error:
            raise ProjectError(f"check {check!r}: {error.message}", file=version.file, hint=error.hint) from error
        if failing:
            raise CheckFailed(
                f"{version.file}: {failing:,} rows of {version.name} break the check {check!r}",
                hint="the live version stays; mend the view or the check, then apply again",
            )
