"""Parts of the queries that make a training set."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from featurectl.dialect._types import duckdb_type
from featurectl.engines.embedded.connect import quote

if TYPE_CHECKING:
    import duckdb

    from featurectl.services.training.features import FeatureGroup

__all__ = ["MICROSECOND", "instant", "one_row", "same_entity", "value_of"]

MICROSECOND = timedelta(microseconds=1)


def instant(name: str) -> str:
    """A time as microseconds since 1970 in UTC: numbers join faster than times, and a date is its midnight."""
    return f"epoch_us({name}::TIMESTAMPTZ)"


def value_of(name: str, kind: str, relation: str = "") -> str:
    """A column in its own type: a copy of a server's numeric is text."""
    column = f"{relation}.{quote(name)}" if relation else quote(name)
    return f"TRY_CAST({column} AS {duckdb_type(kind)})" if kind == "numeric" else column


def same_entity(group: FeatureGroup, left: str, right: str) -> str:
    """The condition that two relations speak of one entity."""
    return " AND ".join(f"{left}.{quote(name)} = {right}.{quote(name)}" for name in group.entity)


def one_row(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, ...]:
    """The numbers of a query that always has one row."""
    row = con.execute(sql).fetchone()
    assert row is not None
    return row
