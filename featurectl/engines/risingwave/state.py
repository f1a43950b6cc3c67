"""The engine's state out of the ledger's documents and the counters of the source tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featurectl.engines.base import SourceState, State
from featurectl.engines.documents import attempt_of, environment_of, pin_of
from featurectl.engines.risingwave.ledger import migration_of, release_of, version_of
from featurectl.engines.risingwave.migrating import positions_view
from featurectl.engines.risingwave.outsiders import read_leftovers, read_outsiders

if TYPE_CHECKING:
    from featurectl.engines.risingwave.connection import Session
    from featurectl.engines.risingwave.ledger import Entries, Ledger

__all__ = ["read_sources", "read_state"]


def read_state(session: Session, ledger: Ledger) -> State:
    """Everything that services know of an engine."""
    entries = ledger.read()
    versions = sorted(_of(entries, "version").values(), key=lambda content: content["position"])
    releases = [release_of(key, content) for key, content in _of(entries, "release").items()]
    return State(
        migrations=tuple(migration_of(key, content) for key, content in _of(entries, "migration").items()),
        versions=tuple(map(version_of, versions)),
        live=_of(entries, "live").get("live", {}),
        next_numbers=_of(entries, "number"),
        sources=tuple(read_sources(session, entries)),
        releases=tuple(sorted(releases, key=lambda release: release.number)),
        generation=len(releases),
        pins=tuple(map(pin_of, _of(entries, "pin").values())),
        environments={name: environment_of(content) for name, content in _of(entries, "environment").items()},
        attempts=tuple(sorted(map(attempt_of, _of(entries, "attempt").values()), key=lambda attempt: attempt.number)),
        outsiders=tuple(read_outsiders(session, entries)),
        leftovers=tuple(read_leftovers(session, entries)),
    )


def read_sources(session: Session, entries: Entries) -> list[SourceState]:
    """How far each source table has come."""
    tables = _of(entries, "source_table")
    if not tables:
        return []
    parts = " UNION ALL ".join(
        f"""SELECT {number} AS t, "partition", next_offset, row_count FROM {positions_view(name)}"""
        for number, name in enumerate(tables)
    )
    rows = session.rows(f"{parts} ORDER BY 1, 2", "reading how far the source tables are")
    found = []
    for number, (name, content) in enumerate(tables.items()):
        mine = [row for row in rows if row[0] == number]
        offsets = {int(partition): offset for _, partition, offset, _ in sorted(mine, key=lambda r: int(r[1]))}
        found.append(SourceState(name, content["topic"], offsets, sum(int(count) for *_, count in mine)))
    return found


def _of(entries: Entries, wanted: str) -> dict[str, Any]:
    return {key: content for (kind, key), content in entries.items() if kind == wanted}
