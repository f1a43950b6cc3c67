"""What queries on the writer's connection find under a relation's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.engines.embedded.connect import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

    from featurectl.engines.embedded.pieces import Piece, Pieces

__all__ = ["Shown"]


class Shown:
    """Temporary views on pieces: all of a relation's rows, or those of a query in their place."""

    def __init__(self, con: duckdb.DuckDBPyConnection, pieces: Pieces) -> None:
        self._con, self._pieces = con, pieces
        self._whole: set[str] = set()
        self._narrowed: set[str] = set()
        self._latest: dict[str, list[Piece]] = {}

    def show(self, relation: str, pieces: Sequence[Piece]) -> None:
        """Show these pieces, also where they are not listed yet."""
        self._pieces.show(relation, pieces)
        self._latest[relation] = list(pieces)
        self._whole.add(relation)
        self._narrowed.discard(relation)

    def ensure(self, *relations: str) -> None:
        """Show all rows of these."""
        for relation in relations:
            if relation in self._whole:
                continue
            pieces = self._latest.get(relation) or self._pieces.of(relation)
            if pieces:  # a table that a migration created has none: it is in the database itself
                self._pieces.show(relation, pieces)
            self._whole.add(relation)
            self._narrowed.discard(relation)

    def ensure_all(self) -> None:
        """Show all rows of whatever `show_query` has narrowed."""
        self.ensure(*sorted(self._narrowed))

    def show_query(self, relation: str, query: str) -> None:
        """Show a query's rows instead, until `ensure`."""
        self._con.execute(f"CREATE OR REPLACE TEMP VIEW {quote(relation)} AS {query}")
        self._whole.discard(relation)
        self._narrowed.add(relation)

    def drop(self, relations: Iterable[str]) -> None:
        """These are gone."""
        for relation in relations:
            self._whole.discard(relation)
            self._latest.pop(relation, None)
