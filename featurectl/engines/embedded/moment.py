"""One snapshot's relations as FROM items: the pieces themselves, and copies of the tables that have none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from featurectl.engines.embedded.connect import duckdb_errors, quote, text_literal
from featurectl.engines.embedded.history import recorded
from featurectl.engines.embedded.ledger import read_schema, read_state
from featurectl.engines.embedded.pieces import read_pieces, scan
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import duckdb

    from featurectl.engines.base import Version
    from featurectl.engines.embedded.home import Home

__all__ = ["EmbeddedMoment"]


class EmbeddedMoment:
    """An open snapshot: a generation, whole, for as long as the connection stands."""

    def __init__(self, con: duckdb.DuckDBPyConnection, home: Home, folder: Path) -> None:
        self._con, self._home, self._folder = con, home, folder
        with duckdb_errors("cannot read the ledger"):
            self.state = read_state(con)
            self._schema = read_schema(con)
            rows = con.execute("SELECT name, include FROM featurectl.source_tables").fetchall()
            self.source_tables: Mapping[str, Mapping[str, str]] = {name: json.loads(roles) for name, roles in rows}

    def columns(self, relation: str) -> Mapping[str, str]:
        """The columns with the dialect's types."""
        if relation not in self._schema:
            raise EngineError(f"the snapshot has no {relation}", hint="featurectl status lists what there is")
        return self._schema[relation]

    def scan(self, relation: str) -> str:
        """The pieces that the relation, or the version that a public view shows, is made of."""
        self.columns(relation)
        version = self.state.live_version(relation)
        with duckdb_errors(f"reading {relation}"):
            pieces = read_pieces(self._con, version.name if version else relation)
            if pieces:
                return scan(self._home, pieces)
            path = text_literal(str(self._folder / f"{relation}.parquet"))
            self._con.execute(f"COPY (SELECT * FROM {quote(relation)}) TO {path} (FORMAT parquet)")
        return f"read_parquet({path})"

    def unobserved(self, version: Version) -> Sequence[tuple[int, int]]:
        """None: a refresh that makes changes visible records them, too."""
        return ()

    def revisions(self, version: Version) -> str | None:
        """What refreshes recorded."""
        with duckdb_errors(f"reading the history of {version.name}"):
            return recorded(self._con, self._home, version)
