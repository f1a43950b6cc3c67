"""Rollback, history, gc and pins on the embedded target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

pytest.register_assert_rewrite("tests.releasing_cases")

from featurectl.services.collecting import collect  # noqa: E402 - after its assertions are made to speak
from tests.embedded.small import EmbeddedProject  # noqa: E402 - as above
from tests.releasing_cases import *  # noqa: E402, F403 - the cases are collected here, with this module's fixture
from tests.releasing_cases import thrice  # noqa: E402 - named for those below

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["thrice"]


@pytest.fixture
def small(tmp_path: Path) -> EmbeddedProject:
    """A small project, not applied."""
    return EmbeddedProject(tmp_path / "project")


def test_the_files_of_dropped_versions_go_when_nobody_reads_them(thrice: EmbeddedProject) -> None:
    link = thrice.folder / "home" / "features.duckdb"
    held = duckdb.connect(str(link), read_only=True)
    collect(thrice.engine, 0)
    assert held.execute("SELECT total FROM top_v1").fetchall() == [(20.0,)]  # its snapshot names them
    held.close()
    assert thrice.rows("SELECT count(*) FROM featurectl.pieces WHERE relation = 'top_v1'") == [(0,)]


def test_an_older_ledger_is_read_and_taken_over(thrice: EmbeddedProject) -> None:
    before = thrice.engine.inspect()
    snapshot = (thrice.folder / "home" / "features.duckdb").resolve()
    snapshot.chmod(0o644)
    for path in (snapshot, thrice.folder / "home" / "engine.duckdb"):
        with duckdb.connect(str(path)) as con:
            for table in ("documents", "macros"):  # only the writer's database has the second
                con.execute(f"DROP TABLE IF EXISTS featurectl.{table}")
            con.execute("ALTER TABLE featurectl.versions DROP COLUMN refresh")
            for column in ("command", "back_to", "environment"):
                con.execute(f"ALTER TABLE featurectl.releases DROP COLUMN {column}")
    assert thrice.engine.inspect() == before
    thrice.edit("sql/sums.sql", "sum(value) + 2", "sum(value) + 3")
    thrice.apply()
    assert [release.command for release in thrice.engine.inspect().releases] == ["apply"] * 4
