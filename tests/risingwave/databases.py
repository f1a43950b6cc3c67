"""Databases of a test's own: what one test leaves on the server does not slow down the next."""

from __future__ import annotations

import uuid
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import psycopg2
from psycopg2.extensions import make_dsn

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def database(server: str, barrier_ms: int = 200) -> Iterator[str]:
    """The DSN of a new empty database with quick barriers, dropped with all in it afterwards."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    _run(server, f"CREATE DATABASE {name} WITH barrier_interval_ms = {barrier_ms}")
    try:
        yield make_dsn(server, dbname=name)
    finally:
        _run(server, f"DROP DATABASE {name}")


def _run(server: str, statement: str) -> None:
    with closing(psycopg2.connect(server)) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)
