"""Queries and exports on a connection of their own: batch by batch, read only, in the project's dialect."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from featurectl.engines.base import Result
from featurectl.engines.risingwave.catalog import PUBLIC
from featurectl.engines.risingwave.ledger import Ledger
from featurectl.engines.risingwave.rebinding import one_statement
from featurectl.engines.risingwave.sql import quote, text_literal
from featurectl.engines.risingwave.state import read_state
from featurectl.engines.risingwave.types import SCALARS, type_name
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from featurectl.engines.risingwave.connection import Session
    from featurectl.settings import Settings

__all__ = ["enter_environment", "export", "run_query", "to_parquet", "write_text"]

# Rows asked for at once: some to see how large they are, then as many as weigh so much.
_FIRST_ROWS, _MOST_ROWS, _BATCH_BYTES = 100, 10_000, 8 << 20
_SAMPLED_ROWS = 50
_ROW_GROUP_ROWS, _ROW_GROUP_BYTES = 122_880, 128 << 20  # DuckDB holds a row group in memory until it is whole
_NULL = "\\N"
_LONGEST_ROW = 64 << 20


def enter_environment(session: Session, sql: str, environment: str | None) -> None:
    """From here on the session finds the environment's public views before production's; None: nothing to do.

    Raises UsageError for an unknown environment, and for a view that production has and the environment does not.
    """
    if environment is None:
        return
    from featurectl.dialect import parse_query

    read_state(session, Ledger(session)).require_shown(parse_query(sql).references, environment)
    session.run(f"SET search_path TO {quote(environment)}, {PUBLIC}", "query")


@contextmanager
def run_query(session: Session, sql: str) -> Iterator[Result]:
    """Rows of a query. A cursor keeps the rest on the server. Raises ProjectError for what is no query."""
    from featurectl.dialect import parse_query

    parse_query(sql)
    session.run(f"DECLARE reading CURSOR FOR {one_statement(sql)}", "query")
    described, first = session.described(f"FETCH {_FIRST_ROWS} FROM reading", "query")
    columns = tuple(name for name, _ in described)
    types = tuple(type_name(number) for _, number in described)
    yield Result(columns, types, _batches(session, first))


def export(session: Session, sql: str, path: Path, settings: Settings) -> int:
    """A query's rows as Parquet, under a temporary name until whole; neither side holds them all in memory."""
    text = path.with_name(f".{path.name}.{os.getpid()}.csv")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    session.read_as_text(SCALARS)
    try:
        with run_query(session, sql) as result:
            rows = write_text(result, text)
        to_parquet(result, rows, text, unfinished, settings)
        unfinished.replace(path)
    except OSError as error:
        raise EngineError(f"cannot write {path}: {error.strerror}") from error
    finally:
        text.unlink(missing_ok=True)
        unfinished.unlink(missing_ok=True)
    return rows


def _batches(session: Session, rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    asked = _FIRST_ROWS
    while rows:
        yield rows
        if len(rows) < asked:
            return
        asked = _rows_to_ask_for(rows)
        rows = session.rows(f"FETCH {asked} FROM reading", "query")


def _rows_to_ask_for(rows: Sequence[tuple[Any, ...]]) -> int:
    """So many that the next batch is of bounded size, if its rows are like these; slowly more where they are not."""
    sample = rows[:: max(1, len(rows) // _SAMPLED_ROWS)]
    size = sum(len(value) if isinstance(value, (str, bytes)) else 16 for row in sample for value in row)
    return max(1, min(_MOST_ROWS, 8 * len(rows), _BATCH_BYTES * len(sample) // max(size, 1)))


def write_text(result: Result, path: Path) -> int:
    """CSV in which every value is quoted and NULL is not."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for batch in result.batches:
            file.writelines(",".join(map(_text, row)) + "\n" for row in batch)
            count += len(batch)
    return count


def _text(value: Any) -> str:
    if value is None:
        return _NULL
    text = json.dumps(value, default=str) if isinstance(value, list) else str(value)
    return '"' + text.replace('"', '""') + '"'


def to_parquet(result: Result, rows: int, text: Path, path: Path, settings: Settings) -> None:
    """The CSV of `write_text`, of so many rows, as Parquet in the result's types. Raises EngineError."""
    import duckdb

    group = max(1, min(_ROW_GROUP_ROWS, _ROW_GROUP_BYTES * rows // max(text.stat().st_size, 1)))
    names = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in _unique(result.columns))
    casts = ", ".join(map(_cast, result.columns, _unique(result.columns), result.types))
    try:
        with duckdb.connect(":memory:") as con:
            con.execute("SET TimeZone = 'UTC'")
            con.execute("SET preserve_insertion_order = true")
            con.execute(f"SET memory_limit = {text_literal(settings.memory_limit)}")
            con.execute(
                f"COPY (SELECT {casts} FROM read_csv({text_literal(str(text))}, header = false, auto_detect = false,"
                f" delim = ',', quote = '\"', escape = '\"', nullstr = {text_literal(_NULL)},"
                f" allow_quoted_nulls = false, parallel = false, max_line_size = {_LONGEST_ROW},"
                f" columns = {{{names}}}))"
                f" TO {text_literal(str(path))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {group})"
            )
    except duckdb.Error as error:
        raise EngineError(f"cannot write {path.name.lstrip('.')}: {str(error).splitlines()[0]}") from error


def _unique(columns: Sequence[str]) -> list[str]:
    return [f"c{number}" for number in range(len(columns))]


def _cast(name: str, column: str, kind: str) -> str:
    from featurectl.dialect._types import duckdb_type

    if kind == "bytea":
        return f"unhex(substr({column}, 3)) AS {quote(name)}"
    through = "::JSON" if kind.endswith("[]") else ""
    return f"{column}{through}::{duckdb_type(kind)} AS {quote(name)}"
