"""`featurectl backfill`, killed at any moment and called again: the features of one that nobody disturbed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.workspace import ROOT, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

RANGE = ["--from", "2024-01-01", "--to", "2024-02-05", "--source", "simulated", "--regions", "DE,ES"]


def start(workspace: Workspace) -> subprocess.Popen[str]:
    environment = {**os.environ, "FEATURECTL_HOME": str(workspace.settings.home_dir)}
    return subprocess.Popen(
        [sys.executable, "-m", "featurectl", "backfill", "solar", *RANGE],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def complete(workspace: Workspace) -> None:
    process = start(workspace)
    said, trouble = process.communicate(timeout=120)
    assert process.returncode == 0, (said, trouble)


@pytest.mark.slow
def test_killed_at_any_moment_it_resumes_and_changes_nothing(make_workspace: Callable[[], Workspace]) -> None:
    undisturbed, killed = make_workspace(), make_workspace()
    complete(undisturbed)
    rng = random.Random(5)
    kills = 0
    for _ in range(4):
        process = start(killed)
        try:
            process.communicate(timeout=rng.uniform(0.6, 1.6))  # when the kill comes is to be any moment
        except subprocess.TimeoutExpired:
            kills += 1
        finally:
            process.kill()
            process.communicate()
    assert kills > 0
    complete(killed)
    assert killed.features() == undisturbed.features() != []
    complete(killed)
    assert killed.features() == undisturbed.features()
