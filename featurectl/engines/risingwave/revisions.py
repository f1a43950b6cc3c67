"""Every state that a version's rows had, out of the changes that were kept: one for each entity, event time and epoch.

Several rows may share entity and event time: then the one counts that a training set would take, so what is there at
each epoch is added up from the beginning. For a key that never has more than one row, which is usual, the row that
comes is the state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.engines.base import DELETED, FOREVER, VISIBLE
from featurectl.engines.embedded.connect import null_safe, quote
from featurectl.engines.risingwave.change_store import DELTA, EPOCH, SEEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featurectl.engines.base import Version
    from featurectl.engines.risingwave.change_store import ChangeStore, Contents

__all__ = ["states_query"]


def states_query(store: ChangeStore, version: Version, contents: Contents, revision: Sequence[str]) -> str:
    """DuckDB's query with what `Moment.revisions` promises.

    `revision`: the columns that tell which of several rows of one entity and event time is the last.
    """
    names = ", ".join(map(quote, version.columns))
    key = [*version.metadata["entity"], version.metadata["event_time"]]
    keys = ", ".join(map(quote, key))
    same = null_safe("m", "e", key)
    numbers = {name for name, kind in version.columns.items() if kind == "numeric"}  # kept as text
    ordered = (f"{quote(c)}::DOUBLE" if c in numbers else quote(c) for c in (*revision, *version.columns))
    last = ", ".join(f"{value} DESC NULLS LAST" for value in ordered)
    base, files = store.scan(version.name, [contents.base]), [part.file for part in contents.parts]
    changes = f" UNION ALL SELECT {names}, {DELTA}, {EPOCH}, {SEEN}"
    changes = f"{changes} FROM {store.scan(version.name, files)}" if files else ""
    moment = f"m.{EPOCH}, m.{VISIBLE}"
    return f"""
WITH events AS (
  SELECT {names}, {EPOCH}, max({SEEN}) AS {SEEN}, sum({DELTA}) AS {DELTA}
  FROM (SELECT {names}, {DELTA}, -1 AS {EPOCH}, {FOREVER} AS {SEEN} FROM {base}{changes})
  GROUP BY {names}, {EPOCH} HAVING sum({DELTA}) <> 0
), moments AS (
  SELECT {keys}, {EPOCH}, max({SEEN}) AS {VISIBLE},
    sum(sum({DELTA})) OVER (PARTITION BY {keys} ORDER BY {EPOCH}) AS __rows
  FROM events GROUP BY {keys}, {EPOCH}
), marked AS (
  SELECT *, max(__rows) OVER (PARTITION BY {keys}) > 1 AS __several FROM moments
), states AS (
  SELECT e.* EXCLUDE ({DELTA}, {SEEN}, {EPOCH}), {moment}, false AS {DELETED} FROM marked AS m JOIN events AS e
    ON {same} AND m.{EPOCH} = e.{EPOCH} WHERE NOT m.__several AND e.{DELTA} > 0
  UNION ALL BY NAME SELECT {", ".join(f"m.{quote(c)}" for c in key)}, {moment}, true AS {DELETED} FROM marked AS m
    WHERE m.__rows <= 0
  UNION ALL BY NAME SELECT {names}, {EPOCH}, {VISIBLE}, false AS {DELETED} FROM (
    SELECT e.* EXCLUDE ({DELTA}, {SEEN}, {EPOCH}), {moment} FROM marked AS m JOIN events AS e
      ON {same} AND e.{EPOCH} <= m.{EPOCH} WHERE m.__several AND m.__rows > 0
    GROUP BY ALL HAVING sum(e.{DELTA}) > 0
  ) QUALIFY row_number() OVER (PARTITION BY {keys}, {EPOCH} ORDER BY {last}) = 1
)
SELECT * EXCLUDE ({EPOCH}) FROM states
QUALIFY row_number() OVER (PARTITION BY {keys}, {VISIBLE} ORDER BY {EPOCH} DESC) = 1"""
