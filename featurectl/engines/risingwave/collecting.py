"""Reads the server's change logs to their end, and keeps what they say.

A subscription's cursor gives the net changes of each epoch, in order, and begins anywhere that the server still has:
what was kept last is where the next look goes on. A change is visible once its epoch is committed, which the server
does not date; who looks every second knows it to the second, and else the epoch's own time and a barrier are taken.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from featurectl.engines.base import Result
from featurectl.engines.embedded.connect import connect, duckdb_errors, quote, text_literal
from featurectl.engines.embedded.home import Home
from featurectl.engines.retention import kept_for
from featurectl.engines.risingwave.change_store import DELTA, EPOCH, SEEN, Contents, Part
from featurectl.engines.risingwave.reading import to_parquet, write_text
from featurectl.engines.risingwave.subscriptions import read_subscriptions, subscription_of
from featurectl.engines.risingwave.types import SCALARS, type_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import duckdb

    from featurectl.engines.base import Version
    from featurectl.engines.risingwave.change_store import ChangeStore
    from featurectl.engines.risingwave.connection import Session
    from featurectl.engines.risingwave.subscriptions import Subscription
    from featurectl.settings import Settings

    Rows = Iterable[Sequence[tuple[Any, ...]]]

__all__ = ["Collector"]

_FETCHED_ROWS, _ROWS_OF_A_PART, _MOST_PARTS = 2_000, 500_000, 64
_SECOND = 1_000_000
# Who looked this short a time ago dates what is new by when it was found; who did not by its epoch and a barrier.
_FOLLOWING, _UNTIL_COMMITTED = 15 * _SECOND, 2 * _SECOND
# That there was nothing new is written down so often.
_REMEMBER = 5 * _SECOND
_SINCE_BEGIN, _FULL = "SINCE begin()", "FULL"
_OP = "__op"


class Collector:
    """One look at the logs of some versions, over one session. The store is held."""

    def __init__(self, session: Session, store: ChangeStore, settings: Settings) -> None:
        self._session, self._store, self._settings = session, store, settings
        session.read_as_text(SCALARS)
        self._subscriptions = read_subscriptions(session)

    def collect(self, versions: Iterable[Version]) -> int:
        """Read what is new of each that has a subscription; returns how many changes there were."""
        return sum(self._collect(version) for version in versions if self.subscription(version) is not None)

    def subscription(self, version: Version) -> Subscription | None:
        """The version's subscription, if it has one."""
        return self._subscriptions.get(subscription_of(version.name))

    def _collect(self, version: Version) -> int:
        subscription = self.subscription(version)
        assert subscription is not None
        epoch = self._server_epoch()
        contents = self._store.read(version.name, subscription.identity)
        if contents is None:
            self._store.remove(version.name)
            return self._begin(version, subscription.identity, epoch)
        oldest = _oldest(epoch, subscription.retention * 1000)
        if contents.looked_epoch < oldest:
            return self._bridge(version, contents, epoch, oldest)
        since = f"SINCE {contents.position + 1}" if contents.position + 1 >= oldest else _SINCE_BEGIN
        with self._cursor(version, since) as cursor:
            return self._drain(version, cursor, contents, epoch)

    def _server_epoch(self) -> int:
        """The last epoch that this session can read, in milliseconds: the server's clock, some moments ago."""
        [[at]] = self._session.rows("SELECT (extract(epoch FROM now()) * 1000)::bigint", "asking for the epoch")
        return int(at)

    def _drain(self, version: Version, cursor: _Cursor, contents: Contents, epoch: int) -> int:
        """Keep what the cursor has, file by file, each with its position; returns how many changes."""
        count, before = 0, contents.looked_at
        for rows in cursor.parts(contents.position):
            contents = self._keep(version, cursor, rows, contents, before)
            count += contents.parts[-1].rows
            self._store.write(version.name, contents)
        if count or _now() - before > _REMEMBER:
            contents = self._compacted(version, self._folded(version, contents))
            self._store.write(version.name, replace(contents, looked_at=_now(), looked_epoch=epoch))
        return count

    def _keep(self, version: Version, cursor: _Cursor, rows: Rows, contents: Contents, before: int) -> Contents:
        """The contents with one more file, which is written, of rows that come or go."""
        path, contents = self._store.new_file(version.name, "changes", contents)
        raw = path.with_suffix(".raw")
        cursor.write(rows, raw, self._settings)
        now = _now()
        likely = f"greatest({before}, least({now}, {EPOCH} * 1000 + {_UNTIL_COMMITTED}))"
        seen = f"greatest({contents.seen}, {now if now - before <= _FOLLOWING else likely})"
        with self._duckdb() as con:
            con.execute(
                f"COPY (SELECT * EXCLUDE ({_OP}), CASE WHEN {_OP} IN ('Insert', 'UpdateInsert') THEN 1 ELSE -1 END"
                f" AS {DELTA}, {seen}::BIGINT AS {SEEN} FROM read_parquet({text_literal(str(raw))}))"
                f" TO {text_literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
            )
            row = con.execute(
                f"SELECT count(*), min({EPOCH}), max({EPOCH}), max({SEEN}) FROM read_parquet({text_literal(str(path))})"
            ).fetchone()
        raw.unlink()
        assert row is not None
        count, first, last, latest = row
        return replace(
            contents, parts=(*contents.parts, Part(path.name, count, first, last)), position=last, seen=latest
        )

    def _begin(self, version: Version, subscription: str, epoch: int) -> int:
        """The first look: all that the log has, and by it the rows with which the log began."""
        contents = Contents(subscription, "", (), position=0, looked_at=0, looked_epoch=0, seen=0)
        contents, base = self._from_the_beginning(version, contents, "base")
        self._store.write(version.name, replace(contents, base=base.name, looked_at=_now(), looked_epoch=epoch))
        return sum(part.rows for part in contents.parts)

    def _from_the_beginning(self, version: Version, contents: Contents, kind: str) -> tuple[Contents, Path]:
        """The whole log into files, and a file with the rows that the version had before it: now, less the log.

        A full cursor gives the rows of one moment and then what follows it: the epoch of the first thing that follows
        says which part of the log those rows have in them.
        """
        raw, contents = self._store.new_file(version.name, "rows", contents)
        before, known = contents.looked_at, len(contents.parts)
        with self._cursor(version, _FULL) as full:
            full.write(full.snapshot(), raw, self._settings)
            with self._cursor(version, _SINCE_BEGIN, "beginning") as cursor:
                for rows in cursor.parts(contents.position):
                    contents = self._keep(version, cursor, rows, contents, before)
            following = full.next_epoch()
        base, contents = self._store.new_file(version.name, kind, contents)
        names = ", ".join(map(quote, version.columns))
        log = [part.file for part in contents.parts[known:]]
        less = f" WHERE {EPOCH} < {following}" if following is not None else ""
        added = f" UNION ALL SELECT {names}, -{DELTA} FROM {self._store.scan(version.name, log)}{less}" if log else ""
        with self._duckdb() as con:
            con.execute(
                f"COPY (SELECT {names}, sum({DELTA})::BIGINT AS {DELTA} FROM (SELECT {names}, 1 AS {DELTA}"
                f" FROM read_parquet({text_literal(str(raw))}){added}) GROUP BY {names} HAVING sum({DELTA}) > 0)"
                f" TO {text_literal(str(base))} (FORMAT parquet, COMPRESSION zstd)"
            )
        return contents, base

    def _bridge(self, version: Version, contents: Contents, epoch: int, oldest: int) -> int:
        """The server has dropped changes that nobody collected: what they came to, as one change after the last look.

        Nobody saw it at the time: until the log goes on, rows are known by rule.
        """
        lost_from = max(contents.looked_at, contents.seen)
        until = max(oldest * 1000, lost_from + 1)
        old, at = contents.parts, contents.position + 1
        contents, base = self._from_the_beginning(version, replace(contents, looked_at=until), "rows")
        path, contents = self._store.new_file(version.name, "changes", contents)
        names = ", ".join(map(quote, version.columns))
        with self._duckdb() as con:
            con.execute(
                f"COPY (SELECT {names}, sum({DELTA})::INTEGER AS {DELTA}, {at}::BIGINT AS {EPOCH}, {lost_from}::BIGINT"
                f" AS {SEEN} FROM (SELECT {names}, {DELTA} FROM read_parquet({text_literal(str(base))})"
                f" UNION ALL SELECT {names}, -{DELTA} FROM"
                f" {self._store.scan(version.name, [contents.base, *(part.file for part in old)])})"
                f" GROUP BY {names} HAVING sum({DELTA}) <> 0)"
                f" TO {text_literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
            )
            row = con.execute(f"SELECT count(*) FROM read_parquet({text_literal(str(path))})").fetchone()
        assert row is not None
        parts = (*old, *([Part(path.name, row[0], at, at)] if row[0] else []), *contents.parts[len(old) :])
        known = replace(
            contents, parts=parts, position=max(contents.position, at), looked_at=_now(), looked_epoch=epoch
        )
        self._store.write(version.name, replace(known, unobserved=(*contents.unobserved, (lost_from, until))))
        return sum(part.rows for part in parts[len(old) :])

    def _folded(self, version: Version, contents: Contents) -> Contents:
        """The contents with what is older than the metadata keeps as part of the base; not each time for a little."""
        kept = kept_for(version)
        if kept is None or not contents.parts:
            return contents
        horizon, slack = _now() - kept // timedelta(microseconds=1), kept // timedelta(milliseconds=10)
        if contents.parts[0].first * 1000 > horizon - slack:
            return contents
        names = ", ".join(map(quote, version.columns))
        log = self._store.scan(version.name, [part.file for part in contents.parts])
        base, contents = self._store.new_file(version.name, "base", contents)
        rest, contents = self._store.new_file(version.name, "changes", contents)
        with self._duckdb() as con:
            con.execute(
                f"COPY (SELECT {names}, sum({DELTA})::BIGINT AS {DELTA} FROM (SELECT {names}, {DELTA} FROM"
                f" {self._store.scan(version.name, [contents.base])} UNION ALL SELECT {names}, {DELTA} FROM {log}"
                f" WHERE {SEEN} <= {horizon}) GROUP BY {names} HAVING sum({DELTA}) > 0)"
                f" TO {text_literal(str(base))} (FORMAT parquet, COMPRESSION zstd)"
            )
            con.execute(
                f"COPY (SELECT * FROM {log} WHERE {SEEN} > {horizon} ORDER BY {EPOCH})"
                f" TO {text_literal(str(rest))} (FORMAT parquet, COMPRESSION zstd)"
            )
            row = con.execute(
                f"SELECT count(*), min({EPOCH}), max({EPOCH}) FROM read_parquet({text_literal(str(rest))})"
            ).fetchone()
        assert row is not None
        return replace(contents, base=base.name, parts=(Part(rest.name, *row),) if row[0] else ())

    def _compacted(self, version: Version, contents: Contents) -> Contents:
        """The contents with one file instead of many small ones."""
        if len(contents.parts) <= _MOST_PARTS:
            return contents
        parts = contents.parts
        path, contents = self._store.new_file(version.name, "changes", contents)
        with self._duckdb() as con:
            con.execute(
                f"COPY (SELECT * FROM {self._store.scan(version.name, [part.file for part in parts])} ORDER BY {EPOCH})"
                f" TO {text_literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
            )
        whole = Part(path.name, sum(part.rows for part in parts), parts[0].first, parts[-1].last)
        return replace(contents, parts=(whole,))

    @contextmanager
    def _cursor(self, version: Version, since: str, name: str = "following") -> Iterator[_Cursor]:
        cursor = _Cursor(self._session, version, since, name)
        try:
            yield cursor
        finally:
            cursor.close()

    @contextmanager
    def _duckdb(self) -> Iterator[duckdb.DuckDBPyConnection]:
        con = connect(None, self._settings, Home(self._settings.home_dir))
        try:
            with duckdb_errors("keeping the history"):
                yield con
        finally:
            con.close()


class _Cursor:
    """A subscription's cursor: the version's columns, what happened to the row, and the epoch."""

    def __init__(self, session: Session, version: Version, since: str, name: str) -> None:
        self._session, self._version, self._name = session, version, name
        self._what = f"reading the changes of {version.name}"
        self._types: tuple[str, ...] = ()
        self._after: list[tuple[Any, ...]] = []
        subscription = quote(subscription_of(version.name))
        session.run(f"DECLARE {name} SUBSCRIPTION CURSOR FOR {subscription} {since}", self._what)

    def close(self) -> None:
        """Leave it; a session that is lost has left already."""
        if self._session.is_usable:
            self._session.run(f"CLOSE {self._name}", self._what)

    def parts(self, position: int) -> Iterator[Rows]:
        """What is after a position until the log's end, in parts that end with an epoch."""
        batches = self._batches(position)
        following: list[tuple[Any, ...]] = []
        while True:
            first = following or next(batches, [])
            if not first:
                return
            following = []
            yield _until_full(first, batches, following)

    def snapshot(self) -> Rows:
        """The rows of the moment in which a full cursor was declared."""
        while rows := self._fetch(_FETCHED_ROWS):
            now = [row for row in rows if row[-1] is None]
            self._after = rows[len(now) :]
            yield now
            if len(rows) < _FETCHED_ROWS or self._after:
                return

    def next_epoch(self) -> int | None:
        """After the snapshot: the first epoch that it does not have in it, if there is one by now."""
        rows = self._after or self._fetch(1)
        return int(rows[0][-1]) if rows else None

    def write(self, rows: Rows, path: Path, settings: Settings) -> None:
        """The rows as Parquet."""
        given = iter(rows)
        first = next(given, ())
        columns = (*self._version.columns, _OP, EPOCH)
        types = tuple("varchar" if kind == "numeric" else kind for kind in self._types)
        result = Result(columns, types, chain((first,), given))
        text = path.with_suffix(".csv")
        count = write_text(result, text)
        to_parquet(result, count, text, path, settings)
        text.unlink()

    def _batches(self, position: int) -> Iterator[list[tuple[Any, ...]]]:
        while rows := self._fetch(_FETCHED_ROWS):
            if new := [row for row in rows if int(row[-1]) > position]:
                yield new
            if len(rows) < _FETCHED_ROWS:
                return

    def _fetch(self, count: int) -> list[tuple[Any, ...]]:
        described, rows = self._session.described(f"FETCH {count} FROM {self._name}", self._what)
        self._types = tuple(type_name(number) for _, number in described)
        return rows


def _until_full(
    first: list[tuple[Any, ...]], batches: Iterator[list[tuple[Any, ...]]], following: list[tuple[Any, ...]]
) -> Rows:
    """Batches until there are many rows and an epoch is over; what is read of the next one is put into `following`."""
    count, last = 0, None
    for batch in chain((first,), batches):
        if count >= _ROWS_OF_A_PART:
            same = next((n for n, row in enumerate(batch) if row[-1] != last), len(batch))
            if same < len(batch):
                yield batch[:same]
                following.extend(batch[same:])
                return
        yield batch
        count, last = count + len(batch), batch[-1][-1]


def _oldest(epoch: int, retention: int) -> int:
    """The epoch from which on the server surely has every change: somewhat later than it promises. In milliseconds."""
    return epoch - retention + min(600_000, retention // 10)


def _now() -> int:
    return time.time_ns() // 1000
