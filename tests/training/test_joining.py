"""The point-in-time join, held against a plain loop in Python."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurectl.engines.base import Version
from featurectl.services.training.features import FeatureGroup
from featurectl.services.training.joining import join_group
from featurectl.services.training.spine import Spine

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2024, 6, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Row = tuple[str, int, int | None, int]  # entity, minute of the event, value, place in the log

rows_of_a_view = st.lists(
    st.tuples(st.sampled_from("AB"), st.integers(0, 12), st.none() | st.integers(0, 9)), max_size=14
).map(lambda rows: [(*row, offset) for offset, row in enumerate(rows)])
rows_of_a_spine = st.lists(st.tuples(st.sampled_from("ABC"), st.integers(-2, 16)), min_size=1, max_size=8)


def expected(view: list[Row], entity: str, asked: int, late: int, ttl: int | None) -> tuple[Any, ...] | None:
    """The row that counts: the newest that was known, of those with its time the last in the log."""
    known = [
        row for row in view if row[0] == entity and row[1] + late <= asked and (ttl is None or row[1] >= asked - ttl)
    ]
    return max(known, key=lambda row: (row[1], row[3]), default=None)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        yield con


def join(
    con: duckdb.DuckDBPyConnection,
    view: list[Row],
    spine: list[tuple[str, int]],
    late: int,
    ttl: int | None,
    revision: tuple[str, ...] = ("log_offset",),
    due: str | None = None,
) -> tuple[dict[int, tuple[Any, ...]], int]:
    """Values and places in the log by the spine's row, and how many rows found ties."""
    for table in ("spine", "view", "joined_0"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    con.execute("CREATE TABLE spine (__row BIGINT, entity VARCHAR, asked TIMESTAMPTZ)")
    con.execute('CREATE TABLE view (entity VARCHAR, "at" TIMESTAMPTZ, value INTEGER, log_offset BIGINT)')
    for number, (entity, asked) in enumerate(spine):
        con.execute("INSERT INTO spine VALUES (?, ?, ?)", [number, entity, START + asked * MINUTE])
    for entity, at, value, offset in view:
        con.execute("INSERT INTO view VALUES (?, ?, ?, ?)", [entity, START + at * MINUTE, value, offset])
    kinds = {"entity": "varchar", "at": "timestamptz", "value": "integer", "log_offset": "bigint"}
    version = Version("v", 1, "", "", "", "", "", {}, {}, columns=kinds)
    names = {"value": "value", "place": "log_offset"}
    group = FeatureGroup(version, ("entity",), "at", late * MINUTE, None if ttl is None else ttl * MINUTE, names)
    joined = join_group(con, "joined_0", group, "view", Spine({}, "asked", len(spine)), revision=revision, due=due)
    found = con.execute(f"SELECT __row, value, place FROM {joined.table}").fetchall()
    assert len(found) == len({row for row, *_ in found}) == joined.found
    return {row: rest for row, *rest in found}, joined.ties


@given(rows_of_a_view, rows_of_a_spine, st.integers(0, 3), st.none() | st.integers(0, 6))
def test_each_row_gets_the_newest_that_was_known(
    con: duckdb.DuckDBPyConnection, view: list[Row], spine: list[tuple[str, int]], late: int, ttl: int | None
) -> None:
    found, _ = join(con, view, spine, late, ttl)
    for number, (entity, asked) in enumerate(spine):
        row = expected(view, entity, asked, late, ttl)
        assert found.get(number) == (None if row is None else [row[2], row[3]])


def test_both_ends_are_inclusive(con: duckdb.DuckDBPyConnection) -> None:
    view: list[Row] = [("A", 10, 1, 0)]
    spine = [("A", 11), ("A", 12), ("A", 15), ("A", 16)]
    found, _ = join(con, view, spine, late=2, ttl=5)
    assert sorted(found) == [1, 2]  # known from 12 on, alive until 15


def test_ties_go_to_the_last_revision_and_are_counted(con: duckdb.DuckDBPyConnection) -> None:
    view: list[Row] = [("A", 10, 9, 0), ("A", 10, None, 2), ("A", 10, 5, 1)]
    assert join(con, view, [("A", 10), ("A", 12), ("B", 12)], 0, None) == ({0: [None, 2], 1: [None, 2]}, 2)


def test_ties_without_a_revision_are_always_settled_alike(con: duckdb.DuckDBPyConnection) -> None:
    view: list[Row] = [("A", 10, 5, 1), ("A", 10, 9, 0), ("A", 10, None, 2)]
    answers = [join(con, rows, [("A", 10)], 0, None, revision=()) for rows in (view, view[::-1])]
    assert answers == [({0: [9, 0]}, 1)] * 2


def test_a_label_is_the_value_of_just_that_time(con: duckdb.DuckDBPyConnection) -> None:
    view: list[Row] = [("A", 10, 5, 1), ("A", 10, 6, 2), ("A", 12, 7, 3)]
    due = "epoch_us(asked) + 120000000"
    found, ties = join(con, view, [("A", 8), ("A", 9), ("A", 10)], 0, None, due=due)
    assert (found, ties) == ({0: [6, 2], 2: [7, 3]}, 1)
