"""The Engine protocol over RisingWave: who may write, what readers get."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from featurectl.engines.base import Capabilities, Finding, Result, State
from featurectl.engines.embedded.diagnosing import disk
from featurectl.engines.embedded.home import Home
from featurectl.engines.risingwave.catalog import Catalog
from featurectl.engines.risingwave.comparing import compare
from featurectl.engines.risingwave.connection import Session
from featurectl.engines.risingwave.diagnosing import diagnose
from featurectl.engines.risingwave.errors import NOT_FOUND, sql_state
from featurectl.engines.risingwave.ledger import Ledger
from featurectl.engines.risingwave.lock import Lock
from featurectl.engines.risingwave.moment import RisingWaveMoment
from featurectl.engines.risingwave.reading import enter_environment, export, run_query
from featurectl.engines.risingwave.recording import Recorder, query_as_of
from featurectl.engines.risingwave.sandbox import RisingWaveSandbox
from featurectl.engines.risingwave.sql import comment
from featurectl.engines.risingwave.state import read_state
from featurectl.engines.risingwave.writer import RisingWaveWriter
from featurectl.errors import EngineError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, timedelta

    from featurectl.engines.base import Building, Moment, SourceState, Version, Writer
    from featurectl.engines.comparing import VersionComparison
    from featurectl.log import EventLog
    from featurectl.project import Project
    from featurectl.settings import Settings

__all__ = ["RisingWaveEngine"]


class RisingWaveEngine:
    """One database of a RisingWave server. Each call has a connection of its own."""

    name = "risingwave"
    capabilities = Capabilities(refreshes_by_itself=True, transactional_cut_over=False, has_users=True)

    def __init__(self, settings: Settings, log: EventLog) -> None:
        self._settings = settings
        self._log = log

    def inspect(self) -> State:
        """The ledger; an empty state where nothing was ever applied."""
        with self._session("inspect") as session:
            ledger = Ledger(session)
            return read_state(session, ledger) if ledger.exists() else State()

    @contextmanager
    def write(self, command: str, wait: timedelta) -> Iterator[Writer]:
        """Hold the lock; a cut-over that an earlier writer left half done is brought to its end first."""
        with self._session(command) as session:
            ledger = Ledger(session)
            if not ledger.exists():
                ledger.create()
            lock = Lock(session, command)
            with lock.held(wait):
                yield RisingWaveWriter(self._settings, session, Catalog(session), ledger, lock, self._log)

    @contextmanager
    def query(self, sql: str, environment: str | None = None, as_of: datetime | None = None) -> Iterator[Result]:
        """Run the author's query as it is; on the past, run it here on what was recorded."""
        if as_of is not None:
            with self._past(sql, environment, as_of) as result:
                yield result
            return
        with self._session("query") as session, _nothing_applied_said(session):
            enter_environment(session, sql, environment)
            with run_query(session, sql) as result:
                yield result

    @contextmanager
    def _past(self, sql: str, environment: str | None, as_of: datetime) -> Iterator[Result]:
        if environment is not None:
            raise UsageError("an environment is a preview: it has no past", hint="leave --env or --as-of out")
        scratch = Home(self._settings.home_dir).scratch
        scratch.mkdir(parents=True, exist_ok=True)
        with (
            TemporaryDirectory(dir=scratch, prefix="as-of-") as name,
            self.moment(Path(name)) as moment,
            query_as_of(moment, self._settings, sql, as_of) as result,
        ):
            yield result

    def export(self, sql: str, path: Path, environment: str | None = None) -> int:
        """Write a query's rows as Parquet, under a temporary name until whole."""
        with self._session("export") as session, _nothing_applied_said(session):
            enter_environment(session, sql, environment)
            return export(session, sql, path, self._settings)

    def compare(self, old: Version, new: Version, key: Sequence[str]) -> VersionComparison:
        """Two versions, at one epoch."""
        return compare(self._settings, comment("compare"), old, new, key)

    def sandbox(self, project: Project) -> RisingWaveSandbox:
        """A schema of its own on the server, dropped at the end."""
        return RisingWaveSandbox(project, self._settings)

    @contextmanager
    def moment(self, folder: Path) -> Iterator[Moment]:
        """A read-only transaction, which RisingWave answers from one epoch of all tables and views."""
        with self._session("verify") as session:
            if not Ledger(session).exists():
                raise UsageError("nothing is applied here yet", hint="run: featurectl apply")
            yield RisingWaveMoment(session, folder, self._settings, Recorder(self._settings))

    def diagnose(self) -> Iterator[Finding]:
        """The server, and this machine's disk: `verify` and `export` copy rows there."""
        with self._session("doctor") as session:
            yield Finding(
                "risingwave", "ok", f"{self._settings.risingwave_host}:{self._settings.risingwave_port} answers"
            )
            yield from diagnose(session)
        yield disk(self._settings.home_dir)

    def building(self) -> list[Building]:
        """The database's builds that the server has under way, whoever began them."""
        with self._session("status") as session:
            return Catalog(session).building()

    def record_changes(self) -> int:
        """Read the versions' change logs to their end, and keep what is new."""
        return Recorder(self._settings).record(self.inspect())

    def has_news(self) -> bool:
        """Whether RisingWave, which takes events from the log as they come, is behind it. Raises EngineError."""
        return any(self._is_behind(source) for source in self.inspect().sources)

    def _is_behind(self, source: SourceState) -> bool:
        ends = self._log.end_offsets(source.topic)
        if not ends and any(source.offsets.values()):
            raise EngineError(
                f"topic {source.topic}, which {source.table} has read, is gone from Kafka",
                hint="restore it: a new topic of that name does not go on where it ended",
            )
        return any(end > source.offsets.get(partition, 0) for partition, end in ends.items())

    @contextmanager
    def _session(self, command: str) -> Iterator[Session]:
        session = Session(self._settings, command)
        try:
            yield session
        finally:
            session.close()


@contextmanager
def _nothing_applied_said(session: Session) -> Iterator[None]:
    try:
        yield
    except EngineError as error:
        if sql_state(error) == NOT_FOUND and session.is_usable and not Ledger(session).exists():
            raise UsageError("nothing is applied here yet", hint="run: featurectl apply") from None
        raise
