"""Labels out of a topic's events: the last revision counts, what is malformed does not, and names are found."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from featurectl.log import Event, open_log
from tests.releases.conftest import embedded_project
from tests.training.test_training_sets import at, manifest, rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.releases.project import ReleaseProject

TOPIC = "energy.meters"
FILES = {
    "featurectl.toml": f'name = "meters"\n\n[topics]\nmeters = "{TOPIC}"\n',
    "migrations/0001_raw.sql": """
CREATE TABLE meters_raw (data BYTEA) APPEND ONLY
INCLUDE partition AS log_partition INCLUDE offset AS log_offset INCLUDE timestamp AS ingested_at
WITH (connector = 'kafka', topic = '{{ topic("meters") }}', {{ kafka_properties() }},
  scan.startup.mode = 'earliest') FORMAT PLAIN ENCODE BYTES;
CREATE TABLE empty_raw (data BYTEA) APPEND ONLY
INCLUDE offset AS log_offset
WITH (connector = 'kafka', topic = 'nothing', {{ kafka_properties() }},
  scan.startup.mode = 'earliest') FORMAT PLAIN ENCODE BYTES;
CREATE TABLE calendar (place varchar, at timestamptz, holiday boolean);
INSERT INTO calendar VALUES ('north', '2024-06-01 00:00:00+00:00', true), ('south', '2024-06-01 00:00:00+00:00', false);
""",
    "sql/days.sql": "/*\nentity: place\nevent_time: at\n*/\nSELECT place, at, holiday FROM calendar\n",
}


def reading(hour: int, mw: Any, place: Any = "north", **more: Any) -> bytes:
    time = f"2024-06-01T{hour:02d}:00:00Z"
    return json.dumps({"place": place, "area": place, "timestamp": time, "mw": mw, **more}).encode()


EVENTS = [
    reading(4, 40, state="on", plant={"kw": 1.5}, local="2024-06-01T04:00:00"),
    reading(5, 1),
    reading(5, 50.5, taken="2024-06-01T08:00:00+02:00"),  # a revision
    reading(5, 70, "south"),
    reading(6, "much"),  # of another kind than most
    reading(6, None),
    reading(6, 60, None),
    b'{"place": "north", "timestamp": "2024-06-01T06:00:00", "mw": 61}',  # which instant?
    b'{"place": "north", "timestamp": "2024-06-01T06:00:00Z", "mw": 6',
    b"\xff\xfe",
    b"[1]",
    reading(7, -1e3, "south", state="off"),
]
LAST_REVISIONS = [
    ("north", at(3), 40),
    ("north", at(4), 50.5),
    ("north", at(5), None),
    ("south", at(3), None),
    ("south", at(4), 70),
    ("south", at(5), None),
]
WORDS = (
    "training-set",
    "--from",
    "2024-06-01T03:00:00Z",
    "--to",
    "2024-06-01T06:00:00Z",
    "--every",
    "1h",
    "-f",
    "days",
)


@pytest.fixture(scope="module")
def applied_with_events(tmp_path_factory: pytest.TempPathFactory) -> ReleaseProject:
    made = embedded_project(tmp_path_factory.mktemp("topics"), FILES)
    made.apply()
    publish(made, EVENTS)
    return made


def publish(project: ReleaseProject, messages: list[bytes]) -> None:
    with open_log(project.settings).writer(TOPIC) as writer:
        writer.append([Event(message) for message in messages])
    project.run("run", "--once")


@pytest.mark.parametrize("name", ["meters_raw", TOPIC, "meters"])
def test_the_last_revision_of_each_time_counts(applied_with_events: ReleaseProject, tmp_path: Path, name: str) -> None:
    out = tmp_path / "train.parquet"
    said = applied_with_events.run(*WORDS, "--label", f"{name}.mw", "--horizon", "1h", "--out", str(out))
    assert rows(out, "place, event_timestamp, mw_in_1h") == LAST_REVISIONS
    assert "meters_raw: 3 of 6 rows found an event, of 5 out of 12" in said
    told = manifest(out)
    assert told["views"]["meters_raw"]["fields"] == {"place": "place"}
    assert (told["views"]["meters_raw"]["topic"], told["views"]["meters_raw"]["event_time"]) == (TOPIC, "timestamp")
    assert told["columns"]["mw_in_1h"]["type"] == "DOUBLE"


def test_text_fields_within_objects_and_names_that_are_given(
    applied_with_events: ReleaseProject, tmp_path: Path
) -> None:
    run, out = applied_with_events.run, tmp_path / "train.parquet"
    words = (*WORDS, "--out", str(out), "--horizon", "1h", "--label")
    run(*words, "meters.state")
    assert [state for _, state in rows(out, "place, state_in_1h") if state] == ["on"]
    run(*words, "meters.plant.kw")
    assert [kw for (kw,) in rows(out, "kw_in_1h") if kw] == [1.5]
    run(*words, "meters.mw", "--label-entity", "place=area", "--label-time", "taken")
    assert [mw for (mw,) in rows(out, "mw_in_1h")] == [None, None, 50.5, None, None, None]


def test_the_spine_needs_the_column_of_the_entity(applied_with_events: ReleaseProject, tmp_path: Path) -> None:
    words = ("--label", "meters.mw", "--horizon", "1h", "--label-entity", "area", "--out", str(tmp_path / "t.parquet"))
    assert "the spine has no area, by which meters_raw is joined" in applied_with_events.run(*WORDS, *words, code=1)


def test_made_again_it_is_the_same_until_more_events_came(tmp_path: Path, applied_with_events: ReleaseProject) -> None:
    shutil.copytree(applied_with_events.folder.parent, tmp_path, dirs_exist_ok=True)
    project = embedded_project(tmp_path, FILES)
    project.apply()
    out, again = tmp_path / "train.parquet", tmp_path / "again.parquet"
    project.run(*WORDS, "--label", "meters.mw", "--horizon", "1h", "--label-entity", "place=area", "--out", str(out))
    words = ("training-set", "--from-manifest", f"{out}.manifest.json", "--out", str(again))
    assert "the same, bit for bit" in project.run(*words)
    assert out.read_bytes() == again.read_bytes()
    publish(project, [reading(6, 66)])
    said = project.run(*words, code=1)
    assert "meters_raw has 1 more events" in said
    assert "mw_in_1h: max 70.0" not in said
    assert rows(again, "mw_in_1h")[2] == (66,)


@pytest.mark.parametrize(
    ("words", "reason", "hint"),
    [
        (("--label", "meters.stat"), "no event of meters_raw has 'stat'", "did you mean state?"),
        (("--label", "meterz.mw"), "there is no view and no topic 'meterz'", "did you mean meters?"),
        (("--label", "meters"), "meters is a topic", "--label meters.FIELD"),
        (("--label", "meters.plant"), "plant of meters_raw is no single value", "meters_raw.plant.FIELD"),
        (("--label", "meters.mw", "--label-time", "local"), "local '2024-06-01T04:00:00'", "--label-time"),
        (("--label", "meters.mw", "--label-time", "place"), "place 'north'", "--label-time"),
        (("--label", "meters.mw", "--label-time", "tmestamp"), "has 'tmestamp'", "did you mean timestamp?"),
        (("--label", "meters.mw", "--label-entity", "region"), "has 'region'", "they have area"),
        (("--label", "empty_raw.mw"), "empty_raw has no events yet", "backfill"),
        (("--label", "days.holiday", "--label-time", "at"), "a view says its entity and its time itself", "leave"),
    ],
)
def test_what_cannot_be_a_label(
    applied_with_events: ReleaseProject, tmp_path: Path, words: tuple[str, ...], reason: str, hint: str
) -> None:
    out = tmp_path / "train.parquet"
    said = applied_with_events.run(*WORDS, *words, "--horizon", "1h", "--out", str(out), code=2)
    assert reason in said
    assert hint in said
    assert not list(tmp_path.iterdir())
