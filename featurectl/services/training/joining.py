"""The point-in-time join of a spine with the features of one view, in DuckDB.

Two steps: an ASOF join of keys and times only finds, for each row of the spine, the time of the row that counts;
then the features of that time are fetched. The join's sort so carries no features, and rows that share an entity
and a time show as more rows than were found.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from featurectl.dialect._types import duckdb_type
from featurectl.engines.embedded.connect import quote
from featurectl.services.training.spine import ROW, SPINE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import duckdb

    from featurectl.services.training.features import FeatureGroup
    from featurectl.services.training.spine import Spine

__all__ = ["Joined", "instant", "join_group", "value_of"]

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Joined:
    """A table with `__row` and the features of one view, a row for each row of the spine that found one.

    `ties` counts the spine's rows for which several rows of the view share entity and time.
    """

    table: str
    group: FeatureGroup
    found: int
    ties: int


def instant(name: str) -> str:
    """A time as microseconds since 1970 in UTC: numbers join faster than times, and a date is its midnight."""
    return f"epoch_us({name}::TIMESTAMPTZ)"


def value_of(name: str, kind: str, relation: str = "") -> str:
    """A column in its own type: a copy of a server's numeric is text."""
    column = f"{relation}.{quote(name)}" if relation else quote(name)
    return f"TRY_CAST({column} AS {duckdb_type(kind)})" if kind == "numeric" else column


def join_group(
    con: duckdb.DuckDBPyConnection,
    number: int,
    group: FeatureGroup,
    scan: str,
    spine: Spine,
    revision: Iterable[str] = (),
    due: str | None = None,
) -> Joined:
    """Find the features of a view for each row of the spine.

    Args:
        con: Has the spine; gets a table for the features.
        number: Of the view among those that are joined, for the table's name.
        group: The features.
        scan: The view's rows, as a FROM item.
        spine: The spine.
        revision: The view's columns by which the last of several rows of one entity and time is known.
        due: The event time that is wanted, in microseconds, as an expression over the spine: for labels. None: the
            newest that was known.
    """
    if due is None:
        _find_newest(con, number, group, scan, spine)
    else:
        _find_due(con, number, group, due)
    fetched = _fetch_query(number, group, scan)
    table = f"joined_{number}"
    con.execute(f"CREATE TABLE {table} AS {fetched}")
    rows, found = _row(con, f"SELECT count(*), count(DISTINCT {ROW}) FROM {table}")
    ties = 0
    if rows > found:
        [ties] = _row(con, f"SELECT count(*) FROM (SELECT {ROW} FROM {table} GROUP BY {ROW} HAVING count(*) > 1)")
        con.execute(f"CREATE OR REPLACE TABLE {table} AS {_last_of(fetched, group, revision)}")
    con.execute(f"DROP TABLE found_{number}")
    return Joined(table, group, found, ties)


def _find_due(con: duckdb.DuckDBPyConnection, number: int, group: FeatureGroup, due: str) -> None:
    entities = ", ".join(quote(name) for name in group.entity)
    con.execute(f"CREATE TABLE found_{number} AS SELECT {ROW}, {entities}, {due} AS happened FROM {SPINE}")


def _find_newest(con: duckdb.DuckDBPyConnection, number: int, group: FeatureGroup, scan: str, spine: Spine) -> None:
    """`found_N`: each spine row with the time of the newest row that was known."""
    entities = ", ".join(quote(name) for name in group.entity)
    late = group.available_after // _MICROSECOND
    at = instant(quote(group.event_time))
    keys = " AND ".join(f"s.{quote(name)} = f.{quote(name)}" for name in group.entity)
    first, last = _bounds(con, spine)
    conditions = [f"{at} <= {last - late}"]
    alive = ""
    if group.ttl is not None:
        ttl = group.ttl // _MICROSECOND
        conditions.append(f"{at} >= {first - ttl}")
        alive = f" WHERE f.happened >= s.asked - {ttl}"
    con.execute(
        f"CREATE TABLE found_{number} AS SELECT s.{ROW}, {', '.join(f's.{quote(e)}' for e in group.entity)}, f.happened"
        f" FROM (SELECT {ROW}, {entities}, {instant(quote(spine.time))} AS asked,"
        f" {instant(quote(spine.time))} - {late} AS known FROM {SPINE}) AS s"
        f" ASOF JOIN (SELECT {entities}, {at} AS happened FROM {scan}"
        f" WHERE isfinite({quote(group.event_time)}) AND {' AND '.join(conditions)}) AS f"
        f" ON {keys} AND s.known >= f.happened{alive}"
    )


def _bounds(con: duckdb.DuckDBPyConnection, spine: Spine) -> tuple[int, int]:
    at = instant(quote(spine.time))
    first, last = _row(con, f"SELECT min({at}), max({at}) FROM {SPINE}")
    return first, last


def _fetch_query(number: int, group: FeatureGroup, scan: str) -> str:
    keys = [f"m.{quote(name)} = f.{quote(name)}" for name in group.entity]
    return (
        f"SELECT m.{ROW}, {', '.join(_outputs(group, group.version.columns))}"
        f" FROM found_{number} AS m JOIN {scan} AS f ON {' AND '.join(keys)}"
        f" AND m.happened = {instant(f'f.{quote(group.event_time)}')}"
    )


def _outputs(group: FeatureGroup, kinds: Mapping[str, str]) -> list[str]:
    return [f"{value_of(column, kinds[column], 'f')} AS {quote(name)}" for name, column in group.columns.items()]


def _last_of(fetched: str, group: FeatureGroup, revision: Iterable[str]) -> str:
    """One row for each of the spine: the last revision, and where nothing says which that is, the largest values."""
    by = [f"f.{quote(column)} DESC NULLS LAST" for column in revision]
    by += [f"f.{quote(column)} DESC NULLS LAST" for column in group.version.columns]
    return f"{fetched} QUALIFY row_number() OVER (PARTITION BY m.{ROW} ORDER BY {', '.join(by)}) = 1"


def _row(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, ...]:
    row = con.execute(sql).fetchone()
    assert row is not None
    return row
