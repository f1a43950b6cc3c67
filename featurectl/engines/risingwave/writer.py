"""The writing half of the RisingWave engine.

The server commits every statement by itself and undoes none. So each verb says in the journal what it is about to
do, does it, and writes down that it is done; whoever is killed in between leaves something that the next writer
either brings to its end (a cut-over, a build) or goes on with (a migration).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from featurectl.engines.base import BackfillChunk, RefreshReport, Release, State, Version
from featurectl.engines.risingwave.building import Builder, build_key
from featurectl.engines.risingwave.cutting_over import CUT_OVER, PublicViews, finish_cut_over
from featurectl.engines.risingwave.ledger import backfill_entry, version_entry, version_of
from featurectl.engines.risingwave.migrating import migrate
from featurectl.engines.risingwave.state import read_state
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from featurectl.engines.risingwave.catalog import Catalog
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
        self._builder = Builder(session, catalog, ledger)
        self._views = PublicViews(session, catalog)
        finish_cut_over(ledger, self._views)

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

    def cut_over(
        self,
        built: Sequence[Version],
        live: Mapping[str, int],
        metadata: Mapping[str, FeatureView],
        plan_id: str,
        who: str,
        git_commit: str | None,
        seconds: float,
    ) -> Release:
        """Swap each public view to its version, then record versions, names and release at once."""
        self._lock.require()
        entries = self._ledger.read()
        number = 1 + max((int(key) for kind, key in entries if kind == "release"), default=0)
        release = Release(number, plan_id, datetime.now(UTC), who, git_commit, seconds, dict(live))
        recorded = {**_versions(entries, built, live, metadata), **_release_entries(release)}
        before: Mapping[str, int] = entries.get(("live", "live")) or {}
        pending = {
            "release": number,
            "show": {view: f"{view}_v{live[view]}" for view in _in_order(entries, built, live)},
            "remove": sorted(set(before) - set(live)),
            "entries": [[kind, key, content] for (kind, key), content in recorded.items()],
        }
        self._ledger.write({CUT_OVER: pending})
        finish_cut_over(self._ledger, self._views)
        self._sweep()
        return release

    def refresh(self, progress: Callable[[str], None] | None = None) -> RefreshReport:
        """Nothing to do: RisingWave brings events in and keeps every version fresh by itself."""
        return RefreshReport((), (), 0.0)

    def backfilled(self, producer: str, origin: str, scope: str) -> list[BackfillChunk]:
        """The chunks that earlier backfills completed."""
        found = (content for (kind, _), content in self._ledger.read().items() if kind == "backfill")
        mine = (c for c in found if (c["producer"], c["origin"], c["scope"]) == (producer, origin, scope))
        chunks = (_chunk_of(content) for content in mine)
        return sorted(chunks, key=lambda chunk: chunk.start)

    def record_backfill(self, chunk: BackfillChunk) -> None:
        """Remember a chunk whose events are in the log."""
        self._ledger.write(dict([backfill_entry(chunk)]))

    def _sweep(self) -> None:
        """Drop builds of earlier applies that did not come to their end and that nobody shows."""
        entries = self._ledger.read()
        left = [key.removeprefix("build ") for kind, key in entries if kind == "step" and key.startswith("build ")]
        for name in left:
            try:
                self._builder.drop_unfinished(name, entries)
            except EngineError:
                continue  # somebody reads it: it stays, and so does its journal row for the next one to look at


def _chunk_of(content: Mapping[str, Any]) -> BackfillChunk:
    """A backfill's chunk of its document."""
    times = {name: datetime.fromisoformat(content[name]).astimezone(UTC) for name in ("start", "end")}
    return BackfillChunk(**{**content, **times})


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
    }
    return {("live", "live"): dict(release.live), ("release", str(release.number)): content}
