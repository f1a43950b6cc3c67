"""What readers open: a small database of views on pieces, immutable, one for each committed generation.

A DuckDB file takes one writing process or several reading ones, so readers never open the writer's. They open a
snapshot, as long as they like: it holds no rows itself, it names pieces, which do not change either. A reader sees one
generation, whole, until it opens the next. DuckDB holds a read lock on a file that it reads: that is how the writer
knows which snapshots, and so which pieces, are still in use.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from featurectl.engines.embedded.connect import connect
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

    from featurectl.engines.embedded.home import Home
    from featurectl.settings import Settings

__all__ = ["HOME_FILE", "oldest_in_use", "open_snapshot", "published_generation", "reading", "was_moved"]

# A reader that has followed the link but not yet opened the file is covered by this much time.
_GRACE_SECONDS = 5.0
_TRIES = 20
# A snapshot names its pieces by their full path: where the home was when it was published.
HOME_FILE = "home.txt"
_open_here: dict[Path, int] = {}
_probes: dict[Path, int] = {}


def published_generation(home: Home) -> int | None:
    """The generation that readers get now; None before the first."""
    try:
        return int(os.readlink(home.current).rpartition("/")[2].partition(".")[0])
    except (OSError, ValueError):
        return None


def was_moved(home: Home) -> bool:
    """Whether the home lay elsewhere when its snapshot was published: moved, or a copy."""
    try:
        return (home.snapshots / HOME_FILE).read_text(encoding="utf-8") != str(home.root)
    except (FileNotFoundError, NotADirectoryError):
        return False


@contextmanager
def reading(home: Home, settings: Settings) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """A read-only connection to the newest snapshot; None where there is none yet. Raises EngineError."""
    opened = open_snapshot(home, settings)
    if opened is None:
        yield None
        return
    con, path = opened
    try:
        yield con
    finally:
        con.close()
        _open_here[path] -= 1


def open_snapshot(home: Home, settings: Settings) -> tuple[duckdb.DuckDBPyConnection, Path] | None:
    """Open the newest snapshot. The connection may be held for any time: no writer waits for it."""
    if was_moved(home):
        raise EngineError(
            f"{home.root} was moved or copied, and its snapshot still reads the old place", hint="run: featurectl apply"
        )
    for attempt in range(_TRIES):
        generation = published_generation(home)
        if generation is None:
            return None
        path = home.snapshots / f"{generation:010d}.duckdb"
        _open_here[path] = _open_here.get(path, 0) + 1
        try:
            con = connect(path, settings, home, read_only=True)
        except EngineError:
            _open_here[path] -= 1
            if attempt == _TRIES - 1 or path.exists():
                raise
            continue  # the writer removed it between the look and the opening: a newer one is there
        if path.exists():
            return con, path
        con.close()
        _open_here[path] -= 1
    raise EngineError("the newest snapshot changes faster than it can be opened", hint="try again")


def oldest_in_use(home: Home) -> int:
    """Remove snapshots that nobody reads any more; return the oldest generation that is left."""
    newest = published_generation(home)
    paths = sorted(home.snapshots.glob("*.duckdb"))
    left = []
    for path, successor in zip(paths, [*paths[1:], None], strict=True):
        superseded = successor is not None and newest is not None and int(path.stem) < newest
        if superseded and successor is not None and not _in_use(path, successor):
            path.unlink(missing_ok=True)
        else:
            left.append(int(path.stem))
    return min(left, default=0)


def _in_use(path: Path, successor: Path) -> bool:
    if _open_here.get(path):
        return True
    try:
        if time.time() - successor.stat().st_ctime < _GRACE_SECONDS:
            return True
        return _locked(path)
    except FileNotFoundError:
        return False


def _locked(path: Path) -> bool:
    """Whether DuckDB has the file open, in this process or another."""
    linux = sys.platform == "linux"
    layout = "hhqqi4x" if linux else "qqihh"
    ask = (fcntl.F_WRLCK, 0, 0, 0, 0) if linux else (0, 0, 0, fcntl.F_WRLCK, 0)
    # On Linux the question is asked for the open file, not for the process, so that it sees this process's locks.
    command = fcntl.F_OFD_GETLK if linux else fcntl.F_GETLK
    handle = _probes.pop(path, None) or os.open(path, os.O_RDONLY)
    answer = struct.unpack(layout, fcntl.fcntl(handle, command, struct.pack(layout, *ask)))
    kind, holder = (answer[0], answer[4]) if linux else (answer[3], answer[2])
    if kind != fcntl.F_UNLCK and holder == os.getpid():
        _probes[path] = handle  # closing it would take the lock from the connection that holds it
    else:
        os.close(handle)
    return bool(kind != fcntl.F_UNLCK)
