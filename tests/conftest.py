"""Fixtures that more than one folder of tests uses, and what a run says about servers it did not have."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.services import ServerMissing, risingwave_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A factory: the path of a recorded file or folder, by its name under ../shared/data."""

    def find(name: str) -> Path:
        path = ROOT.parent / "shared" / "data" / name
        if not path.exists():
            pytest.skip(f"shared data: ../shared/data/{name} is not here")
        return path

    return find


@pytest.fixture(scope="session")
def risingwave_dsn() -> Iterator[str]:
    """A RisingWave server that takes statements; the test is skipped where none can be had."""
    with ExitStack() as stack:
        try:
            dsn = stack.enter_context(risingwave_server())
        except ServerMissing as missing:
            pytest.skip(f"risingwave: no server: {missing}")
        yield dsn


@pytest.fixture
def risingwave_schema(risingwave_dsn: str) -> Iterator[Callable[[], str]]:
    """A factory: the name of a new empty schema, dropped with all in it after the test."""
    import psycopg2

    connection = psycopg2.connect(risingwave_dsn)
    connection.autocommit = True
    made: list[str] = []

    def make() -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {name}")
        made.append(name)
        return name

    yield make
    with connection.cursor() as cursor:
        for name in made:
            cursor.execute(f"DROP SCHEMA {name} CASCADE")
    connection.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test's marker follows from its fixtures: `-m "not risingwave"` leaves out what needs that server."""
    for item in items:
        for server in ("risingwave", "kafka"):
            if f"{server}_dsn" in getattr(item, "fixturenames", ()):
                item.add_marker(server)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line for each server that was missing, so that a skipped suite is not taken for a passed one."""
    reasons = Counter(
        match.groups()
        for report in terminalreporter.stats.get("skipped", [])
        if (match := re.search(r"Skipped: (\w+): (no server: .*)", str(report.longrepr[-1])))
    )
    for (server, reason), count in sorted(reasons.items()):
        terminalreporter.write_line(f"{server}: {count} tests skipped, {reason}")
