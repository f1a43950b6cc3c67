"""Factories for file logs: a small segment size makes every test cross segments."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from featurectl.log import FileLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROOT_OF = "import sys; from pathlib import Path; root = Path(sys.argv[1])"


@pytest.fixture
def make_log(tmp_path: Path) -> Callable[..., FileLog]:
    """A factory of logs on the same directory, 300 bytes a segment unless told otherwise."""

    def make(**options: Any) -> FileLog:
        return FileLog(tmp_path / "log", **{"segment_bytes": 300, **options})

    return make


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], list[str]]:
    """A factory: the command that runs code in another process, with `root` and `sys.argv[2:]` at hand."""

    def command(code: str) -> list[str]:
        return [sys.executable, "-c", f"{ROOT_OF}\n{textwrap.dedent(code)}", str(tmp_path / "log")]

    return command
