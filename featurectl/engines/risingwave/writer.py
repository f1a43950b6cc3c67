"""The writing half of the RisingWave engine.

The server commits every statement by itself and undoes none. So each verb says in the journal what it is about to
do, does it, and writes down that it is done; whoever is killed in between leaves something that the next writer
either brings to its end (a cut-over, a build) or goes on with (a migration).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from featurectl.engines.base import Attempt, BackfillChunk, RefreshReport, Release, State, Version
from featurectl.engines.documents import attempt_key, attempt_of, document_of, interrupted, pin_key, require_standing
from featurectl.engines.risingwave.building import Builder, build_key, builds_under_way
from featurectl.engines.risingwave.catalog import PUBLIC, Catalog
from featurectl.engines.risingwave.change_store import ChangeStore
from featurectl.engines.risingwave.comparing import compare
from featurectl.engines.risingwave.cutting_over import CUT_OVER, finish_cut_over
from featurectl.engines.risingwave.dropping import Dropper
from featurectl.engines.risingwave.ledger import backfill_entry, version_entry, version_of
from featurectl.engines.risingwave.migrating import migrate
from featurectl.engines.risingwave.outsiders import Owned, read_outsiders
from featurectl.engines.risingwave.state import read_state
from featurectl.engines.risingwave.subscriptions import history_seconds, subscribe
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from featurectl.engines.base import Environment, Leftover, Pin
    from featurectl.engines.comparing import VersionComparison
    from featurectl.engines.risingwave.connection import Session
    from featurectl.engines.risingwave.ledger import Entries, Ledger
    from featurectl.engines.risingwave.lock import Lock
    from featurectl.log import EventLog
    from featurectl.project.model import FeatureView, Migration
    from featurectl.settings import Settings

__all__ = ["RisingWaveWriter"]


class RisingWaveWriter:
    """Holds the session that holds the lock. Made by `RisingWaveEngine.write`."""

    def __init__(
        self, settings: Settings, session: Session, catalog: Catalog, ledger: Ledger, lock: Lock, log: EventLog
    ) -> None:
        self._settings = settings
        self._log = log
        self._session = session
        self._ledger = ledger
        self._lock = lock
        self._catalog = catalog
        self._builder = Builder(session, catalog, ledger, settings.risingwave_builds)
        self._dropper = Dropper(session, ledger)
        self._attempt: Attempt | None = None
        finish_cut_over(ledger, session)
        self._dropper.finish()
        self._end_interrupted()

    def mark(self, plan_id: str, step: int) -> None:
        """Statements from here on carry the plan's id and the step's number."""
        self._session.step(plan_id, step)

    def state(self) -> State:
        """The ledger, as it is now."""
        return read_state(self._session, self._ledger)

    def migrate(self, migration: Migration) -> None:
        """Run a migration's statements as they are written, and record it.

        RisingWave reads only from topics that are there: those that are missing are made first.
        """
        self._lock.require()
        for table in migration.source_tables:
            self._log.ensure_topic(table.topic)
        migrate(self._settings, self._session.mark, self._ledger, migration)

    def expect(self, builds: Sequence[tuple[Version, FeatureView]]) -> None:
        """Journal them; those whose inputs are built run beside the one that is waited for."""
        self._lock.require()
        if builds:
            self._builder.expect(builds)

    def build(self, version: Version, view: FeatureView, progress: Callable[[str], None] | None = None) -> Version:
        """Create the version as a materialized view, in the background of the server, and wait for it."""
        self._lock.require()
        self._session.run("SET background_ddl = true", "setting background_ddl")
        return self._builder.build(version, view, progress)

    def failing_rows(self, version: Version, check: str) -> int:
        """How many rows of a built version break a check (NULL passes)."""
        from featurectl.dialect import parse_query

        sql = f"SELECT count(*) AS n FROM {version.name} WHERE NOT ({check})"
        parse_query(sql, file=version.file)
        [[count]] = self._session.rows(sql, f"{version.file}: check {check!r}")
        return int(count)

    def compare(self, old: Version, new: Version, key: Sequence[str]) -> VersionComparison:
        """Two versions, at one epoch."""
        self._lock.require()
        return compare(self._settings, self._session.mark, old, new, key)

    def keep(self, built: Sequence[Version]) -> None:
        """Record the new versions; no public name moves."""
        self._lock.require()
        self._ledger.write(_versions(self._ledger.read(), built, {}, {}))

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
        """Swap each public view to its version, then record versions, names and release at once."""
        self._lock.require()
        entries = self._ledger.read()
        self._require_standing(entries, built, live)
        number = _last_release(entries) + 1
        now = datetime.now(UTC)
        release = Release(number, plan_id, now, who, git_commit, seconds, dict(live), command, back_to, environment)
        recorded = {**_versions(entries, built, live, metadata), **_release_entries(release)}
        if self._attempt is not None:
            recorded[attempt_key(self._attempt)] = None
        before: Mapping[str, int] = entries.get(("live", "live")) or {}
        self._subscribe(built, live, metadata)
        self._show(number, PUBLIC, _shown(entries, built, live), set(before) - set(live), recorded)
        self._attempt = None  # it became a release
        self._sweep()
        return release

    def begin(self, command: str, plan_id: str, who: str, git_commit: str | None, environment: str | None) -> None:
        """Write it down, with a number of its own; a schema that is somebody else's is refused before any work."""
        entries = self._ledger.read()
        if environment is not None:
            self._require_own(entries, environment)
        number = 1 + max((int(key) for kind, key in entries if kind == "attempt"), default=0)
        self._attempt = Attempt(number, command, plan_id, datetime.now(UTC), who, git_commit, environment)
        self._ledger.write({attempt_key(self._attempt): document_of(self._attempt)})

    def end(self, outcome: str, detail: str, seconds: float) -> None:
        """Write down how it ended, if it became no release."""
        if self._attempt is None or not self._session.is_usable:
            return  # a connection that is lost cannot be told anything; the next writer sees that it was interrupted
        ended = replace(self._attempt, outcome=outcome, detail=detail, seconds=seconds)
        self._ledger.write({attempt_key(ended): document_of(ended)})
        self._attempt = None

    def preview(
        self, built: Sequence[Version], environment: Environment, metadata: Mapping[str, FeatureView], seconds: float
    ) -> None:
        """Swap each public view of the environment's schema, then record versions and environment at once."""
        self._lock.require()
        entries = self._ledger.read()
        self._require_own(entries, environment.name)
        self._require_standing(entries, built, environment.live)
        key = ("environment", environment.name)
        recorded = {**_versions(entries, built, environment.live, metadata), key: document_of(environment)}
        if self._attempt is not None:
            ended = replace(self._attempt, outcome="done", seconds=seconds)
            recorded[attempt_key(ended)] = document_of(ended)
        before = (entries.get(key) or {"live": {}})["live"]
        shown = _shown(entries, built, environment.live)
        self._show(_last_release(entries), environment.name, shown, set(before) - set(environment.live), recorded)
        self._attempt = None
        self._sweep()

    def drop_environment(self, name: str) -> None:
        """Drop the environment's views and its schema, unless somebody reads a view or has made something there."""
        self._lock.require()
        entries = self._ledger.read()
        self._require_unread(entries, name)
        views = Catalog(self._session, name).views()
        recorded: Entries = {("environment", name): None}
        self._show(_last_release(entries), name, {}, set(views), recorded, drop_schema=True)

    def pin(self, pin: Pin) -> None:
        """Remember what a consumer relies on."""
        self._lock.require()
        self._ledger.write({("pin", pin_key(pin.consumer, pin.view)): document_of(pin)})

    def unpin(self, consumer: str, view: str) -> None:
        """Forget what a consumer relied on."""
        self._lock.require()
        self._ledger.write({("pin", pin_key(consumer, view)): None})

    def drop(self, versions: Sequence[Version], leftovers: Sequence[Leftover]) -> dict[str, str]:
        """Drop them one by one; what the server keeps because somebody reads it stays."""
        self._lock.require()
        stayed = self._dropper.drop(versions, leftovers)
        for version in versions:
            if version.name not in stayed:
                ChangeStore(self._settings).remove(version.name)
        return stayed

    def forget_changes(self, now: datetime) -> int:
        """Nothing: who collects them forgets the old ones, too."""
        return 0

    def refresh(self, progress: Callable[[str], None] | None = None) -> RefreshReport:
        """Nothing to do: RisingWave brings events in and keeps every version fresh by itself."""
        return RefreshReport((), (), 0.0)

    def backfilled(self, producer: str, origin: str, scope: str) -> list[BackfillChunk]:
        """The chunks that earlier backfills completed."""
        found = (content for (kind, _), content in self._ledger.read().items() if kind == "backfill")
        mine = (c for c in found if (c["producer"], c["origin"], c["scope"]) == (producer, origin, scope))
        chunks = (_chunk_of(content) for content in mine)
        return sorted(chunks, key=lambda chunk: chunk.start)

    def intend_backfill(self, chunk: BackfillChunk, topic: str | None) -> None:
        """Nothing: no history is recorded here."""

    def record_backfill(self, chunk: BackfillChunk, topic: str | None = None) -> None:
        """Remember a chunk whose events are in the log."""
        self._ledger.write(dict([backfill_entry(chunk)]))

    def _show(
        self,
        release: int,
        schema: str,
        show: Mapping[str, str],
        remove: set[str],
        recorded: Entries,
        *,
        drop_schema: bool = False,
    ) -> None:
        """Journal what a schema's public views are to show, with what is recorded at the end, and do it."""
        pending = {
            "release": release,
            "schema": schema,
            "show": dict(show),
            "remove": sorted(remove),
            "drop_schema": drop_schema,
            "entries": [[kind, key, content] for (kind, key), content in recorded.items()],
        }
        self._ledger.write({CUT_OVER: pending})
        finish_cut_over(self._ledger, self._session)

    def _subscribe(self, built: Sequence[Version], live: Mapping[str, int], views: Mapping[str, FeatureView]) -> None:
        """Before readers see them: from here on the server keeps the changes of the versions that are shown."""
        known = {version.name: version for version in (*self.state().versions, *built)}
        shown = {view: known[f"{view}_v{number}"] for view, number in live.items()}
        described = [
            replace(version, metadata=views[view].metadata.model_dump(mode="json")) if view in views else version
            for view, version in shown.items()
        ]
        subscribe(self._session, described, history_seconds(self._settings))

    def _require_standing(self, entries: Entries, built: Sequence[Version], live: Mapping[str, int]) -> None:
        """What is journalled has to come to its end: so what it shows is there, on the ledger and on the server."""
        known = {key for kind, key in entries if kind == "version"} | {version.name for version in built}
        require_standing(live, known & self._catalog.names())

    def _require_own(self, entries: Entries, environment: str) -> None:
        if ("environment", environment) not in entries and Catalog(self._session, environment).has_schema():
            raise EngineError(
                f"the schema {environment} was there before, and is not featurectl's",
                hint="take another name for the environment, or drop that schema",
            )

    def _require_unread(self, entries: Entries, environment: str) -> None:
        prefix = f"{environment}."
        readers = [o for o in read_outsiders(self._session, entries) if o.reads.startswith(prefix)]
        owned = Owned(entries)
        names = Catalog(self._session, environment).names()
        others = sorted(name for name in names if not owned.is_public_view(name, environment))
        found = [f"{o.kind} {o.name} reads {o.reads}" for o in readers] + [
            f"{prefix}{name} is there" for name in others
        ]
        if found:
            raise EngineError(
                f"the environment {environment} is not dropped: {', '.join(found)}", hint="drop that first"
            )

    def _end_interrupted(self) -> None:
        entries = self._ledger.read()
        left = interrupted(attempt_of(content) for (kind, _), content in entries.items() if kind == "attempt")
        if left:
            self._ledger.write(dict(left))

    def _sweep(self) -> None:
        """Drop builds of earlier applies that did not come to their end and that nobody shows."""
        entries = self._ledger.read()
        for name in builds_under_way(entries):
            try:
                self._builder.drop_unfinished(name, entries)
            except EngineError:
                continue  # somebody reads it: it stays, and so does its journal row for the next one to look at


def _chunk_of(content: Mapping[str, Any]) -> BackfillChunk:
    """A backfill's chunk of its document."""
    times = {name: datetime.fromisoformat(content[name]).astimezone(UTC) for name in ("start", "end")}
    return BackfillChunk(**{**content, **times})


def _last_release(entries: Entries) -> int:
    return max((int(key) for kind, key in entries if kind == "release"), default=0)


def _shown(entries: Entries, built: Sequence[Version], live: Mapping[str, int]) -> dict[str, str]:
    """Each public name with the version that it is to show."""
    return {view: f"{view}_v{live[view]}" for view in _in_order(entries, built, live)}


def _in_order(entries: Entries, built: Sequence[Version], live: Mapping[str, int]) -> list[str]:
    """The live views in the order in which their versions were built: what is read comes first."""
    order = {key: content["position"] for (kind, key), content in entries.items() if kind == "version"}
    for version in built:
        order[version.name] = len(order) + 1_000_000
    return sorted(live, key=lambda view: order.get(f"{view}_v{live[view]}", 0))


def _versions(
    entries: Entries, built: Sequence[Version], live: Mapping[str, int], metadata: Mapping[str, FeatureView]
) -> Entries:
    """Documents of new versions and of those of which the description changed."""
    found: Entries = {}
    last = max((c["position"] for (kind, _), c in entries.items() if kind == "version"), default=0)
    for position, version in enumerate(built, last + 1):
        key, content = version_entry(version, position)
        found[key] = content
        found["number", version.view] = version.number + 1
        found[build_key(version.name)] = None
    for name, view in metadata.items():
        key = ("version", f"{name}_v{live[name]}")
        content = entries[key]
        described = replace(
            version_of(content),
            file=view.file,
            metadata=view.metadata.model_dump(mode="json"),
            descriptions=dict(view.descriptions),
        )
        found[key] = version_entry(described, content["position"])[1]
    return found


def _release_entries(release: Release) -> Entries:
    content = {
        "plan_id": release.plan_id,
        "finished_at": release.finished_at.isoformat(),
        "who": release.who,
        "git_commit": release.git_commit,
        "seconds": release.seconds,
        "live": dict(release.live),
        "command": release.command,
        "back_to": release.back_to,
        "environment": release.environment,
    }
    return {("live", "live"): dict(release.live), ("release", str(release.number)): content}
