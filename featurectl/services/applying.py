"""Carries a plan out: migrations, builds beside the live versions, checks, comparisons, one cut-over."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from featurectl.errors import BreakingChange, CheckFailed, ProjectError
from featurectl.project.analysis import template_lines
from featurectl.services.comparing import key_of, refusal, remarks, too_different
from featurectl.services.effects import changed_columns
from featurectl.services.planning import Build, Compare, CutOver, Migrate, Plan, Preview
from featurectl.services.previewing import environment_of, plan_for
from featurectl.services.recording import WAIT_FOR_REFRESH, git_commit, recorded, who
from featurectl.services.selecting import select_views

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from featurectl.engines.base import Engine, Release, Version, Writer
    from featurectl.engines.comparing import VersionComparison
    from featurectl.project import Project
    from featurectl.project.metadata import ComparisonLimits
    from featurectl.services.planning import Change, Step
    from featurectl.services.saved_plans import SavedPlan

__all__ = ["ApplyOptions", "ApplyResult", "apply", "plan", "refuse_breaking"]


@dataclass(frozen=True)
class ApplyOptions:
    """What an apply may do. `limits` are those of the settings; a view's own come first. `saved`: only this plan."""

    allow_breaking: bool = False
    accept_differences: bool = False
    limits: ComparisonLimits | None = None
    saved: SavedPlan | None = None


@dataclass(frozen=True)
class ApplyResult:
    """What an apply did. `release` is None when no public name changed. `remarks`: differences that were accepted."""

    plan: Plan
    built: tuple[Version, ...]
    release: Release | None
    seconds: float
    comparisons: tuple[VersionComparison, ...] = ()
    remarks: tuple[str, ...] = field(default=())


def plan(project: Project, engine: Engine, select: Sequence[str] = (), environment: str | None = None) -> Plan:
    """What `apply` would do, in production or in a preview environment. Reads only."""
    return plan_for(project, engine.inspect(), select_views(project, select), environment)


def apply(
    project: Project,
    engine: Engine,
    select: Sequence[str] = (),
    progress: Callable[[str, int, int], None] | None = None,
    options: ApplyOptions | None = None,
    environment: str | None = None,
) -> ApplyResult:
    """Bring the engine to what the project says; applying twice changes nothing.

    `progress` is told each step's title, its number (from 1) and how many there are. In a preview `environment` only
    what stands nowhere yet is built, and no public name of production changes.

    Raises:
        EngineBusy: another process writes.
        BreakingChange: something is taken away from readers, and was not allowed to; nothing was done.
        PlanMoved: the saved plan does not hold any more; nothing was done.
        CheckFailed: a new version breaks one of its checks; the live versions stay.
        TooDifferent: a new version is too far from the live one, which stays; the new ones stand beside it.
        ProjectError, EngineError: a step failed; the live versions stay.
    """
    started = time.monotonic()
    chosen = options or ApplyOptions()
    with engine.write("apply", WAIT_FOR_REFRESH) as writer:
        todo = plan_for(project, writer.state(), select_views(project, select), environment)
        if chosen.saved is not None:
            chosen.saved.check(todo, engine.name)
        refuse_breaking(todo, chosen, environment)
        applying = _Applying(project, writer, todo, chosen, progress, started)
        if not todo.is_empty:
            with recorded(writer, "apply", todo.id, who(), applying.git_commit, environment) as under_way:
                for number, step in enumerate(todo.steps, 1):
                    under_way.step = step.title
                    applying.run(step, number)
    return applying.result()


def refuse_breaking(todo: Plan, options: ApplyOptions, environment: str | None = None) -> None:
    """Raise BreakingChange, naming what goes and who reads it, unless that is allowed.

    In a preview environment everything is: nobody reads it yet, and promoting asks.
    """
    if not todo.breaking or options.allow_breaking or environment is not None:
        return
    raise BreakingChange(
        f"breaking: {'; '.join(map(_broken, todo.breaking))}",
        hint="those who read it must be ready first; then: featurectl apply --allow-breaking",
    )


def _broken(change: Change) -> str:
    readers = [*change.downstream, *(f"{reader.kind} {reader.name}" for reader in change.readers)]
    named = f", read by {', '.join(readers)}" if readers else ""
    return f"{change.name}: {change.breaks}{named}"


class _Applying:
    """The steps of one plan, each done by the writer."""

    def __init__(
        self,
        project: Project,
        writer: Writer,
        todo: Plan,
        options: ApplyOptions,
        progress: Callable[[str, int, int], None] | None,
        started: float,
    ) -> None:
        self._project, self._writer, self._todo, self._options = project, writer, todo, options
        self._progress, self._started = progress, started
        self._built: dict[str, Version] = {}
        self._compared: list[VersionComparison] = []
        self._beyond: list[tuple[VersionComparison, str]] = []
        self._release: Release | None = None
        self._is_preview = any(isinstance(step, Preview) for step in todo.steps)

    @cached_property
    def git_commit(self) -> str | None:
        """The commit that the project is at: asked only where there is something to do."""
        return git_commit(self._project.root)

    def run(self, step: Step, number: int) -> None:
        """Do one step; `number` is its place in the plan, from 1."""
        if self._progress is not None:
            self._progress(step.title, number, len(self._todo.steps))
        if not isinstance(step, Compare):
            self._stop_if_too_different()
        self._writer.mark(self._todo.id, number)
        match step:
            case Migrate(migration):
                self._writer.migrate(migration)
            case Build(version, view):
                self._expect_builds()
                with template_lines(view.rendered):
                    built = self._writer.build(version, view, self._within(step, number))
                self._built[version.name] = built
                _check(self._writer, built)
            case Compare():
                self._compare(step)
            case CutOver(live, metadata):
                self._release = self._writer.cut_over(
                    self._all_built, live, metadata, self._todo.id, who(), self.git_commit, self._seconds
                )
            case Preview(metadata=metadata):
                shown = environment_of(step, self._todo.id, who(), self.git_commit)
                self._writer.preview(self._all_built, shown, metadata, self._seconds)

    def result(self) -> ApplyResult:
        """What was done."""
        return ApplyResult(
            self._todo,
            tuple(self._all_built),
            self._release,
            self._seconds,
            tuple(self._compared),
            remarks(self._beyond),
        )

    @property
    def _all_built(self) -> list[Version]:
        return list(self._built.values())

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _expect_builds(self) -> None:
        """Before the first of them, when the migrations are done."""
        if not self._built:
            self._writer.expect([(step.version, step.view) for step in self._todo.steps if isinstance(step, Build)])

    def _compare(self, step: Compare) -> None:
        new = self._built.get(step.new.name, step.new)
        taken = [c for c in changed_columns(step.old.columns, new.columns) if c.change != "added"]
        if taken and not self._options.allow_breaking and not self._is_preview:
            # The plan infers types; what the engine made of the query is the truth.
            raise BreakingChange(
                f"breaking: {step.view.name}: columns gone or retyped: {', '.join(map(str, taken))}",
                hint="those who read it must be ready first; then: featurectl apply --allow-breaking",
            )
        found = self._writer.compare(step.old, new, key_of(step.view.metadata.model_dump(mode="json")))
        self._compared.append(found)
        beyond = too_different(found, step.same, step.view.metadata.compare, self._options.limits)
        self._beyond += [(found, sentence) for sentence in beyond]

    def _stop_if_too_different(self) -> None:
        """After the last comparison: all that is beyond its limits is said at once.

        A preview environment is where differences are looked at: they are said, and stop nothing.
        """
        if not self._beyond or self._options.accept_differences or self._is_preview:
            return
        if self._built:
            self._writer.keep(self._all_built)
        raise refusal(self._beyond, self._compared, "featurectl apply --accept-differences")

    def _within(self, step: Step, number: int) -> Callable[[str], None] | None:
        """Progress of a step as progress of the whole."""
        progress, count = self._progress, len(self._todo.steps)
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
