"""The Engine protocol over DuckDB: who may write, what readers get."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurectl.engines.base import Capabilities, State
from featurectl.engines.embedded.connect import answer, connect, duckdb_errors, quote, text_literal
from featurectl.engines.embedded.diagnosing import diagnose
from featurectl.engines.embedded.history import show_as_of
from featurectl.engines.embedded.home import Home
from featurectl.engines.embedded.ledger import LEDGER_TABLES, Ledger, read_positions, read_schema, read_state
from featurectl.engines.embedded.macros import Macros
from featurectl.engines.embedded.moment import EmbeddedMoment
from featurectl.engines.embedded.pieces import Pieces
from featurectl.engines.embedded.publishing import WRITERS, publish
from featurectl.engines.embedded.redating import redate
from featurectl.engines.embedded.sandbox import EmbeddedSandbox
from featurectl.engines.embedded.snapshot import published_generation, reading, was_moved
from featurectl.engines.embedded.writer import EmbeddedWriter
from featurectl.errors import EngineError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    import duckdb

    from featurectl.engines.base import Building, Finding, Moment, Result, Version, Writer
    from featurectl.engines.comparing import VersionComparison
    from featurectl.engines.embedded.ledger import Positions
    from featurectl.log import EventLog
    from featurectl.project import Project
    from featurectl.settings import Settings

__all__ = ["EmbeddedEngine"]

_BLOCK_BYTES = 16_384
_LEDGER = frozenset(f"featurectl.{table}" for table in LEDGER_TABLES)


@dataclass(frozen=True)
class _Left:
    """What this process knew of the writer's database when it left it, and how it left the file."""

    ledger: Ledger
    pieces: Pieces
    file: tuple[int, ...]


class EmbeddedEngine:
    """DuckDB in process. Writing takes the home's lock; reading takes nothing from anybody."""

    name = "embedded"
    capabilities = Capabilities(refreshes_by_itself=False, transactional_cut_over=True, has_users=False)

    def __init__(self, settings: Settings, log: EventLog) -> None:
        self._settings = settings
        self._home = Home(settings.home_dir)
        self._log = log
        self._read: Positions | None = None  # of the newest snapshot that was looked at
        self._duckdb: Macros | None = None
        self._left: _Left | None = None

    def inspect(self) -> State:
        """The ledger in the newest snapshot."""
        with reading(self._home, self._settings) as con, duckdb_errors("cannot read the ledger"):
            state = State() if con is None else read_state(con)
        self._read = state.generation, {source.table: (source.topic, source.offsets) for source in state.sources}
        return state

    @contextmanager
    def write(self, command: str, wait: timedelta) -> Iterator[Writer]:
        """Open the writer's database under the lock; what an earlier writer left half done is put right first."""
        with self._home.writing(command, wait):
            self._home.scratch.mkdir(parents=True, exist_ok=True)
            left, self._left = self._left, None
            if left is not None and left.file != _look_of(self._home.database):
                left = None
            with self._open() as macros:
                ledger, pieces = self._known(macros.con, left)
                writer = self._writer(macros, ledger, pieces)
                yield writer
                writer.close()
                with duckdb_errors("cannot read the ledger"):
                    self._read = ledger.positions()
            look = _look_of(self._home.database)
            self._left = None if look is None else _Left(ledger, pieces, look)

    @contextmanager
    def _open(self) -> Iterator[Macros]:
        """A connection to the writer's database, which is let go again.

        DuckDB itself stays for the next time, with the functions that queries used: to start it costs as much as a
        third of a small refresh.
        """
        if self._duckdb is None:
            self._duckdb = Macros(connect(None, self._settings, self._home))
            # of files that are new; there are many small tables, and each takes a block at least
            self._duckdb.con.execute(f"SET default_block_size = {_BLOCK_BYTES}")
        con = self._duckdb.con
        try:
            with duckdb_errors(f"cannot open {self._home.database.name}"):
                con.execute(f"ATTACH {text_literal(str(self._home.database))} AS {WRITERS}")
                con.execute(f"USE {WRITERS}")
            yield self._duckdb
            with duckdb_errors(f"cannot close {self._home.database.name}"):
                con.execute("USE memory")
                con.execute(f"DETACH {WRITERS}")
        except BaseException:  # whatever it is: what it left behind goes with DuckDB itself
            con.close()
            self._duckdb = None
            raise

    def _known(self, con: duckdb.DuckDBPyConnection, left: _Left | None) -> tuple[Ledger, Pieces]:
        """The ledger and the pieces; those of the last time, if nobody has written since."""
        with duckdb_errors("cannot read the ledger"):
            if left is not None and left.ledger.is_current():
                return left.ledger, left.pieces
            return Ledger(con), Pieces(con, self._home, self._settings.fsync)

    def _writer(self, macros: Macros, ledger: Ledger, pieces: Pieces) -> EmbeddedWriter:
        con = macros.con
        with duckdb_errors("cannot read the ledger"):
            pieces.sweep_orphans()
            published = published_generation(self._home)
            if published is not None and published < ledger.generation():
                redate(con, pieces, self._home, published, ledger.generation())
            if published != ledger.generation() or was_moved(self._home):
                publish(con, self._home, ledger, pieces)
        return EmbeddedWriter(macros, self._home, ledger, pieces, self._log)

    @contextmanager
    def query(self, sql: str, environment: str | None = None, as_of: datetime | None = None) -> Iterator[Result]:
        """Run a query in the project's dialect on the newest snapshot."""
        if as_of is not None and environment is not None:
            raise UsageError("an environment is a preview: it has no past", hint="leave --env or --as-of out")
        with reading(self._home, self._settings) as con:
            if con is None:
                raise _nothing_applied()
            yield answer(con, _translate(con, sql, environment, self._home, as_of))

    def export(self, sql: str, path: Path, environment: str | None = None) -> int:
        """Write a query's rows as Parquet, under a temporary name until whole."""
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        with reading(self._home, self._settings) as con:
            if con is None:
                raise _nothing_applied()
            translated = _translate(con, sql, environment)
            try:
                with duckdb_errors("query"):
                    row = con.execute(
                        f"COPY ({translated}) TO {text_literal(str(unfinished))} (FORMAT parquet, COMPRESSION zstd)"
                    ).fetchone()
                unfinished.replace(path)
            except OSError as error:
                raise EngineError(f"cannot write {path}: {error.strerror}") from error
            finally:
                unfinished.unlink(missing_ok=True)
        return int(row[0]) if row else 0

    def compare(self, old: Version, new: Version, key: Sequence[str]) -> VersionComparison:
        """Two versions in the newest snapshot."""
        from featurectl.engines.comparing import compare_versions

        with reading(self._home, self._settings) as con:
            if con is None:
                raise _nothing_applied()
            with duckdb_errors(f"comparing {old.name} with {new.name}"):
                return compare_versions(lambda sql: con.execute(sql).fetchall(), old, new, key)

    def sandbox(self, project: Project) -> EmbeddedSandbox:
        """A database in memory."""
        return EmbeddedSandbox(project, self._settings)

    @contextmanager
    def moment(self, folder: Path) -> Iterator[Moment]:
        """The newest snapshot, whose pieces stay as long as it is open."""
        with reading(self._home, self._settings) as con:
            if con is None:
                raise _nothing_applied()
            yield EmbeddedMoment(con, self._home, folder)

    def diagnose(self) -> Iterator[Finding]:
        """The home and what is in it."""
        return diagnose(self._home, self._settings)

    def building(self) -> list[Building]:
        """Nothing: a build is its own process's, and nobody else sees how far it is."""
        return []

    def record_changes(self) -> int:
        """Nothing to do: each refresh records what it changes, in the same transaction."""
        return 0

    def has_news(self) -> bool:
        """Compare the log's ends with the offsets in the newest snapshot, which is opened only if it is a new one."""
        if self._read is None or self._read[0] != published_generation(self._home):
            with reading(self._home, self._settings) as con, duckdb_errors("cannot read the ledger"):
                self._read = (0, {}) if con is None else read_positions(con)
        return any(
            end > offsets.get(partition, 0)
            for topic, offsets in self._read[1].values()
            for partition, end in self._log.end_offsets(topic).items()
        )


def _look_of(file: Path) -> tuple[int, ...] | None:
    """What differs once a file was written to, or another one put in its place; None where that cannot be said."""
    try:
        found = file.stat()
    except OSError:
        return None
    if file.with_name(f"{file.name}.wal").exists():
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _translate(
    con: duckdb.DuckDBPyConnection,
    sql: str,
    environment: str | None,
    home: Home | None = None,
    as_of: datetime | None = None,
) -> str:
    """The query as DuckDB's, for a connection that from here on finds the environment's names first, or the past's."""
    from featurectl.dialect import parse_query, translate_query

    query = parse_query(sql)
    with duckdb_errors("cannot read the ledger"):
        schema = read_schema(con, environment)
        if environment is not None:
            read_state(con).require_shown(query.references, environment)
            con.execute(f"SET search_path = {text_literal(f'{quote(environment)},main')}")
    for name in query.references:
        if name not in schema and name not in _LEDGER:  # a file name in quotes, too, is no relation here
            hint = did_you_mean(name, schema, "featurectl status lists what there is")
            raise EngineError(f"query: there is no view or table {name!r}", hint=hint)
    if as_of is not None and home is not None:
        with duckdb_errors("reading the history"):
            schema |= show_as_of(con, home, query.references, as_of)
    with duckdb_errors("preparing a query"):
        return Macros(con).define(translate_query(query, in_view=False, schema=schema))


def _nothing_applied() -> UsageError:
    return UsageError("nothing is applied here yet", hint="run: featurectl apply")
