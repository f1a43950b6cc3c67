from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """This repository's project, applied in a folder of its own."""
    made = Workspace(tmp_path / "home")
    made.apply()
    return made


@pytest.fixture(scope="session")
def make_workspace(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Workspace]:
    """A factory of applied workspaces, for tests that need one an example."""

    def make() -> Workspace:
        made = Workspace(tmp_path_factory.mktemp("home"))
        made.apply()
        return made

    return make
