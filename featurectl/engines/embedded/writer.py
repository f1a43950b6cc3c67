"""The writing half of the embedded engine: migrations, builds, cut-overs, refreshes.

Every change is files first (pieces, under names that nothing lists yet), then one DuckDB transaction that lists
them together with log offsets and ledger rows, then the snapshot for readers. A process that is killed before the
commit changed nothing; after it, the next writer publishes what was committed.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from featurectl.engines.base import (
    Attempt,
    BackfillChunk,
    Ingested,
    MigrationRun,
    Refreshed,
    RefreshReport,
    Release,
    State,
    Version,
)
from featurectl.engines.documents import attempt_key, document_of, interrupted, pin_key, require_standing
from featurectl.engines.embedded.beside import Beside
from featurectl.engines.embedded.connect import duckdb_errors, one_row
from featurectl.engines.embedded.deltas import Delta, TablesBefore
from featurectl.engines.embedded.folding import fold
from featurectl.engines.embedded.history import (
    MOMENTS,
    base_of,
    changes_of,
    history_relations,
    write_changes,
    write_moment,
)
from featurectl.engines.embedded.ingest import chunk_query, empty_query
from featurectl.engines.embedded.ledger import LEDGER_TABLES
from featurectl.engines.embedded.pieces import scan
from featurectl.engines.embedded.publishing import begin, names_of, publish
from featurectl.engines.embedded.recomputing import Recomputing, laid_out_by
from featurectl.engines.embedded.shown import Shown
from featurectl.engines.embedded.snapshot import oldest_in_use
from featurectl.engines.embedded.translation import binder_errors, described, version_query, view_columns
from featurectl.engines.retention import horizon_of
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from featurectl.dialect import Statement
    from featurectl.engines.base import Environment, Leftover, Pin
    from featurectl.engines.comparing import VersionComparison
    from featurectl.engines.embedded.home import Home
    from featurectl.engines.embedded.ledger import Ledger
    from featurectl.engines.embedded.macros import Macros
    from featurectl.engines.embedded.pieces import Piece, Pieces
    from featurectl.engines.embedded.publishing import Begun
    from featurectl.engines.embedded.translation import Schema
    from featurectl.log import EventLog
    from featurectl.project.model import FeatureView, Migration

__all__ = ["EmbeddedWriter"]

# What a refresh writes in the ledger, and what was written there before it and not published yet.
_OF_REFRESHES = ("meta", "versions", "offsets", "pieces", "backfills", "documents")


@dataclass(frozen=True)
class _Recording:
    """What the history of every version asks for in one refresh: the generation to come, the columns that tell which
    revision is the last, whether a backfill brings something in, the pieces that versions get, and who makes them.
    """

    generation: int
    offsets: frozenset[str]
    is_backfilling: bool
    new_pieces: dict[str, list[Piece]]
    beside: Beside


class EmbeddedWriter:
    """Holds the writer's connection. Made by `EmbeddedEngine.write`, which holds the lock."""

    def __init__(self, macros: Macros, home: Home, ledger: Ledger, pieces: Pieces, log: EventLog) -> None:
        """`macros`: with the connection."""
        con = macros.con
        self._con, self._macros = con, macros
        self._home = home
        self._ledger = ledger
        self._pieces = pieces
        self._log = log
        self._built: dict[str, list[Piece]] = {}
        self._shown = Shown(con, pieces)
        self._schema: Schema | None = None
        self._attempt: Attempt | None = None
        self._counted = False
        self._end_interrupted()

    def close(self) -> None:
        """Leave the connection as it was."""
        with duckdb_errors("ending a write"):
            self._shown.close()

    def mark(self, plan_id: str, step: int) -> None:
        """Nothing: nobody watches statements in this process."""

    def state(self) -> State:
        """The ledger, as it is now."""
        with duckdb_errors("cannot read the ledger"):
            return self._ledger.state()

    def migrate(self, migration: Migration) -> None:
        """Run a migration and record it in one transaction, with the views above tables whose rows it changed.

        Statements about users and indexes mean nothing here.
        """
        with duckdb_errors(f"{migration.file}"), self._committed() as generation:
            tables = TablesBefore(self._con, migration.statements, self._ledger.versions())
            changed = [name for statement in migration.statements if (name := self._run(statement)) is not None]
            run = MigrationRun(migration.number, migration.name, migration.checksum, datetime.now(UTC))
            self._ledger.add_migration(run)
            self._schema = None
            new_pieces: dict[str, list[Piece]] = {}
            with Beside(self._con, self._pieces) as beside:
                refreshed = self._recompute(tables.since(changed), new_pieces, beside, _silent)
            self._list(new_pieces, refreshed, generation)
            tables.forget()

    def expect(self, builds: Sequence[tuple[Version, FeatureView]]) -> None:
        """Nothing: one build takes all cores."""

    def build(self, version: Version, view: FeatureView, progress: Callable[[str], None] | None = None) -> Version:
        """Compute a version into a piece of its own. Nothing lists it before `cut_over`."""
        started = time.monotonic()
        with duckdb_errors(f"{view.file}: building {version.name}"), binder_errors(version):
            self._shown.ensure(*version.inputs.values())
            schema = self._known_schema()
            piece = self._pieces.write(version.name, self._macros.define(version_query(version, schema)))
            self._shown.show(version.name, [piece])
            self._shown.ensure(version.name)
            read = {name: schema.get(relation, {}) for name, relation in version.inputs.items()}
            columns = view_columns(view.query, read, described(self._con, version.name))
            version = replace(version, columns=columns)
            pieces = self._pieces.ordered(version.name, piece, laid_out_by(version))
            self._shown.show(version.name, pieces)
            self._shown.ensure(version.name)
        self._built[version.name] = pieces
        schema[version.name] = columns
        return replace(
            version,
            rows=piece.rows,
            build_seconds=time.monotonic() - started,
            refreshed_at=datetime.now(UTC),
        )

    def failing_rows(self, version: Version, check: str) -> int:
        """How many rows of a built version break a check (NULL passes)."""
        from featurectl.dialect import parse_query, translate_query

        query = parse_query(f"SELECT count(*) AS n FROM {version.name} WHERE NOT ({check})", file=version.file)
        with duckdb_errors(f"{version.file}: check {check!r}"):
            self._shown.ensure(version.name)
            translated = translate_query(query, schema=self._known_schema())
            return int(one_row(self._con, self._macros.define(translated))[0])

    def compare(self, old: Version, new: Version, key: Sequence[str]) -> VersionComparison:
        """Two versions on the writer's connection, the new one as it was just built."""
        from featurectl.engines.comparing import compare_versions

        with duckdb_errors(f"comparing {old.name} with {new.name}"):
            self._shown.ensure(old.name, new.name)
            return compare_versions(lambda sql: self._con.execute(sql).fetchall(), old, new, key)

    def keep(self, built: Sequence[Version]) -> None:
        """List the new versions in one transaction; no public name moves."""
        with duckdb_errors("keeping versions"), self._committed() as generation:
            self._add(built, generation)

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
        """List the new versions, repoint every public name, record the release: one transaction."""
        now = datetime.now(UTC)
        with duckdb_errors("cutting over"), self._committed() as generation:
            self._add(built, generation)
            self._describe(live, metadata)
            self._require_standing(live)
            self._ledger.set_live(live)
            number = 1 + max((r.number for r in self._ledger.state().releases), default=0)
            release = Release(number, plan_id, now, who, git_commit, seconds, dict(live), command, back_to, environment)
            self._ledger.add_release(release)
            if self._attempt is not None:
                self._ledger.remove(*attempt_key(self._attempt))
        self._attempt = None
        return release

    def begin(self, command: str, plan_id: str, who: str, git_commit: str | None, environment: str | None) -> None:
        """Write it down; readers hear of it with the next snapshot."""
        with duckdb_errors("writing the ledger"):
            number = 1 + max((a.number for a in self._ledger.state().attempts), default=0)
            self._attempt = Attempt(number, command, plan_id, datetime.now(UTC), who, git_commit, environment)
            self._ledger.put(*attempt_key(self._attempt), document_of(self._attempt))

    def end(self, outcome: str, detail: str, seconds: float) -> None:
        """Write down how it ended, if it became no release, and tell readers."""
        if self._attempt is None:
            return
        ended = replace(self._attempt, outcome=outcome, detail=detail, seconds=seconds)
        with duckdb_errors("writing the ledger"), self._committed():
            self._ledger.put(*attempt_key(ended), document_of(ended))
        self._attempt = None

    def preview(
        self, built: Sequence[Version], environment: Environment, metadata: Mapping[str, FeatureView], seconds: float
    ) -> None:
        """List the new versions and show the environment's: one transaction."""
        with duckdb_errors("showing an environment"), self._committed() as generation:
            self._add(built, generation)
            self._describe(environment.live, metadata)
            self._require_standing(environment.live)
            self._ledger.put("environment", environment.name, document_of(environment))
            if self._attempt is not None:
                ended = replace(self._attempt, outcome="done", seconds=seconds)
                self._ledger.put(*attempt_key(ended), document_of(ended))
        self._attempt = None

    def drop_environment(self, name: str) -> None:
        """Forget the environment; the next snapshot has no schema of it."""
        with duckdb_errors("dropping an environment"), self._committed():
            self._ledger.remove("environment", name)

    def pin(self, pin: Pin) -> None:
        """Remember what a consumer relies on."""
        with duckdb_errors("pinning"), self._committed():
            self._ledger.put("pin", pin_key(pin.consumer, pin.view), document_of(pin))

    def unpin(self, consumer: str, view: str) -> None:
        """Forget what a consumer relied on."""
        with duckdb_errors("unpinning"), self._committed():
            self._ledger.remove("pin", pin_key(consumer, view))

    def drop(self, versions: Sequence[Version], leftovers: Sequence[Leftover]) -> dict[str, str]:
        """Take versions off the ledger; their files go as soon as no open snapshot reads them."""
        with duckdb_errors("dropping versions"), self._committed() as generation:
            for version in versions:
                self._ledger.remove_version(version.view, version.number)
                for relation in (version.name, *history_relations(version.name)):
                    self._pieces.replace(relation, [], generation)
        self._shown.drop(version.name for version in versions)
        self._schema = None
        return {}

    def forget_changes(self, now: datetime) -> int:
        """Fold changes before each version's horizon into the rows that it began with."""
        horizons = [(v, at) for v in self._ledger.state().versions if (at := horizon_of(v, now)) is not None]
        if not horizons:
            return 0
        folded = 0
        with duckdb_errors("forgetting old changes"), self._committed() as generation:
            for version, horizon in horizons:
                if (done := fold(self._con, self._pieces, self._home, version, horizon)) is not None:
                    base, changes, count = done
                    self._pieces.replace(base_of(version.name), base, generation)
                    self._pieces.replace(changes_of(version.name), changes, generation)
                    folded += count
        return folded

    def refresh(self, progress: Callable[[str], None] | None = None) -> RefreshReport:
        """Ingest, recompute every version that new events reach, commit all of it with the offsets, publish."""
        started = time.monotonic()
        say = progress or _silent
        new_pieces: dict[str, list[Piece]] = {}
        offsets: dict[tuple[str, str, int], int] = {}
        with duckdb_errors("refreshing"):
            deltas: dict[str, Delta | None] = {}
            with Beside(self._con, self._pieces) as beside:
                ingested = [
                    self._ingest(source, new_pieces, deltas, offsets, beside, say)
                    for source in self._ledger.source_tables()
                ]
                refreshed = self._recompute(deltas, new_pieces, beside, say)
                if new_pieces:
                    self._commit_refresh(new_pieces, offsets, refreshed, beside)
        return RefreshReport(
            tuple(part for part in ingested if part.rows), tuple(refreshed), time.monotonic() - started
        )

    def backfilled(self, producer: str, origin: str, scope: str) -> list[BackfillChunk]:
        """The chunks that earlier backfills completed."""
        return self._ledger.backfills(producer, origin, scope)

    def intend_backfill(self, chunk: BackfillChunk, topic: str | None) -> None:
        """Remember that a chunk's events are about to come into the log."""
        with duckdb_errors("recording a backfill"):
            self._ledger.put("backfilling", _chunk_key(chunk), _chunk_document(chunk, topic, published=False))

    def record_backfill(self, chunk: BackfillChunk, topic: str | None = None) -> None:
        """Remember a chunk whose events are in the log."""
        with duckdb_errors("recording a backfill"):
            self._ledger.add_backfill(chunk)
            if chunk.published:
                self._ledger.put("backfilling", _chunk_key(chunk), _chunk_document(chunk, topic, published=True))
            else:
                self._ledger.remove("backfilling", _chunk_key(chunk))

    def _add(self, built: Sequence[Version], generation: int) -> None:
        """List new versions with their rows. Belongs into the caller's transaction."""
        for version in built:
            self._ledger.allot(version.view, version.number)
            self._ledger.add_version(version)
            pieces = self._built[version.name]
            self._pieces.replace(version.name, pieces, generation)
            if version.rows and version.keeps_history:
                self._pieces.replace(base_of(version.name), pieces, generation)

    def _describe(self, live: Mapping[str, int], metadata: Mapping[str, FeatureView]) -> None:
        for name, view in metadata.items():
            said = view.metadata.model_dump(mode="json")
            self._ledger.set_metadata(name, live[name], view.file, said, view.descriptions)

    def _require_standing(self, live: Mapping[str, int]) -> None:
        require_standing(live, {version.name for version in self._ledger.state().versions})

    def _ingest(
        self,
        source: tuple[str, str, Mapping[str, str]],
        new_pieces: dict[str, list[Piece]],
        deltas: dict[str, Delta | None],
        offsets: dict[tuple[str, str, int], int],
        beside: Beside,
        say: Callable[[str], None],
    ) -> Ingested:
        table, topic, columns = source
        rows = 0
        found: list[Piece] = []
        for chunk in self._log.chunks(topic, self._ledger.offsets(table)):
            piece = self._pieces.write(table, chunk_query(chunk, columns), checked=True)
            found.append(piece)
            rows += piece.rows
            offsets[table, topic, chunk.partition] = chunk.next_offset
            say(f"{table}: {rows:,} new events")
        if found:
            deltas[table] = Delta(scan(self._home, found) if rows else None, None, rows)
            new_pieces[table] = [*self._pieces.of(table), *found]
            beside.merge(table, new_pieces[table])
        return Ingested(table, rows)

    def _recompute(
        self,
        deltas: Mapping[str, Delta | None],
        new_pieces: dict[str, list[Piece]],
        beside: Beside,
        say: Callable[[str], None],
    ) -> list[Refreshed]:
        """Bring every version up to date that the changed relations reach; None is a change that is not known."""
        for name, pieces in new_pieces.items():
            self._shown.show(name, pieces)
        versions, schema, tables = self._ledger.versions(), self._known_schema(), self._ledger.tables()
        recomputing = Recomputing(
            self._macros,
            self._home,
            self._pieces,
            self._shown,
            schema,
            tables,
            new_pieces,
            beside,
            is_in_transaction=self._counted,
        )
        for name, delta in deltas.items():
            recomputing.deltas.add(name, delta)
        read = {name for version in versions for name in version.inputs.values()}
        offsets, is_backfilling = frozenset(self._offset_columns()), self._ledger.is_backfilling()
        recording = _Recording(self._generation_to_come(), offsets, is_backfilling, new_pieces, beside)
        done = []
        for version in versions:  # in the order they were built: inputs come first
            if not any(name in recomputing.deltas for name in version.inputs.values()):
                continue
            say(f"{version.name}: computing")
            kept = version.keeps_history
            refreshed, delta = recomputing.refresh(version, is_read=kept or version.name in read)
            done.append(refreshed)
            if delta is None or delta.rows:
                recomputing.deltas.add(version.name, delta)
                self._record(version, delta, recording, recomputing)
        for name, pieces in beside.done().items():
            new_pieces[name] = pieces
            self._shown.show(name, pieces)
        recomputing.close()
        return done

    def _offset_columns(self) -> Iterator[str]:
        """Where source tables have an event's place in the log: what tells which of several revisions is the last."""
        return (columns["offset"] for _, _, columns in self._ledger.source_tables() if "offset" in columns)

    def _record(self, version: Version, delta: Delta | None, recording: _Recording, recomputing: Recomputing) -> None:
        """The version's history with what this refresh adds to it."""
        base, relation = history_relations(version.name)
        new_pieces = recording.new_pieces
        if delta is None or not version.keeps_history:
            # it may have been kept before: what is not carried on says nothing
            new_pieces |= {name: [] for name in (base, relation) if self._pieces.of(name)}
            return
        old, new = self._pieces.of(version.name), new_pieces[version.name]
        recorded = [*self._pieces.of(base), *self._pieces.of(relation)]
        if not recorded:  # what it holds when it first holds anything, or what it held before anything was recorded
            began = old if any(each.live_rows for each in old) else new
            recorded = [each for each in began if each.live_rows]
            new_pieces[base] = recorded
            if began is new:
                return
        revision = sorted(recording.offsets & set(version.columns))
        backfilled = self._ledger.backfilled(self._topics_below(version)) if recording.is_backfilling else []
        now = recomputing.rows_about(version, delta)
        before = self._pieces.of(relation)

        def written(pieces: Pieces) -> list[Piece] | None:
            change = write_changes(
                pieces, self._home, version, delta, now, recording.generation, revision, backfilled, recorded
            )
            return None if change is None else pieces.merged(relation, [*before, change])

        if delta.shared and not backfilled:  # whether a row has a past is asked of all of the past
            recording.beside.make(relation, delta.rows, written)
        elif (found := written(self._pieces)) is not None:
            new_pieces[relation] = found

    def _topics_below(self, version: Version) -> set[str]:
        """The topics of which a version is made."""
        found = self._ledger.state().below(version)
        return {topic for table, topic, _ in self._ledger.source_tables() if table in found}

    def _generation_to_come(self) -> int:
        """Of the change in hand. Within a transaction that has counted up already it is the present one."""
        return self._ledger.generation() + (0 if self._counted else 1)

    def _commit_refresh(
        self,
        new_pieces: Mapping[str, list[Piece]],
        offsets: Mapping[tuple[str, str, int], int],
        refreshed: Sequence[Refreshed],
        beside: Beside,
    ) -> None:
        now = names_of(self._ledger, {**self._pieces.all(), **new_pieces})
        to_come = self._generation_to_come()
        begun = beside.do(lambda con: begin(con, self._home, to_come, now))
        with self._committed(_OF_REFRESHES, begun) as generation:
            self._list(new_pieces, refreshed, generation)
            for (table, topic, partition), offset in offsets.items():
                self._ledger.set_offset(table, topic, partition, offset)
            self._ledger.forget_backfilled()

    def _list(self, new_pieces: Mapping[str, list[Piece]], refreshed: Sequence[Refreshed], generation: int) -> None:
        lists = dict(new_pieces)
        if any(relation.endswith("$changes") for relation in lists):
            moment = write_moment(self._pieces, self._home, generation, datetime.now(UTC))
            lists[MOMENTS] = self._pieces.merged(MOMENTS, [*self._pieces.of(MOMENTS), moment])
        self._pieces.replace_all(lists, generation)
        self._ledger.set_refreshed(refreshed, datetime.now(UTC))

    def _known_schema(self) -> Schema:
        if self._schema is None:
            self._schema = self._ledger.schema()
        return self._schema

    def _run(self, statement: Statement) -> str | None:
        """Run a statement; returns the table whose rows or columns it changed."""
        from featurectl.dialect import AlterTable, CreateSourceTable, CreateTable, Dml, DropTable

        if isinstance(statement, CreateSourceTable):
            columns = {"data": statement.data_column, **statement.include}
            self._ledger.add_source_table(statement.name, statement.topic, columns)
            empty = self._pieces.write(statement.name, empty_query(columns))
            self._pieces.replace(statement.name, [empty], self._ledger.generation())
            return None
        if isinstance(statement, DropTable):
            self._refuse_if_read(statement.name)
            self._ledger.drop_table(statement.name)
        if isinstance(statement, CreateTable | AlterTable | DropTable | Dml):  # the rest is about a server's users
            self._con.execute(self._macros.define(statement.duckdb_sql))
        if isinstance(statement, CreateTable):
            self._ledger.add_table(statement.name)
        if isinstance(statement, Dml):
            return statement.table
        return statement.name if isinstance(statement, AlterTable) else None

    def _refuse_if_read(self, table: str) -> None:
        readers = [v.name for v in self._ledger.state().versions if table in v.inputs.values()]
        if readers:
            raise EngineError(
                f"the table {table} cannot be dropped: {', '.join(readers)} read it", hint="drop the views first"
            )

    def _end_interrupted(self) -> None:
        left = interrupted(self._ledger.attempts())
        if not left:
            return
        with duckdb_errors("writing the ledger"), self._committed():
            for (kind, key), document in left.items():
                self._ledger.put(kind, key, document)

    @contextmanager
    def _committed(
        self, changed: Sequence[str] = LEDGER_TABLES, begun: Future[Begun | None] | None = None
    ) -> Iterator[int]:
        """One transaction, one generation; readers get it when it is committed.

        `changed`: tables of the ledger; `begun`: the snapshot, which somebody is making already.
        """
        self._con.execute("BEGIN")
        self._counted = True
        try:
            yield self._ledger.next_generation()
        except BaseException:  # whatever it is, an interrupt included: undone, and raised again
            self._con.execute("ROLLBACK")
            self._pieces.look_again()
            self._ledger.forget()
            self._macros.forget()
            raise
        finally:
            self._counted = False
        self._con.execute("COMMIT")
        ready = None if begun is None else begun.result()
        publish(self._con, self._home, self._ledger, self._pieces, changed, ready)
        self._pieces.sweep(oldest_in_use(self._home))


def _chunk_key(chunk: BackfillChunk) -> str:
    return f"{chunk.producer} {chunk.origin} {chunk.scope} {chunk.start.isoformat()}"


def _chunk_document(chunk: BackfillChunk, topic: str | None, *, published: bool) -> dict[str, Any]:
    """A range of event time that a backfill brings in; until its events are in the tables, `history` asks for it."""
    span = {"start": chunk.start.isoformat(), "end": chunk.end.isoformat()}
    return {"topic": topic, "published": published, **span}


def _silent(_: str) -> None:
    return
