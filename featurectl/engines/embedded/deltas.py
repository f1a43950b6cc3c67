"""Which rows of a relation a refresh adds and takes away, as tables of the writer's connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurectl.engines.embedded.connect import null_safe, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

    from featurectl.dialect import Statement
    from featurectl.engines.base import Version

__all__ = ["Delta", "Deltas", "TablesBefore"]


@dataclass(frozen=True)
class Delta:
    """What stands in FROM to read the rows that came and those that went; None where there are none.

    `times`: where the rows that came are in pieces of their own, what is known of the times of each. `in_files`: no
    table of the writer's connection is read.
    """

    inserted: str | None
    removed: str | None
    rows: int
    times: tuple[str | None, ...] = ()
    in_files: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """Both, as far as there are rows."""
        return tuple(part for part in (self.inserted, self.removed) if part is not None)


class Deltas:
    """The deltas of one refresh, by relation. None stands for one that is not known: any row may have changed."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
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
        return Delta(rows if count else None, None, count, times, in_files=True)

    def of_table(self, relation: str, table: str, columns: str, count: int) -> Delta:
        """The delta of a relation to which a temporary table's rows were added; it is kept until `clear`."""
        name = quote(f"{relation}$inserted")
        self._con.execute(f"DROP TABLE IF EXISTS temp.{name}")
        self._con.execute(f"ALTER TABLE temp.{table} RENAME TO {name}")
        self._made.append(name)
        return Delta(f"(SELECT {columns} FROM temp.{name})" if count else None, None, count)

    def of_queries(self, relation: str, inserted: str, removed: str | None) -> Delta:
        """The delta that two queries answer, whose rows are kept until `clear`."""
        come, more = self._table(f"{relation}$inserted", inserted)
        gone, less = self._table(f"{relation}$removed", removed) if removed is not None else ("", 0)
        return Delta(come if more else None, gone if less else None, more + less)

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
            self._con.execute(f"DROP TABLE IF EXISTS temp.{name}")
        self._made.clear()
        self._found.clear()

    def _table(self, name: str, query: str) -> tuple[str, int]:
        quoted = quote(name)
        row = self._con.execute(f"CREATE OR REPLACE TEMP TABLE {quoted} AS {query}").fetchone()
        self._made.append(quoted)
        assert row is not None
        return f"temp.{quoted}", int(row[0])

    def _sum(self, rows: str | None, names: str) -> int:
        """A sum of hashes: equal for equal bags of rows, and hardly ever for others."""
        if rows is None:
            return 0
        row = self._con.execute(f"SELECT coalesce(sum(hash({names})::HUGEINT), 0) FROM {rows}").fetchone()
        assert row is not None
        return int(row[0])


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
