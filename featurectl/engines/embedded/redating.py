"""When a commit that nobody was shown becomes visible after all: now, and not when it was made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from featurectl.engines.base import VISIBLE
from featurectl.engines.embedded.connect import text_literal
from featurectl.engines.embedded.history import GENERATION, MOMENTS
from featurectl.engines.embedded.pieces import scan

if TYPE_CHECKING:
    import duckdb

    from featurectl.engines.embedded.home import Home
    from featurectl.engines.embedded.pieces import Pieces

__all__ = ["redate"]


def redate(con: duckdb.DuckDBPyConnection, pieces: Pieces, home: Home, published: int, generation: int) -> None:
    """Give generations behind the published one, which a killed writer left, the instant of their publication.

    `con` is the writer's connection, outside a transaction; `generation` the newest, which is about to be published.
    """
    moments = pieces.of(MOMENTS)
    if not moments:
        return
    listed = scan(home, moments)
    row = con.execute(f"SELECT count(*) FROM {listed} WHERE {GENERATION} > {published}").fetchone()
    if row is None or not row[0]:
        return
    now = f"{text_literal(datetime.now(UTC).isoformat())}::TIMESTAMPTZ"
    now = f"{now} + ({GENERATION} - {published}) * INTERVAL 1 microsecond"
    piece = pieces.write(
        MOMENTS,
        f"SELECT {GENERATION}, CASE WHEN {GENERATION} > {published} THEN greatest({VISIBLE}, {now}) ELSE {VISIBLE} END"
        f" AS {VISIBLE} FROM {listed}",
    )
    con.execute("BEGIN")
    pieces.replace(MOMENTS, [piece], generation)
    con.execute("COMMIT")
