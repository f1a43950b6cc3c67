"""Every command: help with an example, exit codes, outputs, one-line errors."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import duckdb
import pytest

from featurectl.cli import cli, main
from featurectl.cli._context import Interval
from tests.workspace import ROOT, SOLAR, Workspace

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = [
    b'{"timestamp": "2024-06-01T12:00:00Z", "production_mw": 1.5, "region": "DE"}',
    b'{"timestamp": "2024-06-01T13:00:00Z", "production_mw": 2.5, "region": "DE"}',
    b"\xff",
]


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Call the command line in this process, on this project, in a folder of its own."""

    def run(*words: str, code: int = 0, project: Path = ROOT) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main(["--project", str(project), "--home", str(tmp_path / "home"), *words])
        out, err = capsys.readouterr()
        assert caught.value.code == code, out + err
        return out if code == 0 else out + err

    return run


@pytest.fixture
def filled(call, tmp_path: Path):  # type: ignore[no-untyped-def]
    call("apply")
    Workspace(tmp_path / "home").publish(SOLAR, EVENTS)
    call("run", "--once")
    return call


@pytest.mark.parametrize("name", list(cli.list_commands(None)))  # type: ignore[arg-type]
def test_every_command_has_help_with_an_example(call, name: str) -> None:  # type: ignore[no-untyped-def]
    text = call(name, "--help")
    assert "Example:" in text
    assert f"featurectl {name}" in text


def test_plan_exit_codes(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert "to create" in call("plan")
    call("plan", "--detailed-exitcode", code=2)
    call("apply")
    assert "Nothing to do" in call("plan", "--detailed-exitcode")
    call("plan", "--no-such-flag", code=2)
    call("plan", "--detailed-exitcode", "--no-such-flag", code=1)
    call("plan", "--detailed-exitcode", code=1, project=tmp_path)


def test_plan_as_json(call) -> None:  # type: ignore[no-untyped-def]
    plan = json.loads(call("plan", "--output", "json"))
    assert {change["action"] for change in plan["changes"]} == {"migrate", "create"}
    assert plan["steps"][0] == "migration 0001 source_tables"
    assert plan["steps"][-1] == "cut over"


def test_query_outputs(filled, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    sql = 'SELECT region, "timestamp", production_mw, temperature_c FROM features_enriched ORDER BY "timestamp"'
    assert json.loads(filled("query", sql, "-o", "json")) == [
        {"region": "DE", "timestamp": "2024-06-01T12:00:00Z", "production_mw": 1.5, "temperature_c": None},
        {"region": "DE", "timestamp": "2024-06-01T13:00:00Z", "production_mw": 2.5, "temperature_c": None},
    ]
    assert filled("query", sql, "-o", "csv").splitlines()[1:] == [
        "DE,2024-06-01T12:00:00Z,1.5,", "DE,2024-06-01T13:00:00Z,2.5,"
    ]  # fmt: skip
    table = filled("query", sql).splitlines()
    assert table[0].split() == ["region", "timestamp", "production_mw", "temperature_c"]
    assert table[2].split() == ["DE", "2024-06-01T12:00:00Z", "1.5", "NULL"]
    target = tmp_path / "out.parquet"
    filled("query", sql, "--out", str(target))
    assert duckdb.sql(f"SELECT count(*), sum(production_mw) FROM '{target}'").fetchall() == [(2, 4.0)]
    assert list(tmp_path.glob(".out*")) == []


def test_query_without_sql_prints_the_newest_features(filled) -> None:  # type: ignore[no-untyped-def]
    rows = json.loads(filled("query", "--output", "json"))
    assert [row["timestamp"] for row in rows] == ["2024-06-01T13:00:00Z", "2024-06-01T12:00:00Z"]
    assert rows[0]["production_lag_1h"] == 1.5


def test_an_empty_result_is_an_empty_list(filled) -> None:  # type: ignore[no-untyped-def]
    assert json.loads(filled("query", "SELECT region FROM regions WHERE region = 'x'", "-o", "json")) == []


def test_rejected(filled) -> None:  # type: ignore[no-untyped-def]
    [row] = json.loads(filled("rejected", SOLAR, "-o", "json"))
    assert (row["topic"], row["offset"], row["reason"], row["data"]) == (SOLAR, 2, "not utf-8", "\\xff")


def test_status_list_describe(filled) -> None:  # type: ignore[no-untyped-def]
    status = {row["name"]: row for row in json.loads(filled("status", "-o", "json"))}
    assert status[SOLAR]["rows"] == 3
    assert status["features_enriched"]["version"] == "features_enriched_v1"
    listed = [row["name"] for row in json.loads(filled("list", "-s", "+solar_hourly", "-o", "json"))]
    assert listed == ["solar_events", "solar_readings", "solar_hourly"]
    text = filled("describe", "features_enriched")
    assert "available_after: 1 hour" in text
    assert re.search(r"production_mw +double +MW, mean of the readings", text)
    assert "did you mean" in filled("list", "-s", "solar_hurly", code=2)


def test_the_views_unit_tests_pass_and_a_failure_is_readable(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert re.search(r"^\d+ passed, 0 failed$", call("test"), re.MULTILINE)
    import shutil

    for folder in ("sql", "migrations"):
        shutil.copytree(ROOT / folder, tmp_path / "p" / folder)
    shutil.copy(ROOT / "featurectl.toml", tmp_path / "p")
    test = tmp_path / "p" / "sql" / "solar" / "features_enriched.test.yaml"
    test.write_text(test.read_text().replace("production_lag_1h: 1,", "production_lag_1h: 3,"))
    text = call("test", "-s", "features_enriched", project=tmp_path / "p", code=1)
    assert "FAILED sql/solar/features_enriched.test.yaml: lags over a gap" in text
    assert "production_lag_1h: expected 3.0, got 1.0" in text
    assert "1 failed" in text


@pytest.mark.parametrize("statement", ["EXPLAIN SELECT 1", "SHOW TABLES", "CALL f()"])
def test_what_is_no_query_is_said_once(call, tmp_path: Path, statement: str) -> None:  # type: ignore[no-untyped-def]
    call("apply")
    # As a process: a library's own words would go to its standard error.
    words = [sys.executable, "-m", "featurectl", "--project", str(ROOT), "--home", str(tmp_path / "home"), "query"]
    done = subprocess.run([*words, statement], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: a query expected, not {statement.split(maxsplit=1)[0]}\n"


def test_errors_are_one_line_with_a_hint(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    text = call("query", code=2)
    assert text.splitlines() == ["error: nothing is applied here yet", "hint: run: featurectl apply"]
    call("apply")
    text = call("query", "SELECT nothing FROM features_enriched", code=1)
    assert text.startswith("error: ") and "nothing" in text and "Traceback" not in text
    assert "no view or table 'nowhere'" in call("query", "SELECT 1 FROM nowhere", code=1)
    assert "unknown" in call("query", "-o", "xml", code=2)
    assert "is empty" in call("backfill", "x", "--from", "2024-01-02", "--to", "2024-01-01", code=2)


@pytest.mark.parametrize(("text", "seconds"), [("1", 1), ("0.5", 0.5), ("500ms", 0.5), (" 2 min", 120), ("1h", 3600)])
def test_an_interval_is_seconds_or_has_a_unit(text: str, seconds: float) -> None:
    assert Interval().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "5ms", "-1", "nan", "inf", "1x", "1 s 2"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not an interval of 10ms or more"):
        Interval().convert(text, None, None)
