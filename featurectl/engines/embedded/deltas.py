"""Which rows of a relation a refresh adds and takes away, as tables of the writer's connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurectl.engines.embedded.connect import null_safe, one_row, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

    from featurectl.dialect import Statement
    from featurectl.engines.base import Version

__all__ = ["Compared", "Delta", "Deltas", "TablesBefore"]


@dataclass(frozen=True)
class Delta:
    """What stands in FROM to read the rows that came and those that went; None where there are none.

    Attributes:
        inserted: Those that came.
        removed: Those that went.
        rows: How many these are together.
        times: Where the rows that came are in pieces of their own, what is known of the times of each.
        shared: No table of the writer's connection is read: others can read them, too.
        either: What stands in FROM to read both at once, if anything does.
        went: How many of `rows` are those that went.
    """

    inserted: str | None
    removed: str | None
    rows: int
    times: tuple[str | None, ...] = ()
    shared: bool = False
    either: str | None = None
    went: int = 0

    @property
    def came(self) -> int:
        """How many rows came."""
        return self.rows - self.went

    @property
    def parts(self) -> tuple[str, ...]:
        """Both, as far as there are rows."""
        if self.either is not None:
            return (self.either,)
        return tuple(part for part in (self.inserted, self.removed) if part is not None)


@dataclass(frozen=True)
class Compared:
    """A delta; the query for where the rows stand that went, None if none did; what stands in FROM to read all rows as
    they should be; and how many of these were there before.
    """

    delta: Delta
    places: str | None
    rows: str
    stayed: int


class Deltas:
    """The deltas of one refresh, by relation. None stands for one that is not known: any row may have changed."""

    def __init__(self, con: duckdb.DuckDBPyConnection, *, shared: bool = False) -> None:
        """`shared`: their tables are for all connections. Not within a transaction: it writes to one database."""
        self._con, self._shared = con, shared
        self._found: dict[str, Delta | None] = {}
        self._made: list[str] = []

    def __contains__(self, relation: str) -> bool:
        return relation in self._found

    def __getitem__(self, relation: str) -> Delta | None:
        return self._found[relation]

    def add(self, relation: str, delta: Delta | None) -> None:
        """The relation changed so."""
        self._found[relation] = delta

    def of_rows(self, rows: str, count: int, times: tuple[str | None, ...] = ()) -> Delta:
        """The delta of a relation to which pieces' rows were added, by the FROM item for them."""
        return Delta(rows if count else None, None, count, times, shared=True)

    def compared(self, relation: str, given: str, new: str, old: str, columns: Iterable[str]) -> Compared:
        """How rows differ from those that are there; what is answered is kept until `clear`.

        Args:
            relation: Whose rows they are.
            given: WITH, and what both queries read; or nothing.
            new: A query for the rows as they should be.
            old: One for those that are there, with `__piece` and `__place`.
            columns: What they have.
        """
        names = ", ".join(map(quote, columns))
        number = f"row_number() OVER (PARTITION BY {names}) AS __n"  # of equal rows as many as there are
        either = ", ".join(f"CASE WHEN a.__n IS NULL THEN b.{c} ELSE a.{c} END AS {c}" for c in map(quote, columns))
        table, _ = self._table(
            f"{relation}$rows",
            f"{given}SELECT {either}, b.__piece, b.__place, b.__n IS NULL AS __came, a.__n IS NULL AS __went"
            f" FROM (SELECT {names}, {number} FROM ({new})) AS a FULL JOIN (SELECT *, {number} FROM ({old})) AS b"
            f" ON {null_safe('a', 'b', columns)} AND a.__n = b.__n",
        )
        counted = "count(*) FILTER (__came), count(*) FILTER (__went), count(*) FILTER (NOT __came AND NOT __went)"
        came, went, stayed = map(int, one_row(self._con, f"SELECT {counted} FROM {table}"))

        def rows(which: str) -> str:
            return f"(SELECT {names} FROM {table} WHERE {which})"

        delta = Delta(
            rows("__came") if came else None,
            rows("__went") if went else None,
            came + went,
            either=rows("__came OR __went") if came and went else None,
            went=went,
            shared=self._shared,
        )
        places = f"SELECT __piece, __place FROM {table} WHERE __went" if went else None
        return Compared(delta, places, rows("NOT __went"), stayed)

    def of_queries(self, relation: str, inserted: str, removed: str | None) -> Delta:
        """The delta that two queries answer, whose rows are kept until `clear`."""
        come, more = self._table(f"{relation}$inserted", inserted)
        gone, less = self._table(f"{relation}$removed", removed) if removed is not None else ("", 0)
        return Delta(come if more else None, gone if less else None, more + less, went=less, shared=self._shared)

    def between(self, relation: str, old: str, new: str, columns: Iterable[str]) -> Delta:
        """What leads from one FROM item's rows to another's, rows that stand there several times counted."""
        names = ", ".join(map(quote, columns))
        same = null_safe("a", "b", columns)
        inserted = f"SELECT {names} FROM {new} AS a ANTI JOIN {old} AS b ON {same}"
        removed = f"SELECT {names} FROM {old} AS a ANTI JOIN {new} AS b ON {same}"
        delta = self.of_queries(relation, inserted, removed)
        gone, come = (self._sum(part, names) for part in (delta.removed, delta.inserted))
        if self._sum(old, names) - gone + come == self._sum(new, names):
            return delta
        rows = (f"SELECT {names} FROM {old}", f"SELECT {names} FROM {new}")
        return self.of_queries(relation, f"{rows[1]} EXCEPT ALL {rows[0]}", f"{rows[0]} EXCEPT ALL {rows[1]}")

    def clear(self) -> None:
        """Forget all of them."""
        for name in dict.fromkeys(self._made):
            self._con.execute(f"DROP TABLE IF EXISTS {name}")
        self._made.clear()
        self._found.clear()

    def _table(self, name: str, query: str) -> tuple[str, int]:
        kind, place = ("TABLE", "memory.main") if self._shared else ("TEMP TABLE", "temp.main")
        table = f"{place}.{quote(name)}"
        [count] = one_row(self._con, f"CREATE OR REPLACE {kind} {table} AS {query}")
        self._made.append(table)
        return table, int(count)

    def _sum(self, rows: str | None, names: str) -> int:
        """A sum of hashes: equal for equal bags of rows, and hardly ever for others."""
        if rows is None:
            return 0
        [total] = one_row(self._con, f"SELECT coalesce(sum(hash({names})::HUGEINT), 0) FROM {rows}")
        return int(total)


class TablesBefore:
    """The rows that reference tables had before statements changed them, as far as a version reads them.

    Belongs into a transaction, which takes them away if it is undone.
    """

    def __init__(
        self, con: duckdb.DuckDBPyConnection, statements: Sequence[Statement], versions: Sequence[Version]
    ) -> None:
        from featurectl.dialect import AlterTable, Dml

        read = {name for version in versions for name in version.inputs.values()}
        altered = {statement.name for statement in statements if isinstance(statement, AlterTable)}
        changed = {statement.table for statement in statements if isinstance(statement, Dml)}
        self._con, self._deltas = con, Deltas(con)
        self._before = {name: quote(f"{name}$before") for name in changed & read - altered}
        for name, copy in self._before.items():
            con.execute(f"CREATE OR REPLACE TEMP TABLE {copy} AS SELECT * FROM main.{quote(name)}")

    def since(self, changed: Iterable[str]) -> dict[str, Delta | None]:
        """What became of them; None where that is not known."""
        return {name: self._delta(name) if name in self._before else None for name in changed}

    def _delta(self, name: str) -> Delta:
        now = f"main.{quote(name)}"
        columns = [column for column, *_ in self._con.execute(f"DESCRIBE {now}").fetchall()]
        return self._deltas.between(name, f"temp.{self._before[name]}", now, columns)

    def forget(self) -> None:
        """They are not asked for any more."""
        self._deltas.clear()
        for copy in self._before.values():
            self._con.execute(f"DROP TABLE temp.{copy}")
