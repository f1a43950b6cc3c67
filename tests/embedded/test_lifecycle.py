"""Apply, refresh, read: what stays, what changes, who may do it at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest

from featurectl.errors import (
    CheckFailed,
    EngineBusy,
    EngineError,
    FeaturectlError,
    MigrationChanged,
    ProjectError,
    UsageError,
)
from featurectl.services import planning
from featurectl.services.reading import rejected
from featurectl.services.status import status
from tests.workspace import ROOT, SOLAR, WEATHER, Workspace

if TYPE_CHECKING:
    from pathlib import Path

EVENT = b'{"timestamp": "2024-06-01T%02d:00:00Z", "production_mw": %d, "region": "DE"}'


@pytest.fixture
def copied(tmp_path: Path) -> Workspace:
    """A copy of this repository's project that a test may edit, not applied."""
    project = tmp_path / "project"
    for folder in ("sql", "migrations"):
        shutil.copytree(ROOT / folder, project / folder)
    shutil.copy(ROOT / "featurectl.toml", project)
    return Workspace(tmp_path / "home", project)


def edit(workspace: Workspace, file: str, old: str, new: str) -> None:
    path = workspace.settings.project_dir / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_applying_twice_changes_nothing(workspace: Workspace) -> None:
    before = workspace.engine.inspect()
    again = workspace.apply()
    assert again.plan.is_empty
    assert again.release is None
    assert workspace.engine.inspect() == before


def test_first_apply_migrates_builds_and_cuts_over(copied: Workspace) -> None:
    result = copied.apply()
    kinds = [type(step) for step in result.plan.steps]
    assert kinds == [planning.Migrate] * 2 + [planning.Build] * 11 + [planning.CutOver]
    assert result.release is not None
    assert result.release.number == 1


def test_nothing_is_applied_yet(copied: Workspace) -> None:
    with pytest.raises(UsageError, match="nothing is applied"):
        copied.features()
    with pytest.raises(UsageError, match="no source table"):
        copied.refresh()


def test_an_empty_log_gives_no_rows_and_no_error(workspace: Workspace) -> None:
    assert workspace.refresh() == 0
    assert workspace.features() == []


def test_an_edited_migration_is_refused_with_both_checksums(copied: Workspace) -> None:
    then = copied.apply().plan.steps[0]
    assert isinstance(then, planning.Migrate)
    edit(copied, "migrations/0001_source_tables.sql", "earliest", "latest")
    with pytest.raises(MigrationChanged) as caught:
        copied.apply()
    assert then.migration.checksum[:16] in caught.value.message
    assert caught.value.message.count("checksum") == 1
    assert caught.value.file == "migrations/0001_source_tables.sql"


def test_a_comment_or_a_tag_rebuilds_nothing(copied: Workspace) -> None:
    copied.apply()
    edit(copied, "sql/solar/solar_hourly.sql", "-- MW, mean of the readings nearest to the hour", "-- megawatts")
    edit(copied, "sql/solar/solar_readings.sql", "tags: [solar]", "tags: [solar, power]")
    result = copied.apply()
    assert result.built == ()
    assert [c.action for c in result.plan.changes if c.reason != "unchanged"] == ["metadata", "metadata"]
    hourly = copied.engine.inspect().live_version("solar_hourly")
    assert hourly is not None
    assert hourly.name == "solar_hourly_v1"
    assert hourly.descriptions["production_mw"] == "megawatts"


def test_a_changed_view_is_rebuilt_with_all_above_it_and_nothing_else(copied: Workspace) -> None:
    copied.apply()
    copied.publish(SOLAR, [EVENT % (h, h) for h in range(5)])
    copied.refresh()
    before = copied.features()
    edit(copied, "sql/solar/production_windows.sql", "24) }}", "2) }}")
    result = copied.apply()
    assert [v.name for v in result.built] == ["production_windows_v2", "features_enriched_v2"]
    assert [row[8] for row in copied.features()] == [0, 0.5, 1.5, 2.5, 3.5]
    assert copied.rows('SELECT * FROM features_enriched_v1 ORDER BY region, "timestamp"') == before
    copied.publish(SOLAR, [EVENT % (5, 5)])
    copied.refresh()
    assert len(copied.rows("SELECT * FROM features_enriched_v1")) == len(copied.features()) == 6


def test_taking_the_change_back_reuses_the_version_that_stands(copied: Workspace) -> None:
    copied.apply()
    edit(copied, "sql/solar/production_windows.sql", "24) }}", "48) }}")
    copied.apply()
    edit(copied, "sql/solar/production_windows.sql", "48) }}", "24) }}")
    result = copied.apply()
    assert result.built == ()
    assert copied.engine.inspect().live["features_enriched"] == 1


def test_a_removed_view_disappears_from_its_public_name(copied: Workspace) -> None:
    copied.apply()
    (copied.settings.project_dir / "sql/solar/solar_rejected.sql").unlink()
    result = copied.apply(allow_breaking=True)
    assert [(c.action, c.name) for c in result.plan.changes if c.reason != "unchanged"] == [("drop", "solar_rejected")]
    with pytest.raises(EngineError, match="there is no view or table 'solar_rejected'"):
        copied.rows("SELECT * FROM solar_rejected")


def test_a_selection_builds_what_it_needs(copied: Workspace) -> None:
    result = copied.apply("solar_hourly")
    assert [v.view for v in result.built] == ["solar_events", "solar_readings", "solar_hourly"]
    assert {v.view for v in copied.apply().built} >= {"features_enriched", "weather_hourly"}


def test_a_failing_check_leaves_what_is_live(copied: Workspace) -> None:
    copied.apply()
    copied.publish(SOLAR, [EVENT % (1, 7)])
    copied.refresh()
    edit(copied, "sql/solar/features_enriched.sql", "  - production_mw >= 0\n", "  - production_mw >= 8\n")
    edit(copied, "sql/solar/features_enriched.sql", ">= 6 AS is_weekend", ">= 5 AS is_weekend")
    with pytest.raises(CheckFailed, match="1 rows of features_enriched_v2 break"):
        copied.apply()
    assert copied.engine.inspect().live["features_enriched"] == 1
    assert len(copied.features()) == 1


def test_an_error_in_a_view_names_its_line_and_leaves_what_is_live(copied: Workspace) -> None:
    copied.apply()
    edit(copied, "sql/solar/solar_hourly.sql", "mean('production_mw')", "mean('production_kw')")
    with pytest.raises(FeaturectlError, match="solar_hourly") as caught:
        copied.apply()
    assert "production_kw" in str(caught.value)
    assert isinstance(caught.value, ProjectError)
    assert caught.value.line == 13
    assert copied.engine.inspect().live["solar_hourly"] == 1


def test_two_writers_at_once(workspace: Workspace) -> None:
    with (
        workspace.engine.write("apply", timedelta(0)),
        pytest.raises(EngineBusy, match=r"featurectl apply \(process \d+\) since 20"),
        workspace.engine.write("run", timedelta(0)),
    ):
        raise AssertionError


def test_rejected_messages_are_read_back_whole(workspace: Workspace) -> None:
    bad = [b"\xff\x00\n", b"", b'{"a": "\t\n"}']
    workspace.publish(SOLAR, [EVENT % (1, 1), *bad])
    workspace.publish(WEATHER, [b"[]"])
    workspace.refresh()
    with rejected(workspace.engine, SOLAR) as result:
        rows = result.dicts()
    assert [(row["topic"], row["offset"], row["data"]) for row in rows] == [
        (SOLAR, 1, bad[0]),
        (SOLAR, 2, bad[1]),
        (SOLAR, 3, bad[2]),
    ]
    assert [row["reason"] for row in rows] == ["not utf-8", "empty", "not json"]
    with (
        pytest.raises(UsageError, match="no source table reads the topic 'nothing'"),
        rejected(workspace.engine, "nothing"),
    ):
        raise AssertionError


def test_status_counts_and_dates(workspace: Workspace) -> None:
    workspace.publish(SOLAR, [EVENT % (h, h) for h in range(3)])
    workspace.refresh()
    rows = {row.name: row for row in status(workspace.engine)}
    assert rows[SOLAR].rows == 3
    assert rows["features_enriched"].rows == 3
    newest = rows["features_enriched"].newest
    assert newest is not None
    assert newest.isoformat() == "2024-06-01T02:00:00+00:00"
    assert (rows["features_enriched"].freshness_seconds or 0) > 0


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE regions", "INSERT INTO regions VALUES ('x', 1, 2, 'y')", "SELECT 1; SELECT 2",
        "COPY regions TO 'x.csv'", "ATTACH 'x.duckdb'", "UPDATE regions SET region = 'x'",
    ],
)  # fmt: skip
def test_a_query_only_reads(workspace: Workspace, sql: str) -> None:
    with pytest.raises(ProjectError):
        workspace.rows(sql)
    assert workspace.rows("SELECT count(*) FROM regions WHERE region = 'DE'") == [(1,)]


def test_a_connection_held_open_sees_one_moment_and_stops_nobody(workspace: Workspace) -> None:
    workspace.publish(SOLAR, [EVENT % (0, 0)])
    workspace.refresh()
    held = duckdb.connect(str(workspace.settings.home_dir / "features.duckdb"), read_only=True)
    for hour in range(1, 8):
        workspace.publish(SOLAR, [EVENT % (hour, hour)])
        workspace.refresh()
    assert len(workspace.features()) == 8
    assert held.execute("SELECT count(*) FROM features_enriched").fetchall() == [(1,)]
    held.close()


def test_a_source_table_stays_in_few_pieces(workspace: Workspace) -> None:
    for n in range(10):
        workspace.publish(SOLAR, [EVENT % (n % 24, n)])
        workspace.refresh()
    pieces = list((workspace.settings.home_dir / "pieces" / SOLAR).glob("*.parquet"))
    assert workspace.rows(f"SELECT count(*), count(DISTINCT log_offset) FROM {SOLAR}") == [(10, 10)]
    [[listed]] = workspace.rows(f"SELECT count(*) FROM featurectl.pieces WHERE relation = '{SOLAR}'")
    assert listed <= 6
    assert len(pieces) <= 16


def test_between_writes_the_database_is_free_also_after_a_failed_one(workspace: Workspace) -> None:
    """DuckDB itself stays for the next time, and must keep nothing of the last: no lock, no open transaction."""
    database = workspace.settings.home_dir / "engine.duckdb"
    written = (
        f"import duckdb; duckdb.connect({str(database)!r}).execute('CREATE OR REPLACE TABLE main.other AS SELECT 1')"
    )
    for n in range(2):
        workspace.publish(SOLAR, [EVENT % (n, n)])
        workspace.refresh()
        assert not database.with_name("engine.duckdb.wal").exists()
        subprocess.run([sys.executable, "-c", written], check=True, timeout=60)  # DuckDB lets one process write
    with pytest.raises(ZeroDivisionError), workspace.engine.write("test", timedelta(0)) as writer:
        writer._con.execute("BEGIN")
        writer._con.execute("ATTACH ':memory:' AS snapshot")  # the name that the next write gives
        raise ZeroDivisionError
    subprocess.run([sys.executable, "-c", written], check=True, timeout=60)
    workspace.publish(SOLAR, [EVENT % (5, 5)])
    workspace.refresh()
    assert len(workspace.features()) == 3


def test_a_migration_that_changes_rows_refreshes_what_reads_them(copied: Workspace) -> None:
    copied.apply()
    copied.publish(SOLAR, [EVENT % (12, 5)])
    weather = b'{"timestamp": "2024-06-01T12:00:00Z", "temperature_c": 20, "cloud_cover_pct": 1,'
    copied.publish(WEATHER, [weather + b' "solar_radiation_wm2": 2, "latitude": 1.5, "longitude": 2.5}'])
    copied.refresh()
    temperature = "SELECT temperature_c FROM features_enriched"
    assert copied.rows(temperature) == [(None,)]
    moved = "UPDATE regions SET latitude = 1.5, longitude = 2.5 WHERE region = 'DE';\n"
    (copied.settings.project_dir / "migrations/0003_moved.sql").write_text(moved)
    assert copied.apply().built == ()
    assert copied.rows(temperature) == [(20,)]
    refreshed = next(v.refresh for v in copied.engine.inspect().versions if v.view == "weather_hourly")
    assert refreshed is not None
    assert (refreshed.how, refreshed.touched) == ("partly", 1)


def test_a_table_that_views_read_is_not_dropped(copied: Workspace) -> None:
    copied.apply()
    (copied.settings.project_dir / "migrations/0003_drop.sql").write_text("DROP TABLE regions;\n")
    with pytest.raises(FeaturectlError, match="weather_hourly_v1 read it"):
        copied.apply()
    assert copied.rows("SELECT count(*) FROM regions WHERE region = 'DE'") == [(1,)]


@pytest.mark.parametrize("name", ["'{0}'", '"{0}"', "read_csv('{0}')", "duckdb_settings()", "nobody.regions"])
def test_a_query_reads_relations_and_no_files(workspace: Workspace, tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    with pytest.raises(FeaturectlError) as caught:
        workspace.rows(f"SELECT * FROM {name.format(secret)}")
    ours = not isinstance(caught.value, EngineError) or "there is no view or table" in str(caught.value)
    assert ours, "it reached DuckDB"


def test_a_home_that_was_moved_says_so_and_apply_mends_it(tmp_path: Path) -> None:
    first = Workspace(tmp_path / "home")
    first.apply()
    first.publish(SOLAR, [EVENT % (1, 7)])
    first.refresh()
    shutil.move(tmp_path / "home", tmp_path / "moved")
    moved = Workspace(tmp_path / "moved")
    with pytest.raises(FeaturectlError, match="moved or copied"):
        moved.features()
    assert moved.apply().plan.is_empty
    assert len(moved.features()) == 1


def test_where_a_home_is_can_be_read_at_any_time(workspace: Workspace) -> None:
    with (workspace.settings.home_dir / "snapshots" / "home.txt").open() as before:
        workspace.publish(SOLAR, [EVENT % (1, 7)])
        workspace.refresh()
        assert os.fstat(before.fileno()).st_nlink == 0  # a whole file took the place of the old one


def test_a_second_apply_is_refused_at_once(workspace: Workspace) -> None:
    with (
        workspace.engine.write("apply", timedelta(0)),
        pytest.raises(EngineBusy, match="featurectl apply"),
        workspace.engine.write("apply", timedelta(hours=1)),
    ):
        raise AssertionError
