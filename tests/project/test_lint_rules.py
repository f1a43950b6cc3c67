"""Every rule of lint: its examples, what else it finds and does not, and RisingWave's own word on it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from featurectl.dialect import parse_query
from featurectl.project.lint import RULES, Rule
from featurectl.project.lint.checking import check_query
from featurectl.project.lint.refreshes import computed_whole
from featurectl.project.lint.scopes import Relation
from tests.docs.lint import TABLES, TARGET, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Sql = Callable[[str], list[tuple[Any, ...]]]

EXAMPLES = [rule for rule in RULES.values() if rule.bad]
STREAMS = {
    name: Relation("view", {c: of.removesuffix(" precision") for c, of in columns.items()}, "t")
    for name, columns in TABLES.items()
}
KNOWN = {**STREAMS, "places": Relation("table", {"k": "varchar", "since": "timestamptz"})}


def codes(sql: str, *, trained: bool = True) -> list[str]:
    return [hit.code for hit in sorted(check_query(parse_query(sql), KNOWN, trained=trained)[0])]


def refreshes(sql: str) -> list[tuple[str, str]]:
    """What is said of a view of the query, of no entity and event time that anybody names."""
    query = parse_query(sql)
    _, columns = check_query(query, KNOWN, trained=False)
    return [(hit.code, hit.message) for hit in computed_whole(query, KNOWN, columns, (), None)]


@pytest.mark.parametrize("rule", EXAMPLES, ids=lambda rule: rule.code)
def test_the_example_breaks_its_rule_alone_and_the_mend_breaks_none(rule: Rule) -> None:
    if rule.code == "RW209":
        assert [code for code, _ in refreshes(rule.bad)] == [rule.code]
        assert refreshes(rule.good) == []
        return
    assert codes(rule.bad) == [rule.code]
    assert codes(rule.good) == []


def test_it_is_said_why_a_view_is_refreshed_whole() -> None:
    sql = "SELECT k, n FROM orders WHERE n > (SELECT avg(n) FROM payments)"
    why = "computed whole whenever payments changes: it is read by a subquery in an expression"
    assert refreshes(sql) == [("RW209", why)]
    assert refreshes("SELECT k, nothing AS n FROM orders") == []  # its types are not known


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        # partitions
        ("SELECT sum(i) OVER () AS s FROM orders", ["RW101"]),
        ("SELECT sum(i) OVER w AS s FROM orders WINDOW w AS (ORDER BY o)", ["RW101", "RW201"]),
        ("SELECT sum(i) OVER w AS s FROM orders WINDOW w AS (PARTITION BY k)", []),
        ("SELECT sum(i) FILTER (WHERE i > 0) OVER (PARTITION BY k) AS s FROM orders", []),
        # frames
        ("SELECT sum(i) OVER (PARTITION BY k ORDER BY o) AS s FROM orders", ["RW201"]),
        ("SELECT last_value(i) OVER (PARTITION BY k ORDER BY o) AS s FROM orders", ["RW201"]),
        ("SELECT row_number() OVER (PARTITION BY k ORDER BY t) AS s FROM orders", []),
        ("SELECT max(i) OVER (PARTITION BY k ORDER BY t RANGE INTERVAL '7' DAY PRECEDING) AS s FROM orders", ["RW102"]),
        ("SELECT max(i) OVER (PARTITION BY k ORDER BY t RANGE INTERVAL '1d' PRECEDING) AS s FROM orders", ["RW102"]),
        ("SELECT max(i) OVER (PARTITION BY k ORDER BY t RANGE INTERVAL '36 hours' PRECEDING) AS s FROM orders", []),
        (
            "SELECT max(i) OVER (PARTITION BY k ORDER BY t AT TIME ZONE 'UTC' RANGE INTERVAL '7 days' PRECEDING) AS s"
            " FROM orders",
            [],
        ),
        ("SELECT max(i) OVER (PARTITION BY k ORDER BY t ROWS 23 PRECEDING) AS s FROM orders", ["RW202"]),
        ("SELECT sum(i) OVER (PARTITION BY k ORDER BY t ROWS UNBOUNDED PRECEDING) AS s FROM orders", []),
        ("SELECT lead(i) OVER (PARTITION BY k ORDER BY t DESC) AS s FROM orders", ["RW202"]),
        ("SELECT lag(i) OVER (PARTITION BY k ORDER BY o) AS s FROM orders", []),
        ("SELECT max(i) OVER (PARTITION BY k ORDER BY o GROUPS 1 PRECEDING) AS s FROM orders", ["RW105"]),
        ("SELECT nth_value(i, 2) OVER (PARTITION BY k ORDER BY o) AS s FROM orders", ["RW105"]),
        # frames that may have no value
        ("SELECT sum(i) OVER (PARTITION BY k ORDER BY o ROWS 1 PRECEDING) AS s FROM orders", ["RW208"]),
        ("SELECT sum(i) OVER w AS s FROM orders WINDOW w AS (PARTITION BY k ORDER BY o ROWS 1 PRECEDING)", ["RW208"]),
        ("SELECT avg(i) OVER (PARTITION BY k ORDER BY o ROWS 1 PRECEDING) AS s FROM orders", []),  # NULL on both
        ("SELECT avg(v) OVER (PARTITION BY k ORDER BY o ROWS 1 PRECEDING) AS s FROM orders WHERE v < 5", []),
        ("SELECT sum(i) OVER (PARTITION BY k ORDER BY o ROWS 1 PRECEDING) AS s FROM orders WHERE i IS NOT NULL", []),
        (
            "SELECT sum(i) OVER (PARTITION BY k ORDER BY o ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING) AS s FROM orders"
            " WHERE i IS NOT NULL",
            ["RW208"],
        ),
        ("SELECT sum(coalesce(i, 0)) OVER (PARTITION BY k ORDER BY o ROWS 1 PRECEDING) AS s FROM orders", []),
        ("SELECT bool_or(i > 3) OVER (PARTITION BY k ORDER BY o ROWS 1 PRECEDING) AS s FROM orders", ["RW208"]),
        ("SELECT count(i) OVER (PARTITION BY k ORDER BY o ROWS 1 PRECEDING) AS s FROM orders", []),
        ("SELECT sum(i) OVER (PARTITION BY k ORDER BY o ROWS UNBOUNDED PRECEDING) AS s FROM orders", []),
        # percentiles
        ("SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY i) AS p FROM orders", ["RW103"]),
        ("SELECT mode() WITHIN GROUP (ORDER BY i) AS p FROM orders", ["RW103"]),
        ("SELECT k, approx_percentile(0.5, 0.01) WITHIN GROUP (ORDER BY v) AS p FROM orders GROUP BY k", []),
        ("SELECT approx_percentile(0.5, 0.01) WITHIN GROUP (ORDER BY v) AS p FROM orders WHERE v < 'Infinity'", []),
        ("SELECT approx_percentile(0.5, 0.01) WITHIN GROUP (ORDER BY v) AS p FROM orders WHERE n > 1", ["RW210"]),
        ("SELECT approx_percentile(0.5, 0.01) WITHIN GROUP (ORDER BY coalesce(v, 0)) AS p FROM orders", []),
        # joins
        ("SELECT o.k FROM orders AS o CROSS JOIN places AS p", ["RW104"]),
        ("SELECT o.k FROM orders AS o, places AS p", ["RW104"]),
        ("SELECT o.k FROM orders AS o, places AS p WHERE o.k = p.k", []),
        ("SELECT o.k FROM orders AS o JOIN places AS p USING (k)", []),
        ("SELECT o.k FROM orders AS o JOIN places AS p ON o.k = p.k OR o.t = p.since", ["RW104"]),
        ("SELECT o.k FROM orders AS o JOIN places AS p ON o.k || p.k = 'ab'", ["RW104"]),
        ("SELECT o.k FROM orders AS o JOIN places AS p ON p.k IS NOT DISTINCT FROM o.k", []),
        ("SELECT o.k FROM orders AS o LEFT JOIN places AS p ON lower(p.k) = lower(o.k)", []),
        ("SELECT o.k FROM orders AS o CROSS JOIN LATERAL (SELECT x FROM payments AS p WHERE p.k = o.k) AS l", []),
        ("SELECT o.k FROM orders AS o JOIN places AS p ON p.k = o.k", []),  # a table ends by itself
        ("SELECT o.k, m[1] AS m FROM orders AS o, regexp_matches(o.k, 'x+') AS r (m)", []),  # of each row its own
        ("SELECT o.k FROM orders AS o, generate_series(1, 2) AS g (n)", ["RW104"]),
        ("SELECT o.k FROM orders AS o ASOF JOIN payments AS p ON p.k = o.k AND p.t <= o.t", []),
        ("SELECT o.k FROM orders AS o JOIN payments AS p USING (k, t)", []),
        ("SELECT o.k FROM orders AS o JOIN payments AS p USING (k)", ["RW205"]),
        ("SELECT o.k FROM orders AS o, payments AS p WHERE o.k = p.k AND o.t = p.t", []),
        ("SELECT o.k FROM orders AS o JOIN payments AS p ON p.k = o.k AND p.t > '2024-01-01T00:00:00Z'", ["RW205"]),
        (
            "WITH hourly AS (SELECT k, date_trunc('hour', t, 'UTC') AS h FROM payments GROUP BY 1, 2)"
            " SELECT o.k FROM orders AS o JOIN hourly ON hourly.k = o.k",
            ["RW205"],
        ),
        (
            "WITH totals AS (SELECT k, count(*) AS c FROM payments GROUP BY k)"
            " SELECT o.k FROM orders AS o JOIN totals ON totals.k = o.k",
            [],
        ),
        (
            "SELECT o.k FROM orders AS o JOIN (SELECT k, window_end AS e FROM TUMBLE(payments, t, INTERVAL '1 hour'))"
            " AS w ON w.k = o.k AND w.e = o.t",
            [],
        ),
        # times
        ("SELECT t::timestamp AS a, t::date AS b, t::varchar AS c FROM orders", ["RW203"] * 3),
        ("SELECT '2024-01-01 00:00'::timestamptz AS a FROM orders", ["RW203"]),
        ("SELECT '2024-01-01'::timestamptz AS a FROM orders", ["RW203"]),
        ("SELECT '2024-01-01 00:00:00+01'::timestamptz AS a, '2024-01-01T00:00Z'::timestamptz AS b FROM orders", []),
        ("SELECT (t AT TIME ZONE 'UTC')::date AS a FROM orders", []),
        ("SELECT (t AT TIME ZONE 'UTC')::timestamptz AS a FROM orders", ["RW203"]),
        ("SELECT extract(dow FROM t) AS a FROM orders", ["RW203"]),
        ("SELECT extract(epoch FROM t) AS a, extract(dow FROM t AT TIME ZONE 'UTC') AS b FROM orders", []),
        ("SELECT date_trunc('day', t AT TIME ZONE 'UTC') AS a, date_trunc('minute', t) AS b FROM orders", []),
        ("SELECT k::varchar AS a, i::bigint AS b, '2024-01-01'::date AS c FROM orders", []),
        # the clock
        ("SELECT k FROM orders WHERE t > current_timestamp - INTERVAL '1 hour'", ["RW204"]),
        ("SELECT k FROM orders GROUP BY k HAVING max(t) > now() - INTERVAL '1 hour'", ["RW204"]),
        ("SELECT o.k FROM orders AS o JOIN places FOR SYSTEM_TIME AS OF PROCTIME() AS p ON p.k = o.k", ["RW204"]),
        ("SELECT current_date AS d FROM orders", ["RW106"]),
        ("SELECT CASE WHEN t > now() THEN 1 END AS c FROM orders", ["RW106"]),
        ("SELECT proctime() AS p FROM orders", ["RW106"]),
        # stars
        ("SELECT o.* FROM orders AS o", ["RW206"]),
        ("WITH a AS (SELECT k, t FROM orders) SELECT * FROM a", []),
        ("WITH a AS (SELECT * FROM orders) SELECT k FROM a", ["RW206"]),
        ("SELECT * FROM TUMBLE(orders, t, INTERVAL '1 hour')", ["RW206"]),
        ("SELECT k FROM orders AS o WHERE EXISTS (SELECT * FROM payments AS p WHERE p.k = o.k)", []),
        ("SELECT count(*) AS n FROM orders", []),
        # NaN
        ("SELECT sum(v) AS s, avg(i) AS a, max(v) AS m FROM orders", ["RW207"]),
        ("SELECT sum(v) OVER (PARTITION BY k) AS s FROM orders", ["RW207"]),
        ("SELECT avg(v::numeric) AS a, sum(n) AS s FROM orders", ["RW207"]),  # a numeric may be NaN
        ("SELECT avg(v::numeric) FILTER (WHERE v < 'Infinity') AS a FROM orders", []),
        ("SELECT sum(v) AS s FROM orders WHERE v BETWEEN 0 AND 100", []),
        ("SELECT sum(v) FILTER (WHERE v < 'Infinity') AS s FROM orders WHERE i > 0", []),
        ("SELECT sum(v) AS s FROM orders WHERE v >= 0", ["RW207"]),  # NaN >= 0 is true
        ("SELECT sum(2 * v) AS s FROM orders WHERE v < 100", ["RW207"]),
        ("WITH a AS (SELECT k, sqrt(i) AS r FROM orders) SELECT avg(r) AS m FROM a", ["RW207"]),
        # what cannot be typed is not guessed at
        ("SELECT avg(q) AS m FROM elsewhere", []),
        ("SELECT k FROM orders UNION ALL SELECT k FROM payments", []),
    ],
)  # fmt: skip
def test_rules_find(sql: str, found: list[str]) -> None:
    assert codes(sql) == found


def test_processing_time_is_let_be_where_training_does_not_read() -> None:
    assert codes("SELECT k FROM orders WHERE t > now() - INTERVAL '1 hour'", trained=False) == []


def test_a_finding_stands_on_the_line_of_its_place() -> None:
    sql = "SELECT\n  k,\n  *,\n  max(i) OVER (\n    ORDER BY o ROWS 1 PRECEDING) AS s,\n  avg(v) AS m\nFROM orders"
    found = {(hit.code, hit.line) for hit in check_query(parse_query(sql), KNOWN, trained=True)[0]}
    assert found == {("RW206", 3), ("RW101", 4), ("RW207", 6)}


def test_the_document_lists_the_rules() -> None:
    assert TARGET.read_text(encoding="utf-8") == render(), "write it again: python -m tests.docs.lint"


@pytest.fixture(scope="module")
def server(risingwave_dsn: str) -> Iterator[Sql]:
    """Runs statements in a schema that has the tables of the examples."""
    import psycopg2

    schema = f"lint_{uuid.uuid4().hex[:12]}"
    connection = psycopg2.connect(risingwave_dsn)
    connection.autocommit = True
    cursor = connection.cursor()

    def run(statement: str) -> list[tuple[Any, ...]]:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []

    run(f"CREATE SCHEMA {schema}")
    run(f"SET search_path = {schema}")
    for name, columns in TABLES.items():
        run(f"CREATE TABLE {name} ({', '.join(f'{column} {of}' for column, of in columns.items())})")
    yield run
    run(f"DROP SCHEMA {schema} CASCADE")
    connection.close()


@pytest.mark.parametrize("rule", EXAMPLES, ids=lambda rule: rule.code)
def test_risingwave_refuses_what_the_rule_says_it_refuses_and_takes_the_mend(server: Sql, rule: Rule) -> None:
    import psycopg2

    def create(query: str) -> None:
        server(f"EXPLAIN CREATE MATERIALIZED VIEW held AS {query}")

    if rule.refused:
        with pytest.raises(psycopg2.Error):
            create(rule.bad)
    else:
        create(rule.bad)
    create(rule.good)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY i) AS p FROM orders",
        "SELECT mode() WITHIN GROUP (ORDER BY i) AS p FROM orders",
        "SELECT max(i) OVER (PARTITION BY k ORDER BY t RANGE INTERVAL '1 month' PRECEDING) AS s FROM orders",
        "SELECT sum(i) OVER () AS s FROM orders",
        "SELECT max(i) OVER (PARTITION BY k ORDER BY o GROUPS 1 PRECEDING) AS s FROM orders",
        "SELECT cume_dist() OVER (PARTITION BY k ORDER BY o) AS s FROM orders",
        "SELECT percent_rank() OVER (PARTITION BY k ORDER BY o) AS s FROM orders",
        "SELECT nth_value(i, 2) OVER (PARTITION BY k ORDER BY o) AS s FROM orders",
        "SELECT o.k FROM orders AS o CROSS JOIN payments AS p",
        "SELECT o.k FROM orders AS o JOIN payments AS p ON o.k = p.k OR o.t = p.t",
        "SELECT current_date AS d FROM orders",
        "SELECT current_time AS d FROM orders",
        "SELECT localtimestamp AS d FROM orders",
        "SELECT proctime() AS p FROM orders",
        "SELECT CASE WHEN t > now() THEN 1 END AS c FROM orders",
    ],
)
def test_risingwave_refuses_the_other_spellings_too(server: Sql, query: str) -> None:
    import psycopg2

    assert any(RULES[code].refused for code in codes(query))
    with pytest.raises(psycopg2.Error):
        server(f"EXPLAIN CREATE MATERIALIZED VIEW held AS {query}")


def test_risingwave_keeps_a_nan_that_is_gone_unless_a_bound_keeps_it_out(server: Sql) -> None:
    server(f"CREATE MATERIALIZED VIEW floats AS {RULES['RW207'].bad}")
    server("CREATE MATERIALIZED VIEW decimals AS SELECT k, avg(v::numeric) AS mean FROM orders GROUP BY k")
    server(f"CREATE MATERIALIZED VIEW bounded AS {RULES['RW207'].good}")
    server("INSERT INTO orders (k, o, v) VALUES ('nan', 1, 1), ('nan', 2, 3), ('nan', 3, 'NaN')")
    server("FLUSH")
    server("DELETE FROM orders WHERE o = 3")
    server("FLUSH")
    assert server("SELECT mean::varchar FROM floats WHERE k = 'nan'") == [("NaN",)]
    assert server("SELECT mean::varchar FROM decimals WHERE k = 'nan'") == [("NaN",)]
    assert server("SELECT mean FROM bounded WHERE k = 'nan'") == [(2.0,)]


def test_risingwave_says_0_where_a_frame_has_lost_its_values(server: Sql) -> None:
    server(f"CREATE MATERIALIZED VIEW left_over AS {RULES['RW208'].bad.replace('SELECT k', 'SELECT k, o')}")
    server(f"CREATE MATERIALIZED VIEW counted AS {RULES['RW208'].good.replace('SELECT k', 'SELECT k, o')}")
    # the value leaves between two rows that are computed in one go; alone, the last row's frame would be read afresh
    server("INSERT INTO orders (k, o, t, i) VALUES ('left', 0, '2024-01-01T00:00:00Z', NULL)")
    server("INSERT INTO orders (k, o, t, i) VALUES ('left', 1, '2024-01-02T00:00:00Z', 5)")
    server("INSERT INTO orders (k, o, t, i) VALUES ('left', 3, '2024-01-03T06:00:00Z', NULL)")
    server("FLUSH")
    server("INSERT INTO orders (k, o, t, i) VALUES ('left', 2, '2024-01-02T18:00:00Z', NULL)")
    server("FLUSH")
    assert server("SELECT s FROM left_over WHERE k = 'left' ORDER BY o") == [(None,), (5,), (5,), (0,)]
    assert server("SELECT s FROM counted WHERE k = 'left' ORDER BY o") == [(None,), (5,), (5,), (None,)]


def test_risingwave_lives_on_where_where_keeps_null_from_a_percentile(server: Sql) -> None:
    # what the rule is about is not tried here: it takes the server from everybody
    server(f"CREATE MATERIALIZED VIEW percentile AS {RULES['RW210'].good}")
    server("INSERT INTO orders (k, v) VALUES ('p', 2), ('p', NULL)")
    server("FLUSH")
    assert server("SELECT p IS NOT NULL FROM percentile") == [(True,)]


def test_risingwave_counts_rows_where_the_frame_is_not_said(server: Sql) -> None:
    server("INSERT INTO orders (k, t, n) VALUES ('tie', '2024-01-01T00:00:00Z', 1), ('tie', '2024-01-01T00:00:00Z', 2)")
    server("FLUSH")
    implicit = server(f"SELECT s FROM ({RULES['RW201'].bad}) AS a WHERE k = 'tie'")
    explicit = server(f"SELECT s FROM ({RULES['RW201'].good}) AS a WHERE k = 'tie'")
    assert len({row[0] for row in implicit}) == 2
    assert [row[0] for row in explicit] == [3, 3]


@pytest.mark.parametrize(
    "value",
    [
        "date_trunc('day', t)",
        "date_trunc('hour', t)",
        "extract(hour FROM t)",
        "date_part('hour', t)",
        "to_char(t, 'HH24')",
        "t::timestamp",
        "t::date",
        "t::varchar",
        "(t AT TIME ZONE 'UTC')::timestamptz",
        "'2024-01-01 00:00'::timestamptz",
    ],
)
def test_the_session_decides_what_the_rule_says_it_decides(server: Sql, value: str) -> None:
    server("INSERT INTO orders (k, t) VALUES ('zone', '2024-03-30T20:10:00Z')")
    server("FLUSH")
    query = f"SELECT ({value})::varchar FROM orders WHERE k = 'zone' LIMIT 1"
    assert "RW203" in codes(f"SELECT {value} AS a FROM orders")

    def answered(zone: str) -> str:
        server(f"SET TIMEZONE = '{zone}'")
        [[found]] = server(query)
        return str(found)

    answers = {answered("Asia/Kolkata"), answered("UTC")}
    assert len(answers) == 2
