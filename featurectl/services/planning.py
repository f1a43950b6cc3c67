"""What differs between the project and the engine, and the steps that end the difference. Pure: nothing is written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featurectl.engines.base import State, Version
from featurectl.errors import MigrationChanged, ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from featurectl.project import FeatureView, Migration, Project

__all__ = ["Build", "Change", "CutOver", "Migrate", "Plan", "Step", "build_plan"]


@dataclass(frozen=True)
class Change:
    """One object of the plan. `action`: create, rebuild, metadata, reuse, drop, migrate. `reason` says why."""

    action: str
    name: str
    reason: str = ""
    version: str | None = None
    replaces: str | None = None
    downstream: tuple[str, ...] = ()


@dataclass(frozen=True)
class Migrate:
    """Run a migration, once."""

    migration: Migration

    @property
    def title(self) -> str:
        """What a reader of the progress sees."""
        return f"migration {self.migration.number} {self.migration.name}"


@dataclass(frozen=True)
class Build:
    """Compute a version beside the live one."""

    version: Version
    view: FeatureView

    @property
    def title(self) -> str:
        """What a reader of the progress sees."""
        return f"build {self.version.name}"


@dataclass(frozen=True)
class CutOver:
    """Show `live` under the public names; `metadata` are views of which only the description changed."""

    live: Mapping[str, int]
    metadata: Mapping[str, FeatureView]

    @property
    def title(self) -> str:
        """What a reader of the progress sees."""
        return "cut over"


Step = Migrate | Build | CutOver


@dataclass(frozen=True)
class Plan:
    """What an apply would do. `id` is the same for the same project on the same engine state."""

    id: str
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps

    def as_json(self) -> dict[str, Any]:
        """The plan for machines; keys only ever get added."""
        return {
            "plan": self.id,
            "changes": [
                {
                    "action": c.action,
                    "name": c.name,
                    "reason": c.reason,
                    "version": c.version,
                    "replaces": c.replaces,
                    "downstream": list(c.downstream),
                }
                for c in self.changes
            ],
            "steps": [step.title for step in self.steps],
        }


def build_plan(project: Project, state: State, selected: frozenset[str] | None = None) -> Plan:
    """Compare a project with an engine's state.

    `selected` limits which views may change; what a selected view needs and does not exist yet comes along.

    Raises:
        MigrationChanged: a migration that ran was edited; both checksums are in the message.
        ProjectError: a migration that ran is gone, or a new one has an older number.
    """
    migrations = _pending(project, state)
    changes = [Change("migrate", f"{m.number}_{m.name}", m.file) for m in migrations]
    wanted = _with_missing_inputs(project, state, selected)
    live = {view: number for view, number in state.live.items() if view in project.views or selected is not None}
    builds: list[Build] = []
    metadata: dict[str, FeatureView] = {}
    for view in project.views.values():
        if view.name not in wanted:
            continue
        change, build = _compare(project, state, view, live)
        if build is not None:
            builds.append(build)
        elif change.action == "metadata":
            metadata[view.name] = view
        if change.version is not None:
            live[view.name] = int(change.version.rpartition("_v")[2])
        changes.append(change)
    dropped = sorted(set(state.live) - set(live))
    changes += [Change("drop", view, "its file is gone", replaces=f"{view}_v{state.live[view]}") for view in dropped]
    steps: list[Step] = [*(Migrate(m) for m in migrations), *builds]
    if live != dict(state.live) or metadata:
        steps.append(CutOver(live, metadata))
    return Plan(_plan_id(project, state, changes), tuple(changes), tuple(steps))


def _pending(project: Project, state: State) -> list[Migration]:
    ran = {run.number: run for run in state.migrations}
    files = {m.number: m for m in project.migrations}
    for number, run in ran.items():
        if number not in files:
            raise ProjectError(
                f"migration {number}_{run.name} ran here, but its file is gone",
                hint="restore it: a later change belongs into a new migration",
            )
        migration = files[number]
        if migration.checksum != run.checksum:
            raise MigrationChanged(
                f"the migration was edited after it ran on {run.applied_at:%Y-%m-%d}: "
                f"checksum then {run.checksum[:16]}, now {migration.checksum[:16]}",
                file=migration.file,
                hint="restore the file, and put the change into a new migration",
            )
    pending = [m for m in project.migrations if m.number not in ran]
    newest = max(ran, default="")
    for migration in pending:
        if migration.number < newest:
            raise ProjectError(
                f"number {migration.number} comes before {newest}, which already ran",
                file=migration.file,
                hint="give it the next free number",
            )
    return pending


def _with_missing_inputs(project: Project, state: State, selected: frozenset[str] | None) -> set[str]:
    if selected is None:
        return set(project.views)
    wanted = set(selected)
    for name in selected:
        wanted.update(up for up in project.upstream(name) if up in project.views and up not in state.live)
    return wanted


def _compare(project: Project, state: State, view: FeatureView, live: Mapping[str, int]) -> tuple[Change, Build | None]:
    inputs = {r: f"{r}_v{live[r]}" if r in project.views else r for r in view.references}
    current = state.live_version(view.name)
    if current is not None and current.inputs == inputs and _same_meaning(current, view):
        return _unchanged(view, current), None
    standing = next(
        (v for v in state.versions if v.view == view.name and v.inputs == inputs and _same_meaning(v, view)), None
    )
    downstream = tuple(n for n in project.views if n in project.downstream(view.name))
    if standing is not None:
        reason = "an earlier version has this meaning"
        return Change("reuse", view.name, reason, standing.name, current.name if current else None, downstream), None
    version = _new_version(state, view, inputs)
    if current is None:
        return Change("create", view.name, "new", version.name, None, downstream), Build(version, view)
    reason = _why(current, view, inputs)
    return Change("rebuild", view.name, reason, version.name, current.name, downstream), Build(version, view)


def _unchanged(view: FeatureView, current: Version) -> Change:
    described = view.metadata.model_dump(mode="json")
    same = (
        current.metadata == described
        and dict(current.descriptions) == dict(view.descriptions)
        and current.file == view.file
    )
    if same:
        return Change("reuse", view.name, "unchanged", current.name)
    return Change("metadata", view.name, "description, not meaning", current.name)


def _same_meaning(version: Version, view: FeatureView) -> bool:
    if version.own_fingerprint == view.own_fingerprint:
        return True
    if version.normaliser == _normaliser():
        return False
    # Another sqlglot or featurectl normalised the stored text: read it again with today's code.
    from featurectl.dialect import parse_query

    try:
        return parse_query(version.text, file=version.file).fingerprint == view.own_fingerprint
    except ProjectError:
        return False


def _normaliser() -> str:
    from featurectl.project.analysis import normaliser

    return normaliser()


def _new_version(state: State, view: FeatureView, inputs: Mapping[str, str]) -> Version:
    return Version(
        view=view.name,
        number=state.next_numbers.get(view.name, 1),
        fingerprint=view.fingerprint,
        own_fingerprint=view.own_fingerprint,
        normaliser=_normaliser(),
        text=view.text,
        file=view.file,
        inputs=inputs,
        metadata=view.metadata.model_dump(mode="json"),
        descriptions=dict(view.descriptions),
    )


def _why(current: Version, view: FeatureView, inputs: Mapping[str, str]) -> str:
    if not _same_meaning(current, view):
        return "its query changed"
    moved = [name for name, relation in inputs.items() if current.inputs.get(name) != relation]
    return f"because of {', '.join(moved)}"


def _plan_id(project: Project, state: State, changes: Iterable[Change]) -> str:
    parts = {
        "generation": state.live,
        "views": {v.name: v.fingerprint for v in project.views.values()},
        "changes": [(c.action, c.name, c.version) for c in changes],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
