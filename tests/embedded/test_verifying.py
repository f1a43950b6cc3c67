"""`verify` on the embedded target: equal as it is, and every injected fault is found and named."""

from __future__ import annotations

import json
import logging
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from featurectl.cli import main
from featurectl.errors import EngineError, UsageError
from featurectl.log import FileLog
from featurectl.services.verifying import Verification, verify
from tests.workspace import ROOT, SOLAR, WEATHER, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from featurectl.engines.parity import Comparison

START = datetime(2024, 6, 1, tzinfo=UTC)
LOST = START + timedelta(hours=30)


def solar(hour: int, region: str) -> bytes:
    at = (START + timedelta(hours=hour)).isoformat()
    return json.dumps({"timestamp": at, "production_mw": 10 + hour * 0.37, "region": region}).encode()


def weather(hour: int) -> bytes:
    event = {
        "timestamp": (START + timedelta(hours=hour)).isoformat(), "temperature_c": hour / 7, "cloud_cover_pct": 50,
        "solar_radiation_wm2": None, "latitude": 51.1657, "longitude": 10.4515,
    }  # fmt: skip
    return json.dumps(event).encode()


@pytest.fixture(scope="module")
def template(make_workspace: Callable[[], Workspace]) -> Path:
    """A home with events that came in two refreshes."""
    workspace = make_workspace()
    events = [solar(hour, region) for hour in range(60) for region in ("DE", "ES")]
    workspace.publish(SOLAR, [*events, b"\xff", b"", b"{"])
    workspace.publish(WEATHER, [weather(hour) for hour in range(40)])
    workspace.refresh()
    workspace.publish(SOLAR, events[:50])
    workspace.refresh()
    return workspace.settings.home_dir


@pytest.fixture
def filled(template: Path, tmp_path: Path) -> Workspace:
    """A copy to inject faults into."""
    shutil.copytree(template, tmp_path / "home", symlinks=True)
    copied = Workspace(tmp_path / "home")
    copied.apply()  # nothing to do but a snapshot of the new place
    return copied


def verified(workspace: Workspace, *views: str) -> Verification:
    return verify(workspace.engine, workspace.settings, workspace.log, views)


def comparison(workspace: Workspace, view: str) -> Comparison:
    [found] = verified(workspace, view).views
    return found.comparison


def piece(workspace: Workspace, relation: str) -> Path:
    """The largest file of the relation's rows that the newest snapshot names."""
    with duckdb.connect(str(workspace.settings.home_dir / "features.duckdb"), read_only=True) as con:
        query = "SELECT file FROM featurectl.pieces WHERE relation = ? ORDER BY row_count DESC"
        file = con.execute(query, [relation]).fetchall()[0][0]
    return workspace.settings.home_dir / "pieces" / file


def rewrite(workspace: Workspace, relation: str, query: str) -> None:
    """Put other rows where the relation's are; the query reads `this`."""
    path = piece(workspace, relation)
    other = path.with_suffix(".other")
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"CREATE VIEW this AS SELECT * FROM '{path}'")
        con.execute(f"COPY ({query}) TO '{other}' (FORMAT parquet)")
    other.replace(path)


def test_what_was_refreshed_in_batches_is_what_the_raw_events_mean(filled: Workspace) -> None:
    found = verified(filled)
    assert found.is_equal
    assert {v.view: v.comparison.served_rows for v in found.views}["features_enriched"] == 120
    assert len(found.views) == 11
    [of_solar, of_weather] = found.sources
    assert [(p.first, p.last, p.rows, p.log_first, p.compared) for p in of_solar.partitions] == [(0, 172, 173, 0, 173)]
    assert [(p.first, p.last, p.compared) for p in of_weather.partitions] == [(0, 39, 40)]
    assert not list((filled.settings.home_dir / "tmp").glob("verify-*"))


def test_a_changed_cell_a_nan_and_a_null_are_found_and_named(filled: Workspace) -> None:
    at = f"region = 'DE' AND \"timestamp\" = '{LOST.isoformat()}'"
    rewrite(
        filled,
        "features_enriched_v1",
        f"SELECT * REPLACE (CASE WHEN {at} THEN production_mw * (1 + 1e-8) ELSE production_mw END AS production_mw,"
        f" CASE WHEN {at} THEN 'NaN'::DOUBLE ELSE production_ma_24h END AS production_ma_24h,"
        f" CASE WHEN {at} THEN NULL ELSE is_weekend END AS is_weekend) FROM this",
    )
    found = comparison(filled, "features_enriched")
    assert (found.missing, found.extra, found.differing_rows) == (0, 0, 1)
    assert dict(found.cells) == {"production_mw": 1, "production_ma_24h": 1, "is_weekend": 1}
    assert {e.key["region"] for e in found.examples} == {"DE"}
    assert {e.key["timestamp"].astimezone(UTC) for e in found.examples} == {LOST}
    assert found.examples[-1].column == "production_mw"


def test_a_lost_hour_is_found_and_named(filled: Workspace) -> None:
    rewrite(filled, "features_enriched_v1", f"SELECT * FROM this WHERE \"timestamp\" <> '{LOST.isoformat()}'")
    found = comparison(filled, "features_enriched")
    assert (found.expected_rows, found.served_rows, found.missing, found.extra) == (120, 118, 2, 0)
    assert [(e.kind, e.key["region"], e.key["timestamp"].astimezone(UTC)) for e in found.examples] == [
        ("missing", "DE", LOST),
        ("missing", "ES", LOST),
    ]


def test_a_fault_below_is_found_where_it_is_and_above(filled: Workspace) -> None:
    rewrite(filled, "solar_hourly_v1", "SELECT * FROM this WHERE region = 'DE'")
    differing = [v.view for v in verified(filled).views if not v.comparison.is_equal]
    assert differing == ["solar_hourly"], "the views above were computed before the fault"


def test_raw_rows_that_are_not_the_logs_are_found(filled: Workspace) -> None:
    rewrite(
        filled,
        "solar_production_raw",
        "SELECT * REPLACE (CASE WHEN log_offset = '7' THEN 'other'::BLOB ELSE data END AS data) FROM this"
        " WHERE log_offset NOT IN ('20', '21') UNION ALL SELECT * FROM this WHERE log_offset = '30'",
    )
    found = verified(filled, "solar_rejected")
    [part] = found.sources[0].partitions
    assert (part.differing, part.missing, part.extra, part.doubled) == (1, 2, 0, 1)
    assert part.examples == (7, 20, 21)
    assert not found.is_equal


def test_what_the_log_no_longer_holds_is_said_and_is_no_difference(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    workspace.log = FileLog(workspace.settings.log_dir, segment_bytes=2000)
    workspace.apply()
    for hour in range(60):
        workspace.publish(SOLAR, [solar(hour, "DE")])
    workspace.refresh()
    segments = sorted((workspace.settings.log_dir / SOLAR).glob("*.log"))
    segments[0].unlink()
    found = verified(workspace)
    [part] = found.sources[0].partitions
    assert found.is_equal
    assert (part.first, part.last, part.rows) == (0, 59, 60)
    assert part.log_first == int(segments[1].stem)
    assert part.compared == 60 - part.log_first


def test_without_a_log_the_views_are_compared_all_the_same(filled: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    (filled.settings.log_dir / SOLAR).rename(filled.settings.log_dir / "elsewhere")
    with caplog.at_level(logging.WARNING):
        found = verified(filled, "features_enriched")
    assert found.is_equal
    assert found.sources[0].not_compared == f"the log has no topic {SOLAR}"


def test_names_that_are_not_live(filled: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no view 'solar_hurly' is live") as caught:
        verified(filled, "solar_hurly")
    assert caught.value.hint == "did you mean solar_hourly?"
    with pytest.raises(UsageError, match="nothing is applied"):
        verified(Workspace(tmp_path / "empty"))


def test_a_file_that_is_gone_is_one_line(filled: Workspace) -> None:
    piece(filled, "solar_hourly_v1").unlink()
    with pytest.raises(EngineError, match="No files found"):
        verified(filled, "solar_hourly")


@pytest.fixture
def call(filled: Workspace, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main(["--project", str(ROOT), "--home", str(filled.settings.home_dir), "verify", *words])
        out, err = capsys.readouterr()
        assert caught.value.code == code, out + err
        return out

    return run


def test_the_command_says_what_differs_and_exits_with_1(filled: Workspace, call: Callable[..., str]) -> None:
    assert "equal: 120 rows of 1 views on embedded" in call("features_enriched", "--engine", "embedded")
    rewrite(filled, "features_enriched_v1", "SELECT * REPLACE (production_mw + 0.5 AS production_mw) FROM this")
    text = call("-s", "features_enriched", "--examples", "1", code=1)
    assert "production_mw: 120" in text
    assert "region=DE, timestamp=2024-06-01T00:00:00Z  production_mw" in text
    assert "NOT equal" in text
    found: dict[str, Any] = json.loads(call("features_enriched", "-o", "json", code=1))
    assert found["equal"] is False
    assert found["views"][0]["differing_cells"] == {"production_mw": 120}
    assert len(found["views"][0]["examples"]) == 5
    assert found["sources"][0]["partitions"][0]["compared"] == 173
    call("features_enriched", "--tolerance", "1", "--examples", "0")
