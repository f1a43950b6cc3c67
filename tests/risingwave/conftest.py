from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.risingwave.project import SmallProject
    from tests.risingwave.workspace import ServerWorkspace


@pytest.fixture
def small_project(tmp_path: Path, risingwave_dsn: str) -> Iterator[SmallProject]:
    """A small project and a database of its own; nothing is applied."""
    from tests.risingwave.databases import database
    from tests.risingwave.project import SmallProject

    with database(risingwave_dsn) as dsn:
        yield SmallProject(tmp_path / "project", dsn)


@pytest.fixture(scope="module")
def risingwave_workspace(
    tmp_path_factory: pytest.TempPathFactory,
    risingwave_dsn: str,
    kafka_dsn: str,
    kafka_topic: Callable[..., str],
) -> Iterator[Callable[..., ServerWorkspace]]:
    """A factory: this repository's project with a database and topics of three partitions of its own."""
    from tests.risingwave.databases import database
    from tests.risingwave.workspace import ServerWorkspace

    with ExitStack() as stack:

        def make(*, applied: bool = True) -> ServerWorkspace:
            topics = {"solar": kafka_topic(partitions=3), "weather": kafka_topic(partitions=3)}
            dsn = stack.enter_context(database(risingwave_dsn))
            made = ServerWorkspace(tmp_path_factory.mktemp("server"), dsn, kafka_dsn, topics)
            if applied:
                made.apply()
            return made

        yield make
