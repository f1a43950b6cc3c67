"""The embedded engine's folder: who may write, where pieces and snapshots are.

.featurectl/
  log/                    the event log, if it is files
  engine.duckdb           the ledger and the tables of migrations; only the writing process opens it
  engine.lock             held by the writing process, with who it is
  pieces/RELATION/N.parquet   rows of source tables and versions; a piece never changes once it is named
  snapshots/G.duckdb      what readers open: views on the pieces of one generation; never changes
  features.duckdb         a link to the newest snapshot
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from featurectl.errors import EngineBusy, EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Home", "holder"]

_POLL_SECONDS = 0.05
_RELEASING = ("apply", "rollback", "promote")


@dataclass(frozen=True)
class Home:
    """Paths below the embedded engine's folder."""

    root: Path

    @property
    def database(self) -> Path:
        """The writer's database."""
        return self.root / "engine.duckdb"

    @property
    def pieces(self) -> Path:
        """Rows as immutable Parquet files, a folder a relation."""
        return self.root / "pieces"

    @property
    def snapshots(self) -> Path:
        """What readers open."""
        return self.root / "snapshots"

    @property
    def current(self) -> Path:
        """The link to the newest snapshot."""
        return self.root / "features.duckdb"

    @property
    def scratch(self) -> Path:
        """Where DuckDB spills and unfinished files are written."""
        return self.root / "tmp"

    @contextmanager
    def writing(self, command: str, wait: timedelta) -> Iterator[None]:
        """Hold the only right to write; waits up to `wait`. A process that dies lets go of it.

        Raises:
            EngineBusy: another process still holds it, named with its command, pid and since when.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.root / "engine.lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise EngineError(
                f"cannot write to {self.root}: {error.strerror}",
                hint="FEATURECTL_HOME, or --home, is a folder that may be written to",
            ) from error
        try:
            self._take(handle, command, wait)
            holder = {"pid": os.getpid(), "command": command, "since": datetime.now(UTC).isoformat("T", "seconds")}
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(holder).encode(), 0)
            yield
        finally:
            os.close(handle)

    def _take(self, handle: int, command: str, wait: timedelta) -> None:
        deadline = time.monotonic() + wait.total_seconds()
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # A second release is not to follow the first unasked; a refresh in hand is worth waiting for.
                if time.monotonic() >= deadline or (_releases(command) and _releases(_read(handle).get("command"))):
                    raise EngineBusy(
                        f"another process is writing: {holder(handle)}",
                        hint="wait until it is done, or stop it; reading is possible all the while",
                    ) from None
                time.sleep(_POLL_SECONDS)
            else:
                return


def holder(handle: int) -> str:
    """Who holds the lock, in words."""
    who = _read(handle)
    if not {"command", "pid", "since"} <= set(who):
        return "it has just begun"
    return f"featurectl {who['command']} (process {who['pid']}) since {who['since']}"


def _releases(command: object) -> bool:
    """Whether the command changes what public names show."""
    return str(command).partition(" ")[0] in _RELEASING


def _read(handle: int) -> dict[str, object]:
    try:
        found = json.loads(os.pread(handle, 4096, 0))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
