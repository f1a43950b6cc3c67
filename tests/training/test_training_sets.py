"""Training sets by the real command and from Python: what is in them, beside them and in plans."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pandas
import polars
import pyarrow
import pytest

import featurectl
from featurectl import Grid, Label, Split

if TYPE_CHECKING:
    from pathlib import Path

    from tests.releases.project import ReleaseProject

SPINE = """place,event_timestamp,y
south,2024-06-01T05:30:00Z,1
north,2024-06-01T05:30:00Z,2
west,2024-06-01T05:30:00Z,3
north,2024-06-01T15:20:00+02:00,4
north,2024-06-01T05:30:00Z,2
north,2024-05-01T05:30:00Z,5
"""
HOUR = timedelta(hours=1)


def at(hour: float) -> datetime:
    return datetime(2024, 6, 1, tzinfo=UTC) + hour * HOUR


def rows(path: Path, columns: str = "*") -> list[tuple[Any, ...]]:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        return [
            tuple(v.astimezone(UTC) if isinstance(v, datetime) else v for v in row)
            for row in con.execute(f"SELECT {columns} FROM read_parquet('{path}')").fetchall()
        ]


def manifest(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.with_name(f"{path.name}.manifest.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture
def spine(tmp_path: Path) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(SPINE, encoding="utf-8")
    return path


def store(project: ReleaseProject) -> featurectl.FeatureStore:
    return featurectl.FeatureStore(project.folder, project.settings.home)


def test_a_row_for_each_row_of_the_spine_in_its_order(project: ReleaseProject, spine: Path, tmp_path: Path) -> None:
    out = tmp_path / "train.parquet"
    said = project.run(
        "training-set", "--spine", str(spine), "-f", "hourly,recent.reading,recent.tenfold", "--out", str(out)
    )
    assert rows(out, "place, event_timestamp, y, value, high, reading, tenfold") == [
        ("south", at(5.5), 1, 5.5, None, 6.5, 65),  # the hour that ended at 5:00 is the newest that is known
        ("north", at(5.5), 2, 4.5, None, 5.5, 55),
        ("west", at(5.5), 3, None, None, None, None),
        ("north", at(13 + 1 / 3), 4, 9.5, None, None, None),  # no reading of two hours: its ttl is over
        ("north", at(5.5), 2, 4.5, None, 5.5, 55),
        ("north", datetime(2024, 5, 1, 5, 30, tzinfo=UTC), 5, None, None, None, None),
    ]
    assert "6 rows" in said
    assert "hourly_v1: 4 of 6 rows found a row" in said
    assert "NULL: value 2, high 6, reading 3, tenfold 3" in said
    words = ("--spine", str(spine), "-f", "hourly", "--out", str(tmp_path / "then.parquet"))
    assert "4 of 6 rows found a row, 0 as it was seen then" in project.run(
        "training-set", *words, "--known-at", "spine"
    )
    told = manifest(out)
    assert told["views"]["hourly_v1"]["available_after"] == 3600
    assert (told["views"]["recent_v1"]["ttl"], told["views"]["recent_v1"]["rows_found"]) == (7200, 3)
    assert told["columns"]["value"]["nulls"] == 2
    assert (told["columns"]["value"]["min"], told["columns"]["value"]["max"]) == (4.5, 9.5)
    assert (told["rows"], told["release"], told["target"]) == (6, 1, project.engine.name)


def test_made_again_from_its_manifest_it_is_the_same_until_something_moves(
    embedded: ReleaseProject, spine: Path, tmp_path: Path
) -> None:
    out, again = tmp_path / "train.parquet", tmp_path / "again.parquet"
    embedded.run("training-set", "--spine", str(spine), "-f", "hourly", "--out", str(out))
    words = ("training-set", "--from-manifest", f"{out}.manifest.json", "--out", str(again))
    assert "the same, bit for bit" in embedded.run(*words)
    assert out.read_bytes() == again.read_bytes()
    embedded.edit("sql/hourly.sql", "THEN value END", "THEN value + 1 END")
    embedded.apply()
    assert "the same, bit for bit" in embedded.run(*words)  # the version that it names still stands
    embedded.write("migrations/0002_revised.sql", "UPDATE readings SET value = 100 WHERE id = 8;")
    embedded.apply()
    said = embedded.run(*words, code=1)
    assert "value: max 9.5 → 100.0" in said
    spine.write_text(SPINE.replace(",5\n", ",6\n"), encoding="utf-8")
    assert "the spine has other rows" in embedded.run(*words, code=1)
    embedded.run("unpin", f"training-set:{tmp_path}/train", "hourly")
    embedded.run("gc", "--keep", "0")
    assert "hourly_v1, of which the training set was made, is gone" in embedded.run(*words, code=1)


def test_plans_name_it_and_gc_keeps_its_versions(embedded: ReleaseProject, spine: Path, tmp_path: Path) -> None:
    embedded.run("training-set", "--spine", str(spine), "-f", "hourly.value", "--out", str(tmp_path / "train.parquet"))
    embedded.edit("sql/hourly.sql", "THEN value END", "THEN value + 1 END")
    assert f"training-set:{tmp_path}/train" in embedded.run("plan")
    embedded.apply()
    assert "hourly_v1" in embedded.run("gc", "--keep", "0")
    assert embedded.rows("SELECT count(*) FROM hourly_v1") == [(86,)]
    embedded.run(
        "training-set", "--spine", str(spine), "-f", "recent", "--out", str(tmp_path / "b.parquet"), "--no-record"
    )
    assert f"training-set:{tmp_path}/b" not in embedded.run("pin")


def test_without_a_spine_every_entity_at_every_step_with_labels_and_parts(
    project: ReleaseProject, tmp_path: Path
) -> None:
    out = tmp_path / "train.parquet"
    project.run(
        "training-set", "--from", "2024-06-01T06:00:00Z", "--to", "2024-06-01T12:00:00Z", "--every", "2h",
        "-f", "hourly.high", "--label", "hourly.value", "--horizon", "3h", "--split", "2024-06-01T10:00:00Z",
        "--out", str(out),
    )  # fmt: skip
    assert rows(out) == [
        ("north", at(6), "train", 9.5, None),
        ("north", at(8), "embargo", None, None),  # the label's hour is missing
        ("north", at(10), "test", None, None),
        ("south", at(6), "train", 10.5, None),
        ("south", at(8), "embargo", None, None),
        ("south", at(10), "test", None, None),
    ]
    assert list(manifest(out)["columns"]) == ["place", "event_timestamp", "split", "value_in_3h", "high"]


def test_the_step_is_the_grain_and_entities_can_be_named(embedded: ReleaseProject, tmp_path: Path) -> None:
    out = tmp_path / "train.parquet"
    range_ = ("--from", "2024-06-01", "--to", "2024-06-02", "-f", "hourly.value", "--out", str(out))
    embedded.run("training-set", *range_, "--entities", "south,north")
    assert {row[0] for row in rows(out)} == {"north", "south"}
    assert len(rows(out)) == 48
    (tmp_path / "places.csv").write_text("place\nnorth\n", encoding="utf-8")
    embedded.run("training-set", *range_, "--entities", str(tmp_path / "places.csv"))
    assert [row[1] for row in rows(out)] == [at(hour) for hour in range(24)]


def test_two_splits_make_three_parts(embedded: ReleaseProject) -> None:
    grid = Grid(at(0), at(24), HOUR, ("north",))
    split = Split((at(10), at(20)), 2 * HOUR)
    made = store(embedded).get_historical_features(grid=grid, features=["hourly.value"], split=split)
    parts = made.to_df()["split"].tolist()
    assert parts == ["train"] * 8 + ["embargo"] * 2 + ["validation"] * 8 + ["embargo"] * 2 + ["test"] * 4


FRAME = {"place": ["south", "west"], "event_timestamp": [at(5.5), at(5.5)], "y": [1, 2]}


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow", "query"])
def test_frames_and_queries_in_frames_out(embedded: ReleaseProject, tmp_path: Path, kind: str) -> None:
    entities: Any = {
        "pandas": lambda: pandas.DataFrame(FRAME),
        "polars": lambda: polars.DataFrame(FRAME),
        "arrow": lambda: pyarrow.table(FRAME),
        "query": lambda: (
            "SELECT place, at + INTERVAL '30 minutes' AS event_timestamp, 1 AS y FROM hourly"
            " WHERE at = '2024-06-01 05:00:00+00:00' AND place = 'south'"
        ),
    }[kind]()
    found = store(embedded).get_historical_features(entities, ["hourly.value"], full_names=True)
    count = 1 if kind == "query" else 2
    assert found.to_arrow().column("hourly__value").to_pylist() == [5.5, None][:count]
    assert found.to_polars()["y"].to_list() == [1, 2][:count]
    assert found.to_df()["place"].tolist() == ["south", "west"][:count]
    assert rows(found.to_parquet(tmp_path / "kept.parquet"), "hourly__value") == [(5.5,), (None,)][:count]
    assert found.manifest.rows == count


def test_a_label_in_python(embedded: ReleaseProject) -> None:
    found = store(embedded).get_historical_features(
        pandas.DataFrame(FRAME), ["hourly.high"], label=Label("hourly.value", 2 * HOUR)
    )
    assert found.to_df()["value_in_2h"].tolist()[0] == 8.5  # 7:30 is of the hour that begins at 7:00


def test_the_label_keeps_its_version(embedded: ReleaseProject, tmp_path: Path) -> None:
    out = tmp_path / "train.parquet"
    words = ("--from", "2024-06-01T06:00:00Z", "--to", "2024-06-01T08:00:00Z", "--every", "1h", "-f", "recent.reading")
    embedded.run("training-set", *words, "--label", "hourly.value", "--horizon", "1h", "--out", str(out))
    assert set(manifest(out)["views"]) == {"hourly_v1", "recent_v1"}
    embedded.edit("sql/hourly.sql", "SELECT place, at, value,", "SELECT place, at, value * 2 AS value,")
    embedded.apply(accept_differences=True)
    embedded.run("gc", "--keep", "0")
    again = ("training-set", "--from-manifest", f"{out}.manifest.json", "--out", str(tmp_path / "again.parquet"))
    assert "the same, bit for bit" in embedded.run(*again)


def test_a_label_of_a_week_is_of_the_week_that_the_time_is_in(embedded: ReleaseProject) -> None:
    embedded.write(
        "sql/weekly.sql",
        "/*\nentity: place\nevent_time: week\ngrain: 7 days\n*/\n"
        "SELECT place, date_trunc('week', at, 'UTC') AS week, count(*) AS n FROM readings GROUP BY place, 2\n",
    )
    embedded.apply()
    spine = pandas.DataFrame({"place": ["north"] * 3, "event_timestamp": [at(0), at(23), at(24 * 9)]})
    found = store(embedded).get_historical_features(spine, "hourly.value", label=Label("weekly.n", HOUR))
    assert found.to_polars()["n_in_1h"].to_list() == [43, 43, None]  # all readings are of the week of 27 May


@pytest.mark.parametrize("name", ["labels[1].csv", "place=west/l.csv", "what*.csv", "it's.csv"])
def test_a_file_is_read_by_its_own_name(embedded: ReleaseProject, tmp_path: Path, name: str) -> None:
    path, out = tmp_path / name, tmp_path / "train[1].parquet"
    path.parent.mkdir(exist_ok=True)
    path.write_text(SPINE, encoding="utf-8")
    for other in ("labels1.csv", "whatever.csv", "train1.parquet"):
        (tmp_path / other).write_text("place,event_timestamp\n", encoding="utf-8")
    embedded.run("training-set", "--spine", str(path), "-f", "hourly.value", "--out", str(out))
    assert (manifest(out)["rows"], manifest(out)["columns"]["place"]["nulls"]) == (6, 0)
    with duckdb.connect() as con:
        assert con.execute(
            "SELECT count(DISTINCT place) FROM read_parquet(?)", [str(out).replace("[", "[[]")]
        ).fetchall() == [(3,)]
