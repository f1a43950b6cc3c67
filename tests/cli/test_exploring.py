"""`lineage` and `impact`: their outputs, consumers outside the project, and an engine that does not answer."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from featurectl.cli import main
from featurectl.engines.base import Outsider, Pin, State, Version
from featurectl.project import load_project
from featurectl.services.tracing import Consumer, trace_impact
from featurectl.settings import load_settings
from tests.workspace import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Call the command line in this process, on this project; answers both streams."""

    def run(*words: str, code: int = 0) -> tuple[str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["--project", str(ROOT), "--home", str(tmp_path / "home"), *words])
        out, err = capsys.readouterr()
        assert caught.value.code == code, out + err
        return out, err

    return run


def test_lineage_as_json(call) -> None:  # type: ignore[no-untyped-def]
    out, _ = call("lineage", "features_enriched.production_ma_24h", "--output", "json")
    trace = json.loads(out)
    assert trace["target"] == "features_enriched.production_ma_24h"
    names = {node["name"] for node in trace["nodes"]}
    assert {edge["reads"] for edge in trace["edges"]} | {edge["reader"] for edge in trace["edges"]} <= names
    assert {"reads": "production_windows.region", "reader": trace["target"], "by": ["join"]} in trace["edges"]
    found = {given["name"]: given["by"] for given in trace["inputs"]}
    assert found["solar_production_raw.production_mw"][0] == "value"
    assert "weather_raw.temperature_c" not in names  # it decides on rows only: nothing is computed from it


def test_lineage_of_everything_follows_keys_too(call) -> None:  # type: ignore[no-untyped-def]
    out, _ = call("lineage", "features_enriched.production_ma_24h", "--all", "--output", "json")
    assert "weather_raw.temperature_c" in {node["name"] for node in json.loads(out)["nodes"]}


def test_lineage_as_mermaid_names_every_node_that_it_draws(call) -> None:  # type: ignore[no-untyped-def]
    out, _ = call("lineage", "features_enriched.is_weekend", "--output", "mermaid")
    lines = out.splitlines()
    assert lines[0] == "flowchart LR"
    named = dict(re.findall(r'^    (n\d+)\["(.*)"\]$', out, re.MULTILINE))
    drawn = {node for line in lines if "->" in line for node in re.findall(r"\bn\d+\b", line)}
    assert drawn <= set(named)
    assert "is_weekend" in named.values() and "timestamp" in named.values()
    assert out.count("subgraph") == out.count("\n  end\n")


def test_impact_with_nothing_applied(call) -> None:  # type: ignore[no-untyped-def]
    out, err = call("impact", "solar_production_raw.production_mw")
    assert "value: production_lag_1h, production_lag_24h, production_ma_24h, production_mw" in out
    assert "No pin, sink or other reader" in out
    assert err == ""


def test_impact_without_a_reachable_engine(call, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("psycopg2")
    monkeypatch.setenv("RISINGWAVE_PORT", "1")  # nothing listens there
    out, err = call("--target", "risingwave", "impact", "regions.*")
    assert "features_enriched" in out and "outside" not in out
    assert err.startswith("note: the engine was not asked: ")
    assert call("--target", "risingwave", "impact", "regions.*", "--offline")[1] == ""


def test_impact_as_json_of_a_view_that_nobody_reads(call) -> None:  # type: ignore[no-untyped-def]
    out, _ = call("impact", "features_enriched.production_mw", "--output", "json")
    trace = json.loads(out)
    assert trace["affected"] == [] and trace["consumers"] == []


def test_an_unknown_column_is_a_usage_error_with_near_names(call) -> None:  # type: ignore[no-untyped-def]
    _, err = call("impact", "solar_production_raw.production_nw", code=2)
    assert err.splitlines()[0].startswith("error: the table solar_production_raw has no column 'production_nw'")
    assert err.splitlines()[1] == "hint: did you mean production_mw?"


def test_pins_and_what_others_built_are_consumers() -> None:
    def version(view: str, number: int) -> Version:
        return Version(view, number, "f", "f", "n", "", "", {}, {})

    state = State(
        versions=(version("features_enriched", 3), version("weather_hourly", 1)),
        live={"features_enriched": 3, "weather_hourly": 1},
        pins=(
            Pin("model:forecast", "features_enriched", 2, "f", datetime(2024, 6, 1, tzinfo=UTC), "ann"),
            Pin("model:weather", "weather_hourly", 1, "f", datetime(2024, 6, 1, tzinfo=UTC), "ann"),
        ),
        outsiders=(
            Outsider("to_lake", "sink", "features_enriched_v3"),
            Outsider("to_lake", "sink", "features_enriched"),
            Outsider("weather_copy", "view", "weather_hourly_v1"),
        ),
    )
    trace = trace_impact(load_project(load_settings(ROOT)), "solar_production_raw.production_mw", state)
    assert trace.consumers == (
        Consumer("pin", "model:forecast", "features_enriched_v2"),
        Consumer("sink", "to_lake", "features_enriched"),
    )
