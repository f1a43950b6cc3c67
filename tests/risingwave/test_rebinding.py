"""Other relations behind the author's names: only those places change, and nothing else does."""

from __future__ import annotations

import pytest

from featurectl.dialect import parse_query
from featurectl.engines.risingwave.rebinding import one_statement, rebound_text

TARGETS = {"a": "a_v2", "b": "b_v3", "t": "t"}


def rebound(sql: str) -> str:
    return rebound_text(parse_query(sql), TARGETS)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT x FROM a", 'SELECT x FROM "a_v2" AS a'),
        ("SELECT a.x FROM a", 'SELECT a.x FROM "a_v2" AS a'),
        ("SELECT x FROM A", 'SELECT x FROM "a_v2" AS A'),
        ('SELECT x FROM "a"', 'SELECT x FROM "a_v2" AS "a"'),
        ("SELECT q.x FROM a AS q", 'SELECT q.x FROM "a_v2" AS q'),
        ("SELECT q.x FROM a q", 'SELECT q.x FROM "a_v2" q'),
        ("SELECT a.a FROM a WHERE a.a = 'a'", 'SELECT a.a FROM "a_v2" AS a WHERE a.a = \'a\''),
        ("SELECT x FROM a, b", 'SELECT x FROM "a_v2" AS a, "b_v3" AS b'),
        ("SELECT x FROM a JOIN b USING (x)", 'SELECT x FROM "a_v2" AS a JOIN "b_v3" AS b USING (x)'),
        ("SELECT x FROM a JOIN a AS z ON a.x = z.x", 'SELECT x FROM "a_v2" AS a JOIN "a_v2" AS z ON a.x = z.x'),
        ("SELECT x FROM t JOIN a ON true", 'SELECT x FROM t JOIN "a_v2" AS a ON true'),
        ("SELECT x FROM (SELECT x FROM a) AS s", 'SELECT x FROM (SELECT x FROM "a_v2" AS a) AS s'),
        ("SELECT (SELECT max(x) FROM a) AS m FROM b", 'SELECT (SELECT max(x) FROM "a_v2" AS a) AS m FROM "b_v3" AS b'),
        ("SELECT x FROM b WHERE x IN (SELECT x FROM a)",
         'SELECT x FROM "b_v3" AS b WHERE x IN (SELECT x FROM "a_v2" AS a)'),
        ("SELECT x FROM a UNION ALL SELECT x FROM b", 'SELECT x FROM "a_v2" AS a UNION ALL SELECT x FROM "b_v3" AS b'),
        ("SELECT 1::int AS a, 2 AS b FROM t", "SELECT 1::int AS a, 2 AS b FROM t"),
        ("SELECT x -- from a\nFROM a -- a\n/* a */", 'SELECT x -- from a\nFROM "a_v2" AS a'),
        ("SELECT x FROM /* a */ a;", 'SELECT x FROM /* a */ "a_v2" AS a'),
        ("SELECT 'ü', \"ß\" FROM a", 'SELECT \'ü\', "ß" FROM "a_v2" AS a'),
        ("SELECT $$ from a $$ AS x FROM a", 'SELECT $$ from a $$ AS x FROM "a_v2" AS a'),
        ("\n\n  SELECT x\n  FROM a\n", 'SELECT x\n  FROM "a_v2" AS a'),
    ],
)  # fmt: skip
def test_relations_are_replaced_where_they_are_read(sql: str, expected: str) -> None:
    assert rebound(sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("WITH a AS (SELECT x FROM b) SELECT a.x FROM a", 'WITH a AS (SELECT x FROM "b_v3" AS b) SELECT a.x FROM a'),
        ("WITH a AS (SELECT x FROM a) SELECT x FROM a", 'WITH a AS (SELECT x FROM "a_v2" AS a) SELECT x FROM a'),
        ("WITH c AS (SELECT x FROM a), b AS (SELECT x FROM c) SELECT x FROM b, a",
         'WITH c AS (SELECT x FROM "a_v2" AS a), b AS (SELECT x FROM c) SELECT x FROM b, "a_v2" AS a'),
        ("SELECT x FROM (WITH a AS (SELECT 1 AS x) SELECT x FROM a) AS s, a",
         'SELECT x FROM (WITH a AS (SELECT 1 AS x) SELECT x FROM a) AS s, "a_v2" AS a'),
    ],
)  # fmt: skip
def test_a_cte_hides_a_relation_of_its_name(sql: str, expected: str) -> None:
    assert rebound(sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT x FROM HOP(a, at, INTERVAL '1 hour', INTERVAL '24 hours')",
         "SELECT x FROM HOP(\"a_v2\", at, INTERVAL '1 hour', INTERVAL '24 hours') AS a"),
        ("SELECT w.x FROM hop(a, at, INTERVAL '1 hour', INTERVAL '24 hours') AS w",
         "SELECT w.x FROM hop(\"a_v2\", at, INTERVAL '1 hour', INTERVAL '24 hours') AS w"),
        ("SELECT a.x FROM TUMBLE(a, a.at, INTERVAL '1 hour') JOIN b ON true",
         'SELECT a.x FROM TUMBLE("a_v2", "a_v2".at, INTERVAL \'1 hour\') AS a JOIN "b_v3" AS b ON true'),
        ("SELECT x FROM TUMBLE(a, date_trunc('hour', at), INTERVAL '1 hour') -- )\nWHERE x > (1)",
         "SELECT x FROM TUMBLE(\"a_v2\", date_trunc('hour', at), INTERVAL '1 hour') AS a -- )\nWHERE x > (1)"),
        ("WITH a AS (SELECT at FROM b) SELECT at FROM TUMBLE(a, at, INTERVAL '1 hour')",
         "WITH a AS (SELECT at FROM \"b_v3\" AS b) SELECT at FROM TUMBLE(a, at, INTERVAL '1 hour')"),
        ("SELECT n FROM generate_series(1, 3) AS g(n), a", 'SELECT n FROM generate_series(1, 3) AS g(n), "a_v2" AS a'),
    ],
)  # fmt: skip
def test_window_functions_take_a_relation_as_argument(sql: str, expected: str) -> None:
    assert rebound(sql) == expected


def test_what_was_rebound_reads_the_targets() -> None:
    windows = "HOP(t, at, INTERVAL '1 hour', INTERVAL '2 hours')"
    sql = f"WITH c AS (SELECT * FROM a) SELECT * FROM c JOIN b ON true JOIN {windows} ON true"
    assert set(parse_query(rebound(sql)).references) == {"a_v2", "b_v3", "t"}


def test_one_statement_drops_what_stands_around_it() -> None:
    assert one_statement("-- on top\nSELECT 1 ; -- behind\n") == "SELECT 1"
