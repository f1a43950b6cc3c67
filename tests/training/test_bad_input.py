"""What cannot become a training set: one line that says why, a hint, and nothing written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pandas
import polars
import pytest

import featurectl
from featurectl.errors import FeaturectlError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.releases.project import ReleaseProject

HEAD = "place,event_timestamp\n"
GOOD = HEAD + "north,2024-06-01T05:30:00Z\n"
# The spine's text, what is asked for, what is said, and what the hint names.
CASES = {
    "no time": ("place,y\nnorth,1\n", "hourly", "no column that holds its times", "--time"),
    "a naive time": (HEAD + "north,2024-06-01T05:30:00\n", "hourly", "no time with an offset", "2024-06-01T12:00:00Z"),
    "a broken time": (
        HEAD + "north,2024-06-31T05:30:00Z\n",
        "hourly",
        "'2024-06-31T05:30:00Z' is no time",
        "12:00:00Z",
    ),
    "no time in a row": (GOOD + "north,\n", "hourly", "1 rows of the spine have no time", "leave them out"),
    "no entity in a row": (GOOD + ",2024-06-01T05:30:00Z\n", "hourly", "1 rows of the spine have no place", "leave"),
    "no entity": ("x,event_timestamp\n1,2024-06-01T05:30:00Z\n", "hourly", "no place, by which hourly", "rename"),
    "another type": (
        "place,event_timestamp\n1,2024-06-01T05:30:00Z\n",
        "hourly",
        "bigint, that of hourly is varchar",
        "cast",
    ),
    "no rows": (HEAD, "hourly", "the spine has no rows", "each row of the spine"),
    "no bytes": ("", "hourly", "is empty: 0 bytes", "write it again"),
    "unknown view": (GOOD, "hourley", "there is no view 'hourley'", "did you mean hourly"),
    "unknown feature": (GOOD, "hourly.vallue", "vallue of hourly is none of its features", "did you mean value"),
    "unknown version": (GOOD, "hourly@v7", "there is no view 'hourly@v7'", "hourly_v1"),
    "a key": (GOOD, "hourly.place", "is its key, no feature", "it has value"),
    "a view without a time": (GOOD, "totals", "it has no entity and no event_time", "sql/totals.sql"),
    "one name twice": (
        "place,event_timestamp,value\nnorth,2024-06-01T05:30:00Z,1\n",
        "hourly",
        "a column value",
        "--full-names",
    ),
    "nothing": (GOOD, " ", "no feature is asked for", "features_enriched"),
}


@pytest.mark.parametrize("name", CASES)
def test_one_line_a_hint_and_nothing_written(embedded: ReleaseProject, tmp_path: Path, name: str) -> None:
    text, features, message, hint = CASES[name]
    spine, out = tmp_path / "labels.csv", tmp_path / "out" / "train.parquet"
    spine.write_text(text, encoding="utf-8")
    out.parent.mkdir()
    code = 2 if name in ("unknown view", "unknown feature", "unknown version", "a key", "nothing") else 1
    code = 2 if name in ("a view without a time", "one name twice") else code
    said = embedded.run("training-set", "--spine", str(spine), "-f", features, "--out", str(out), code=code)
    first, second, *rest = said.strip().splitlines()
    assert message in first
    assert second.startswith("hint: ")
    assert hint in second
    assert not rest
    assert not list(out.parent.iterdir())
    assert not list((embedded.settings.home_dir / "tmp").glob("training-*"))
    assert "training-set" not in embedded.run("pin")


WORDS = {
    "nothing says which rows": ("-f hourly", "either a spine or a range"),
    "both": ("-f hourly --spine {spine} --from 2024-06-01 --to 2024-06-02", "says who and when by itself"),
    "no end": ("-f hourly --from 2024-06-01", "--from and --to belong together"),
    "backwards": ("-f hourly --from 2024-06-02 --to 2024-06-01", "ends before it begins"),
    "no step": ("-f recent --from 2024-06-01 --to 2024-06-02", "how far apart the rows are"),
    "no such time": ("-f hourly --from 2024-06-31 --to 2024-07-02", "'2024-06-31' is no time"),
    "no duration": ("-f hourly --from 2024-06-01 --to 2024-06-02 --every soon", "'soon' is no duration"),
    "no horizon": ("-f hourly --spine {spine} --label value", "--label and --horizon belong together"),
    "unknown label": ("-f hourly --spine {spine} --label valu --horizon 1h", "none of the views has valu"),
    "three splits": ("-f hourly --spine {spine} --split 2024-06-01,2024-06-02,2024-06-03", "one time or two"),
    "a folder that is not there": ("-f hourly --spine {spine} --out {folder}/no/t.parquet", "cannot write"),
    "no such spine": ("-f hourly --spine {folder}/none.csv", "there is no file"),
    "another kind of file": ("-f hourly --spine {folder}/x.txt", "neither .parquet nor .csv"),
    "the spine again": ("-f hourly --spine {spine} --out {folder}/labels.csv", "labels.csv is the spine"),
    "longer than time": ("-f hourly --from 2024-06-01 --to 2024-06-02 --every 99999999999d", "is no duration"),
    "before all time": ("-f hourly --from 0001-01-01T00:00:00+05:00 --to 2024-06-02", "is no time"),
    "no manifest": ("--from-manifest {spine}", "cannot be read as a manifest"),
    "no Parquet": ("-f hourly --spine {folder}/broken.parquet", "the spine cannot be read"),
    "an empty Parquet": ("-f hourly --spine {folder}/empty.parquet", "empty.parquet is empty: 0 bytes"),
    "a query that is wrong": ("-f hourly --spine 'SELECT nothing FROM hourly'", "nothing"),
}


@pytest.mark.parametrize("name", WORDS)
def test_a_call_that_does_not_fit(embedded: ReleaseProject, tmp_path: Path, name: str) -> None:
    words, message = WORDS[name]
    (tmp_path / "labels.csv").write_text(GOOD, encoding="utf-8")
    (tmp_path / "x.txt").write_text(GOOD, encoding="utf-8")
    (tmp_path / "empty.parquet").write_bytes(b"")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing else")
    out = tmp_path / "train.parquet"
    filled = [
        part.strip("'").format(spine=tmp_path / "labels.csv", folder=tmp_path)
        for part in (words.split(" ", 3) if "'" in words else words.split())
    ]
    said = embedded.run("training-set", "--out", str(out), *filled, code=2 if name not in FAILING else 1)
    assert message in said
    assert "Traceback" not in said
    assert not out.exists()


FAILING = (
    "a folder that is not there", "no such spine", "another kind of file", "no Parquet", "an empty Parquet",
    "a query that is wrong",
)  # fmt: skip


@pytest.mark.parametrize(
    ("entities", "message"),
    [
        (pandas.DataFrame({"place": ["north"], "event_timestamp": pandas.to_datetime(["2024-06-01"])}), "no time zone"),
        (polars.DataFrame({"place": ["north"], "event_timestamp": ["2024-06-01"]}), "is no time but varchar"),
        (object(), "from object"),
        ([1, 2], "from list"),
    ],
)
def test_frames_that_do_not_fit(embedded: ReleaseProject, entities: Any, message: str) -> None:
    store = featurectl.FeatureStore(embedded.folder, embedded.settings.home)
    with pytest.raises(FeaturectlError, match=message) as caught:
        store.get_historical_features(entities, ["hourly"])
    assert caught.value.hint


def test_two_views_with_one_name_want_full_names(embedded: ReleaseProject, tmp_path: Path) -> None:
    embedded.write(
        "sql/other.sql", "/*\nentity: place\nevent_time: at\n*/\nSELECT place, at, value * 2 AS value FROM readings\n"
    )
    embedded.apply()
    spine, out = tmp_path / "labels.csv", tmp_path / "train.parquet"
    spine.write_text(GOOD, encoding="utf-8")
    words = ("training-set", "--spine", str(spine), "-f", "hourly,other", "--out", str(out))
    assert "both have a feature value" in embedded.run(*words, code=2)
    embedded.run(*words, "--full-names")
    with duckdb.connect() as con:
        found = con.execute(f"SELECT hourly__value, other__value FROM read_parquet('{out}')").fetchall()
    assert found == [(4.5, 11)]


def test_an_entity_of_which_nothing_is_known(embedded: ReleaseProject, tmp_path: Path) -> None:
    out = tmp_path / "train.parquet"
    words = ("training-set", "--from", "2024-06-01", "--to", "2024-06-02", "-f", "hourly", "--out", str(out))
    said = embedded.run(*words, "--entities", "south,norht", code=1)
    assert "no view has a row of place 'norht'" in said
    assert "north" in said.splitlines()[1]
    assert not out.exists()
