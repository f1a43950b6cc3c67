"""What became visible of the versions, from the server's logs: kept on this machine, and read back."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from featurectl.engines.embedded.connect import answer, connect, duckdb_errors, quote, text_literal
from featurectl.engines.embedded.history import as_of_query, past_of
from featurectl.engines.embedded.home import Home
from featurectl.engines.risingwave.change_store import ChangeStore
from featurectl.engines.risingwave.collecting import Collector
from featurectl.engines.risingwave.connection import Session
from featurectl.engines.risingwave.revisions import states_query
from featurectl.engines.risingwave.subscriptions import history_seconds, subscribe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from featurectl.engines.base import Moment, Result, State, Version
    from featurectl.settings import Settings

__all__ = ["Recorder", "query_as_of"]

_WAIT = timedelta(seconds=60)


class Recorder:
    """The recorded changes of one database's versions."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = ChangeStore(settings)

    def record(self, state: State) -> int:
        """Keep what is new of every version; one that is shown and has no subscription yet gets it.

        Returns how many changes there were.
        """
        versions = [version for version in state.versions if version.keeps_history]
        if not versions:
            return 0
        with self._store.held(_WAIT), self._session() as session:
            shown = [version for version in versions if state.live.get(version.view) == version.number]
            subscribe(session, shown, history_seconds(self._settings))
            return Collector(session, self._store, self._settings).collect(versions)

    def states(self, version: Version, revision: Sequence[str], path: Path) -> Sequence[tuple[int, int]] | None:
        """Write every state of a version's rows, until now, to a Parquet file; returns the ranges that were lost.

        None where nothing is recorded of it.
        """
        if not version.keeps_history:
            return None
        with self._store.held(_WAIT), self._session() as session:
            collector = Collector(session, self._store, self._settings)
            collector.collect([version])
            subscription = collector.subscription(version)
            contents = self._store.read(version.name, subscription.identity) if subscription is not None else None
            if contents is None:
                return None
            con = connect(None, self._settings, Home(self._settings.home_dir))
            try:
                with duckdb_errors(f"reading the history of {version.name}"):
                    query = states_query(self._store, version, contents, revision)
                    con.execute(f"COPY ({query}) TO {text_literal(str(path))} (FORMAT parquet, COMPRESSION zstd)")
            finally:
                con.close()
        return contents.unobserved

    def forget(self, version: str) -> None:
        """Remove what was kept of a version that is dropped."""
        self._store.remove(version)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        session = Session(self._settings, "run")
        try:
            yield session
        finally:
            session.close()


@contextmanager
def query_as_of(moment: Moment, settings: Settings, sql: str, at: datetime) -> Iterator[Result]:
    """Run a query in the project's dialect on the views as a reader found them at a time, here, in DuckDB.

    Raises UsageError for a name of which nothing is recorded.
    """
    from featurectl.dialect import MACROS, parse_query, translate_query

    query = parse_query(sql)
    con = connect(None, settings, Home(settings.home_dir))
    try:
        with duckdb_errors("query"):
            for statement in MACROS:
                con.execute(statement)
            schema: dict[str, Mapping[str, str]] = {}
            for name in query.references:
                version, states = past_of(moment.state, name, at, moment.revisions)
                rows = f"(SELECT {_typed(version)}, * EXCLUDE ({', '.join(map(quote, version.columns))}) FROM {states})"
                con.execute(f"CREATE VIEW {quote(name)} AS {as_of_query(version, rows, at)}")
                schema[name] = dict(version.columns)
        yield answer(con, translate_query(query, in_view=False, schema=schema))
    finally:
        con.close()


def _typed(version: Version) -> str:
    """The version's columns; a numeric was kept as the text that it is."""
    from featurectl.dialect._types import duckdb_type

    parts = [
        f"TRY_CAST({quote(name)} AS {duckdb_type(kind)}) AS {quote(name)}" if kind == "numeric" else quote(name)
        for name, kind in version.columns.items()
    ]
    return ", ".join(parts)
