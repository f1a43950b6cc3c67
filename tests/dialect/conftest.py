"""A DuckDB as the engine sets it up, and a RisingWave where one is at hand."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from featurectl.dialect import MACROS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Rows = list[tuple[Any, ...]]


def connect() -> duckdb.DuckDBPyConnection:
    """An empty database in memory with the macros."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for macro in MACROS:
        connection.execute(macro)
    return connection


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database."""
    with connect() as connection:
        yield connection


@pytest.fixture(scope="session")
def risingwave(risingwave_dsn: str) -> Iterator[Callable[[str], Rows]]:
    """Runs a statement on RisingWave in a database of its own."""
    from tests.risingwave.databases import database

    with database(risingwave_dsn, barrier_ms=50) as dsn, in_a_schema(dsn, f"dialect_{os.getpid()}") as run:
        yield run


@contextmanager
def in_a_schema(dsn: str, schema: str) -> Iterator[Callable[[str], Rows]]:
    """What runs a statement in a new schema, which is dropped with its tables in the end."""
    import psycopg2

    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    cursor = connection.cursor()

    def run(statement: str) -> Rows:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []

    run(f"CREATE SCHEMA {schema}")
    run(f"SET search_path = {schema}")
    yield run
    for name in [row[0] for row in run("SHOW TABLES")]:
        run(f"DROP TABLE {name} CASCADE")
    run(f"DROP SCHEMA {schema}")
    connection.close()
