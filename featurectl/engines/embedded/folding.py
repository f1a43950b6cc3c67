"""Old changes become part of the rows that a version began with: from the horizon on every answer stays the same.

What was seen before it is not kept: there, as for rows with which a version began, the rule is `available_after`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.engines.base import DELETED, VISIBLE
from featurectl.engines.embedded.connect import quote, text_literal
from featurectl.engines.embedded.history import GENERATION, MOMENTS, UNSEEN, base_of, changes_of
from featurectl.engines.embedded.pieces import scan

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from featurectl.engines.base import Version
    from featurectl.engines.embedded.home import Home
    from featurectl.engines.embedded.pieces import Piece, Pieces

__all__ = ["fold"]


def fold(
    con: duckdb.DuckDBPyConnection, pieces: Pieces, home: Home, version: Version, horizon: datetime
) -> tuple[list[Piece], list[Piece], int] | None:
    """Write a version's base and changes anew, without changes until the horizon.

    Returns both as pieces, and how many changes went into the base; None where there are none that old.
    """
    changes, base = pieces.of(changes_of(version.name)), pieces.of(base_of(version.name))
    if not changes:
        return None
    at = f"{text_literal(horizon.isoformat())}::TIMESTAMPTZ"
    listed = ", ".join(text_literal(str(home.pieces / piece.file)) for piece in changes)
    listed = f"read_parquet([{listed}], union_by_name = true)"
    old = f"{GENERATION} IN (SELECT {GENERATION} FROM {scan(home, pieces.of(MOMENTS))} WHERE {VISIBLE} <= {at})"
    row = con.execute(f"SELECT count(*) FROM {listed} WHERE {old}").fetchone()
    if row is None or not row[0]:
        return None
    names = ", ".join(map(quote, version.columns))
    key = ", ".join(map(quote, (*version.metadata["entity"], version.metadata["event_time"])))
    began = f"SELECT {names}, -1 AS {GENERATION}, false AS {DELETED} FROM {scan(home, base)} UNION ALL " if base else ""
    folded = pieces.write(
        base_of(version.name),
        # A base may have several rows of a key, all of which stand until the first change of it.
        f"SELECT {names} FROM ({began}SELECT {names}, {GENERATION}, {DELETED} FROM {listed} WHERE {old})"
        f" QUALIFY rank() OVER (PARTITION BY {key} ORDER BY {GENERATION} DESC) = 1 AND NOT {DELETED}",
    )
    rest = pieces.write(
        changes_of(version.name),
        f"SELECT {GENERATION}, {DELETED}, {UNSEEN}, {names} FROM {listed} WHERE NOT ({old})",
    )
    return [folded], [rest] if rest.rows else [], int(row[0])
