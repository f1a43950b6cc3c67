"""Which state of which row a reader saw at each spine row's time, out of the history of a view.

A row counts from when it became visible, and not before its event time plus `available_after`. The newest of those
that count at a time is the running maximum of event times in the order in which rows began to count, so one ASOF join
finds it; a second one finds its state. Only where that row was taken away again, which is rare, every row that the
reader saw is looked through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.engines.base import DELETED, VISIBLE
from featurectl.engines.embedded.connect import quote
from featurectl.services.training.spine import ROW
from featurectl.services.training.sql import MICROSECOND, instant, one_row, same_entity

if TYPE_CHECKING:
    import duckdb

    from featurectl.services.training.features import FeatureGroup
    from featurectl.services.training.spine import Spine

__all__ = ["find_visible"]


def find_visible(con: duckdb.DuckDBPyConnection, group: FeatureGroup, rows: str, spine: Spine, asked: str) -> None:
    """Make the table `found`: `__row`, the entity, `happened` and `__visible` of the state that counts.

    `rows` are a view's states, `asked` are rows of the spine; both as FROM items.
    """
    entities = ", ".join(quote(name) for name in group.entity)
    late = group.available_after // MICROSECOND
    ttl = f" AND happened >= asked - {group.ttl // MICROSECOND}" if group.ttl is not None else ""
    happened = instant(quote(group.event_time))
    con.execute(
        f"CREATE OR REPLACE TABLE states AS SELECT {entities}, {happened} AS happened, {VISIBLE},"
        f" bool_and({DELETED}) AS {DELETED} FROM {rows} WHERE isfinite({quote(group.event_time)}) GROUP BY ALL"
    )
    con.execute(
        f"CREATE OR REPLACE TABLE counting AS SELECT {entities}, begins, max(happened) OVER (PARTITION BY {entities}"
        f" ORDER BY begins RANGE UNBOUNDED PRECEDING) AS newest FROM (SELECT {entities}, happened,"
        f" greatest(min({VISIBLE}), happened + {late}) AS begins FROM states WHERE NOT {DELETED}"
        f" GROUP BY {entities}, happened)"
    )
    con.execute(
        f"CREATE OR REPLACE TABLE candidates AS SELECT s.*, c.newest AS happened FROM (SELECT {ROW}, {entities},"
        f" {instant(quote(spine.time))} AS asked FROM {asked}) AS s"
        f" ASOF JOIN counting AS c ON {same_entity(group, 's', 'c')} AND s.asked >= c.begins"
    )
    con.execute(
        f"CREATE OR REPLACE TABLE seen AS SELECT c.*, t.{VISIBLE}, t.{DELETED} FROM candidates AS c"
        f" ASOF JOIN states AS t ON {same_entity(group, 'c', 't')} AND c.happened = t.happened"
        f" AND c.asked >= t.{VISIBLE}"
    )
    con.execute(
        f"CREATE OR REPLACE TABLE found AS SELECT {ROW}, {entities}, happened, {VISIBLE} FROM seen"
        f" WHERE NOT {DELETED}{ttl}"
    )
    if one_row(con, f"SELECT count(*) FROM seen WHERE {DELETED}")[0]:
        _look_through(con, group, entities, late, ttl)
    for table in ("states", "counting", "candidates", "seen"):
        con.execute(f"DROP TABLE {table}")


def _look_through(con: duckdb.DuckDBPyConnection, group: FeatureGroup, entities: str, late: int, ttl: str) -> None:
    """Add what counts for the rows whose newest was taken away before."""
    con.execute(
        f"INSERT INTO found SELECT {ROW}, {', '.join(f's.{quote(name)}' for name in group.entity)}, t.happened,"
        f" t.{VISIBLE} FROM seen AS s JOIN (SELECT *, lead({VISIBLE}) OVER (PARTITION BY {entities}, happened"
        f" ORDER BY {VISIBLE}) AS until FROM states) AS t ON {same_entity(group, 's', 't')}"
        f" AND t.happened < s.happened AND t.happened + {late} <= s.asked AND t.{VISIBLE} <= s.asked"
        f" AND (t.until IS NULL OR s.asked < t.until) AND NOT t.{DELETED}"
        f" WHERE s.{DELETED}{ttl.replace('happened', 't.happened')}"
        f" QUALIFY row_number() OVER (PARTITION BY {ROW} ORDER BY t.happened DESC) = 1"
    )
