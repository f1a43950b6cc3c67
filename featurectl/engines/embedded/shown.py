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
    """Temporary views on pieces, made when a query is about to ask for them."""

    def __init__(self, con: duckdb.DuckDBPyConnection, pieces: Pieces) -> None:
        self._con, self._pieces = con, pieces
        self._made: dict[str, bool] = {}  # whether it is what it should be
        self._latest: dict[str, list[Piece]] = {}

    def show(self, relation: str, pieces: Sequence[Piece]) -> None:
        """From now on it is these pieces, also where they are not listed yet."""
        self._latest[relation] = list(pieces)
        if relation in self._made:
            self._made[relation] = False

    def ensure(self, *relations: str) -> None:
        """Queries are about to ask for these."""
        for relation in relations:
            if self._made.get(relation):
                continue
            pieces = self._latest.get(relation) or self._pieces.of(relation)
            if pieces:  # a table that a migration created has none: it is in the database itself
                self._pieces.show(relation, pieces)
            self._made[relation] = True

    def close(self) -> None:
        """Take the views away: whoever writes next must not find what was."""
        self.drop(list(self._made))

    def drop(self, relations: Iterable[str]) -> None:
        """These are gone."""
        for relation in relations:
            self._con.execute(f"DROP VIEW IF EXISTS temp.{quote(relation)}")
            self._made.pop(relation, None)
            self._latest.pop(relation, None)
