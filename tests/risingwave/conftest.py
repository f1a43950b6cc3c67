from __future__ import annotations

import uuid
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.risingwave.project import SmallProject


@pytest.fixture(scope="session")
def risingwave_database(risingwave_dsn: str) -> Iterator[Callable[[], str]]:
    """A factory: the DSN of a new empty database with quick barriers, dropped with all in it at the end."""
    import psycopg2
    from psycopg2.extensions import make_dsn

    with closing(psycopg2.connect(risingwave_dsn)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        made: list[str] = []

        def make() -> str:
            made.append(f"test_{uuid.uuid4().hex[:12]}")
            cursor.execute(f"CREATE DATABASE {made[-1]} WITH barrier_interval_ms = 200")
            return make_dsn(risingwave_dsn, dbname=made[-1])

        yield make
        for name in made:
            cursor.execute(f"DROP DATABASE {name}")


@pytest.fixture
def small_project(tmp_path: Path, risingwave_database: Callable[[], str]) -> SmallProject:
    """A small project and a database of its own; nothing is applied."""
    from tests.risingwave.project import SmallProject

    return SmallProject(tmp_path / "project", risingwave_database())
