"""A folder and a DuckDB database in it, for as long as one command takes."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from featurectl.settings import Settings

__all__ = ["replacing", "scratch"]

_LEFT_BEHIND_SECONDS = 24 * 3600


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place once it is whole, or goes. Raises OSError."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def scratch(settings: Settings, command: str) -> Iterator[tuple[Path, duckdb.DuckDBPyConnection]]:
    """A folder and a database in it, on disk: neither has to fit in memory. Both go at the end. Raises EngineError."""
    from featurectl.dialect import MACROS
    from featurectl.engines.embedded.connect import connect
    from featurectl.engines.embedded.home import Home

    home = Home(settings.home_dir)
    try:
        home.scratch.mkdir(parents=True, exist_ok=True)
        _remove_left_behind(home.scratch, command)
        folder = tempfile.TemporaryDirectory(dir=home.scratch, prefix=f"{command}-")
    except OSError as error:
        raise EngineError(
            f"cannot write to {home.scratch}: {error.strerror}", hint="set FEATURECTL_HOME to a folder that is yours"
        ) from error
    with folder as path:
        con = connect(Path(path) / f"{command}.duckdb", settings, home)
        try:
            for statement in MACROS:
                con.execute(statement)
            yield Path(path), con
        finally:
            con.close()


def _remove_left_behind(folder: Path, command: str) -> None:
    """Folders of calls that were killed."""
    for path in folder.glob(f"{command}-*"):
        if time.time() - path.stat().st_mtime > _LEFT_BEHIND_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
