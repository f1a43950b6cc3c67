"""What readers open: a small database of views on pieces, immutable, one for each committed generation.

A DuckDB file takes one writing process or several reading ones, so readers never open the writer's. They open a
snapshot, as long as they like: it holds no rows itself, it names pieces, which do not change either. Publishing
costs some milliseconds a relation, whatever the number of rows. A reader sees one generation, whole, until it
opens the next. DuckDB holds a read lock on a file that it reads: that is how the writer knows which snapshots,
and so which pieces, are still in use.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import struct
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from featurectl.engines.embedded.connect import connect, quote
from featurectl.engines.embedded.ledger import LEDGER_TABLES, read_environments
from featurectl.engines.embedded.pieces import scan
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from featurectl.engines.embedded.home import Home
    from featurectl.engines.embedded.ledger import Ledger
    from featurectl.engines.embedded.pieces import Pieces
    from featurectl.settings import Settings

__all__ = ["oldest_in_use", "open_snapshot", "publish", "published_generation", "reading", "was_moved"]

# A reader that has followed the link but not yet opened the file is covered by this much time.
_GRACE_SECONDS = 5.0
_TRIES = 20
# A snapshot names its pieces by their full path: where the home was when it was published.
_WHERE = "home.txt"
_open_here: dict[Path, int] = {}
_probes: dict[Path, int] = {}


def publish(
    con: duckdb.DuckDBPyConnection, home: Home, ledger: Ledger, pieces: Pieces, macros: tuple[str, ...]
) -> None:
    """Give readers the committed generation. `con` is the writer's connection, outside a transaction."""
    generation = ledger.generation()
    home.snapshots.mkdir(parents=True, exist_ok=True)
    unfinished = home.scratch / f"snapshot.{generation}.duckdb"
    _forget(unfinished)
    writer = con.execute("SELECT current_database()").fetchone()
    assert writer is not None
    shutil.copyfile(_with_macros(con, home, quote(writer[0]), macros), unfinished)
    con.execute(f"ATTACH '{unfinished}' AS snapshot")
    try:
        con.execute("USE snapshot")
        _fill(con, home, ledger, pieces, quote(writer[0]))
    finally:
        con.execute(f"USE {quote(writer[0])}")
        con.execute("DETACH snapshot")
    unfinished.chmod(0o444)
    target = home.snapshots / f"{generation:010d}.duckdb"
    unfinished.replace(target)
    where = home.scratch / _WHERE
    where.write_text(str(home.root), encoding="utf-8")
    where.replace(home.snapshots / _WHERE)  # whole: a reader may look at it in this moment
    link = home.scratch / "features.duckdb"
    link.unlink(missing_ok=True)
    link.symlink_to(target.relative_to(home.root))
    link.replace(home.current)


def _forget(database: Path) -> None:
    """Remove what a killed process left: its log too, or it is replayed into the next file of that name."""
    database.unlink(missing_ok=True)
    database.with_name(f"{database.name}.wal").unlink(missing_ok=True)


def _with_macros(con: duckdb.DuckDBPyConnection, home: Home, writer: str, macros: tuple[str, ...]) -> Path:
    """A database with the dialect's functions and nothing else, with which each snapshot begins."""
    stamp = hashlib.sha256("\n".join((duckdb.__version__, *macros)).encode()).hexdigest()[:16]
    path = home.scratch / f"macros.{stamp}.duckdb"
    if path.exists():
        return path
    unfinished = path.with_suffix(".unfinished")
    _forget(unfinished)
    con.execute(f"ATTACH '{unfinished}' AS macros")
    try:
        con.execute("USE macros")
        for statement in macros:
            con.execute(statement)
    finally:
        con.execute(f"USE {writer}")
        con.execute("DETACH macros")
    unfinished.replace(path)
    return path


def _fill(con: duckdb.DuckDBPyConnection, home: Home, ledger: Ledger, pieces: Pieces, writer: str) -> None:
    con.execute("BEGIN")
    con.execute("CREATE SCHEMA featurectl")
    for table in LEDGER_TABLES:
        con.execute(f"CREATE TABLE featurectl.{table} AS SELECT * FROM {writer}.featurectl.{table}")
    for name in ledger.tables():
        con.execute(f"CREATE TABLE main.{quote(name)} AS SELECT * FROM {writer}.main.{quote(name)}")
    for relation in _relations(con):
        con.execute(f"CREATE VIEW main.{quote(relation)} AS SELECT * FROM {scan(home, pieces.of(relation))}")
    for view, number in con.execute("SELECT view, number FROM featurectl.live").fetchall():
        con.execute(f"CREATE VIEW main.{quote(view)} AS SELECT * FROM {quote(f'{view}_v{number}')}")
    for environment in read_environments(con):
        con.execute(f"CREATE SCHEMA {quote(environment.name)}")
        for view, number in environment.live.items():
            name = f"{quote(environment.name)}.{quote(view)}"
            con.execute(f"CREATE VIEW {name} AS SELECT * FROM main.{quote(f'{view}_v{number}')}")
    con.execute("COMMIT")  # once: each would be written to the disk by itself


def _relations(con: duckdb.DuckDBPyConnection) -> list[str]:
    """What can be read by its name: not the history, whose names have a $."""
    rows = con.execute("SELECT DISTINCT relation FROM featurectl.pieces WHERE relation NOT LIKE '%$%' ORDER BY 1")
    return [row[0] for row in rows.fetchall()]


def published_generation(home: Home) -> int | None:
    """The generation that readers get now; None before the first."""
    try:
        return int(os.readlink(home.current).rpartition("/")[2].partition(".")[0])
    except (OSError, ValueError):
        return None


def was_moved(home: Home) -> bool:
    """Whether the home lay elsewhere when its snapshot was published: moved, or a copy."""
    try:
        return (home.snapshots / _WHERE).read_text(encoding="utf-8") != str(home.root)
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
