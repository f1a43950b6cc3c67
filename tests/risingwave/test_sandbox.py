"""`featurectl test` on RisingWave: the project's own cases pass, a case that is wrong says what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2.extensions import parse_dsn

from featurectl.engines import open_engine
from featurectl.log import FileLog
from featurectl.project import load_project
from featurectl.services.testing import run_view_tests
from featurectl.settings import load_settings
from tests.risingwave.databases import database
from tests.workspace import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.risingwave.project import SmallProject


def test_the_cases_of_the_project_pass_here_too(risingwave_dsn: str, tmp_path: Path) -> None:
    with database(risingwave_dsn) as dsn:
        server = parse_dsn(dsn)
        settings = load_settings(
            ROOT,
            home=tmp_path,
            target="risingwave",
            risingwave_host=server["host"],
            risingwave_port=server["port"],
            risingwave_database=server["dbname"],
            risingwave_user=server["user"],
        )
        engine, project = open_engine(settings, FileLog(tmp_path)), load_project(settings)
        # One from given rows, one from messages; what all views answer here is held by tests/contract.
        some = frozenset(("production_weather", "solar_rejected"))
        results = list(run_view_tests(project, lambda: engine.sandbox(project), some))
    assert {result.view for result in results} == some
    assert [result for result in results if result.failure] == []


def test_a_case_says_what_differs_and_leaves_nothing_behind(small_project: SmallProject) -> None:
    small_project.write(
        "sql/sums.test.yaml",
        """cases:
- given:
    items: [{id: 7, kind: it's, value: 1.5}, {id: 8, kind: it's, value: null}, {id: 9, kind: a, value: 2}]
  expect: [{kind: it's, total: 1.5}, {kind: a, total: 3}]
- given:
    known: [{id: 7, kind: a, value: 1.5}]
  expect: [{kind: a, total: 1.5}]
- given:
    known: [{id: 7, kind: a, wrong: 1.5}]
  expect: []
""",
    )
    project = load_project(small_project.settings)
    first, second, third = run_view_tests(project, lambda: small_project.engine.sandbox(project))
    assert "total: expected 3.0, got 2.0" in (first.failure or "")
    assert "it's" not in (first.failure or "")
    assert second.failure is None
    assert "known has no column 'wrong'" in (third.failure or "")
    schemas = small_project.sql("SELECT name FROM rw_catalog.rw_schemas WHERE name LIKE 'featurectl_test%'")
    assert schemas == []
