from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which this repository's project is applied; to be copied, not used."""
    home = tmp_path_factory.mktemp("applied") / "home"
    Workspace(home).apply()
    return home


@pytest.fixture
def workspace(applied: Path, tmp_path: Path) -> Workspace:
    """This repository's project, applied in a folder of its own."""
    return _copy(applied, tmp_path / "home")


@pytest.fixture(scope="session")
def make_workspace(applied: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Workspace]:
    """A factory of applied workspaces, for tests that need one an example."""
    return lambda: _copy(applied, tmp_path_factory.mktemp("copies") / "home")


def _copy(applied: Path, home: Path) -> Workspace:
    shutil.copytree(applied, home)
    copy = Workspace(home)
    copy.apply()  # finds nothing to do but a snapshot that still reads the other place
    return copy
