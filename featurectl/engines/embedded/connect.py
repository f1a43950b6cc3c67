"""DuckDB connections, and the one place where its exceptions become ours."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

from featurectl.engines.base import Result
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from featurectl.engines.embedded.home import Home
    from featurectl.settings import Settings

__all__ = ["answer", "connect", "duckdb_errors", "null_safe", "one_row", "quote", "text_literal"]

_BATCH = 10_000


def quote(name: str) -> str:
    """An identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"


def null_safe(left: str, right: str, columns: Iterable[str]) -> str:
    """The condition that two rows are equal in these columns, NULL like NULL."""
    return " AND ".join(f"{left}.{quote(c)} IS NOT DISTINCT FROM {right}.{quote(c)}" for c in columns)


def one_row(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    """The row of a statement that answers one: an aggregate, or how many rows were written."""
    row = con.execute(sql).fetchone()
    assert row is not None
    return row


@contextmanager
def duckdb_errors(what: str) -> Iterator[None]:
    """DuckDB's exceptions inside become EngineError: `what` failed, and DuckDB's reason on one line."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise EngineError(
            f"{what}: {_first_line(error)}", hint="raise FEATURECTL_MEMORY_LIMIT, or free disk space for spilling"
        ) from error
    except duckdb.Error as error:
        raise EngineError(f"{what}: {_first_line(error)}") from error


def connect(path: Path | None, settings: Settings, home: Home, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open a database (None: in memory) with the project's limits and the time zone UTC. Raises EngineError."""
    with duckdb_errors(f"cannot open {path.name if path else 'an in-memory database'}"):
        # Settings come after the opening: two connections of one process to one file must open it alike, and a
        # notebook that also opens a snapshot by itself does so without any.
        con = duckdb.connect(str(path or ":memory:"), read_only=read_only)
        con.execute("LOAD icu")  # it is linked in; asked for by TimeZone alone, it was once not found in time
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET preserve_insertion_order = false")
        con.execute(f"SET memory_limit = {text_literal(settings.memory_limit)}")
        con.execute(f"SET temp_directory = {text_literal(str(home.scratch))}")
        if settings.threads is not None:
            con.execute(f"SET threads = {settings.threads}")
    return con


def answer(con: duckdb.DuckDBPyConnection, sql: str) -> Result:
    """What a user's query in DuckDB's SQL answers, read as it is asked for. Raises EngineError."""
    with duckdb_errors("query"):
        cursor = con.execute(sql)
        described = cursor.description or []
    return Result(tuple(c[0] for c in described), tuple(str(c[1]) for c in described), _batches(cursor))


def _batches(cursor: duckdb.DuckDBPyConnection) -> Iterator[Sequence[tuple[Any, ...]]]:
    while True:
        with duckdb_errors("query"):
            rows = cursor.fetchmany(_BATCH)
        if not rows:
            return
        yield rows


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
