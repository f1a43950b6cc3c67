"""The ledger: migrations, versions, what is live, releases, log positions, pieces. Tables in the engine itself.

The writer keeps it in its database; every snapshot carries a copy, so that readers see it as of their rows.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb

from featurectl.engines.base import BackfillChunk, MigrationRun, Refreshed, Release, SourceState, State, Version
from featurectl.engines.documents import attempt_of, environment_of, pin_of
from featurectl.engines.embedded.connect import one_row, quote
from featurectl.engines.embedded.translation import SOURCE_TYPES, schema_of
from featurectl.engines.ranges import merged

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from featurectl.engines.base import Attempt, Environment
    from featurectl.engines.embedded.translation import Schema

__all__ = ["LEDGER_TABLES", "Ledger", "Positions", "read_environments", "read_positions", "read_schema", "read_state"]

_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS featurectl;
CREATE TABLE IF NOT EXISTS featurectl.meta (generation BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS featurectl.migrations (
  number VARCHAR PRIMARY KEY, name VARCHAR, checksum VARCHAR, applied_at TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS featurectl.versions (
  view VARCHAR, number INTEGER, fingerprint VARCHAR, own_fingerprint VARCHAR, normaliser VARCHAR, text VARCHAR,
  file VARCHAR, inputs VARCHAR, metadata VARCHAR, columns VARCHAR, descriptions VARCHAR, row_count BIGINT,
  build_seconds DOUBLE, refreshed_at TIMESTAMPTZ, position INTEGER, PRIMARY KEY (view, number));
CREATE TABLE IF NOT EXISTS featurectl.numbers (view VARCHAR PRIMARY KEY, next_number INTEGER);
CREATE TABLE IF NOT EXISTS featurectl.live (view VARCHAR PRIMARY KEY, number INTEGER);
CREATE TABLE IF NOT EXISTS featurectl.releases (
  number INTEGER PRIMARY KEY, plan_id VARCHAR, finished_at TIMESTAMPTZ, who VARCHAR, git_commit VARCHAR,
  seconds DOUBLE, live VARCHAR);
CREATE TABLE IF NOT EXISTS featurectl.offsets (
  source_table VARCHAR, topic VARCHAR, log_partition INTEGER, next_offset BIGINT,
  PRIMARY KEY (source_table, log_partition));
CREATE TABLE IF NOT EXISTS featurectl.pieces (relation VARCHAR, file VARCHAR, row_count BIGINT, position INTEGER);
CREATE TABLE IF NOT EXISTS featurectl.retired (file VARCHAR, generation BIGINT);
CREATE TABLE IF NOT EXISTS featurectl.source_tables (name VARCHAR PRIMARY KEY, topic VARCHAR, include VARCHAR);
CREATE TABLE IF NOT EXISTS featurectl.tables (name VARCHAR PRIMARY KEY);
CREATE TABLE IF NOT EXISTS featurectl.backfills (
  producer VARCHAR, origin VARCHAR, scope VARCHAR, range_start TIMESTAMPTZ, range_end TIMESTAMPTZ,
  published BIGINT, rejected BIGINT, done_at TIMESTAMPTZ);
ALTER TABLE featurectl.releases ADD COLUMN IF NOT EXISTS command VARCHAR DEFAULT 'apply';
ALTER TABLE featurectl.releases ADD COLUMN IF NOT EXISTS back_to INTEGER;
ALTER TABLE featurectl.releases ADD COLUMN IF NOT EXISTS environment VARCHAR;
ALTER TABLE featurectl.versions ADD COLUMN IF NOT EXISTS refresh VARCHAR;
ALTER TABLE featurectl.pieces ADD COLUMN IF NOT EXISTS removed VARCHAR;
ALTER TABLE featurectl.pieces ADD COLUMN IF NOT EXISTS removed_count BIGINT;
ALTER TABLE featurectl.pieces ADD COLUMN IF NOT EXISTS times VARCHAR;
CREATE TABLE IF NOT EXISTS featurectl.macros (stamp VARCHAR);
CREATE TABLE IF NOT EXISTS featurectl.documents (
  kind VARCHAR, key VARCHAR, content VARCHAR, PRIMARY KEY (kind, key));
"""

# Those that an older featurectl kept in the database.
_MACROS = (
    "SELECT DISTINCT function_name FROM duckdb_functions() WHERE database_name = current_database()"
    " AND schema_name = 'main' AND function_type = 'macro' AND NOT internal"
)
# The generation; per source table its topic, and per partition the offset of the first event that it lacks.
Positions = tuple[int, "Mapping[str, tuple[str, Mapping[int, int]]]"]
_GENERATION = "SELECT generation FROM featurectl.meta"
_COUNTED = "UPDATE featurectl.meta SET generation = generation + 1 RETURNING generation"

LEDGER_TABLES = (
    "meta", "migrations", "versions", "numbers", "live", "releases", "offsets", "pieces", "source_tables",
    "tables", "backfills", "documents",
)  # fmt: skip


class Ledger:
    """Reads and writes the ledger on the writer's connection. Writes belong into the caller's transaction.

    What every refresh asks for is read once: for as long as nobody else writes to the database.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self._known: dict[str, Any] = {}
        stamp = hashlib.sha256(_SCHEMA.encode()).hexdigest()
        if _stamp(con) != stamp:  # mostly the database has its tables from the last time
            self._lay_out(stamp)

    def _lay_out(self, stamp: str) -> None:
        self._con.execute(_SCHEMA)
        self._con.execute("BEGIN")
        if not self._con.execute("SELECT 1 FROM featurectl.meta").fetchall():
            self._con.execute("INSERT INTO featurectl.meta VALUES (0)")
        for (name,) in self._con.execute(_MACROS).fetchall():
            self._con.execute(f"DROP MACRO main.{quote(name)}")
        self._con.execute("DELETE FROM featurectl.macros")
        self._con.execute("INSERT INTO featurectl.macros VALUES (?)", [stamp])
        self._con.execute("COMMIT")

    def is_current(self) -> bool:
        """Whether what was read before is of the generation that the database has."""
        return self._known.get("generation") == _one(self._con, _GENERATION)

    def forget(self) -> None:
        """What was read before may be otherwise by now: the ledger was written to, or that was undone."""
        self._known.clear()

    def _once(self, what: str, read: Callable[[], Any]) -> Any:
        if what not in self._known:
            self._known[what] = read()
        return self._known[what]

    def _write(self, sql: str, values: Sequence[Any] = ()) -> None:
        self.forget()
        self._con.execute(sql, list(values))

    def state(self) -> State:
        """Everything, as of now."""
        return read_state(self._con)

    def versions(self) -> tuple[Version, ...]:
        """Those that stand, inputs first. What a refresh changes of them (rows, when, how) may be older."""
        found: tuple[Version, ...] = self._once("versions", lambda: tuple(_versions(self._con)))
        return found

    def live(self) -> dict[str, int]:
        """Which version each public name shows."""
        query = "SELECT view, number FROM featurectl.live ORDER BY 1"
        return dict(self._once("live", lambda: self._con.execute(query).fetchall()))

    def environments(self) -> list[Environment]:
        """The preview environments, by name."""
        return list(self._once("environments", lambda: read_environments(self._con)))

    def attempts(self) -> list[Attempt]:
        """What was begun, by number."""
        return list(self._once("attempts", lambda: _attempts(_documents(self._con))))

    def schema(self) -> Schema:
        """The columns of every relation."""
        return dict(self._once("schema", lambda: _schema(self._con, self.state())))

    def generation(self) -> int:
        """The number of the last committed change."""
        return int(self._once("generation", lambda: _one(self._con, _GENERATION)))

    def next_generation(self) -> int:
        """Count up; the change that follows is this generation's."""
        self._known["generation"] = _one(self._con, _COUNTED)
        return self.generation()

    def add_migration(self, run: MigrationRun) -> None:
        """A migration ran."""
        self._write(
            "INSERT INTO featurectl.migrations VALUES (?, ?, ?, ?)",
            [run.number, run.name, run.checksum, run.applied_at],
        )

    def add_table(self, name: str) -> None:
        """A migration created a table."""
        self._write("INSERT INTO featurectl.tables VALUES (?)", [name])

    def drop_table(self, name: str) -> None:
        """A migration dropped a table."""
        self._write("DELETE FROM featurectl.tables WHERE name = ?", [name])

    def add_source_table(self, name: str, topic: str, columns: Mapping[str, str]) -> None:
        """A migration created a source table."""
        self._write("INSERT INTO featurectl.source_tables VALUES (?, ?, ?)", [name, topic, json.dumps(dict(columns))])

    def source_tables(self) -> list[tuple[str, str, dict[str, str]]]:
        """Each source table's name, topic, and columns by role: data, partition, offset, timestamp, key."""
        query = "SELECT name, topic, include FROM featurectl.source_tables ORDER BY 1"
        rows = self._once("source_tables", lambda: self._con.execute(query).fetchall())
        return [(name, topic, json.loads(columns)) for name, topic, columns in rows]

    def tables(self) -> list[str]:
        """The tables that migrations created, without source tables."""
        query = "SELECT name FROM featurectl.tables ORDER BY 1"
        return [name for (name,) in self._once("tables", lambda: self._con.execute(query).fetchall())]

    def allot(self, view: str, at_least: int) -> int:
        """A version number that was never used for the view."""
        rows = self._con.execute("SELECT next_number FROM featurectl.numbers WHERE view = ?", [view]).fetchall()
        number = max(rows[0][0] if rows else 1, at_least)
        self._write("INSERT OR REPLACE INTO featurectl.numbers VALUES (?, ?)", [view, number + 1])
        return number

    def add_version(self, version: Version) -> None:
        """A version was built."""
        position = _one(self._con, "SELECT coalesce(max(position), 0) + 1 FROM featurectl.versions")
        self._write(
            "INSERT OR REPLACE INTO featurectl.versions (view, number, fingerprint, own_fingerprint, normaliser, text,"
            " file, inputs, metadata, columns, descriptions, row_count, build_seconds, refreshed_at, position)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                version.view, version.number, version.fingerprint, version.own_fingerprint, version.normaliser,
                version.text, version.file, json.dumps(dict(version.inputs)), json.dumps(dict(version.metadata)),
                json.dumps(dict(version.columns)), json.dumps(dict(version.descriptions)), version.rows,
                version.build_seconds, version.refreshed_at, position,
            ],
        )  # fmt: skip

    def set_metadata(
        self, view: str, number: int, file: str, metadata: Mapping[str, Any], descriptions: Mapping[str, str]
    ) -> None:
        """A view's description changed, not its meaning."""
        self._write(
            "UPDATE featurectl.versions SET file = ?, metadata = ?, descriptions = ? WHERE view = ? AND number = ?",
            [file, json.dumps(dict(metadata)), json.dumps(dict(descriptions)), view, number],
        )

    def set_refreshed(self, refreshed: Sequence[Refreshed], at: datetime) -> None:
        """Versions were refreshed. Where one was computed whole, that says how long a build takes, too."""
        if not refreshed:
            return
        values: list[Any] = []
        for each in refreshed:
            view, _, number = each.name.rpartition("_v")
            whole = each.seconds if each.how.startswith("whole") else None
            values += [view, int(number), each.rows, json.dumps(asdict(each)), whole]
        rows = ", ".join(["(?, ?, ?, ?, ?::DOUBLE)"] * len(refreshed))
        self._con.execute(
            "UPDATE featurectl.versions AS v SET row_count = r.row_count, refreshed_at = ?, refresh = r.refresh,"
            f" build_seconds = coalesce(r.seconds, build_seconds) FROM (VALUES {rows})"
            " AS r(view, number, row_count, refresh, seconds) WHERE v.view = r.view AND v.number = r.number",
            [at, *values],
        )

    def set_live(self, live: Mapping[str, int]) -> None:
        """Which version each public name shows; names that are not in it disappear."""
        self._write("DELETE FROM featurectl.live")
        shown = [list(live), list(live.values())]
        self._write("INSERT INTO featurectl.live SELECT unnest(?), unnest(?)", shown)

    def add_release(self, release: Release) -> None:
        """An apply that changed something is complete."""
        self._write(
            "INSERT INTO featurectl.releases (number, plan_id, finished_at, who, git_commit, seconds, live, command,"
            " back_to, environment) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                release.number, release.plan_id, release.finished_at, release.who, release.git_commit,
                release.seconds, json.dumps(dict(release.live)), release.command, release.back_to,
                release.environment,
            ],
        )  # fmt: skip

    def put(self, kind: str, key: str, content: Mapping[str, Any]) -> None:
        """Keep a document, over the one of the same kind and key."""
        self._write(
            "INSERT OR REPLACE INTO featurectl.documents VALUES (?, ?, ?)", [kind, key, json.dumps(dict(content))]
        )

    def remove(self, kind: str, key: str) -> None:
        """Forget a document."""
        self._write("DELETE FROM featurectl.documents WHERE kind = ? AND key = ?", [kind, key])

    def remove_version(self, view: str, number: int) -> None:
        """A version was dropped; its number stays used."""
        self._write("DELETE FROM featurectl.versions WHERE view = ? AND number = ?", [view, number])

    def offsets(self, source_table: str) -> dict[int, int]:
        """Per partition the offset of the first event that is not in the source table."""
        return dict(self._positions().get(source_table, (source_table, {}))[1])

    def positions(self) -> Positions:
        """What `read_positions` says."""
        return self.generation(), {name: (topic, dict(offsets)) for name, (topic, offsets) in self._positions().items()}

    def _positions(self) -> dict[str, tuple[str, dict[int, int]]]:
        found: dict[str, tuple[str, dict[int, int]]] = self._once("positions", lambda: read_positions(self._con)[1])
        return found

    def set_offset(self, source_table: str, topic: str, partition: int, next_offset: int) -> None:
        """Events before this offset are in the source table."""
        self._con.execute(
            "INSERT OR REPLACE INTO featurectl.offsets VALUES (?, ?, ?, ?)",
            [source_table, topic, partition, next_offset],
        )
        self._positions()[source_table][1][partition] = next_offset

    def backfills(self, producer: str, origin: str, scope: str) -> list[BackfillChunk]:
        """Chunks that were completed."""
        rows = self._con.execute(
            "SELECT range_start, range_end, published, rejected FROM featurectl.backfills"
            " WHERE producer = ? AND origin = ? AND scope = ? ORDER BY 1",
            [producer, origin, scope],
        ).fetchall()
        return [BackfillChunk(producer, origin, scope, _utc(s), _utc(e), p, r) for s, e, p, r in rows]

    def is_backfilling(self) -> bool:
        """Whether a backfill brings something in that no refresh has taken yet."""
        query = "SELECT count(*) FROM featurectl.documents WHERE kind = 'backfilling'"
        return bool(self._once("is_backfilling", lambda: _one(self._con, query)))

    def backfilled(self, topics: Collection[str]) -> list[tuple[datetime, datetime]]:
        """The ranges of event time, [start, end), that backfills of these topics bring in, until they are in."""
        rows = self._con.execute("SELECT content FROM featurectl.documents WHERE kind = 'backfilling'").fetchall()
        chunks = [chunk for chunk in (json.loads(content) for (content,) in rows) if chunk["topic"] in (None, *topics)]
        return merged((datetime.fromisoformat(c["start"]), datetime.fromisoformat(c["end"])) for c in chunks)

    def forget_backfilled(self) -> None:
        """What backfills had published is in the tables."""
        if self.is_backfilling():
            self._write(
                "DELETE FROM featurectl.documents"
                " WHERE kind = 'backfilling' AND (content::JSON ->> 'published') = 'true'"
            )

    def add_backfill(self, chunk: BackfillChunk) -> None:
        """A chunk's events are in the log."""
        self._write(
            "INSERT INTO featurectl.backfills VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                chunk.producer, chunk.origin, chunk.scope, chunk.start, chunk.end, chunk.published, chunk.rejected,
                datetime.now(UTC),
            ],
        )  # fmt: skip


def read_schema(con: duckdb.DuckDBPyConnection, environment: str | None = None) -> Schema:
    """The columns and types of everything that a query can read, on the writer's connection or a snapshot's.

    The public names are production's, or those of an environment. Raises UsageError for an unknown one.
    """
    return _schema(con, read_state(con).seen_in(environment))


def _schema(con: duckdb.DuckDBPyConnection, state: State) -> Schema:
    rows = con.execute("SELECT name, include FROM featurectl.source_tables").fetchall()
    sources = {
        name: {column: SOURCE_TYPES[role] for role, column in json.loads(columns).items()} for name, columns in rows
    }
    tables = [row[0] for row in con.execute("SELECT name FROM featurectl.tables").fetchall()]
    return schema_of(con, state, sources, tables)


def read_state(con: duckdb.DuckDBPyConnection) -> State:
    """The ledger on any connection that has its tables: the writer's or a snapshot's."""
    documents = _documents(con)
    return State(
        migrations=tuple(_migrations(con)),
        versions=tuple(_versions(con)),
        live=dict(con.execute("SELECT view, number FROM featurectl.live ORDER BY 1").fetchall()),
        next_numbers=dict(con.execute("SELECT view, next_number FROM featurectl.numbers").fetchall()),
        sources=tuple(_sources(con)),
        releases=tuple(_releases(con)),
        generation=_one(con, _GENERATION),
        pins=tuple(map(pin_of, documents["pin"])),
        environments={environment.name: environment for environment in map(environment_of, documents["environment"])},
        attempts=tuple(_attempts(documents)),
    )


def read_environments(con: duckdb.DuckDBPyConnection) -> list[Environment]:
    """The preview environments, by name."""
    return [environment_of(document) for document in _documents(con)["environment"]]


def _documents(con: duckdb.DuckDBPyConnection) -> dict[str, list[dict[str, Any]]]:
    """Documents by kind, in the order of their keys."""
    found: dict[str, list[dict[str, Any]]] = {"pin": [], "environment": [], "attempt": []}
    for kind, content in _rows(con, "SELECT kind, content FROM featurectl.documents ORDER BY kind, key", None):
        found.setdefault(kind, []).append(json.loads(content))
    return found


def _attempts(documents: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Attempt]:
    return sorted(map(attempt_of, documents["attempt"]), key=lambda attempt: attempt.number)


def _rows(con: duckdb.DuckDBPyConnection, query: str, older: str | None) -> list[tuple[Any, ...]]:
    """What a query answers; on a snapshot of an older featurectl, whose ledger lacks something, what `older` does.

    None stands for no rows.
    """
    try:
        return con.execute(query).fetchall()
    except (duckdb.BinderException, duckdb.CatalogException):
        return con.execute(older).fetchall() if older is not None else []


def _migrations(con: duckdb.DuckDBPyConnection) -> Iterable[MigrationRun]:
    rows = con.execute("SELECT number, name, checksum, applied_at FROM featurectl.migrations ORDER BY 1").fetchall()
    return (MigrationRun(number, name, checksum, _utc(at)) for number, name, checksum, at in rows)


def _versions(con: duckdb.DuckDBPyConnection) -> Iterable[Version]:
    query = (
        "SELECT view, number, fingerprint, own_fingerprint, normaliser, text, file, inputs, metadata, columns,"
        " descriptions, row_count, build_seconds, refreshed_at, {} FROM featurectl.versions ORDER BY position"
    )
    rows = _rows(con, query.format("refresh"), query.format("NULL"))
    for view, number, fp, own, normaliser, text, file, inputs, metadata, columns, described, *rest in rows:
        yield Version(
            view, number, fp, own, normaliser, text, file, json.loads(inputs), json.loads(metadata),
            json.loads(columns), json.loads(described), rest[0], rest[1], None if rest[2] is None else _utc(rest[2]),
            None if rest[3] is None else Refreshed(**json.loads(rest[3])),
        )  # fmt: skip


def _sources(con: duckdb.DuckDBPyConnection) -> Iterable[SourceState]:
    rows: dict[str, int] = {}
    for relation, count in con.execute("SELECT relation, row_count FROM featurectl.pieces").fetchall():
        rows[relation] = rows.get(relation, 0) + count
    _, positions = read_positions(con)
    tables = con.execute("SELECT name, topic FROM featurectl.source_tables ORDER BY 1").fetchall()
    return (SourceState(name, topic, positions[name][1], rows.get(name, 0)) for name, topic in tables)


def read_positions(con: duckdb.DuckDBPyConnection) -> Positions:
    """The generation; per source table its topic, and per partition the offset of the first event that it lacks."""
    found: dict[str, tuple[str, dict[int, int]]] = {
        name: (topic, {}) for name, topic in con.execute("SELECT name, topic FROM featurectl.source_tables").fetchall()
    }
    for table, partition, offset in con.execute(
        "SELECT source_table, log_partition, next_offset FROM featurectl.offsets ORDER BY log_partition"
    ).fetchall():
        found[table][1][partition] = offset
    return _one(con, _GENERATION), found


def _releases(con: duckdb.DuckDBPyConnection) -> Iterable[Release]:
    query = (
        "SELECT number, plan_id, finished_at, who, git_commit, seconds, live, {} FROM featurectl.releases ORDER BY 1"
    )
    rows = _rows(con, query.format("command, back_to, environment"), query.format("'apply', NULL, NULL"))
    return (
        Release(number, plan_id, _utc(at), who, commit, seconds, json.loads(live), *rest)
        for number, plan_id, at, who, commit, seconds, live, *rest in rows
    )


def _stamp(con: duckdb.DuckDBPyConnection) -> str | None:
    """What the tables of a database were made of; None where there are none."""
    rows = _rows(con, "SELECT stamp FROM featurectl.macros", None)
    return rows[0][0] if rows else None


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(one_row(con, sql)[0])


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)
