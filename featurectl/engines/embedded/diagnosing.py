"""What `doctor` looks at on the embedded target: the folder, its disk, its lock, the snapshot, the pieces."""

from __future__ import annotations

import fcntl
import os
import shutil
from typing import TYPE_CHECKING

from featurectl.engines.base import Finding
from featurectl.engines.embedded.connect import duckdb_errors
from featurectl.engines.embedded.home import holder
from featurectl.engines.embedded.snapshot import reading
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from featurectl.engines.embedded.home import Home
    from featurectl.settings import Settings

__all__ = ["diagnose", "disk"]

_MIB = 1 << 20
_LITTLE, _TOO_LITTLE = 2048 * _MIB, 200 * _MIB


def diagnose(home: Home, settings: Settings) -> Iterator[Finding]:
    """One finding a check, none of which writes anything."""
    yield _writable(home.root)
    yield disk(home.root)
    yield _lock(home.root / "engine.lock")
    yield _snapshot(home, settings)


def disk(folder: Path) -> Finding:
    """The space that is left where the folder is, or will be."""
    place = _existing(folder)
    free = shutil.disk_usage(place).free
    said = f"{free / (1 << 30):,.1f} GiB free at {place}"
    if free < _TOO_LITTLE:
        return Finding("disk", "error", said, "free some: refreshes and builds write new files before old ones go")
    return Finding("disk", "warning" if free < _LITTLE else "ok", said, "free some" if free < _LITTLE else None)


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())


def _writable(root: Path) -> Finding:
    place = _existing(root)
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return Finding(
            "home", "error", f"{place} cannot be written to", "set FEATURECTL_HOME to a folder that is yours"
        )
    return Finding("home", "ok", str(root) if root.exists() else f"{root} will be made")


def _lock(path: Path) -> Finding:
    if not path.exists():
        return Finding("lock", "ok", "nobody writes")
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError as error:
        return Finding("lock", "error", f"{path}: {error.strerror}", "it belongs to another user: see its permissions")
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return Finding("lock", "ok", f"held by {holder(handle)}")
    finally:
        os.close(handle)
    return Finding("lock", "ok", "nobody writes")


def _snapshot(home: Home, settings: Settings) -> Finding:
    try:
        with reading(home, settings) as con, duckdb_errors("cannot read the ledger"):
            if con is None:
                return Finding("snapshot", "warning", "nothing is applied here yet", "run: featurectl apply")
            rows = con.execute("SELECT relation, file FROM featurectl.pieces").fetchall()
            [[generation]] = con.execute("SELECT generation FROM featurectl.meta").fetchall()
    except EngineError as error:
        return Finding("snapshot", "error", str(error), "run: featurectl apply, which publishes it again")
    lost = sorted({relation for relation, file in rows if not (home.pieces / file).is_file()})
    if lost:
        remedy = "restore the folder from a backup, or remove it, apply, and run: the log has the events"
        return Finding("snapshot", "error", f"files of {', '.join(lost)} are gone", remedy)
    return Finding("snapshot", "ok", f"generation {generation}, {len(rows)} files of rows")
