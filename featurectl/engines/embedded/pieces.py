"""Rows as immutable Parquet pieces: written under a temporary name, named when whole, listed in the ledger.

A relation is the list of its pieces in the ledger, so that committing the list is what makes rows visible. A crash
leaves at most files that no list names; the next writer removes them. A source table gets a piece with each
refresh; four or more of like size are merged, so that n rows are in O(log n) pieces and each row is rewritten
O(log n) times.

A row is taken away by its position: a piece may have a second file with the positions of the rows that it no longer
has. Once these are a quarter of it, it is written anew.
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from featurectl.engines.embedded.connect import one_row, quote, text_literal
from featurectl.engines.embedded.spans import times_of
from featurectl.errors import UnsupportedOnEngine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from featurectl.engines.embedded.home import Home

__all__ = ["Piece", "Pieces", "of_like_size", "read_pieces", "scan", "scan_places"]

# Parquet has no exact form of these: they would come back as another value.
_UNSTORABLE = ("HUGEINT", "UHUGEINT", "INTERVAL", "TIME WITH TIME ZONE", "BIGNUM", "BIT")
_MERGE_AT_LEAST = 4
_MERGE_UP_TO_ROWS = 500_000
_REMOVED_AT_MOST = 0.25
_ORDERED_AT_ONCE = 2_000_000
_ORDERED_FROM_ROWS = 122_880  # what DuckDB skips or reads at once
_POSITION = "file_row_number"  # DuckDB's name for it


@dataclass(frozen=True)
class Piece:
    """A file of rows, by its path below the home's folder `pieces`.

    `rows` is how many the file has; `removed` a file with the positions of those that no longer count; `times` what is
    known of their times (`spans.times_of`).
    """

    file: str
    rows: int
    removed: str | None = None
    removed_rows: int = 0
    times: str | None = None

    @property
    def live_rows(self) -> int:
        """How many rows count."""
        return self.rows - self.removed_rows

    @property
    def files(self) -> tuple[str, ...]:
        """All that has to stay."""
        return (self.file,) if self.removed is None else (self.file, self.removed)


def scan(home: Home, pieces: Sequence[Piece]) -> str:
    """What stands in FROM to read these pieces."""
    whole = [piece for piece in pieces if piece.removed is None]
    less = [piece for piece in pieces if piece.removed is not None]
    if not less:
        return f"read_parquet({_files(home, whole)})"
    parts = [f"SELECT * FROM read_parquet({_files(home, whole)})"] if whole else []
    parts.append(f"SELECT * EXCLUDE (__file, __at) FROM {_left(home, less)}")
    return f"({' UNION ALL '.join(parts)})"


def scan_places(home: Home, pieces: Sequence[Piece], of: Sequence[int] | None = None) -> str:
    """The same rows, each with where it is: `__piece`, the index in `pieces`, and `__place`, its position there.

    `of`: the indices of those that are read.
    """
    indices = range(len(pieces)) if of is None else of
    whole = [index for index in indices if pieces[index].removed is None]
    less = [index for index in indices if pieces[index].removed is not None]
    parts = []
    if whole:
        files = _files(home, [pieces[index] for index in whole])
        parts.append(f"SELECT {_POSITION} AS __place, {_which(whole, 'file_index')}, * FROM read_parquet({files})")
    if less:
        rows = _left(home, [pieces[index] for index in less])
        parts.append(f"SELECT __at AS __place, {_which(less, '__file')}, * EXCLUDE (__file, __at) FROM {rows}")
    return f"({' UNION ALL '.join(parts)})"


def _which(indices: Sequence[int], file: str) -> str:
    return f"({list(indices)})[({file} + 1)::BIGINT] AS __piece"


def _left(home: Home, pieces: Sequence[Piece]) -> str:
    """The rows that count of pieces that have lost some, with the place of their file and their position in it."""
    rows = f"SELECT file_index AS __file, {_POSITION} AS __at, * FROM read_parquet({_files(home, pieces)})"
    removed = ", ".join(text_literal(str(home.pieces / piece.removed)) for piece in pieces if piece.removed is not None)
    gone = f"SELECT file_index AS file, place FROM read_parquet([{removed}])"
    return f"(SELECT p.* FROM ({rows}) AS p ANTI JOIN ({gone}) AS r ON p.__file = r.file AND p.__at = r.place)"


def _files(home: Home, pieces: Sequence[Piece]) -> str:
    return f"[{', '.join(text_literal(str(home.pieces / piece.file)) for piece in pieces)}]"


def read_pieces(con: duckdb.DuckDBPyConnection, relation: str) -> list[Piece]:
    """The pieces that the ledger on a connection lists for a relation, in order."""
    try:
        found = con.execute(f"SELECT {_READ} {_OF_RELATION}", [relation])
    except duckdb.BinderException:  # a snapshot that an older featurectl published
        found = con.execute(f"SELECT file, row_count {_OF_RELATION}", [relation])
    return [Piece(*row) for row in found.fetchall()]


_READ = "file, row_count, removed, coalesce(removed_count, 0)"
_LISTED = f"{_READ}, times"
_OF_RELATION = "FROM featurectl.pieces WHERE relation = ? ORDER BY position"


class Pieces:
    """Writes pieces and keeps their lists on the writer's connection."""

    def __init__(self, con: duckdb.DuckDBPyConnection, home: Home, fsync: bool) -> None:
        self._con = con
        self._home = home
        self._fsync = fsync
        self._known: dict[str, list[Piece]] | None = None
        self._retired: dict[str, int] = {}  # files that no list has any more, since which generation
        self._numbers: dict[str, int] = {}

    def of(self, relation: str) -> list[Piece]:
        """The relation's pieces, in order."""
        return list(self.all().get(relation, ()))

    def all(self) -> Mapping[str, Sequence[Piece]]:
        """The pieces of every relation that has some."""
        if self._known is None:
            self._known = {}
            for name, *piece in self._con.execute(
                f"SELECT relation, {_LISTED} FROM featurectl.pieces ORDER BY relation, position"
            ).fetchall():
                self._known.setdefault(name, []).append(Piece(*piece))
            self._retired = dict(self._con.execute("SELECT file, generation FROM featurectl.retired").fetchall())
        return self._known

    def on(self, con: duckdb.DuckDBPyConnection) -> Pieces:
        """What writes on another connection, with the same numbers; it knows no lists."""
        other = Pieces(con, self._home, self._fsync)
        other._numbers = self._numbers
        return other

    def look_again(self) -> None:
        """What is listed is not what this object remembers: a transaction was undone."""
        self._known = None

    def write(self, relation: str, query: str, *, checked: bool = False) -> Piece:
        """Write a query's rows as a new piece. It belongs to the relation once `replace` is committed.

        `checked`: its types are those of rows that are stored already.
        """
        if not checked:
            self._check_types(relation, query)
        folder = self._home.pieces / relation
        folder.mkdir(parents=True, exist_ok=True)
        number = self._next_number(relation, folder)
        path = folder / f"{number:08d}.parquet"
        unfinished = self._home.scratch / f"{relation}.{number}.parquet"
        rows, times = self._copied(query, unfinished, "$" not in relation)  # the history is not sought by times
        if self._fsync:
            _sync(unfinished)
        unfinished.replace(path)
        if self._fsync:
            _sync(folder)
        return Piece(f"{relation}/{path.name}", rows, times=times)

    def _copied(self, query: str, path: Path, with_times: bool) -> tuple[int, str | None]:
        """Write a query's rows; returns how many there are and, on demand, what is known of their times."""
        told = ", RETURN_STATS" if with_times else ""
        sql = f"COPY ({query}) TO {text_literal(str(path))} (FORMAT parquet, COMPRESSION zstd{told})"
        written = one_row(self._con, sql)
        if not with_times:
            return int(written[0]), None
        _, rows, _, _, statistics, *_ = written
        return int(rows), times_of(statistics)

    def _next_number(self, relation: str, folder: Path) -> int:
        if relation not in self._numbers:
            names = (entry.name for entry in os.scandir(folder) if entry.name.endswith(".parquet"))
            self._numbers[relation] = max((int(name.partition(".")[0]) for name in names), default=0)
        self._numbers[relation] += 1
        return self._numbers[relation]

    def ordered(self, relation: str, piece: Piece, by: str | None) -> list[Piece]:
        """A new piece's rows in the order of a column of times, if there is more than one stretch to be skipped.

        Stretch by stretch, and only once all is written: computing and sorting at once takes the memory of both.
        """
        if by is None or piece.rows <= _ORDERED_FROM_ROWS:
            return [piece]
        rows, at = scan(self._home, [piece]), f"epoch_us({quote(by)}::TIMESTAMP)"
        parts = math.ceil(piece.rows / _ORDERED_AT_ONCE)
        shares = ", ".join(str(n / parts) for n in range(1, parts))
        found = (
            self._con.execute(f"SELECT approx_quantile({at}, [{shares}]) FROM {rows}").fetchone() if shares else None
        )
        ends = sorted({int(end) for end in found[0]}) if found is not None and found[0] is not None else []
        pieces = []
        for low, high in pairwise([None, *ends, None]):
            conditions = [f"{at} >= {low}"] if low is not None else []
            conditions += [f"{at} < {high}"] if high is not None else []
            where = " AND ".join(conditions) or "true"
            where = f"({where} OR {at} IS NULL)" if low is None else where
            query = f"SELECT * FROM {rows} WHERE {where} ORDER BY {quote(by)}"
            pieces.append(self.write(relation, query, checked=True))
        (self._home.pieces / piece.file).unlink(missing_ok=True)
        return pieces

    def merged(self, relation: str, pieces: Sequence[Piece], by: str | None = None) -> list[Piece]:
        """The same rows in fewer pieces, where enough at the end are of like size; in the order of a column."""
        tail = of_like_size(pieces)
        if not tail:
            return list(pieces)
        rows = f"SELECT * FROM {scan(self._home, pieces[-tail:])} {_order(by)}"
        return [*pieces[:-tail], self.write(relation, rows, checked=True)]

    def without(
        self,
        relation: str,
        pieces: Sequence[Piece],
        places: str,
        by: str | None = None,
        more: tuple[str, int] | None = None,
    ) -> list[Piece]:
        """The pieces without some of their rows, and with others; what is written is in the order of `by`.

        Args:
            relation: Whose pieces they are.
            pieces: As they are.
            places: A query for `__piece` and `__place` of the rows that go.
            by: A column.
            more: A query for rows that come, and how many these are.
        """
        counts = dict(self._con.execute(f"SELECT __piece, count(*) FROM ({places}) GROUP BY 1").fetchall())
        found = []
        last = [] if more is None else [more[0]]
        for index, piece in enumerate(pieces):
            gone = piece.removed_rows + counts.get(index, 0)
            if gone == piece.removed_rows:
                found.append(piece)
            elif _REMOVED_AT_MOST * piece.rows < gone < piece.rows:
                left = f"{scan_places(self._home, pieces, [index])} AS s ANTI JOIN ({places}) AS g"
                same = "s.__piece = g.__piece AND s.__place = g.__place"
                query = f"SELECT s.* EXCLUDE (__piece, __place) FROM {left} ON {same}"
                if more is not None and piece.rows - gone <= more[1]:  # one piece instead of two
                    last.append(query)
                else:
                    found.append(self.write(relation, f"{query} {_order(by)}", checked=True))
            elif gone < piece.rows:
                here = f"SELECT __place FROM ({places}) WHERE __piece = {index}"
                found.append(self._shrunk(relation, piece, gone, here))
        if last:
            rows = " UNION ALL BY NAME ".join(f"({query})" for query in last)
            new = self.write(relation, f"SELECT * FROM ({rows}) {_order(by) if len(last) > 1 else ''}", checked=True)
            found += self.ordered(relation, new, by)
        return found

    def _shrunk(self, relation: str, piece: Piece, gone: int, places: str) -> Piece:
        if piece.removed is not None:
            before = text_literal(str(self._home.pieces / piece.removed))
            places += f" UNION ALL SELECT place FROM read_parquet({before})"
        removed = self.write(relation, f"SELECT __place::BIGINT AS place FROM ({places}) ORDER BY 1", checked=True)
        return replace(piece, removed=removed.file, removed_rows=gone)

    def replace(self, relation: str, pieces: Iterable[Piece], generation: int) -> None:
        """From this generation on these are the relation's pieces. Belongs into the caller's transaction."""
        self.replace_all({relation: list(pieces)}, generation)

    def replace_all(self, lists: Mapping[str, Sequence[Piece]], generation: int) -> None:
        """The same for several relations."""
        changed = {name: list(pieces) for name, pieces in lists.items() if list(pieces) != self.of(name)}
        if not changed:
            return
        old = {file for name in changed for piece in self.of(name) for file in piece.files}
        stay = {name: _alike(self.of(name), pieces) for name, pieces in changed.items()}
        self._con.execute(
            "DELETE FROM featurectl.pieces AS p USING (SELECT unnest(?) AS relation, unnest(?) AS stay) AS c"
            " WHERE p.relation = c.relation AND p.position >= c.stay",
            [list(stay), list(stay.values())],
        )
        rows = [
            (name, piece.file, piece.rows, place, piece.removed, piece.removed_rows, piece.times)
            for name, pieces in changed.items()
            for place, piece in enumerate(pieces[stay[name] :], stay[name])
        ]
        if rows:
            self._con.execute(
                "INSERT INTO featurectl.pieces (relation, file, row_count, position, removed, removed_count, times)"
                " VALUES " + ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * len(rows)),
                [value for row in rows for value in row],
            )
        assert self._known is not None
        self._known.update(changed)
        if gone := sorted(old - self._listed_files()):  # not what another relation lists too
            self._con.execute("INSERT INTO featurectl.retired SELECT unnest(?), ?", [gone, generation])
            self._retired |= dict.fromkeys(gone, generation)

    def _listed_files(self) -> set[str]:
        return {file for pieces in self.all().values() for piece in pieces for file in piece.files}

    def show(self, relation: str, pieces: Sequence[Piece]) -> None:
        """Let queries on the writer's connection read the relation from these pieces."""
        self._con.execute(f"CREATE OR REPLACE TEMP VIEW {quote(relation)} AS SELECT * FROM {scan(self._home, pieces)}")

    def sweep(self, oldest_generation: int) -> None:
        """Delete what no snapshot from `oldest_generation` on reads."""
        self.all()
        gone = [file for file, generation in self._retired.items() if generation <= oldest_generation]
        for file in gone:
            path = self._home.pieces / file
            path.unlink(missing_ok=True)
            with suppress(OSError):  # others are still in it
                path.parent.rmdir()
        if gone:
            self._con.execute("DELETE FROM featurectl.retired WHERE generation <= ?", [oldest_generation])
        for file in gone:
            del self._retired[file]

    def sweep_orphans(self) -> None:
        """Delete what a writer that died left unnamed."""
        known = self._listed_files() | self._retired.keys()
        folders = list(os.scandir(self._home.pieces)) if self._home.pieces.exists() else []
        for folder in folders:  # not by Path.glob: this is done before every write, over all files
            for entry in os.scandir(folder) if folder.is_dir() else ():
                if entry.name.endswith(".parquet") and f"{folder.name}/{entry.name}" not in known:
                    Path(entry).unlink(missing_ok=True)
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


def of_like_size(pieces: Sequence[Piece]) -> int:
    """How many pieces at the end are worth merging: as many as can be of which none has most of the rows."""
    found = rows = largest = 0
    for count, piece in enumerate(reversed(pieces), 1):
        rows, largest = rows + piece.rows, max(largest, piece.rows)
        if rows > _MERGE_UP_TO_ROWS:
            break
        if count >= _MERGE_AT_LEAST and largest * (_MERGE_AT_LEAST - 1) <= rows:
            found = count
    return found


def _alike(before: Sequence[Piece], after: Sequence[Piece]) -> int:
    """With how many of the same pieces both begin."""
    return next(
        (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )


def _order(by: str | None) -> str:
    return f"ORDER BY {quote(by)}" if by is not None else ""


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
