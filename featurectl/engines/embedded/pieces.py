"""Rows as immutable Parquet pieces: written under a temporary name, named when whole, listed in the ledger.

A relation is the list of its pieces in the ledger, so that committing the list is what makes rows visible. A crash
leaves at most files that no list names; the next writer removes them. A source table gets a piece with each
refresh; neighbours of like size are merged, so that n rows are in O(log n) pieces and each row is rewritten
O(log n) times.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurectl.engines.embedded.connect import quote, text_literal
from featurectl.errors import UnsupportedOnEngine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import duckdb

    from featurectl.engines.embedded.home import Home

__all__ = ["Piece", "Pieces", "scan"]

# Parquet has no exact form of these: they would come back as another value.
_UNSTORABLE = ("HUGEINT", "UHUGEINT", "INTERVAL", "TIME WITH TIME ZONE", "BIGNUM", "BIT")
_MERGE_RATIO = 2
_MERGE_UP_TO_ROWS = 500_000


@dataclass(frozen=True)
class Piece:
    """A file of rows, by its path below the home's folder `pieces`."""

    file: str
    rows: int


def scan(home: Home, pieces: Sequence[Piece]) -> str:
    """The FROM clause that reads these pieces."""
    files = ", ".join(text_literal(str(home.pieces / piece.file)) for piece in pieces)
    return f"read_parquet([{files}])"


class Pieces:
    """Writes pieces and keeps their lists on the writer's connection."""

    def __init__(self, con: duckdb.DuckDBPyConnection, home: Home, fsync: bool) -> None:
        self._con = con
        self._home = home
        self._fsync = fsync

    def of(self, relation: str) -> list[Piece]:
        """The relation's pieces, in order."""
        rows = self._con.execute(
            "SELECT file, row_count FROM featurectl.pieces WHERE relation = ? ORDER BY position", [relation]
        ).fetchall()
        return [Piece(file, count) for file, count in rows]

    def write(self, relation: str, query: str) -> Piece:
        """Write a query's rows as a new piece. It belongs to the relation once `replace` is committed."""
        self._check_types(relation, query)
        folder = self._home.pieces / relation
        folder.mkdir(parents=True, exist_ok=True)
        number = 1 + max((int(path.stem) for path in folder.glob("*.parquet")), default=0)
        path = folder / f"{number:08d}.parquet"
        unfinished = self._home.scratch / f"{relation}.{number}.parquet"
        row = self._con.execute(
            f"COPY ({query}) TO {text_literal(str(unfinished))} (FORMAT parquet, COMPRESSION zstd)"
        ).fetchone()
        assert row is not None
        if self._fsync:
            _sync(unfinished)
        unfinished.replace(path)
        if self._fsync:
            _sync(folder)
        return Piece(f"{relation}/{path.name}", int(row[0]))

    def merged(self, relation: str, pieces: Sequence[Piece]) -> list[Piece]:
        """The same rows in fewer pieces, where neighbours at the end are of like size."""
        kept = list(pieces)
        tail: list[Piece] = []
        rows = 0
        while kept and (not tail or kept[-1].rows <= _MERGE_RATIO * rows):
            if rows + kept[-1].rows > _MERGE_UP_TO_ROWS:
                break
            rows += kept[-1].rows
            tail.insert(0, kept.pop())
        if len(tail) < 2:
            return list(pieces)
        return [*kept, self.write(relation, f"SELECT * FROM {scan(self._home, tail)}")]

    def replace(self, relation: str, pieces: Iterable[Piece], generation: int) -> None:
        """From this generation on these are the relation's pieces. Belongs into the caller's transaction."""
        new = list(pieces)
        old = {piece.file for piece in self.of(relation)}
        self._con.execute("DELETE FROM featurectl.pieces WHERE relation = ?", [relation])
        for position, piece in enumerate(new):
            self._con.execute(
                "INSERT INTO featurectl.pieces VALUES (?, ?, ?, ?)", [relation, piece.file, piece.rows, position]
            )
        for file in sorted(old - {piece.file for piece in new}):
            self._con.execute(  # not what another relation lists too
                "INSERT INTO featurectl.retired SELECT $file, $generation"
                " WHERE NOT EXISTS (SELECT 1 FROM featurectl.pieces WHERE file = $file)",
                {"file": file, "generation": generation},
            )

    def show(self, relation: str, pieces: Sequence[Piece]) -> None:
        """Let queries on the writer's connection read the relation from these pieces."""
        self._con.execute(f"CREATE OR REPLACE TEMP VIEW {quote(relation)} AS SELECT * FROM {scan(self._home, pieces)}")

    def sweep(self, oldest_generation: int) -> None:
        """Delete what no snapshot from `oldest_generation` on reads."""
        rows = self._con.execute(
            "SELECT file FROM featurectl.retired WHERE generation <= ?", [oldest_generation]
        ).fetchall()
        for (file,) in rows:
            path = self._home.pieces / file
            path.unlink(missing_ok=True)
            with suppress(OSError):  # others are still in it
                path.parent.rmdir()
        self._con.execute("DELETE FROM featurectl.retired WHERE generation <= ?", [oldest_generation])

    def sweep_orphans(self) -> None:
        """Delete what a writer that died left unnamed."""
        rows = self._con.execute(
            "SELECT file FROM featurectl.pieces UNION ALL SELECT file FROM featurectl.retired"
        ).fetchall()
        known = {file for (file,) in rows}
        for path in self._home.pieces.glob("*/*.parquet"):
            if f"{path.parent.name}/{path.name}" not in known:
                path.unlink(missing_ok=True)
        for path in self._home.scratch.glob("*.parquet"):
            path.unlink(missing_ok=True)

    def _check_types(self, relation: str, query: str) -> None:
        for name, kind, *_ in self._con.execute(f"DESCRIBE {query}").fetchall():
            for word in _UNSTORABLE:
                if word in kind.upper():
                    raise UnsupportedOnEngine(
                        f"a column of type {kind} ({name} of {relation})",
                        hint="cast it: an interval to seconds by extract(epoch FROM …), a large integer to numeric",
                    )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
