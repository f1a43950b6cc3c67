"""The dialect's functions on a connection: each is made, for as long as it lasts, when a query is about to use it.

A database that had them all would write all of them down again with every commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

__all__ = ["Macros"]


class Macros:
    """Those of one connection."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self._made: set[str] = set()

    def define(self, sql: str) -> str:
        """Make what a translated query uses; returns the query."""
        from featurectl.dialect import macros_for

        for name, statement in macros_for(sql).items():
            if name not in self._made:
                self.con.execute(statement)
                self._made.add(name)
        return sql

    def forget(self) -> None:
        """A transaction was undone, and with it what was made in it."""
        self._made.clear()
