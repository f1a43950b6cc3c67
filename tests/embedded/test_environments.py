"""Preview environments on the embedded target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import featurectl

pytest.register_assert_rewrite("tests.previewing_cases")

from tests.embedded.small import EmbeddedProject  # noqa: E402 - after its assertions are made to speak
from tests.previewing_cases import *  # noqa: E402, F403 - the cases are collected here, with this module's fixture
from tests.previewing_cases import PLUS_1, TOP, show  # noqa: E402 - named for those below

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def live(tmp_path: Path) -> EmbeddedProject:
    """A small project, applied."""
    made = EmbeddedProject(tmp_path / "project")
    made.apply()
    return made


def test_a_notebook_reads_an_environment_by_its_schema(live: EmbeddedProject) -> None:
    live.edit(*PLUS_1)
    show(live, "alice")
    with featurectl.connect(live.folder, live.folder / "home") as con:
        assert con.execute("SELECT (SELECT total FROM alice.top), (SELECT total FROM top)").fetchall() == [(21.0, 20.0)]


def test_new_rows_reach_an_environment_too(live: EmbeddedProject) -> None:
    live.edit(*PLUS_1)
    show(live, "alice")
    live.write("migrations/0002_more.sql", "INSERT INTO items VALUES (9, 'x', 100);")
    live.apply("known")  # runs what is pending, and builds nothing
    assert live.rows(TOP) == [(120.0,)]
    with live.engine.query(TOP, "alice") as result:
        assert result.all() == [(121.0,)]
