"""Which entities and times of a version's rows a change touches, and what has to be read to compute just these.

An input row at time t touches [t + low, t + high] of its entity; so the rows at [from, to] are made of input rows at
[from - high, to - low]. Where there are many, those of one entity that meet are merged; where there are very many,
so are those that are near each other: more is computed then than has to be, never less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurectl.engines.embedded.connect import one_row, quote
from featurectl.engines.embedded.spans import Span, ends_of, microseconds, moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import duckdb

    from featurectl.dialect.reach import InputReach, Reach
    from featurectl.engines.embedded.deltas import Delta

__all__ = ["Touched", "touch"]

_NAME = "featurectl_touched"
_TOUCHED = f"temp.{_NAME}"
_FIRST, _LAST = "'-infinity'::TIMESTAMP", "'infinity'::TIMESTAMP"
_RANGES_AT_MOST = 64
_RANGES_LISTED = 4
_RANGES_AS_THEY_ARE = 512  # these are quicker looked through than counted

# The columns that tell the entity, the one that tells the time, and how far it reaches to both sides.
_Way = tuple[tuple[str, ...], "str | None", "int | None", "int | None"]


@dataclass(frozen=True)
class Touched:
    """Ranges of time, by entity where `keys` are the columns that tell it; in a table of the writer's connection, or in
    each query that begins with `given`.

    Attributes:
        keys: The version's columns that say which entity a row is about; () where any entity is touched.
        time: The version's event time; None where any time is touched.
        kind: Its type.
        first: The earliest time touched, in UTC; None where there is no earliest one.
        last: The latest; None where there is no last one.
        undated: Whether rows without a time are touched too.
        ranges: The ranges, where they are few and of any entity.
        query: The query for them, where they are in no table.
    """

    keys: tuple[str, ...]
    time: str | None
    kind: str
    first: datetime | None
    last: datetime | None
    undated: bool
    ranges: tuple[tuple[datetime | None, datetime | None], ...] = ()
    query: str = ""

    @property
    def table(self) -> str:
        """The name of the ranges."""
        return _NAME if self.query else _TOUCHED

    @property
    def given(self) -> str:
        """WITH, and the ranges, for a query that has what `among` answers somewhere inside; or nothing."""
        return f"WITH {_NAME} AS MATERIALIZED ({self.query}) " if self.query else ""

    def among(self, source: str) -> str:
        """The query for those rows of a FROM item, with the version's columns, that are touched."""
        return _chosen(source, self.keys, self.time, self.kind, 0, 0, self)

    def span(self) -> Span | None:
        """The times of the rows that are touched; None where these can be any."""
        return _span(self.time, self.kind, 0, 0, self)

    def spans(self, inputs: Sequence[InputReach], kinds: dict[str, str]) -> list[Span] | None:
        """The times of those rows of an input that the touched rows are made of; None where these can be any."""
        found = [_span(time, kinds.get(time or "", ""), low, high, self) for _, time, low, high in self._joined(inputs)]
        spans = [span for span in found if span is not None]
        return spans if len(spans) == len(found) else None

    def needed(self, source: str, inputs: Sequence[InputReach], kinds: dict[str, str]) -> str:
        """The query for those rows of an input that the touched rows are made of, to stand inside one of `among`.

        Args:
            source: The FROM item with all its rows.
            inputs: Each reading of it.
            kinds: The types of its columns.
        """
        ways = list(dict.fromkeys(self._joined(inputs)))
        if any(not keys and time is None for keys, time, _, _ in ways):
            return f"SELECT * FROM {source}"
        if len(ways) == 1:
            keys, time, low, high = ways[0]
            return _chosen(source, keys, time, kinds.get(time or "", ""), low, high, self)
        conditions = " OR ".join(self._condition(way, kinds) for way in ways)
        return f"SELECT * FROM {source} AS s WHERE {conditions}"

    def _joined(self, inputs: Sequence[InputReach]) -> Iterator[_Way]:
        """The ways in which input rows are found, each as wide as its widest reading."""
        found: dict[tuple[tuple[str, ...], str | None], list[InputReach]] = {}
        for reach in inputs:
            keys = reach.entity if self.keys and reach.entity is not None else ()
            found.setdefault((keys, reach.time if self.time is not None else None), []).append(reach)
        for (keys, time), readings in found.items():
            lows, highs = [each.low for each in readings], [each.high for each in readings]
            low = None if None in lows else min(each for each in lows if each is not None)
            high = None if None in highs else max(each for each in highs if each is not None)
            yield keys, time, low, high

    def _condition(self, way: _Way, kinds: dict[str, str]) -> str:
        keys, time, low, high = way
        near = _near("s", time, kinds.get(time or "", ""), low, high, self) or "true"
        if not self.keys:
            return f"({near})"
        return f"({near} AND EXISTS (SELECT 1 FROM {self.table} AS t WHERE {_match('s', keys, time, low, high, self)}))"


def touch(
    con: duckdb.DuckDBPyConnection, reach: Reach, changed: Sequence[tuple[InputReach, Delta]], kind: str
) -> Touched:
    """What these changes touch. None of the inputs may reach everything."""
    keys = reach.entity if all(given.entity is not None for given, _ in changed) else ()
    query, ends = " UNION ALL ".join(_reached(changed, len(keys))), _known_ends(changed)
    if keys and ends is not None and sum(delta.rows for _, delta in changed) <= _RANGES_AS_THEY_ARE:
        return Touched(tuple(keys), reach.event_time, kind, *ends, query=query)
    names = [f"k{n}" for n in range(len(keys))]
    count = _as_they_are(con, query)
    entities, found = _looked_at(con, names)
    if _are_many(count, entities):
        most = _merge(con, names, 0)
        if most > _RANGES_AT_MOST:
            finite = f"FROM {_TOUCHED} WHERE isfinite(lo) AND isfinite(hi)"
            span = one_row(con, f"SELECT coalesce(epoch_us(max(hi)) - epoch_us(min(lo)), 0) {finite}")[0]
            _merge(con, names, int(span) // _RANGES_AT_MOST)
    first, last, undated = ends or found
    listed = f"SELECT {_said('lo')}, {_said('hi')} FROM {_TOUCHED} WHERE lo IS NOT NULL ORDER BY lo"
    ranges = () if keys else tuple(con.execute(listed).fetchall())
    return Touched(tuple(keys), reach.event_time, kind, first, last, undated, ranges)


def _reached(changed: Sequence[tuple[InputReach, Delta]], keys: int) -> list[str]:
    """Queries for what each changed row touches: entity, first and last time; NULL for rows without a time."""
    parts: list[str] = []
    moves: dict[tuple[str, tuple[str, ...], str], set[tuple[int, int]]] = {}  # the same rows are read once
    for given, delta in changed:
        entity = (given.entity or ())[:keys]
        for rows in delta.parts:
            if given.time is None or given.low is None or given.high is None:
                parts += _reached_openly(given, rows, entity)
            else:
                moves.setdefault((rows, entity, given.time), set()).add((given.low, given.high))
    for (rows, entity, time), by in moves.items():
        names = "".join(f"{quote(c)} AS k{n}, " for n, c in enumerate(entity))
        listed = "".join(f"k{n}, " for n in range(len(entity)))
        ends = "point + to_microseconds(low) AS lo, point + to_microseconds(high) AS hi"
        values = ", ".join(f"({low}, {high})" for low, high in sorted(by))
        parts.append(
            f"SELECT {listed}{ends} FROM (SELECT {names}{quote(time)}::TIMESTAMP AS point FROM {rows}),"
            f" (VALUES {values}) AS moved(low, high)"
        )
    return parts


def _reached_openly(given: InputReach, rows: str, entity: Sequence[str]) -> list[str]:
    """The same where times have no end on one side or on both."""
    names = "".join(f"{quote(c)} AS k{n}, " for n, c in enumerate(entity))
    if given.time is None:
        return [
            f"SELECT {names}{_FIRST} AS lo, {_LAST} AS hi FROM {rows}",
            f"SELECT {names}NULL::TIMESTAMP AS lo, NULL::TIMESTAMP AS hi FROM {rows}",
        ]
    at = f"{quote(given.time)}::TIMESTAMP"
    low = _FIRST if given.low is None else f"{at} + to_microseconds({given.low})"
    high = _LAST if given.high is None else f"{at} + to_microseconds({given.high})"
    return [  # rows without a time stand before all others or after them: they can alter those, and be altered
        f"SELECT {names}coalesce({low}, {_FIRST}) AS lo, coalesce({high}, {_LAST}) AS hi FROM {rows}",
        f"SELECT {names}NULL::TIMESTAMP AS lo, NULL::TIMESTAMP AS hi FROM {rows}",
    ]


def _as_they_are(con: duckdb.DuckDBPyConnection, raw: str) -> int:
    """Keep the ranges that a query answers, each once; returns how many."""
    return int(one_row(con, f"CREATE OR REPLACE TEMP TABLE {_NAME} AS SELECT DISTINCT * FROM ({raw})")[0])


def _are_many(count: int, entities: int) -> bool:
    """Whether it is quicker to merge the ranges than to look through all of an entity's for each of its rows."""
    if not entities:  # they become conditions of the query, one by one
        return count > _RANGES_LISTED
    return count > max(_RANGES_AS_THEY_ARE, _RANGES_AT_MOST * entities)


def _known_ends(changed: Sequence[tuple[InputReach, Delta]]) -> tuple[datetime | None, datetime | None, bool] | None:
    """The first and the last time, whether rows without one are touched; None where the files do not tell it."""
    firsts, lasts, is_undated = [], [], False
    for given, delta in changed:
        ends = ends_of(delta.times, given.time) if given.time is not None and delta.removed is None else None
        if ends is None or given.low is None or given.high is None:
            return None
        first, last, undated = ends
        is_undated = is_undated or undated
        if first is not None and last is not None:
            firsts.append(first + given.low)
            lasts.append(last + given.high)
    if not firsts:
        return None, None, is_undated
    try:
        return moment(min(firsts)), moment(max(lasts)), is_undated
    except OverflowError:  # a time that Python does not have
        return None


def _looked_at(
    con: duckdb.DuckDBPyConnection, names: Sequence[str]
) -> tuple[int, tuple[datetime | None, datetime | None, bool]]:
    """How many entities there are, 0 where it is any; what `_known_ends` says."""
    entities = f"(SELECT count(*) FROM (SELECT DISTINCT {', '.join(names)} FROM {_TOUCHED}))" if names else "0"
    sql = f"SELECT {entities}, {_said('min(lo)')}, {_said('max(hi)')}, count(*) - count(lo) FROM {_TOUCHED}"
    count, first, last, undated = one_row(con, sql)
    return int(count), (first, last, bool(undated))


def _merge(con: duckdb.DuckDBPyConnection, names: Sequence[str], tolerance: int) -> int:
    """Merge the ranges as far as their gap is at most `tolerance` microseconds; returns an entity's most."""
    listed = "".join(f"{name}, " for name in names)
    by = f"PARTITION BY {', '.join(names)} " if names else ""
    before = f"max(hi) OVER ({by}ORDER BY lo, hi ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {_NAME} AS SELECT {listed}min(lo) AS lo, max(hi) AS hi FROM ("
        f"SELECT *, sum(opens) OVER ({by}ORDER BY lo, hi ROWS UNBOUNDED PRECEDING) AS island FROM ("
        f"SELECT *, (coalesce(lo > {before} + to_microseconds({tolerance}), true))::INT AS opens FROM {_TOUCHED}"
        f" WHERE lo IS NOT NULL)) GROUP BY {listed}island"
        f" UNION ALL SELECT {listed}lo, hi FROM {_TOUCHED} WHERE lo IS NULL"
    )
    each = f"SELECT count(lo) AS n FROM {_TOUCHED}" + (f" GROUP BY {', '.join(names)}" if names else "")
    return int(one_row(con, f"SELECT coalesce(max(n), 0) FROM ({each})")[0])


def _chosen(
    source: str, keys: Sequence[str], time: str | None, kind: str, low: int | None, high: int | None, touched: Touched
) -> str:
    near = _near("s", time, kind, low, high, touched)
    rows = f"SELECT * FROM {source} AS s" + (f" WHERE {near}" if near else "")
    if not touched.keys:
        return rows
    return (
        f"SELECT s.* FROM ({rows}) AS s SEMI JOIN {touched.table} AS t ON {_match('s', keys, time, low, high, touched)}"
    )


def _match(
    alias: str, keys: Sequence[str], time: str | None, low: int | None, high: int | None, touched: Touched
) -> str:
    """Whether a row meets a row `t` of the table."""
    parts = [f"{alias}.{quote(name)} IS NOT DISTINCT FROM t.k{n}" for n, name in enumerate(keys)]
    if time is not None:
        at = f"{alias}.{quote(time)}::TIMESTAMP"
        within = []
        if high is not None:
            within.append(f"{at} >= t.lo - to_microseconds({high})")
        if low is not None:
            within.append(f"{at} <= t.hi - to_microseconds({low})")
        inside = " AND ".join(within)
        if low is None or high is None:
            inside += f" OR {at} IS NULL" + (" OR t.lo IS NULL" if touched.undated else "")
        elif touched.undated:
            inside += f" OR ({at} IS NULL AND t.lo IS NULL)"
        parts.append(f"({inside})")
    return " AND ".join(parts) or "true"


def _near(alias: str, time: str | None, kind: str, low: int | None, high: int | None, touched: Touched) -> str:
    """A condition with constants, which lets whole stretches of a file be skipped; "" where there is none."""
    if time is None or not kind or (touched.undated and (low is None or high is None)):
        return ""
    at = f"{alias}.{quote(time)}"
    ranges = touched.ranges if not touched.keys else ((touched.first, touched.last),)
    parts = [_between(at, kind, first, last, low, high) for first, last in ranges]
    if not parts and not touched.undated:
        return "false"
    if "" in parts:
        return ""
    if touched.undated or low is None or high is None:
        parts.append(f"{at} IS NULL")
    return f"({' OR '.join(parts)})"


def _span(time: str | None, kind: str, low: int | None, high: int | None, touched: Touched) -> Span | None:
    """What `_near` lets through, as far as it is one stretch."""
    open_ended = low is None or high is None
    if time is None or not kind or (touched.undated and open_ended):
        return None
    first = microseconds(touched.first) - high if touched.first is not None and high is not None else None
    last = microseconds(touched.last) - low if touched.last is not None and low is not None else None
    return Span(time, first, last, touched.undated or open_ended)


def _between(
    at: str, kind: str, first: datetime | None, last: datetime | None, low: int | None, high: int | None
) -> str:
    parts = []
    if first is not None and high is not None:
        parts.append(f"{at} >= {_constant(first, -high, kind)}")
    if last is not None and low is not None:
        parts.append(f"{at} <= {_constant(last, -low, kind)}")
    return f"({' AND '.join(parts)})" if parts else ""


def _constant(at: datetime, shift: int, kind: str) -> str:
    value = f"(TIMESTAMP '{at.isoformat(sep=' ')}' + to_microseconds({shift}))"
    return f"{value}::TIMESTAMPTZ" if kind == "timestamptz" else value


def _said(at: str) -> str:
    """A time as far as Python has it; NULL stands for an end that is not there."""
    return f"CASE WHEN {at} > TIMESTAMP '0002-01-01' AND {at} < TIMESTAMP '9998-01-01' THEN {at} END"
