"""What services ask of an engine, and the values they exchange. Engines implement it; services know nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from featurectl.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime, timedelta
    from pathlib import Path

    from featurectl.engines.comparing import VersionComparison
    from featurectl.engines.sandbox import Sandbox
    from featurectl.project.model import FeatureView, Migration, Project

__all__ = [
    "DELETED",
    "EVENT_TIME_TYPES",
    "FOREVER",
    "VISIBLE",
    "Attempt",
    "BackfillChunk",
    "Building",
    "Capabilities",
    "Engine",
    "Environment",
    "Finding",
    "Ingested",
    "Leftover",
    "MigrationRun",
    "Moment",
    "Outsider",
    "Pin",
    "RefreshReport",
    "Refreshed",
    "Release",
    "Result",
    "SourceState",
    "State",
    "Version",
    "Writer",
]

# The dialect's types of an event time.
EVENT_TIME_TYPES = ("date", "timestamp", "timestamptz")

# Columns of `Moment.revisions`, and when what nobody saw coming became visible.
VISIBLE, DELETED = "__visible", "__deleted"
FOREVER = -(1 << 62)


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do by itself, as data."""

    refreshes_by_itself: bool
    transactional_cut_over: bool
    has_users: bool


@dataclass(frozen=True)
class Version:
    """One physical build of a feature view: `name` is `view_vN`.

    `inputs` maps each relation that the query names to the relation that this build reads.
    `text` is the author's rendered query as it was built. `refresh` is the last one, where the engine tells.
    """

    view: str
    number: int
    fingerprint: str
    own_fingerprint: str
    normaliser: str
    text: str
    file: str
    inputs: Mapping[str, str]
    metadata: Mapping[str, Any]
    columns: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    build_seconds: float | None = None
    refreshed_at: datetime | None = None
    refresh: Refreshed | None = None

    @property
    def name(self) -> str:
        """The relation's name, such as `features_enriched_v3`."""
        return f"{self.view}_v{self.number}"

    @property
    def is_dated(self) -> bool:
        """Whether its rows are about an entity at a time: it has both, and the event time is a date or a time."""
        kind = self.columns.get(self.metadata.get("event_time") or "")
        return bool(self.metadata.get("entity")) and kind in EVENT_TIME_TYPES

    @property
    def keeps_history(self) -> bool:
        """Whether its changes are recorded: its rows are dated, and its metadata does not say `history: false`."""
        return self.is_dated and self.metadata.get("history") is not False


@dataclass(frozen=True)
class MigrationRun:
    """A migration that ran."""

    number: str
    name: str
    checksum: str
    applied_at: datetime


@dataclass(frozen=True)
class SourceState:
    """How far a source table has come: per partition the offset of the next event, and its rows."""

    table: str
    topic: str
    offsets: Mapping[int, int]
    rows: int


@dataclass(frozen=True)
class Release:
    """One change of what the public names show. `command`: apply, rollback or promote.

    `back_to` is the release to which a rollback went back, `environment` the one that was promoted.
    """

    number: int
    plan_id: str
    finished_at: datetime
    who: str
    git_commit: str | None
    seconds: float
    live: Mapping[str, int]
    command: str = "apply"
    back_to: int | None = None
    environment: str | None = None


@dataclass(frozen=True)
class Attempt:
    """What somebody began that is no release: it failed, was killed, or changed no public name of production.

    `outcome`: "under way" until it ends, then "done", "failed" or "interrupted"; `detail` says where and why.
    """

    number: int
    command: str
    plan_id: str
    started_at: datetime
    who: str
    git_commit: str | None
    environment: str | None = None
    outcome: str = "under way"
    detail: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class Pin:
    """A consumer, such as `model:churn`, that relies on one version of a view. The fingerprint is what it means."""

    consumer: str
    view: str
    number: int
    fingerprint: str
    pinned_at: datetime
    who: str

    @property
    def version(self) -> str:
        """The version's name, such as `features_enriched_v3`."""
        return f"{self.view}_v{self.number}"


@dataclass(frozen=True)
class Environment:
    """A preview: a schema of public views on versions that it shares with production and with other environments.

    `based_on` is production's release when the environment was applied, 0 before the first.
    """

    name: str
    live: Mapping[str, int]
    plan_id: str
    applied_at: datetime
    who: str
    git_commit: str | None
    based_on: int


@dataclass(frozen=True)
class Outsider:
    """Somebody else's relation, such as a sink, that reads one of ours: a version, a public view, or an old one.

    What reads a public view is listed for the version below it, too. A name outside the schema `public` is qualified.
    """

    name: str
    kind: str
    reads: str


@dataclass(frozen=True)
class Leftover:
    """What no release needs any more: an old public view that was kept for its readers, or an unfinished build."""

    name: str
    kind: str


@dataclass(frozen=True)
class State:
    """What an engine holds: read only, all of one moment."""

    migrations: tuple[MigrationRun, ...] = ()
    versions: tuple[Version, ...] = ()
    live: Mapping[str, int] = field(default_factory=dict)
    next_numbers: Mapping[str, int] = field(default_factory=dict)
    sources: tuple[SourceState, ...] = ()
    releases: tuple[Release, ...] = ()
    generation: int = 0
    pins: tuple[Pin, ...] = ()
    environments: Mapping[str, Environment] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    outsiders: tuple[Outsider, ...] = ()
    leftovers: tuple[Leftover, ...] = ()

    def version(self, view: str, number: int) -> Version | None:
        """A version by view and number, if it stands."""
        return next((v for v in self.versions if v.view == view and v.number == number), None)

    def live_versions(self) -> list[Version]:
        """The versions that public names show, what they read before them."""
        return [v for v in self.versions if self.live.get(v.view) == v.number]

    def below(self, version: Version) -> set[str]:
        """The relations that a version reads, directly or through others."""
        inputs = {v.name: set(v.inputs.values()) for v in self.versions}
        found: set[str] = set()
        todo = set(version.inputs.values())
        while todo:
            name = todo.pop()
            found.add(name)
            todo |= inputs.get(name, set()) - found
        return found

    def named(self, name: str) -> Version | None:
        """A version by its name, such as `features_enriched_v3`, if it stands."""
        return next((v for v in self.versions if v.name == name), None)

    def environment(self, name: str) -> Environment:
        """A preview environment. Raises UsageError for an unknown name."""
        if name not in self.environments:
            known = ", ".join(sorted(self.environments)) or "none"
            hint = did_you_mean(name, self.environments, f"environments: {known}; make one: featurectl apply --env")
            raise UsageError(f"there is no environment {name!r}", hint=hint)
        return self.environments[name]

    def seen_in(self, environment: str | None) -> State:
        """The state with the public names of an environment; None: production's. Raises UsageError as above."""
        return self if environment is None else replace(self, live=self.environment(environment).live)

    def require_shown(self, names: Iterable[str], environment: str) -> None:
        """Raise UsageError for a view that production shows and the environment does not."""
        shown = self.environment(environment).live
        missing = sorted(name for name in names if name in self.live and name not in shown)
        if missing:
            raise UsageError(f"{environment} has no view {missing[0]!r}", hint="production's is read without --env")

    def version_at(self, name: str, at: datetime) -> Version | None:
        """The version that a public name showed at a time, or a version by its own name; None if there is none.

        Before the first release it is that one's; while the view was dropped it is none.
        """
        releases = sorted(self.releases, key=lambda release: release.number)
        shown = [release for release in releases if name in release.live]
        if not shown:
            return self.named(name)
        then = [release for release in releases if release.finished_at <= at and release.number >= shown[0].number]
        release = then[-1] if then else shown[0]
        return self.version(name, release.live[name]) if name in release.live else None

    def live_version(self, view: str) -> Version | None:
        """The version that the view's public name shows, if there is one."""
        return self.version(view, self.live[view]) if view in self.live else None


@dataclass(frozen=True)
class BackfillChunk:
    """A range of a source's events that a backfill has brought into the log: [start, end)."""

    producer: str
    origin: str
    scope: str
    start: datetime
    end: datetime
    published: int
    rejected: int


@dataclass(frozen=True)
class Result:
    """Rows of a query: column names, the engine's type names, and batches of rows as Python values."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    batches: Iterator[Sequence[tuple[Any, ...]]]

    def all(self) -> list[tuple[Any, ...]]:
        """Every row, in memory."""
        return [row for batch in self.batches for row in batch]

    def dicts(self) -> list[dict[str, Any]]:
        """Every row as a mapping from column to value."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.all()]


@dataclass(frozen=True)
class Ingested:
    """New rows of a source table in one refresh."""

    table: str
    rows: int


@dataclass(frozen=True)
class Refreshed:
    """A version that a refresh brought up to date.

    `touched` is how many rows came or went. `how`: "by row", "partly", or "whole: " and the reason.
    """

    name: str
    rows: int
    seconds: float
    touched: int = 0
    how: str = ""


@dataclass(frozen=True)
class RefreshReport:
    """What one refresh brought in and recomputed."""

    ingested: tuple[Ingested, ...]
    refreshed: tuple[Refreshed, ...]
    seconds: float

    @property
    def events(self) -> int:
        """How many events came in."""
        return sum(part.rows for part in self.ingested)


class Writer(Protocol):
    """An engine held for writing. Each verb is complete when it returns; a killed process leaves no half of it."""

    def mark(self, plan_id: str, step: int) -> None:
        """What follows belongs to that step of that plan; a server's list of statements can then say so."""
        ...

    def state(self) -> State:
        """The ledger, as it is now."""
        ...

    def migrate(self, migration: Migration) -> None:
        """Run a migration and record it, together."""
        ...

    def expect(self, builds: Sequence[tuple[Version, FeatureView]]) -> None:
        """What is going to be built, in dependency order: an engine that can may begin before `build` asks for it."""

    def build(self, version: Version, view: FeatureView, progress: Callable[[str], None] | None = None) -> Version:
        """Compute a version beside the live ones; returns it with its rows, columns and seconds.

        `progress` is told how far it is by engines that know.
        """
        ...

    def failing_rows(self, version: Version, check: str) -> int:
        """How many rows of a built version break a check (NULL passes)."""
        ...

    def compare(self, old: Version, new: Version, key: Sequence[str]) -> VersionComparison:
        """Two versions of a view side by side, of one moment; `key` says which rows belong together."""
        ...

    def keep(self, built: Sequence[Version]) -> None:
        """Record built versions beside the live ones, without showing them: they can be read under their own names."""
        ...

    def cut_over(
        self,
        built: Sequence[Version],
        live: Mapping[str, int],
        metadata: Mapping[str, FeatureView],
        plan_id: str,
        who: str,
        git_commit: str | None,
        seconds: float,
        *,
        command: str = "apply",
        back_to: int | None = None,
        environment: str | None = None,
    ) -> Release:
        """Show the built versions under the public names, all at once, and record the release.

        Raises EngineError, before anything is changed, where a version of `live` is gone.
        """
        ...

    def begin(self, command: str, plan_id: str, who: str, git_commit: str | None, environment: str | None) -> None:
        """Write down that something is begun, so that it is not forgotten if it fails or is killed."""
        ...

    def end(self, outcome: str, detail: str, seconds: float) -> None:
        """Write down how what was begun has ended; nothing to do where it became a release."""
        ...

    def preview(
        self, built: Sequence[Version], environment: Environment, metadata: Mapping[str, FeatureView], seconds: float
    ) -> None:
        """Record the built versions and show `environment.live` in the environment's schema.

        `metadata` are views of which a version that stands, and that only this environment shows, is described
        otherwise. Raises EngineError where that schema is somebody else's.
        """
        ...

    def drop_environment(self, name: str) -> None:
        """Take the environment's public views and its schema away; versions stay until they are collected.

        Raises EngineError where somebody else reads one of them.
        """
        ...

    def pin(self, pin: Pin) -> None:
        """Remember what a consumer relies on, instead of what it relied on of the same view before."""
        ...

    def unpin(self, consumer: str, view: str) -> None:
        """Forget what a consumer relied on."""
        ...

    def drop(self, versions: Sequence[Version], leftovers: Sequence[Leftover]) -> dict[str, str]:
        """Drop versions and leftovers that nobody reads, with their rows.

        Returns those that had to stay, by name, with the reason.
        """
        ...

    def forget_changes(self, now: datetime) -> int:
        """Give up changes that are older than their views' metadata keeps them; returns how many."""
        ...

    def refresh(self, progress: Callable[[str], None] | None = None) -> RefreshReport:
        """Bring new events into the source tables and recompute what depends on them, in one step for readers."""
        ...

    def backfilled(self, producer: str, origin: str, scope: str) -> list[BackfillChunk]:
        """The chunks that earlier backfills of the same producer, origin and scope completed."""
        ...

    def intend_backfill(self, chunk: BackfillChunk, topic: str | None) -> None:
        """Remember that a chunk's events are about to come: when its rows were to be seen first, nobody will know."""
        ...

    def record_backfill(self, chunk: BackfillChunk, topic: str | None = None) -> None:
        """Remember a chunk whose events are in the log."""
        ...


@dataclass(frozen=True)
class Finding:
    """One line of `doctor`. `level`: ok, warning or error; `remedy` says what to do about it."""

    check: str
    level: str
    message: str
    remedy: str | None = None


@dataclass(frozen=True)
class Building:
    """A relation that is being computed now. `progress` is in the engine's own words; it may stand still for long."""

    name: str
    progress: str
    seconds: float | None


class Moment(Protocol):
    """What an engine stores and serves, all of one moment, for DuckDB to read."""

    state: State
    # Each source table's columns by role: data, partition, offset, timestamp, key.
    source_tables: Mapping[str, Mapping[str, str]]

    def columns(self, relation: str) -> Mapping[str, str]:
        """The columns of a table or public view, with the dialect's types. Raises EngineError if it is gone."""
        ...

    def scan(self, relation: str) -> str:
        """DuckDB's FROM item with the rows of a table or public view. Raises EngineError if it is gone."""
        ...

    def revisions(self, version: Version) -> str | None:
        """DuckDB's FROM item with every state that the rows of a version had; None where none was recorded.

        Besides the version's columns: `__visible`, the microseconds since 1970 from which on a reader saw the state
        (`FOREVER` for what was there before anybody looked), and `__deleted`.
        """
        ...

    def unobserved(self, version: Version) -> Sequence[tuple[int, int]]:
        """Stretches of time, [start, end) in microseconds since 1970, of which the version's changes were lost."""
        ...


class Engine(Protocol):
    """Where versions and public views live."""

    name: str
    capabilities: Capabilities

    def inspect(self) -> State:
        """The ledger as readers see it; an empty state where nothing was ever applied."""
        ...

    def write(self, command: str, wait: timedelta) -> AbstractContextManager[Writer]:
        """Hold the engine for writing; `command` is shown to those who wait. Raises EngineBusy after `wait`."""
        ...

    def query(
        self, sql: str, environment: str | None = None, as_of: datetime | None = None
    ) -> AbstractContextManager[Result]:
        """Run a read-only query in the project's dialect on the public views, production's or an environment's.

        With `as_of` they are as a reader found them at that time, by the recorded history.

        Raises UsageError for a write, an unknown environment, a view that the environment does not have, or one of
        which nothing was recorded.
        """
        ...

    def export(self, sql: str, path: Path, environment: str | None = None) -> int:
        """Write a query's rows to a Parquet file, whole or not at all; returns how many."""
        ...

    def compare(self, old: Version, new: Version, key: Sequence[str]) -> VersionComparison:
        """Two versions that stand side by side, of one moment; `key` says which rows belong together."""
        ...

    def sandbox(self, project: Project) -> Sandbox:
        """A throw-away place for the unit tests of a project's views."""
        ...

    def moment(self, folder: Path) -> AbstractContextManager[Moment]:
        """Hold one moment for as long as it takes; rows that have to be copied go to the folder.

        Raises UsageError where nothing was ever applied.
        """
        ...

    def diagnose(self) -> Iterator[Finding]:
        """What may keep the engine from working. Raises EngineError where it cannot be reached at all."""
        ...

    def building(self) -> list[Building]:
        """What is being built beside whoever asks; empty for an engine that builds only in process."""
        ...

    def record_changes(self) -> int:
        """Record what became visible of the versions since the last call, where refreshing does not do that itself.

        Returns how many changes there were. Raises EngineError.
        """
        ...

    def has_news(self) -> bool:
        """Whether the event log holds events that the source tables do not."""
        ...
