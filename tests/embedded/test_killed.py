"""`featurectl run`, killed at any moment: no event is lost, none is there twice, no reader sees a half."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from tests import oracle
from tests.workspace import ROOT, SOLAR, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

EVENT = b'{"timestamp": "2024-06-%02dT%02d:%02d:00Z", "production_mw": %d, "region": "DE"}'
# Within one snapshot every layer is of the same moment.
WHOLE = (
    f"SELECT (SELECT count(*) FROM {SOLAR}), (SELECT count(*) FROM solar_events),"
    " (SELECT count(*) FROM production_weather), (SELECT count(*) FROM features_enriched)"
)


def start_run(workspace: Workspace) -> subprocess.Popen[str]:
    environment = {**os.environ, "FEATURECTL_HOME": str(workspace.settings.home_dir)}
    return subprocess.Popen(
        [sys.executable, "-m", "featurectl", "run", "--interval", "0.02"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def messages() -> Iterator[bytes]:
    rng = random.Random(3)
    n = 0
    while True:
        n += 1
        yield EVENT % (1 + n % 7, n % 24, n % 60, rng.randrange(1000)) if n % 10 else b"broken"


def test_kill_at_any_moment_loses_and_doubles_nothing(workspace: Workspace) -> None:
    rng = random.Random(11)
    source = messages()
    published: list[bytes] = []
    halves: list[object] = []
    done = threading.Event()

    def read_all_the_while() -> None:
        while not done.is_set():
            [row] = workspace.rows(WHOLE)
            if row[0] != row[1] or row[2] != row[3]:
                halves.append(row)

    reader = threading.Thread(target=read_all_the_while)
    reader.start()
    try:
        for _ in range(8):
            process = start_run(workspace)
            try:
                for _ in range(3):
                    batch = [next(source) for _ in range(rng.randrange(1, 40))]
                    workspace.publish(SOLAR, batch)
                    published += batch
                    done.wait(rng.uniform(0.1, 0.5))  # not a synchronisation: when the kill comes is to be any moment
            finally:
                process.kill()
                process.communicate()
    finally:
        done.set()
        reader.join()
    workspace.refresh()
    assert halves == []
    assert workspace.rows(f"SELECT count(*), count(DISTINCT log_offset) FROM {SOLAR}") == [(len(published),) * 2]
    expected = oracle.features_enriched(published, [], workspace.regions())
    assert oracle.differences(workspace.features(), expected) == []


def test_what_a_killed_writer_left_is_removed(workspace: Workspace) -> None:
    orphan = workspace.settings.home_dir / "pieces" / SOLAR / "00009999.parquet"
    orphan.write_bytes(b"half a piece")
    workspace.publish(SOLAR, [EVENT % (1, 1, 1, 1)])
    assert workspace.refresh() == 1
    assert not orphan.exists()


def test_a_commit_that_was_not_published_is_published_by_the_next_writer(workspace: Workspace) -> None:
    workspace.publish(SOLAR, [EVENT % (1, 1, 1, 1)])
    workspace.refresh()
    link = workspace.settings.home_dir / "features.duckdb"
    newest = link.readlink()
    generation = int(newest.stem)
    link.unlink()
    link.symlink_to(f"snapshots/{generation - 1:010d}.duckdb")
    workspace.apply()
    assert link.readlink() == newest
    assert len(workspace.features()) == 1


def test_run_stops_cleanly_on_sigterm_after_its_refresh(workspace: Workspace) -> None:
    process = start_run(workspace)
    try:
        assert process.stderr is not None and process.stdout is not None
        assert "Following" in process.stderr.readline()
        workspace.publish(SOLAR, [EVENT % (1, 1, 1, 1)])
        assert "+1" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Stopped." in errors
    assert len(workspace.features()) == 1


def test_an_apply_gets_its_turn_while_run_follows(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    process = start_run(workspace)
    try:
        assert process.stderr is not None
        process.stderr.readline()
        monkeypatch.setenv("FEATURECTL_HOME", str(workspace.settings.home_dir))
        done = subprocess.run(
            [sys.executable, "-m", "featurectl", "apply"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert "Nothing to do" in done.stdout
    finally:
        process.kill()
        process.communicate()
