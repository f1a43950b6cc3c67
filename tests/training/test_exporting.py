"""The offline store: Parquet by view, version and month; only what changed is written again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import polars
import pyarrow.dataset
import pytest

from featurectl.errors import EngineError, UsageError
from featurectl.services.exporting import ExportedView, export

if TYPE_CHECKING:
    from pathlib import Path

    from tests.releases.project import ReleaseProject

SECOND_MONTH = "INSERT INTO readings VALUES (900, 'north', '2024-07-02 00:00:00+00:00', 7.5);"


def inodes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_ino for path in folder.rglob("*.parquet")}


def test_what_is_exported_is_what_the_view_shows(project: ReleaseProject, tmp_path: Path) -> None:
    project.write("migrations/0002_july.sql", SECOND_MONTH)
    project.apply()
    out = tmp_path / "offline"
    said = project.run("export", "--out", str(out))
    assert "hourly" in said
    assert sorted(inodes(out)) == [
        f"{view}/version=1/month={month}/features.parquet"
        for view in ("hourly", "recent")
        for month in ("2024-06", "2024-07")
    ]
    [[count, total]] = project.rows("SELECT count(*), sum(value) FROM hourly")
    with duckdb.connect() as con:
        found = con.execute(
            f"SELECT count(*), sum(value), min(version), max(month) FROM read_parquet('{out}/hourly/**/*.parquet')"
        ).fetchall()
    assert found == [(count, total, 1, "2024-07")]
    assert pyarrow.dataset.dataset(out / "hourly", partitioning="hive").count_rows() == count
    july = polars.scan_parquet(out / "hourly", hive_partitioning=True).filter(month="2024-07").collect()
    assert july["value"].to_list() == [7.5]


def test_only_months_that_changed_are_written_again(embedded: ReleaseProject, tmp_path: Path) -> None:
    embedded.write("migrations/0002_july.sql", SECOND_MONTH)
    embedded.apply()
    out = tmp_path / "offline"
    first = export(embedded.engine, embedded.settings, out, ["hourly"])
    assert first == [ExportedView("hourly", "hourly_v1", 2, 0, 0, 87)]
    before = inodes(out)
    assert export(embedded.engine, embedded.settings, out, ["hourly"])[0].written == 0
    assert inodes(out) == before
    embedded.write("migrations/0003_revised.sql", "UPDATE readings SET value = 8 WHERE id = 900;")
    embedded.apply()
    assert export(embedded.engine, embedded.settings, out, ["hourly"])[0].written == 1
    same = {name for name, inode in inodes(out).items() if before[name] == inode}
    assert same == {"hourly/version=1/month=2024-06/features.parquet"}
    embedded.write("migrations/0004_gone.sql", "DELETE FROM readings WHERE id = 900;")
    embedded.apply()
    last = export(embedded.engine, embedded.settings, out, ["hourly"])
    assert last == [ExportedView("hourly", "hourly_v1", 0, 1, 1, 86)]
    assert len(inodes(out)) == 1


def test_another_version_has_a_place_of_its_own(embedded: ReleaseProject, tmp_path: Path) -> None:
    out = tmp_path / "offline"
    export(embedded.engine, embedded.settings, out, ["hourly"])
    embedded.edit("sql/hourly.sql", "THEN value END", "THEN value + 1 END")
    embedded.apply(accept_differences=True)
    export(embedded.engine, embedded.settings, out, ["hourly"])
    assert {name.split("/")[1] for name in inodes(out)} == {"version=1", "version=2"}


def test_what_was_left_half_done_is_done_again(embedded: ReleaseProject, tmp_path: Path) -> None:
    out = tmp_path / "offline"
    export(embedded.engine, embedded.settings, out, ["hourly"])
    (out / "hourly" / "version=1" / "month=2024-06" / "features.parquet").unlink()
    assert export(embedded.engine, embedded.settings, out, ["hourly"])[0].written == 1
    (out / "_featurectl" / "hourly_v1.json").write_text("{", encoding="utf-8")
    assert export(embedded.engine, embedded.settings, out, ["hourly"])[0].written == 1
    assert len(list(out.rglob("*"))) == len(list(out.rglob("[!.]*")))  # nothing unfinished stays


def test_bad_input(embedded: ReleaseProject, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no view 'hourli' is live"):
        export(embedded.engine, embedded.settings, tmp_path / "x", ["hourli"])
    with pytest.raises(UsageError, match="totals has no entity and event time"):
        export(embedded.engine, embedded.settings, tmp_path / "x", ["totals"])
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(EngineError, match="cannot write"):
        export(embedded.engine, embedded.settings, tmp_path / "file", ["hourly"])
    assert "no place that can be written to" in embedded.run("export", "--out", "ftp://bucket/features", code=2)
    assert not (tmp_path / "x").exists()


def test_a_column_of_any_name_is_seen_to_change(embedded: ReleaseProject, tmp_path: Path) -> None:
    embedded.write(
        "sql/odd.sql", "/*\nentity: e\nevent_time: at\n*/\nSELECT place AS e, at, value AS exported FROM readings\n"
    )
    embedded.apply()
    out = tmp_path / "offline"
    export(embedded.engine, embedded.settings, out, ["odd"])
    embedded.write("migrations/0002_revised.sql", "UPDATE readings SET value = 77 WHERE id = 8;")
    embedded.apply()
    assert export(embedded.engine, embedded.settings, out, ["odd"])[0].written == 1
