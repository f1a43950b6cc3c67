"""Where the changes that the server reported are kept: Parquet files of each version, and a document that lists them.

FEATURECTL_HOME/history/HOST-PORT-DATABASE/
  engine.lock               held by who collects or reads
  VERSION/contents.json     which files count, and how far the server's log has been read; replaced whole
  VERSION/base-N.parquet    the rows that the version had when its log began
  VERSION/changes-N.parquet rows that came (+1) or went (-1), each with the server's epoch and when it was seen

A file counts from when the document names it: what a killed process left besides is written anew by the next one,
from the position that the document has. So no change is lost, and none is there twice.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from featurectl.engines.embedded.connect import text_literal
from featurectl.engines.embedded.home import Home
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import timedelta
    from pathlib import Path

    from featurectl.settings import Settings

__all__ = ["DELTA", "EPOCH", "SEEN", "ChangeStore", "Contents", "Part"]

# Columns of a change besides the version's: +1 or -1 (in a base: how many such rows), the server's epoch in
# milliseconds, and the microsecond from which on a reader saw it.
DELTA, EPOCH, SEEN = "__delta", "__epoch", "__seen"
_CONTENTS, _FORMAT = "contents.json", 1


@dataclass(frozen=True)
class Part:
    """A file of changes: its name, its rows, its first and last epoch."""

    file: str
    rows: int
    first: int
    last: int


@dataclass(frozen=True)
class Contents:
    """What is kept of one version.

    Args:
        subscription: Whose log it is, as `read_subscriptions` tells them apart.
        base: The file of the rows with which the log began.
        parts: The files of changes, in the order of their epochs.
        position: The last epoch that was read, in milliseconds.
        looked_at: When the log was last read to its end, in microseconds since 1970, by this machine's clock.
        looked_epoch: The same in milliseconds by the server's, and not later.
        seen: The latest instant that a change has.
        unobserved: Ranges, [start, end) in microseconds, of which the server had dropped the changes.
        number: Of the next file.
    """

    subscription: str
    base: str
    parts: tuple[Part, ...]
    position: int
    looked_at: int
    looked_epoch: int
    seen: int
    unobserved: tuple[tuple[int, int], ...] = ()
    number: int = 1


class ChangeStore:
    """The changes of one database's versions, on this machine."""

    def __init__(self, settings: Settings) -> None:
        where = f"{settings.risingwave_host}-{settings.risingwave_port}-{settings.risingwave_database}"
        self._root = settings.home_dir / "history" / re.sub(r"[^\w.-]", "_", where)
        self._fsync = settings.fsync

    def held(self, wait: timedelta) -> AbstractContextManager[None]:
        """Hold the store, for collecting and for reading. Raises EngineBusy after `wait`, EngineError."""
        return Home(self._root).writing("run", wait)

    def read(self, version: str, subscription: str) -> Contents | None:
        """What is kept of a version of that subscription; None where there is nothing."""
        path = self.folder(version) / _CONTENTS
        try:
            said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise EngineError(f"{path} cannot be read: {error}", hint=f"remove {path.parent} to begin anew") from error
        if said.pop("format", None) != _FORMAT:
            raise EngineError(f"{path} is of another featurectl", hint="upgrade featurectl")
        parts = tuple(Part(**part) for part in said.pop("parts"))
        unobserved = tuple((start, end) for start, end in said.pop("unobserved"))
        found = Contents(parts=parts, unobserved=unobserved, **said)
        return found if found.subscription == subscription else None

    def write(self, version: str, contents: Contents) -> None:
        """From here on this counts; files that it does not name go. Raises EngineError."""
        folder = self.folder(version)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            unfinished = folder / f".{_CONTENTS}"
            with unfinished.open("w", encoding="utf-8") as file:
                json.dump({"format": _FORMAT, **asdict(contents)}, file)
                file.flush()
                if self._fsync:
                    os.fsync(file.fileno())
            unfinished.replace(folder / _CONTENTS)
            for path in self._unnamed(folder, contents):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise EngineError(f"cannot write {folder}: {error.strerror}", hint="is the folder yours?") from error

    def remove(self, version: str) -> None:
        """Forget a version that is gone."""
        shutil.rmtree(self.folder(version), ignore_errors=True)

    def folder(self, version: str) -> Path:
        """Where a version's files are."""
        return self._root / version

    def new_file(self, version: str, kind: str, contents: Contents) -> tuple[Path, Contents]:
        """Where the next file goes, and the contents that count on from it."""
        folder = self.folder(version)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{kind}-{contents.number:06d}.parquet", replace(contents, number=contents.number + 1)

    def scan(self, version: str, files: Sequence[str]) -> str:
        """DuckDB's FROM item with the rows of some of its files."""
        paths = ", ".join(text_literal(str(self.folder(version) / file)) for file in files)
        return f"read_parquet([{paths}], union_by_name = true)"

    @staticmethod
    def _unnamed(folder: Path, contents: Contents) -> Iterator[Path]:
        named = {contents.base, *(part.file for part in contents.parts)}
        return (path for path in folder.iterdir() if path.name not in {*named, _CONTENTS})
