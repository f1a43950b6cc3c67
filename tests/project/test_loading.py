"""Errors of a project name the file, the line and the reason; rendering knows where each line came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from featurectl.errors import ProjectError
from featurectl.project import load_project
from featurectl.settings import load_settings
from tests.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from featurectl.project import Project

RAW = """CREATE TABLE raw (data BYTEA) APPEND ONLY
INCLUDE partition AS log_partition INCLUDE offset AS log_offset INCLUDE timestamp AS ingested_at
WITH (connector = 'kafka', topic = 'raw', properties.bootstrap.server = '{{ kafka_bootstrap_servers }}')
FORMAT PLAIN ENCODE BYTES;
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[dict[str, str]], Project]:
    """Load a project of the given files, with a source table `raw`."""

    def make(files: dict[str, str]) -> Project:
        for name, text in {"migrations/0001_raw.sql": RAW, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return load_project(load_settings(tmp_path))

    return make


def test_this_repository_loads_in_dependency_order() -> None:
    project = load_project(load_settings(ROOT))
    names = list(project.views)
    assert names.index("solar_events") < names.index("solar_readings") < names.index("solar_hourly")
    assert names[-1] == "features_enriched" or "features_enriched" in names
    assert set(project.source_tables) == {"solar_production_raw", "weather_raw"}
    assert project.upstream("solar_hourly") == {"solar_readings", "solar_events", "solar_production_raw"}
    assert "features_enriched" in project.downstream("weather_raw")
    assert project.views["features_enriched"].descriptions["production_mw"].startswith("MW")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("SELECT log_offset\nFROM {{ nothing }}", 2, "'nothing' is undefined"),
        ("SELECT log_offset\n{% if %}\nFROM raw", 2, "template"),
        ("/*\ndescription: x\nentitee: log_offset\n*/\nSELECT log_offset FROM raw", 3, "unknown key 'entitee'"),
        ("/*\ndescription: [\n*/\nSELECT log_offset FROM raw", 3, "metadata"),
        ("/*\ngrain: often\n*/\nSELECT log_offset FROM raw", 2, "not a duration"),
        ("/*\nentity: who\n*/\nSELECT log_offset FROM raw", 2, "'who', which the query does not give"),
        ("/*\nentity:\n  - log_offset\n  - who\n*/\nSELECT log_offset FROM raw", 4, "'who', which the query does not"),
        ("/*\nevent_time: at\n*/\nSELECT log_offset FROM raw", 2, "'at', which the query does not give"),
        ("SELECT log_offset,\n  1 AS x,\n  2 AS x\nFROM raw", 3, "the column 'x' twice"),
        ("SELECT log_offset\nFROM rav", 2, "neither a view nor a table"),
        ("/*\ntags: [x]\n*/\nSELECT log_offset\nFROM raw\nWHERE (", 6, ""),
        ("{{ lines() }}\nSELECT log_offset\nFROM raw\nWHERE )", 4, ""),
    ],
)
def test_an_error_names_file_line_and_reason(
    load: Callable[[dict[str, str]], Project], text: str, line: int | None, reason: str
) -> None:
    macros = "{% macro lines() %}-- one\n-- two\n-- three\n{% endmacro %}"
    with pytest.raises(ProjectError) as caught:
        load({"sql/wrong.sql": text, "sql/macros/m.jinja": macros})
    assert caught.value.file == "sql/wrong.sql"
    assert reason in caught.value.message
    assert caught.value.line == line


def test_a_near_name_is_suggested(load: Callable[[dict[str, str]], Project]) -> None:
    with pytest.raises(ProjectError) as caught:
        load({"sql/a.sql": "SELECT log_offset FROM rav"})
    assert caught.value.hint == "did you mean raw?"


def test_a_circle_is_named(load: Callable[[dict[str, str]], Project]) -> None:
    with pytest.raises(ProjectError, match="a → b → a") as caught:
        load({"sql/a.sql": "SELECT x FROM b", "sql/b.sql": "SELECT x\nFROM a"})
    assert (caught.value.file, caught.value.line) == ("sql/b.sql", 2)
    assert caught.value.hint


def test_a_name_is_taken_once(load: Callable[[dict[str, str]], Project]) -> None:
    with pytest.raises(ProjectError, match="defined twice"):
        load({"sql/x/a.sql": "SELECT log_offset FROM raw", "sql/y/a.sql": "SELECT log_offset FROM raw"})


@pytest.mark.parametrize("name", ["A", "a-b", "a_v2"])
def test_names_of_views(load: Callable[[dict[str, str]], Project], name: str) -> None:
    with pytest.raises(ProjectError, match="cannot name a view"):
        load({f"sql/{name}.sql": "SELECT log_offset FROM raw"})


def test_a_migration_is_checksummed_by_its_template(load: Callable[[dict[str, str]], Project], tmp_path: Path) -> None:
    before = load({"sql/a.sql": "SELECT log_offset FROM raw"}).migrations[0]
    (tmp_path / "settings.env").write_text("KAFKA_BOOTSTRAP_SERVERS=elsewhere:9092\n")
    after = load({}).migrations[0]
    assert before.rendered.text != after.rendered.text
    assert before.checksum == after.checksum


def test_no_project_here(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no folder sql/"):
        load_project(load_settings(tmp_path))


def test_formatting_and_comments_are_not_meaning(load: Callable[[dict[str, str]], Project]) -> None:
    plain = load({"sql/a.sql": "SELECT log_offset FROM raw WHERE log_offset > '1'"}).views["a"]
    other = load(
        {"sql/a.sql": "/* tags: [x] */\nselect\n  r.log_offset -- where\nFROM raw AS r\nwhere r.log_offset>'1'"}
    )
    changed = load({"sql/a.sql": "SELECT log_offset FROM raw WHERE log_offset >= '1'"}).views["a"]
    assert plain.own_fingerprint != changed.own_fingerprint
    assert other.views["a"].metadata.tags == ("x",)


def test_what_is_below_is_part_of_the_fingerprint(load: Callable[[dict[str, str]], Project]) -> None:
    files = {"sql/a.sql": "SELECT log_offset FROM raw", "sql/b.sql": "SELECT log_offset FROM a"}
    before = load(files).views["b"]
    after = load({"sql/a.sql": "SELECT log_offset FROM raw WHERE log_offset > '1'"}).views["b"]
    assert before.own_fingerprint == after.own_fingerprint
    assert before.fingerprint != after.fingerprint
