"""One refresh of what depends on changed relations: of each version only the rows that the changes can reach.

A version whose rows are each made of one row of an input gets the rows of what is new. One whose reach is known is
computed for the touched entities and times, from the rows that these are made of, and compared with what is there. Any
other is computed whole. What comes out equal ends there: no version above it is looked at.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import duckdb

from featurectl.engines.base import EVENT_TIME_TYPES, Refreshed
from featurectl.engines.embedded.connect import null_safe, one_row, quote, text_literal
from featurectl.engines.embedded.deltas import Deltas
from featurectl.engines.embedded.pieces import scan, scan_places
from featurectl.engines.embedded.touched import touch
from featurectl.engines.embedded.translation import version_query, version_reach

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from featurectl.dialect.reach import InputReach, Reach
    from featurectl.engines.base import Version
    from featurectl.engines.embedded.beside import Beside
    from featurectl.engines.embedded.deltas import Delta
    from featurectl.engines.embedded.home import Home
    from featurectl.engines.embedded.macros import Macros
    from featurectl.engines.embedded.pieces import Piece, Pieces
    from featurectl.engines.embedded.shown import Shown
    from featurectl.engines.embedded.spans import Span
    from featurectl.engines.embedded.translation import Schema

__all__ = ["Recomputing", "laid_out_by"]

# Above this share of an input's rows it is quicker to compute the version whole.
PARTIAL_UP_TO = 0.2
_NEW, _OLD = "featurectl_new", "featurectl_old"


class Recomputing:
    """Brings versions up to date, inputs first. `new_pieces` collects what their rows are from then on; where `beside`
    merges them, it says so at the end.
    """

    def __init__(
        self,
        macros: Macros,
        home: Home,
        pieces: Pieces,
        shown: Shown,
        schema: Schema,
        tables: Sequence[str],
        new_pieces: dict[str, list[Piece]],
        beside: Beside,
        *,
        is_in_transaction: bool,
    ) -> None:
        self._con, self._home, self._pieces = macros.con, home, pieces
        self._shown, self._macros, self._schema, self._tables = shown, macros, schema, frozenset(tables)
        self._new_pieces, self._beside = new_pieces, beside
        self.deltas = Deltas(macros.con, shared=not is_in_transaction)
        self._anew = ""  # what stands in FROM for the rows that were computed for the version refreshed last

    def refresh(self, version: Version, *, is_read: bool) -> tuple[Refreshed, Delta | None]:
        """Compute what the deltas of its inputs change in a version. `is_read`: somebody asks for its delta.

        The delta is None where it is not known.
        """
        started = time.monotonic()
        inputs = {name: target for name, target in version.inputs.items() if target in self.deltas}
        reach = version_reach(version, self._schema, self._tables)
        why = self._why_whole(version, reach, inputs)
        how, delta = "", None
        if not why:
            try:
                how, delta = self._narrowly(version, reach, inputs)
            except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
                why = f"a time near the end of what can be stored: {str(error).splitlines()[0]}"
        if why:
            how, delta = f"whole: {why}", self._whole(version, is_read=is_read)
        if how != "partly":
            self._anew = ""
        rows = sum(piece.live_rows for piece in self._of(version.name))
        touched = rows if delta is None else delta.rows
        return Refreshed(version.name, rows, time.monotonic() - started, touched, how), delta

    def rows_about(self, version: Version, delta: Delta) -> str:
        """What stands in FROM to read all rows of the entities and times of a delta, of the version refreshed last."""
        if self._anew:  # these were all computed
            return self._anew
        rows, column = scan(self._home, self._of(version.name)), laid_out_by(version)
        if column is None:
            return rows
        at = quote(column)
        times = " UNION ALL ".join(f"SELECT {at} FROM {part}" for part in delta.parts)
        ends = self._con.execute(f"SELECT min({at})::VARCHAR, max({at})::VARCHAR FROM ({times})").fetchone()
        if ends is None or ends[0] is None:
            return rows
        low, high = map(text_literal, ends)  # constants, so that whole stretches of a file are skipped
        return f"(SELECT * FROM {rows} WHERE {at} >= {low} AND {at} <= {high} OR {at} IS NULL)"

    def close(self) -> None:
        """Take away what the refresh needed for itself."""
        for table in (_NEW, _OLD):
            self._con.execute(f"DROP TABLE IF EXISTS temp.{table}")
        self.deltas.clear()

    def _why_whole(self, version: Version, reach: Reach, changed: Mapping[str, str]) -> str:
        deltas = {name: self.deltas[target] for name, target in changed.items()}
        unknown = next((name for name, delta in deltas.items() if delta is None), None)
        if unknown is not None:
            return f"what changed in {unknown} is not known"
        by_row = reach.rowwise and self._tables.isdisjoint(changed.values())
        if not by_row:
            for given in reach.inputs:
                if given.relation in changed and given.is_everything:
                    return f"{given.relation}: {given.why}"
            for name, target in changed.items():
                delta, rows = deltas[name], sum(piece.live_rows for piece in self._of(target))
                if delta is not None and target not in self._tables and delta.rows > PARTIAL_UP_TO * rows:
                    return f"{delta.rows:,} of {rows:,} rows of {name} changed"
        return ""

    def _narrowly(self, version: Version, reach: Reach, changed: Mapping[str, str]) -> tuple[str, Delta | None]:
        delta = None
        if reach.rowwise and self._tables.isdisjoint(changed.values()):
            how, delta = "by row", self._by_row(version, changed)
        if delta is None:
            if any(given.relation in changed and given.is_everything for given in reach.inputs):
                return "whole: a row that went is not found", self._whole(version, is_read=True)
            how, delta = "partly", self._partly(version, reach, changed)
        return how, delta

    def _by_row(self, version: Version, changed: Mapping[str, str]) -> Delta | None:
        """The rows of what is new, without the rows of what went; None where one of those is not there."""
        gone = any(delta.removed for target in changed.values() if (delta := self.deltas[target]) is not None)
        if not gone:
            return self._added(version, self._of_parts(version, changed, "inserted"))
        for table, part in ((_NEW, "inserted"), (_OLD, "removed")):
            query = self._of_parts(version, changed, part)
            self._con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {query}")
        new, old = f"SELECT * FROM temp.{_NEW}", f"SELECT * FROM temp.{_OLD}"
        delta = self.deltas.of_queries(version.name, f"{new} EXCEPT ALL {old}", f"{old} EXCEPT ALL {new}")
        places = None
        if delta.removed is not None:
            places = self._places_of(version, delta.removed)
            if self._count(places) != self._count(f"SELECT * FROM {delta.removed}"):
                return None
        self._take(version, delta, places)
        return delta

    def _added(self, version: Version, query: str) -> Delta:
        """The rows of what is new, as a piece; there is nothing to be taken away."""
        piece = self._pieces.write(version.name, query, checked=True)
        if not piece.rows:
            (self._home.pieces / piece.file).unlink(missing_ok=True)
            return self.deltas.of_rows("", 0)
        new = self._pieces.ordered(version.name, piece, laid_out_by(version))
        self._keep_fewer(version, [*self._of(version.name), *new])
        return self.deltas.of_rows(scan(self._home, new), piece.rows, tuple(each.times for each in new))

    def _of_parts(self, version: Version, changed: Mapping[str, str], part: str) -> str:
        """The version's query for only one part of what changed, and nothing of what did not."""
        given = {}
        for target in version.inputs.values():
            if target in self._tables:
                continue
            delta = self.deltas[target] if target in changed.values() else None
            rows = {"inserted": delta.inserted, "removed": delta.removed}[part] if delta is not None else None
            given[target] = f"SELECT * FROM {rows or f'{scan(self._home, self._of(target)[-1:])} LIMIT 0'}"
        return self._query(version, given)

    def _query(self, version: Version, given: Mapping[str, str]) -> str:
        """The version's query, which finds other queries' rows under the names of its inputs."""
        columns = ", ".join(map(quote, version.columns))
        named = ", ".join(f"{quote(name)} AS ({query})" for name, query in given.items())
        asked = f"SELECT {columns} FROM ({self._macros.define(version_query(version, self._schema))})"
        return f"WITH {named} {asked}" if named else asked

    def _places_of(self, version: Version, rows: str) -> str:
        """The query for where rows stand; of several equal ones as many as `rows` has."""
        columns = ", ".join(map(quote, version.columns))
        stored = scan_places(self._home, self._of(version.name))
        same = null_safe("s", "g", version.columns)
        number = f"row_number() OVER (PARTITION BY {columns})"
        found = f"SELECT s.* FROM {stored} AS s SEMI JOIN {rows} AS g ON {same}"
        return (
            f"SELECT s.__piece, s.__place FROM (SELECT *, {number} AS __n FROM ({found})) AS s"
            f" SEMI JOIN (SELECT *, {number} AS __n FROM {rows}) AS g ON {same} AND s.__n = g.__n"
        )

    def _partly(self, version: Version, reach: Reach, changed: Mapping[str, str]) -> Delta:
        """Compute the touched entities and times anew and compare them with what is there."""
        deltas = {name: delta for name, target in changed.items() if (delta := self.deltas[target]) is not None}
        given = [(each, deltas[each.relation]) for each in reach.inputs if each.relation in deltas]
        touched = touch(self._con, reach, given, version.columns.get(reach.event_time or "", ""))
        needed = {}
        for name, target in version.inputs.items():
            if target in self._tables:
                continue
            readings: list[InputReach] = [each for each in reach.inputs if each.relation == name]
            kinds = dict(self._schema.get(target, {}))
            pieces = self._of(target)
            met = _meeting(pieces, touched.spans(readings, kinds)) or [_smallest(pieces)]  # for its columns
            source = scan(self._home, [pieces[index] for index in met])
            needed[target] = touched.needed(source, readings, kinds)
        computed = touched.among(f"({self._query(version, needed)})")
        pieces, span = self._of(version.name), touched.span()
        met = _meeting(pieces, None if span is None else [span])
        if not met:  # there is nothing to compare with
            delta = self._added(version, touched.given + computed)
            self._anew = delta.inserted or ""
            return delta
        old = touched.among(scan_places(self._home, pieces, met))
        found = self.deltas.compared(version.name, touched.given, computed, old, version.columns)
        self._anew = found.rows
        added = self._take(version, found.delta, found.places)
        if added is None or found.stayed:
            return found.delta
        self._anew = added.inserted or ""  # their piece has all that was computed, and its times are known
        return added

    def _take(self, version: Version, delta: Delta, places: str | None) -> Delta | None:
        """The version's pieces with the rows that came and without those at `places`.

        Returns the delta of the piece that has the rows that came and no others, if one does.
        """
        come = None if delta.inserted is None else f"SELECT * FROM {delta.inserted}"
        if places is None:
            return None if come is None else self._added(version, come)
        more = None if come is None else (come, delta.came)
        found = self._pieces.without(version.name, self._of(version.name), places, laid_out_by(version), more)
        self._keep_fewer(version, found)
        return None

    def _whole(self, version: Version, *, is_read: bool) -> Delta | None:
        """Compute it all; a result that is equal to what is there is dropped."""
        for target in version.inputs.values():
            self._shown.ensure(target)
        piece = self._pieces.write(version.name, self._macros.define(version_query(version, self._schema)))
        pieces = self._pieces.ordered(version.name, piece, laid_out_by(version))
        old = [each for each in self._of(version.name) if each.live_rows]
        delta = None
        if is_read or not old:
            new = scan(self._home, pieces)
            if old:
                delta = self.deltas.between(version.name, scan(self._home, old), new, version.columns)
            else:
                delta = self.deltas.of_rows(new, piece.rows)
        if delta is not None and not delta.rows and old:
            for each in pieces:
                (self._home.pieces / each.file).unlink(missing_ok=True)
        else:
            self._keep(version, pieces)
        return delta

    def _keep_fewer(self, version: Version, pieces: list[Piece]) -> None:
        """Keep them as they are until they are merged."""
        self._keep(version, pieces)
        self._beside.merge(version.name, pieces, laid_out_by(version))

    def _keep(self, version: Version, pieces: list[Piece]) -> None:
        if not pieces:  # a relation has at least a piece, which says what its columns are
            none = f"SELECT * FROM {scan(self._home, self._of(version.name))} LIMIT 0"
            pieces = [self._pieces.write(version.name, none)]
        self._new_pieces[version.name] = pieces
        self._shown.show(version.name, pieces)

    def _of(self, relation: str) -> list[Piece]:
        """The relation's pieces as they are by now."""
        return self._new_pieces[relation] if relation in self._new_pieces else self._pieces.of(relation)

    def _count(self, query: str) -> int:
        return int(one_row(self._con, f"SELECT count(*) FROM ({query})")[0])


def _meeting(pieces: Sequence[Piece], spans: Sequence[Span] | None) -> list[int]:
    """The indices of the pieces that can hold rows with any of these times."""
    held = [index for index, piece in enumerate(pieces) if piece.live_rows]
    return held if spans is None else [index for index in held if any(s.meets(pieces[index].times) for s in spans)]


def _smallest(pieces: Sequence[Piece]) -> int:
    return min(range(len(pieces)), key=lambda index: pieces[index].rows)


def laid_out_by(version: Version) -> str | None:
    """The column in whose order a version's rows are stored: its event time. What is asked of one skips the rest."""
    column = version.metadata.get("event_time") or ""
    return column if version.columns.get(column) in EVENT_TIME_TYPES else None
