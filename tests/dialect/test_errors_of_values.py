"""In a view an expression that fails is NULL and the ones around it go on; outside it is an error."""

from __future__ import annotations

import duckdb
import pytest

from featurectl.dialect import parse_query, translate_query

FAILING = [
    "'x'::int",
    "'1.5'::int",
    "'1_000'::bigint",
    "'yep'::boolean",
    "'2024-02-30'::date",
    "'x'::timestamptz",
    "'{'::jsonb",
    "300000::smallint",
    "1 / (a - a)",
    "1.5 / (a - a)",
    "a % (a - a)",
    "2147483647 + a",
    "-2147483647 - a - a",
    "sqrt(-a)",
    "ln(a - a)",
    "convert_from('\\xff'::bytea, 'utf8')",
    "decode('zz', 'hex')",
    "substr('abc', a, -1)",
    "split_part('a-b', '-', a - a)",
    "('\"x\"'::jsonb)::int",
]


@pytest.mark.parametrize("expression", FAILING)
def test_failing_expressions(con: duckdb.DuckDBPyConnection, expression: str) -> None:
    query = parse_query(f"SELECT coalesce(({expression}) IS NULL, false) AS failed FROM (SELECT 1 AS a) AS t")
    assert con.execute(translate_query(query)).fetchall() == [(True,)]
    question = parse_query(f"SELECT {expression} AS x FROM (SELECT 1 AS a) AS t")
    with pytest.raises(duckdb.Error):
        con.execute(translate_query(question, in_view=False)).fetchall()


def test_a_cast_of_null_is_no_error(con: duckdb.DuckDBPyConnection) -> None:
    query = parse_query(
        "SELECT CASE WHEN a::int > 1 THEN a ELSE NULL END::int AS x FROM (SELECT NULL::varchar AS a) AS t"
    )
    assert con.execute(translate_query(query, in_view=False)).fetchall() == [(None,)]


def test_now_is_for_questions_only(con: duckdb.DuckDBPyConnection) -> None:
    query = parse_query("SELECT now() > timestamp with time zone '2020-01-01 00:00:00Z' AS x")
    assert con.execute(translate_query(query, in_view=False)).fetchall() == [(True,)]
