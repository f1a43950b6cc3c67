"""Two relations beside each other: what counts as the same cell, which rows belong together, what is worst."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from featurectl.engines.parity import Comparison, Tolerance, compare

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        made.execute("SET TimeZone = 'UTC'")
        yield made


def cell(con: duckdb.DuckDBPyConnection, expected: str, served: str, kind: str) -> bool:
    """Whether two cells are the same."""
    con.execute(f"CREATE OR REPLACE TABLE l AS SELECT 1 AS id, {expected} AS x")
    con.execute(f"CREATE OR REPLACE TABLE r AS SELECT 1 AS id, {served} AS x")
    return compare(con, "l", "r", types={"id": "int", "x": kind}, key=["id"]).is_equal


@pytest.mark.parametrize(
    ("expected", "served", "kind", "same"),
    [
        ("1.0::DOUBLE", "1.0::DOUBLE + 5e-10", "double", True),
        ("1.0::DOUBLE", "1.0::DOUBLE + 5e-9", "double", False),
        ("1e12::DOUBLE", "1e12::DOUBLE + 500", "double", True),
        ("1e12::DOUBLE", "1e12::DOUBLE + 5000", "double", False),
        ("'NaN'::DOUBLE", "'NaN'::DOUBLE", "double", True),
        ("'NaN'::DOUBLE", "NULL::DOUBLE", "double", False),
        ("5::DOUBLE", "'NaN'::DOUBLE", "double", False),
        ("'NaN'::DOUBLE", "5::DOUBLE", "double", False),
        ("NULL::DOUBLE", "0::DOUBLE", "double", False),
        ("NULL::DOUBLE", "NULL::DOUBLE", "double", True),
        ("'inf'::DOUBLE", "'inf'::DOUBLE", "double", True),
        ("'inf'::DOUBLE", "'-inf'::DOUBLE", "double", False),
        ("1e300::DOUBLE", "'inf'::DOUBLE", "double", False),
        ("0.1::REAL", "0.1::REAL + 1e-8::REAL", "real", True),
        ("9007199254740993::BIGINT", "9007199254740992::BIGINT", "bigint", False),
        ("9007199254740993::HUGEINT", "'9007199254740992'", "numeric", False),
        ("9007199254740993::HUGEINT", "'9007199254740993.0'", "numeric", True),
        ("1.5::DECIMAL(38, 10)", "'1.50'", "numeric", True),
        ("(1 / 3.0)::DOUBLE", "'0.3333333333333333333333333333'", "numeric", True),
        ("1.5::DECIMAL(38, 10)", "'NaN'", "numeric", False),
        ("NULL::DECIMAL(38, 10)", "'NaN'", "numeric", False),
        ("'a'", "'a '", "varchar", False),
        ("''", "NULL::VARCHAR", "varchar", False),
        ("'\\x00'::BLOB", "'\\x01'::BLOB", "bytea", False),
        ("true", "false", "boolean", False),
        ("'2024-01-01T00:00:00.000001Z'::TIMESTAMPTZ", "'2024-01-01T00:00:00Z'::TIMESTAMPTZ", "timestamptz", False),
        ("'2024-01-01T01:00:00+01'::TIMESTAMPTZ", "'2024-01-01T00:00:00Z'::TIMESTAMPTZ", "timestamptz", True),
        ('\'{"a": 1, "b": [2, {}]}\'::JSON', '\'{"b":[2,{}],"a":1}\'::JSON', "jsonb", True),
        ("'{\"a\": 1}'::JSON", '\'{"a": "1"}\'::JSON', "jsonb", False),
        ("'null'::JSON", "NULL::JSON", "jsonb", False),
        ("'{}'::JSON", "'[]'::JSON", "jsonb", False),
    ],
)
def test_cells(con: duckdb.DuckDBPyConnection, expected: str, served: str, kind: str, same: bool) -> None:
    assert cell(con, expected, served, kind) is same


def table(con: duckdb.DuckDBPyConnection, name: str, rows: list[tuple[Any, ...]], columns: str) -> None:
    con.execute(f"CREATE OR REPLACE TABLE {name} ({columns})")
    if rows:
        con.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def of_rows(
    con: duckdb.DuckDBPyConnection, left: list[tuple[Any, ...]], right: list[tuple[Any, ...]], *key: str
) -> Comparison:
    for name, rows in (("l", left), ("r", right)):
        table(con, name, rows, "k VARCHAR, t INTEGER, x DOUBLE")
    return compare(con, "l", "r", types={"k": "varchar", "t": "int", "x": "double"}, key=key, examples=2)


def test_rows_by_key(con: duckdb.DuckDBPyConnection) -> None:
    left = [("a", 1, 1.0), ("a", 2, 2.0), (None, 3, 3.0), ("b", 1, 100.0), ("c", 1, 7.0)]
    right = [("a", 1, 1.5), (None, 3, 3.0), ("b", 1, None), ("c", 1, 7.7), ("d", 9, 0.0)]
    found = of_rows(con, left, right, "k", "t")
    assert (found.missing, found.extra, found.differing_rows, dict(found.cells)) == (1, 1, 3, {"x": 3})
    assert [(e.kind, dict(e.key)) for e in found.examples[:2]] == [
        ("missing", {"k": "a", "t": 2}),
        ("extra", {"k": "d", "t": 9}),
    ]
    worst = found.examples[2:]
    assert [(e.key["k"], e.column, e.expected, e.served) for e in worst] == [
        ("b", "x", 100.0, None),
        ("a", "x", 1.0, 1.5),
    ]


def test_a_row_twice_is_an_extra_row(con: duckdb.DuckDBPyConnection) -> None:
    for key in ((), ("k", "t")):
        found = of_rows(con, [("a", 1, 1.0)], [("a", 1, 1.0), ("a", 1, 1.0)], *key)
        assert (found.missing, found.extra, found.differing_rows) == (0, 1, 0)


def test_without_a_key_rows_are_a_multiset(con: duckdb.DuckDBPyConnection) -> None:
    rows = [("a", 1, 1.0), ("a", 1, 2.0), ("a", 1, float("nan")), ("b", None, None)]
    assert of_rows(con, rows, rows[::-1]).is_equal
    found = of_rows(con, rows, [*rows[:2], ("a", 1, 3.0), ("b", 0, None)])
    assert (found.missing, found.extra, dict(found.cells)) == (1, 1, {"x": 1})
    assert found.matched_by == ("k", "t")


def test_only_numbers_without_a_key(con: duckdb.DuckDBPyConnection) -> None:
    table(con, "l", [(1.0,), (2.0,)], "x DOUBLE")
    table(con, "r", [(2.0,), (1.0 + 1e-12,)], "x DOUBLE")
    assert compare(con, "l", "r", types={"x": "double"}).is_equal
    table(con, "r", [(2.0,), (1.1,)], "x DOUBLE")
    assert not compare(con, "l", "r", types={"x": "double"}).is_equal
    assert compare(con, "l", "r", types={"x": "double"}, tolerance=Tolerance(0.2, 0)).is_equal


def test_other_columns_are_told(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE TABLE l AS SELECT 1 AS id, 2 AS gone")
    con.execute("CREATE TABLE r AS SELECT 1 AS id, 2 AS new")
    found = compare(con, "l", "r", types={"id": "int", "new": "int"}, key=["id"])
    assert (found.columns_missing, found.columns_extra, found.is_equal) == (("gone",), ("new",), False)
