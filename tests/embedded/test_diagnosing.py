"""`doctor` on the embedded target: what is well is ok, and each thing that is not is named with what to do."""

from __future__ import annotations

import json
import os
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from featurectl.cli import main
from featurectl.engines.base import Finding
from featurectl.services.diagnosing import diagnose
from tests.workspace import ROOT, SOLAR, Workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Workspace(tmp_path_factory.mktemp("home"))
    made.apply("solar_readings")
    made.publish(SOLAR, [b"{}", b""])
    made.refresh()
    return made.settings.home_dir


@pytest.fixture
def applied(template: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(template, tmp_path / "home", symlinks=True)
    copied = Workspace(tmp_path / "home")
    copied.apply()  # nothing to do but a snapshot of the new place
    return copied


def findings(workspace: Workspace) -> dict[str, Finding]:
    return {f.check: f for f in diagnose(workspace.engine, workspace.log, workspace.settings)}


def test_all_is_well(applied: Workspace) -> None:
    found = findings(applied)
    assert {f.level for f in found.values() if f.check != "topic weather_raw"} == {"ok"}
    assert found[f"topic {SOLAR}"].message == "1 partitions, 2 events; all read"
    assert found["topic weather_raw"] == Finding(
        "topic weather_raw", "warning", "does not exist", "a producer's first event creates it"
    )
    assert "duckdb " in found["libraries"].message and "sqlglot " in found["libraries"].message


def test_nothing_applied_and_a_home_that_cannot_be(tmp_path: Path) -> None:
    assert findings(Workspace(tmp_path / "new"))["snapshot"].remedy == "run: featurectl apply"
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("")
    found = findings(Workspace(tmp_path / "file"))
    assert (found["home"].level, found["log"].level) == ("error", "error")


def test_who_holds_the_lock(applied: Workspace) -> None:
    with applied.engine.write("backfill", timedelta(0)):
        assert f"featurectl backfill (process {os.getpid()})" in findings(applied)["lock"].message
    assert findings(applied)["lock"].message == "nobody writes"


def test_files_that_are_gone(applied: Workspace) -> None:
    shutil.rmtree(applied.settings.home_dir / "pieces" / "solar_readings_v1")
    found = findings(applied)["snapshot"]
    assert (found.level, found.message) == ("error", "files of solar_readings_v1 are gone")


def test_a_snapshot_that_is_none(applied: Workspace) -> None:
    newest = (applied.settings.home_dir / "features.duckdb").resolve()
    newest.chmod(0o644)
    newest.write_bytes(b"not a database")
    assert findings(applied)["snapshot"].level == "error"


def test_no_space(applied: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 10**6))  # type: ignore[attr-defined]
    assert findings(applied)["disk"].level == "error"


def test_events_that_wait_and_a_log_that_was_replaced(applied: Workspace) -> None:
    applied.publish(SOLAR, [b"1"])
    assert findings(applied)[f"topic {SOLAR}"].message.endswith("waiting, by partition: 0:1")
    shutil.rmtree(applied.settings.log_dir / SOLAR)
    found = findings(applied)[f"topic {SOLAR}"]
    assert (found.level, found.message) == ("error", f"is gone; {SOLAR} has 2 events of it")
    applied.publish(SOLAR, [b"1"])
    assert findings(applied)[f"topic {SOLAR}"].level == "error"


def test_events_that_went_before_they_were_read(applied: Workspace) -> None:
    folder = applied.settings.log_dir / SOLAR
    [segment] = folder.glob("*.log")
    segment.rename(folder / f"{7:0{len(segment.stem)}d}.log")
    applied.publish(SOLAR, [b"1"])
    found = findings(applied)[f"topic {SOLAR}"]
    assert (found.level, "went before they were read" in found.message) == ("error", True)


def test_the_command(applied: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--project", str(ROOT), "--home", str(applied.settings.home_dir), "doctor"]
    with pytest.raises(SystemExit) as caught:
        main(words)
    out = capsys.readouterr().out
    assert caught.value.code == 0
    assert "ok       lock: nobody writes" in out
    assert "warning  topic weather_raw: does not exist (a producer's first event creates it)" in out
    shutil.rmtree(applied.settings.home_dir / "pieces")
    with pytest.raises(SystemExit) as caught:
        main([*words, "-o", "json"])
    assert caught.value.code == 1
    assert {"error"} == {row["level"] for row in json.loads(capsys.readouterr().out) if row["check"] == "snapshot"}
