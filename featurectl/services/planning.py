"""What differs between the project and the engine, and the steps that end the difference. Pure: nothing is written."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from featurectl.engines.base import State, Version
from featurectl.errors import MigrationChanged, ProjectError
from featurectl.project.model import chained_fingerprint
from featurectl.services.effects import ColumnChange, Effect, Effects, KeyChange
from featurectl.services.estimating import Estimate, Estimates
from featurectl.services.identity import digest, engine_digest, project_digest
from featurectl.services.reach import Reach, Reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from featurectl.dialect import Difference
    from featurectl.project import FeatureView, Migration, Project

__all__ = ["Build", "Change", "Compare", "CutOver", "Migrate", "Plan", "Preview", "Step", "Untouched", "build_plan"]

_FORMAT = 1


@dataclass(frozen=True)
class Change:
    """One object of the plan. `action`: create, rebuild, metadata, reuse, drop, migrate. `reason` says why.

    `effect` is what it means for readers, as `featurectl.services.effects` names it; `columns`, `keys` and `sql`
    say what is other. `because`: the changed views below that make a rebuild necessary. `downstream`: the project's
    views above. `readers`: who else reads the version that is replaced, and stays on it. `rows`, `reads` and
    `seconds` are of the build: rows of the version that is replaced, rows to read, and an estimate from past builds.
    """

    action: str
    name: str
    reason: str = ""
    version: str | None = None
    replaces: str | None = None
    downstream: tuple[str, ...] = ()
    because: tuple[str, ...] = ()
    effect: str = "none"
    breaks: str = ""
    columns: tuple[ColumnChange, ...] = ()
    keys: tuple[KeyChange, ...] = ()
    sql: tuple[Difference, ...] = ()
    readers: tuple[Reader, ...] = ()
    rows: int | None = None
    reads: int | None = None
    seconds: float | None = None


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
    """Compute a version beside the live one, and run the view's checks on it."""

    version: Version
    view: FeatureView

    @property
    def title(self) -> str:
        """What a reader of the progress sees."""
        return f"build {self.version.name}"


@dataclass(frozen=True)
class Compare:
    """Compare the version that is live with the one that shall be. `same`: columns that keep their values."""

    old: Version
    new: Version
    view: FeatureView
    same: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What a reader of the progress sees."""
        return f"compare {self.old.name} with {self.new.name}"


@dataclass(frozen=True)
class CutOver:
    """Show `live` under the public names; `metadata` are views of which only the description changed."""

    live: Mapping[str, int]
    metadata: Mapping[str, FeatureView]

    @property
    def title(self) -> str:
        """What a reader of the progress sees."""
        return "cut over"


@dataclass(frozen=True)
class Preview:
    """Show `live` in a preview environment; `metadata` are views described otherwise that only it shows.

    `based_on` is production's release at that moment, 0 before the first.
    """

    environment: str
    live: Mapping[str, int]
    metadata: Mapping[str, FeatureView]
    based_on: int

    @property
    def title(self) -> str:
        """What a reader of the progress sees."""
        return f"show in {self.environment}"


Step = Migrate | Build | Compare | CutOver | Preview


@dataclass(frozen=True)
class Untouched:
    """What a plan leaves as it is: live versions, versions that are not live, tables of migrations."""

    views: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What an apply would do. `id` is the same for the same project on the same engine state.

    `project` and `engine` are digests of what the plan was made for.
    """

    id: str
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    untouched: Untouched = field(default_factory=Untouched)
    project: str = ""
    engine: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps

    @property
    def breaking(self) -> tuple[Change, ...]:
        """The changes that take something away from readers."""
        return tuple(change for change in self.changes if change.effect == "breaking")

    @property
    def reads(self) -> int:
        """How many rows the builds read."""
        return sum(change.reads or 0 for change in self.changes)

    @property
    def seconds(self) -> float | None:
        """How long the builds may take, by past builds; None if one of them is unknown, or there is none."""
        parts = [change.seconds for change in self.changes if change.reads is not None]
        known = [part for part in parts if part is not None]
        return sum(known) if known and len(known) == len(parts) else None

    def as_json(self) -> dict[str, Any]:
        """The plan for machines (docs/plan-json.md); keys only ever get added."""
        return {
            "format": _FORMAT,
            "plan": self.id,
            "empty": self.is_empty,
            "breaking": [change.name for change in self.breaking],
            "changes": [asdict(change) for change in self.changes],
            "steps": [step.title for step in self.steps],
            "reads": self.reads,
            "seconds": self.seconds,
            "untouched": asdict(self.untouched),
            "project": self.project,
            "engine": self.engine,
        }


def build_plan(project: Project, state: State, selected: frozenset[str] | None = None) -> Plan:
    """Compare a project with an engine's state.

    `selected` limits which views may change; what a selected view needs and does not exist yet comes along.

    Raises:
        MigrationChanged: a migration that ran was edited; both checksums are in the message.
        ProjectError: a migration that ran is gone, or a new one has an older number.
    """
    migrations = _pending(project, state)
    planning = _Planning(project, state, selected)
    changes = [Change("migrate", f"{m.number}_{m.name}", m.file) for m in migrations] + planning.changes()
    steps: list[Step] = [*map(Migrate, migrations), *planning.builds, *planning.comparisons]
    if planning.live != dict(state.live) or planning.metadata:
        steps.append(CutOver(planning.live, planning.metadata))
    made_for = (project_digest(project), engine_digest(state))
    identity = digest([made_for, sorted(selected) if selected is not None else None])[:12]
    return Plan(identity, tuple(changes), tuple(steps), planning.untouched(changes), *made_for)


class _Planning:
    """Goes through the views in dependency order and collects what is to be done."""

    def __init__(self, project: Project, state: State, selected: frozenset[str] | None) -> None:
        self._project = project
        self._state = state
        self._wanted = _with_missing_inputs(project, state, selected)
        self._by_view: dict[str, list[Version]] = {}
        for version in state.versions:
            self._by_view.setdefault(version.view, []).append(version)
        self._effects = Effects(project, state)
        self._estimates = Estimates(state)
        self._reach = Reach(project, state)
        self._replaced: dict[str, str] = {}
        self._shows: dict[str, Version] = {}
        self.live = {view: n for view, n in state.live.items() if view in project.views or selected is not None}
        self.builds: list[Build] = []
        self.comparisons: list[Compare] = []
        self.metadata: dict[str, FeatureView] = {}

    def changes(self) -> list[Change]:
        """What becomes of each view."""
        found = []
        for view in self._project.views.values():
            current = self._version(view.name, self._state.live.get(view.name))
            if view.name not in self._wanted:
                if current is not None:
                    self._stays(view.name, current)
                continue
            change = self._change(view, current)
            found.append(change)
            if change.version is not None:
                self.live[view.name] = int(change.version.rpartition("_v")[2])
        dropped = sorted(set(self._state.live) - set(self.live))
        return [*found, *(self._drop(view) for view in dropped)]

    def untouched(self, changes: list[Change]) -> Untouched:
        """What stays as it is."""
        replaced = {change.replaces for change in changes if change.replaces}
        changed = {change.version for change in changes if change.action != "reuse"}
        live = {f"{view}_v{number}" for view, number in self._state.live.items()}
        names = [version.name for version in self._state.versions]
        return Untouched(
            tuple(name for name in names if name in live and name not in replaced | changed),
            tuple(name for name in names if name not in live and name not in {change.version for change in changes}),
            self._project.tables if self._state.migrations else (),
        )

    def _stays(self, view: str, current: Version) -> None:
        self._shows[view] = current
        self._effects.known(view, current)

    def _meanings(self, references: Iterable[str]) -> dict[str, str]:
        """What the versions mean that the views among the references show after the plan."""
        return {name: self._shows[name].fingerprint for name in references if name in self._shows}

    def _version(self, view: str, number: int | None) -> Version | None:
        return next((v for v in self._by_view.get(view, ()) if v.number == number), None)

    def _change(self, view: FeatureView, current: Version | None) -> Change:
        inputs = {r: f"{r}_v{self.live[r]}" if r in self._project.views else r for r in view.references}
        own = current is None or not _same_meaning(current, view)
        if current is not None and not own and current.inputs == inputs:
            return self._unchanged(view, current)
        standing = next(
            (v for v in self._by_view.get(view.name, ()) if v.inputs == inputs and _same_meaning(v, view)), None
        )
        new = standing or _new_version(self._state, view, inputs, self._meanings(view.references))
        effect = self._effects.of_version(view, current, standing, own=own) if current else Effect("none")
        if current is not None:
            self._replaced[new.name] = current.name
            self.comparisons.append(Compare(current, new, view, effect.same))
        self._shows[view.name] = new
        if standing is not None:
            estimate = None
            if _is_described_otherwise(standing, view):
                self.metadata[view.name] = view
        else:
            estimate = self._estimates.of(inputs, current, self._replaced)
            self.builds.append(Build(new, view))
        return self._shown(view, current, new, inputs, effect, estimate, own=own)

    def _shown(
        self,
        view: FeatureView,
        current: Version | None,
        new: Version,
        inputs: Mapping[str, str],
        effect: Effect,
        estimate: Estimate | None,
        *,
        own: bool,
    ) -> Change:
        """The change for people and programs."""
        moved = () if own or current is None else tuple(n for n, r in inputs.items() if current.inputs.get(n) != r)
        if estimate is None:
            action, reason = "reuse", "an earlier version has this meaning"
        elif current is None:
            action, reason = "create", "new"
        else:
            action, reason = "rebuild", f"because of {', '.join(moved)}" if moved else "its query changed"
        return Change(
            action,
            view.name,
            reason,
            new.name,
            current.name if current else None,
            self._reach.downstream(view.name) if current else (),
            moved,
            effect.kind,
            effect.breaks(),
            effect.columns,
            effect.keys,
            effect.sql,
            self._reach.readers(current, self._wanted) if current else (),
            estimate.rows if estimate else None,
            estimate.reads if estimate else None,
            estimate.seconds if estimate else None,
        )

    def _unchanged(self, view: FeatureView, current: Version) -> Change:
        self._stays(view.name, current)
        if not _is_described_otherwise(current, view):
            return Change("reuse", view.name, "unchanged", current.name)
        self.metadata[view.name] = view
        effect = self._effects.of_metadata(view, current)
        readers = self._reach.readers(current, self._wanted) if effect.keys else ()
        return Change(
            "metadata",
            view.name,
            "description, not meaning" if not effect.keys else "another key",
            current.name,
            downstream=self._reach.downstream(view.name) if effect.keys else (),
            effect=effect.kind,
            breaks=effect.breaks(),
            keys=effect.keys,
            readers=readers,
        )

    def _drop(self, view: str) -> Change:
        current = self._version(view, self._state.live[view])
        return Change(
            "drop",
            view,
            "its file is gone",
            replaces=f"{view}_v{self._state.live[view]}",
            effect="breaking",
            breaks="the public view is gone",
            readers=self._reach.readers(current, self._wanted) if current else (),
        )


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


def _is_described_otherwise(version: Version, view: FeatureView) -> bool:
    return (
        _said(version.metadata) != _said(view.metadata.model_dump(mode="json"))
        or dict(version.descriptions) != dict(view.descriptions)
        or version.file != view.file
    )


def _said(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What metadata says: another featurectl may know other keys, which say nothing until somebody gives them."""
    return {key: value for key, value in metadata.items() if value not in (None, "", [], (), {})}


def _same_meaning(version: Version, view: FeatureView) -> bool:
    if version.text == view.text:
        return True
    if version.normaliser == _normaliser():
        return version.own_fingerprint == view.own_fingerprint
    # Another sqlglot or featurectl normalised the stored text: read it again with today's code.
    from featurectl.dialect import parse_query

    try:
        return parse_query(version.text, file=version.file).fingerprint == view.own_fingerprint
    except ProjectError:
        return False


def _normaliser() -> str:
    from featurectl.project.analysis import normaliser

    return normaliser()


def _new_version(state: State, view: FeatureView, inputs: Mapping[str, str], below: Mapping[str, str]) -> Version:
    """`below`: the fingerprints of the versions that it reads. Those, not what the project says of the views below:
    one that was edited and not selected stays what it was."""
    return Version(
        view=view.name,
        number=state.next_numbers.get(view.name, 1),
        fingerprint=chained_fingerprint(view.own_fingerprint, view.references, below),
        own_fingerprint=view.own_fingerprint,
        normaliser=_normaliser(),
        text=view.text,
        file=view.file,
        inputs=inputs,
        metadata=view.metadata.model_dump(mode="json"),
        descriptions=dict(view.descriptions),
    )
