"""The point-in-time join of a spine with the features of one view, in DuckDB.

Two steps: an ASOF join of keys and times only finds, for each row of the spine, the time of the row that counts;
then the features of that time are fetched. The join's sort so carries no features, and rows that share an entity
and a time show as more rows than were found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurectl.engines.base import DELETED, FOREVER, VISIBLE
from featurectl.engines.embedded.connect import quote
from featurectl.services.training.seeing import find_visible
from featurectl.services.training.spine import ROW, SPINE
from featurectl.services.training.sql import MICROSECOND, instant, one_row, same_entity, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import duckdb

    from featurectl.services.training.features import FeatureGroup
    from featurectl.services.training.spine import Spine

__all__ = ["Joined", "join_group"]


@dataclass(frozen=True)
class Joined:
    """A table with `__row` and the features of one view, a row for each row of the spine that found one.

    `ties` counts the spine's rows for which several rows of the view share entity and time; `observed` those whose
    row was seen when it became visible, which is not asked for labels and for what is only dated then.
    """

    table: str
    group: FeatureGroup
    found: int
    ties: int
    observed: int = 0


def join_group(
    con: duckdb.DuckDBPyConnection,
    table: str,
    group: FeatureGroup,
    rows: str,
    spine: Spine,
    *,
    asked: str = SPINE,
    revision: Iterable[str] = (),
    due: tuple[str, int] | None = None,
    known_then: bool = False,
    unobserved: Sequence[tuple[int, int]] = (),
) -> Joined:
    """Find the features of a view for each row of the spine, into a new table.

    Args:
        con: Has the spine; gets the table.
        table: Its name.
        group: The features.
        rows: The view's rows, as a FROM item; for `known_then` every state that they had, as `Moment.revisions` says.
        spine: The spine.
        asked: The rows of the spine that are asked for, as a FROM item.
        revision: The view's columns by which the last of several rows of one entity and time is known.
        due: For labels: the time that is wanted, in microseconds, as an expression over the spine, and how long a
            row is about the time that begins with its event time. None: the newest that was known.
        known_then: Take each row in the state in which a reader saw it at the spine row's time.
        unobserved: Stretches of time of which changes were lost: nothing in them counts as observed.
    """
    if due is not None:
        _find_due(con, group, rows, due)
    elif known_then:
        find_visible(con, group, rows, spine, asked)
    else:
        _find_newest(con, group, rows, spine, asked)
    fetched = _fetch_query(group, rows, known_then)
    con.execute(f"CREATE TABLE {table} AS {fetched}")
    count, found = one_row(con, f"SELECT count(*), count(DISTINCT {ROW}) FROM {table}")
    ties = observed = 0
    if count > found:
        [ties] = one_row(con, f"SELECT count(*) FROM (SELECT {ROW} FROM {table} GROUP BY {ROW} HAVING count(*) > 1)")
        con.execute(f"CREATE OR REPLACE TABLE {table} AS {_last_of(fetched, group, revision)}")
    if known_then:
        [observed] = one_row(con, f"SELECT count(*) FROM found WHERE {_observed(spine, unobserved)}")
    con.execute("DROP TABLE found")
    return Joined(table, group, found, ties, observed)


def _observed(spine: Spine, unobserved: Sequence[tuple[int, int]]) -> str:
    """Whether somebody saw the row of `found` become visible, or saw to it that it did not change until then."""
    if not unobserved:
        return f"{VISIBLE} > {FOREVER}"
    asked = instant(quote(spine.time))
    lost = " OR ".join(f"({asked} >= {start} AND {asked} < {end})" for start, end in unobserved)
    return f"{VISIBLE} > {FOREVER} AND {ROW} NOT IN (SELECT {ROW} FROM {SPINE} WHERE {lost})"


def _find_due(con: duckdb.DuckDBPyConnection, group: FeatureGroup, rows: str, due: tuple[str, int]) -> None:
    """`found`: each spine row with the event time of the row that is about the time that is wanted."""
    entities = ", ".join(quote(name) for name in group.entity)
    wanted, length = due
    con.execute(
        f"CREATE TABLE found AS SELECT s.{ROW}, {', '.join(f's.{quote(e)}' for e in group.entity)}, f.__happened"
        f" FROM (SELECT {ROW}, {entities}, {wanted} AS __asked FROM {SPINE}) AS s ASOF JOIN (SELECT {entities},"
        f" {instant(quote(group.event_time))} AS __happened FROM {rows} WHERE isfinite({quote(group.event_time)})) AS f"
        f" ON {same_entity(group, 's', 'f')} AND s.__asked >= f.__happened WHERE f.__happened > s.__asked - {length}"
    )


def _find_newest(con: duckdb.DuckDBPyConnection, group: FeatureGroup, rows: str, spine: Spine, asked: str) -> None:
    """`found`: each spine row with the time of the newest row that was known."""
    entities = ", ".join(quote(name) for name in group.entity)
    late = group.available_after // MICROSECOND
    at = instant(quote(group.event_time))
    time = instant(quote(spine.time))
    first, last = one_row(con, f"SELECT min({time}), max({time}) FROM {SPINE}")
    conditions = [f"{at} <= {last - late}"]
    alive = ""
    if group.ttl is not None:
        ttl = group.ttl // MICROSECOND
        conditions.append(f"{at} >= {first - ttl}")
        alive = f" WHERE f.__happened >= s.__asked - {ttl}"
    con.execute(
        f"CREATE TABLE found AS SELECT s.{ROW}, {', '.join(f's.{quote(e)}' for e in group.entity)}, f.__happened"
        f" FROM (SELECT {ROW}, {entities}, {time} AS __asked, {time} - {late} AS __known FROM {asked}) AS s"
        f" ASOF JOIN (SELECT {entities}, {at} AS __happened FROM {rows}"
        f" WHERE isfinite({quote(group.event_time)}) AND {' AND '.join(conditions)}) AS f"
        f" ON {same_entity(group, 's', 'f')} AND s.__known >= f.__happened{alive}"
    )


def _fetch_query(group: FeatureGroup, rows: str, known_then: bool) -> str:
    seen = f" AND m.{VISIBLE} = f.{VISIBLE} AND NOT f.{DELETED}" if known_then else ""
    return (
        f"SELECT m.{ROW}, {', '.join(_outputs(group, group.version.columns))}"
        f" FROM found AS m JOIN {rows} AS f ON {same_entity(group, 'm', 'f')}"
        f" AND m.__happened = {instant(f'f.{quote(group.event_time)}')}{seen}"
    )


def _outputs(group: FeatureGroup, kinds: Mapping[str, str]) -> list[str]:
    """The features; NULL for one that an older version did not have."""
    found = group.columns.items()
    return [f"{value_of(c, kinds[c], 'f') if c in kinds else 'NULL'} AS {quote(name)}" for name, c in found]


def _last_of(fetched: str, group: FeatureGroup, revision: Iterable[str]) -> str:
    """One row for each of the spine: the last revision, and where nothing says which that is, the largest values."""
    by = [f"f.{quote(column)} DESC NULLS LAST" for column in revision]
    by += [f"{value_of(column, kind, 'f')} DESC NULLS LAST" for column, kind in group.version.columns.items()]
    return f"{fetched} QUALIFY row_number() OVER (PARTITION BY m.{ROW} ORDER BY {', '.join(by)}) = 1"
