"""What nobody waits for until a change is committed: small pieces of relations that are complete otherwise.

A small refresh is a row of queries, and DuckDB plans one after the other on one core. The history of a version, its
pieces merged and the views of the next snapshot are made on a connection of their own meanwhile. They read what nobody
changes until the refresh is over: pieces, and what came and went, which it keeps where every connection finds it.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from featurectl.engines.embedded.pieces import of_like_size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    import duckdb

    from featurectl.engines.embedded.pieces import Piece, Pieces

__all__ = ["Beside"]

T = TypeVar("T")

# Of more rows the memory counts, too, and what is computed meanwhile has most of it.
_AT_MOST_ROWS = 100_000


class Beside:
    """Does this in a thread, one after the other; left by an exception, it leaves undone what it has not begun."""

    def __init__(self, con: duckdb.DuckDBPyConnection, pieces: Pieces) -> None:
        """`con`: on whose database it works."""
        self._con = con.cursor()
        self._con.execute("SET TimeZone = 'UTC'")
        self._here, self._there = pieces, pieces.on(self._con)
        self._thread = ThreadPoolExecutor(1, "featurectl-beside")
        self._begun: dict[str, Future[list[Piece] | None]] = {}

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, t: TracebackType | None) -> None:
        if kind is not None:
            self._con.interrupt()
        self._thread.shutdown(cancel_futures=kind is not None)
        self._con.close()

    def do(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> Future[T]:
        """Do something else on the connection of its own."""
        return self._thread.submit(work, self._con)

    def make(self, relation: str, rows: int, work: Callable[[Pieces], list[Piece] | None]) -> None:
        """Let `work` say what the relation's pieces are, None where they stay as they are.

        It reads so many rows, and no temporary table of the writer's connection.
        """
        if rows <= _AT_MOST_ROWS:
            self._begun[relation] = self._thread.submit(work, self._there)
            return
        done: Future[list[Piece] | None] = Future()
        done.set_result(work(self._here))
        self._begun[relation] = done

    def merge(self, relation: str, pieces: Sequence[Piece], by: str | None = None) -> None:
        """Let the relation have fewer pieces with the same rows, if these are enough."""
        if tail := of_like_size(pieces):
            rows = sum(piece.rows for piece in pieces[-tail:])
            self.make(relation, rows, lambda there: there.merged(relation, pieces, by))

    def done(self) -> dict[str, list[Piece]]:
        """What was said of each relation, once all is done. Raises what the work raised."""
        said = {relation: future.result() for relation, future in self._begun.items()}
        self._begun.clear()
        return {relation: found for relation, found in said.items() if found is not None}
