"""The ledger: migrations, versions, what is live, releases, backfills, and the journal of steps under way.

All of it is one table of small documents by kind and key. RisingWave commits each statement by itself, so what
belongs together, such as a release with its versions, is one INSERT: it goes over what stood there, whole or not
at all. FLUSH waits until it is durable and seen. Plain views show the documents as columns to people.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from featurectl.engines.base import BackfillChunk, MigrationRun, Release, Version
from featurectl.engines.risingwave.errors import DUPLICATE, NOT_FOUND, sql_state
from featurectl.engines.risingwave.sql import quote, text_literal
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from featurectl.engines.risingwave.connection import Session

__all__ = ["SCHEMA", "Entries", "Ledger", "backfill_entry", "migration_of", "release_of", "version_entry", "version_of"]

SCHEMA = "featurectl"
_TABLE = f"{SCHEMA}.ledger"
_WHAT = "the ledger"
_TABLES = (
    f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
    # The ledger last: where it is, the lock is, too.
    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.lock"
    " (turn int, what varchar, token varchar, session varchar, holder varchar, PRIMARY KEY (turn, what))"
    " ON CONFLICT DO NOTHING",
    f"CREATE TABLE IF NOT EXISTS {_TABLE}"
    " (kind varchar, key varchar, content varchar, written_at timestamptz, PRIMARY KEY (kind, key))",
)
# What people may want to see; the documents are for programs.
_SHOWN = {
    "migrations": ("migration", "number", ("name", "checksum", "applied_at")),
    "versions": ("version", "relation", ("view", "number", "file", "fingerprint", "text", "rows", "build_seconds")),
    "releases": ("release", "number", ("plan_id", "finished_at", "who", "git_commit", "seconds", "live")),
    "steps": ("step", "step", ()),
}

Entries = dict[tuple[str, str], Any]


class Ledger:
    """Documents by kind and key; None is the same as none."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def exists(self) -> bool:
        """Whether anything was ever written here. Raises EngineError for a user who may not see it."""
        rows = self._session.rows(
            "SELECT 1 FROM rw_catalog.rw_tables AS t JOIN rw_catalog.rw_schemas AS s ON s.id = t.schema_id"
            f" WHERE s.name = {text_literal(SCHEMA)} AND t.name = 'ledger'",
            _WHAT,
        )
        return bool(rows) or self._is_hidden()

    def _is_hidden(self) -> bool:
        """The catalog leaves out what the user may not read: asked for itself, that is refused, not missing."""
        try:
            self._session.rows(f"SELECT 1 FROM {_TABLE} LIMIT 0", _WHAT)
        except EngineError as error:
            if sql_state(error) == NOT_FOUND:
                return False
            raise
        return True

    def create(self) -> None:
        """Make the tables, unless they are there."""
        for statement in (*_TABLES, *(_view(*item) for item in _SHOWN.items())):
            try:
                self._session.run(statement, "creating the ledger")
            except EngineError as error:
                if sql_state(error) != DUPLICATE:  # another process creates it in the same moment
                    raise

    def read(self) -> Entries:
        """All documents."""
        rows = self._session.rows(f"SELECT kind, key, content FROM {_TABLE} WHERE content IS NOT NULL", _WHAT)
        return {(kind, key): json.loads(content) for kind, key, content in sorted(rows)}

    def write(self, entries: Mapping[tuple[str, str], Any]) -> None:
        """Put documents over those of the same kind and key, all at once; return when they are durable and seen."""
        now = text_literal(datetime.now(UTC).isoformat())
        values = ", ".join(
            f"({text_literal(kind)}, {text_literal(key)}, {_document(content)}, {now}::timestamptz)"
            for (kind, key), content in entries.items()
        )
        self._session.run(
            f"INSERT INTO {_TABLE} (kind, key, content, written_at) VALUES {values}", "writing the ledger"
        )
        self._session.run("FLUSH", "writing the ledger")


def version_entry(version: Version, position: int) -> tuple[tuple[str, str], Any]:
    """A version as a document; `position` keeps the order in which versions were built."""
    at = version.refreshed_at
    content = {**asdict(version), "refreshed_at": at.isoformat() if at else None, "position": position}
    return ("version", version.name), content


def version_of(content: Mapping[str, Any]) -> Version:
    """The version of a document."""
    values = {name: value for name, value in content.items() if name != "position"}
    at = values.pop("refreshed_at")
    return Version(**values, refreshed_at=_time(at) if at else None)


def migration_of(number: str, content: Mapping[str, Any]) -> MigrationRun:
    """The migration of a document."""
    return MigrationRun(number, content["name"], content["checksum"], _time(content["applied_at"]))


def release_of(number: str, content: Mapping[str, Any]) -> Release:
    """The release of a document."""
    values = {**content, "finished_at": _time(content["finished_at"])}
    return Release(number=int(number), **values)


def backfill_entry(chunk: BackfillChunk) -> tuple[tuple[str, str], Any]:
    """A backfill's chunk as a document: one that is done again replaces itself."""
    content = {**asdict(chunk), "start": chunk.start.isoformat(), "end": chunk.end.isoformat()}
    key = "/".join(str(content[name]) for name in ("producer", "origin", "scope", "start", "end"))
    return ("backfill", key), content


def _document(content: Any) -> str:
    return "NULL::varchar" if content is None else text_literal(json.dumps(content, ensure_ascii=False))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _view(name: str, shown: tuple[str, str, tuple[str, ...]]) -> str:
    kind, key, fields = shown
    columns = ", ".join(
        [f"key AS {key}", *(f"content::jsonb ->> {text_literal(f)} AS {quote(f)}" for f in fields), "written_at"]
    )
    return (
        f"CREATE VIEW IF NOT EXISTS {SCHEMA}.{name} AS"
        f" SELECT {columns} FROM {_TABLE} WHERE kind = '{kind}' AND content IS NOT NULL"
    )
