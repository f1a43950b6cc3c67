"""The stored raw rows of a source table beside the event log: offsets and bytes, as far as the log still reaches.

Of each message its place and a hash are kept in the scratch database, so that neither side is held in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from featurectl.engines.embedded.connect import duckdb_errors, quote
from featurectl.engines.embedded.ingest import chunk_query
from featurectl.errors import LogError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import duckdb

    from featurectl.log import EventLog

__all__ = ["RawPartition", "RawTable", "compare_with_log"]


@dataclass(frozen=True)
class RawPartition:
    """A partition's stored offsets, and what of them the log bears out.

    `first` to `last` are stored; the log has been compared from `log_first` on (None: it was not read). Of these
    offsets `missing` are in the log only, `extra` are stored only, `differing` have other bytes. `doubled`
    offsets are stored more than once.
    """

    partition: int
    first: int | None
    last: int | None
    rows: int
    doubled: int
    log_first: int | None = None
    compared: int = 0
    missing: int = 0
    extra: int = 0
    differing: int = 0
    examples: tuple[int, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs where it could be compared."""
        return not (self.doubled or self.missing or self.extra or self.differing)


@dataclass(frozen=True)
class RawTable:
    """A source table's partitions; `not_compared` says why the log was not read."""

    table: str
    topic: str
    partitions: tuple[RawPartition, ...]
    not_compared: str | None = None

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs where it could be compared."""
        return all(part.is_equal for part in self.partitions)


def compare_with_log(
    con: duckdb.DuckDBPyConnection,
    log: EventLog,
    table: str,
    topic: str,
    stored: str,
    columns: Mapping[str, str],
    ends: Mapping[int, int],
    progress: Callable[[str], None],
    examples: int = 5,
) -> RawTable:
    """Compare a FROM item with the log. `columns` by role, `ends`: the offset behind the last stored, by partition.

    A log that cannot be read is no difference: the stored rows do not need it. That is said in `not_compared`.
    """
    if not {"partition", "offset"} <= columns.keys():
        return RawTable(table, topic, (), "the source table keeps no partition and offset")
    with duckdb_errors(f"comparing {table} with its topic"):
        con.execute(f"CREATE OR REPLACE TABLE raw_stored AS {_places(stored, columns)}")
        con.execute("CREATE OR REPLACE TABLE raw_logged (p INTEGER, o BIGINT, h VARCHAR)")
        parts = {partition: _stored(con, partition) for partition in _partitions(con, ends)}
        try:
            begins = log.begin_offsets(topic)
            if not begins:
                return RawTable(table, topic, tuple(parts.values()), f"the log has no topic {topic}")
            _read(con, log, table, topic, columns, begins, ends, progress)
            begins = log.begin_offsets(topic)  # retention may have moved on
        except LogError as error:
            return RawTable(table, topic, tuple(parts.values()), str(error))
        found = [_compared(con, part, begins, ends, examples) for part in parts.values()]
        con.execute("DROP TABLE raw_stored; DROP TABLE raw_logged")
    return RawTable(table, topic, tuple(found))


def _places(rows: str, columns: Mapping[str, str]) -> str:
    data, partition, offset = (quote(columns[role]) for role in ("data", "partition", "offset"))
    return (
        f"SELECT {partition}::INTEGER AS p, {offset}::BIGINT AS o, sha256(coalesce({data}, ''::BLOB)) AS h FROM {rows}"
    )


def _partitions(con: duckdb.DuckDBPyConnection, ends: Mapping[int, int]) -> list[int]:
    rows = con.execute("SELECT DISTINCT p FROM raw_stored").fetchall()
    return sorted({partition for (partition,) in rows} | set(ends))


def _stored(con: duckdb.DuckDBPyConnection, partition: int) -> RawPartition:
    row = con.execute(
        "SELECT min(o), max(o), count(*), count(*) - count(DISTINCT o) FROM raw_stored WHERE p = ?", [partition]
    ).fetchone()
    assert row is not None
    return RawPartition(partition, *row)


def _read(
    con: duckdb.DuckDBPyConnection,
    log: EventLog,
    table: str,
    topic: str,
    columns: Mapping[str, str],
    begins: Mapping[int, int],
    ends: Mapping[int, int],
    progress: Callable[[str], None],
) -> None:
    wanted = {role: name for role, name in columns.items() if role in ("data", "partition", "offset")}
    for chunk in log.chunks(topic, begins):
        if chunk.first_offset < ends.get(chunk.partition, 0):
            progress(f"{table}: partition {chunk.partition} of the log, offset {chunk.first_offset:,}")
            con.execute(f"INSERT INTO raw_logged {_places(f'({chunk_query(chunk, wanted)})', columns)}")


def _compared(
    con: duckdb.DuckDBPyConnection, part: RawPartition, begins: Mapping[int, int], ends: Mapping[int, int], limit: int
) -> RawPartition:
    first, end = begins.get(part.partition), ends.get(part.partition, 0)
    if first is None:
        return part
    within = f"p = {part.partition} AND o >= {first} AND o < {end}"
    both = (
        f"(SELECT DISTINCT * FROM raw_stored WHERE p = {part.partition} AND o >= {first}) AS s"
        f" FULL JOIN (SELECT * FROM raw_logged WHERE {within}) AS l ON s.o = l.o"
    )
    row = con.execute(
        f"SELECT count(*) FILTER (l.o IS NOT NULL), count(*) FILTER (s.o IS NULL), count(*) FILTER (l.o IS NULL),"
        f" count(*) FILTER (s.h <> l.h) FROM {both}"
    ).fetchone()
    assert row is not None
    rows = con.execute(
        f"SELECT coalesce(s.o, l.o) FROM {both} WHERE s.o IS NULL OR l.o IS NULL OR s.h <> l.h ORDER BY 1 LIMIT {limit}"
    ).fetchall()
    compared, missing, extra, differing = row
    return replace(
        part,
        log_first=first,
        compared=compared,
        missing=missing,
        extra=extra,
        differing=differing,
        examples=tuple(offset for (offset,) in rows),
    )
