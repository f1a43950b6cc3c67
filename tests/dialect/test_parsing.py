"""What a query reads, what it is called, what it means; where it is wrong."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurectl.dialect import MACROS, parse_query, reading, translate, translate_query
from featurectl.dialect._grammar import _require_source
from featurectl.errors import ProjectError, SettingsError, UnsupportedOnEngine

REFERENCES = [
    ("SELECT a FROM t", ("t",)),
    ("SELECT 1 AS a FROM Solar.T AS x JOIN u ON true", ("solar.t", "u")),
    ('SELECT a FROM "T"', ("T",)),
    ("WITH t AS (SELECT a FROM u) SELECT a FROM t", ("u",)),
    ("WITH t AS (SELECT a FROM t) SELECT a FROM t", ("t",)),
    (
        "SELECT a FROM t WHERE b IN (SELECT b FROM u WHERE EXISTS (SELECT 1 FROM v)) UNION SELECT a FROM t",
        ("t", "u", "v"),
    ),
    ("SELECT a FROM HOP(t, ts, INTERVAL '1 hour', INTERVAL '2 hours') AS h", ("t",)),
    ("WITH c AS (SELECT a, ts FROM t) SELECT a FROM TUMBLE(c, ts, INTERVAL '1 hour')", ("t",)),
    ("SELECT a FROM (WITH c AS (SELECT 1 AS a) SELECT a FROM c) AS x, c", ("c",)),
    ("SELECT (SELECT max(a) FROM u) AS m FROM t", ("u", "t")),
]


@pytest.mark.parametrize(("sql", "references"), REFERENCES)
def test_references(sql: str, references: tuple[str, ...]) -> None:
    assert parse_query(sql).references == references


COLUMNS = [
    (
        'SELECT a, t.b, c AS "C d", sum(x), x::int, extract(hour FROM ts), 1 + 1 FROM t',
        ("a", "b", "C d", "sum", "x", "extract", "?column?"),
    ),
    ("SELECT a FROM t UNION ALL SELECT b FROM u", ("a",)),
    ("SELECT * FROM t", None),
    ("SELECT a, t.* FROM t", None),
    ("WITH x AS (SELECT * FROM t) SELECT a FROM x", ("a",)),
]


@pytest.mark.parametrize(("sql", "columns"), COLUMNS)
def test_columns(sql: str, columns: tuple[str, ...] | None) -> None:
    assert parse_query(sql).columns == columns


BASE = (
    "WITH a AS (SELECT k, x FROM t WHERE x > 1), b AS (SELECT k, y FROM u) "
    "SELECT p.k, sum(p.x) AS s FROM a AS p JOIN b AS q ON p.k = q.k GROUP BY p.k"
)
SAME = [
    BASE.lower(),
    BASE.replace(" ", "\n  "),
    BASE.replace("SELECT p.k", "SELECT /* the key */ p.k -- key\n"),
    BASE.replace("p.", "left_side.").replace("AS p", "AS left_side"),
    BASE.replace("AS q", "q").replace("(SELECT k, y", "(SELECT (k), y"),
    "WITH b AS (SELECT k, y FROM u), a AS (SELECT k, x FROM t WHERE x > 1) SELECT" + BASE.rpartition("SELECT")[2],
    BASE.replace("WITH a AS", "WITH first_one AS").replace("FROM a AS", "FROM first_one AS"),
]
OTHER = [
    BASE.replace("x > 1", "x > 2"),
    BASE.replace("x > 1", "x >= 1"),
    BASE.replace("AS s", "AS total"),
    BASE.replace("JOIN", "LEFT JOIN"),
    BASE.replace("sum(", "max("),
    BASE.replace("p.x)", "q.y)"),
    BASE.replace("FROM u", "FROM v"),
    BASE.replace("ON p.k = q.k", "ON q.k = p.k"),
    BASE.replace("sum(p.x)", "sum(DISTINCT p.x)"),
    BASE.replace("sum(p.x)", "sum(p.x) FILTER (WHERE p.x > 0)"),
    BASE.replace("p.x)", "p.x::int)"),
    BASE.replace("x > 1", "x > '1'"),
    BASE.replace("p.k, sum", 'p."K", sum'),
    BASE + " LIMIT 5",
]


@pytest.mark.parametrize("sql", SAME)
def test_spelling_does_not_change_the_fingerprint(sql: str) -> None:
    assert parse_query(sql).fingerprint == parse_query(BASE).fingerprint


def test_every_change_of_meaning_changes_the_fingerprint() -> None:
    fingerprints = {parse_query(sql).fingerprint for sql in (BASE, *OTHER)}
    assert len(fingerprints) == len(OTHER) + 1


def test_self_joins_tell_their_sides_apart() -> None:
    one = parse_query("SELECT a.x FROM t AS a JOIN t AS b ON a.k = b.k").fingerprint
    assert parse_query("SELECT b.x FROM t AS a JOIN t AS b ON a.k = b.k").fingerprint != one
    assert parse_query("SELECT z.x FROM t AS z JOIN t AS a ON z.k = a.k").fingerprint == one


blanks = st.sampled_from([" ", "\n", "\t ", " /* x */ ", " -- y\n"])


@settings(deadline=None)
@given(st.data())
def test_blanks_and_comments_anywhere_mean_nothing(data: st.DataObject) -> None:
    spaced = "".join(data.draw(blanks) if char == " " else char for char in BASE)
    assert parse_query(spaced).fingerprint == parse_query(BASE).fingerprint


WRONG = [
    ("SELECT a FROM", 1, "syntax"),
    ("SELECT a\nFROM t\nWHERE (a", 3, "syntax"),
    ("SELECT 'a", 1, "syntax"),
    ("SELECT 1 AS a; SELECT 2 AS b", 1, "one statement"),
    ("", 1, "one statement"),
    ("INSERT INTO t VALUES (1)", 1, "a query expected"),
    ("DROP TABLE t", 1, "a query expected"),
    ("CREATE TABLE t (a INT) APPEND ONLY", 1, "a query expected"),
    ("SELECT a, b\nFROM t\nWHERE a > (SELECT) ", 3, "."),
]


@pytest.mark.parametrize(("sql", "line", "message"), WRONG)
def test_what_is_no_query_names_file_and_line(sql: str, line: int, message: str) -> None:
    with pytest.raises(ProjectError, match=message) as caught:
        translate_query(parse_query(sql, file="sql/v.sql", first_line=11))
    assert (caught.value.file, caught.value.line) == ("sql/v.sql", line + 10)


UNSUPPORTED = [
    ("SELECT a,\n  frobnicate(b) AS c FROM t", 2, "frobnicate"),
    ("SELECT a FROM t\nWHERE b SIMILAR TO 'x'", 2, "SIMILAR"),
    ("SELECT a FROM t TABLESAMPLE SYSTEM (10)", 1, "."),
    ("SELECT a FROM t\nJOIN u FOR SYSTEM_TIME AS OF PROCTIME() ON t.k = u.k", 2, "FOR SYSTEM_TIME AS OF PROCTIME"),
    ("SELECT proctime() AS p FROM t", 1, "PROCTIME"),
    ("SELECT a FROM t\nWHERE ts > now() - INTERVAL '1 hour'", 2, r"now\(\) in a view"),
    ("SELECT current_timestamp AS p FROM t", 1, "CURRENT_TIMESTAMP"),
    (
        "SELECT count(*) AS n FROM TUMBLE(t, ts, INTERVAL '1 hour') GROUP BY window_start\nEMIT ON WINDOW CLOSE",
        2,
        "EMIT",
    ),
    ("SELECT sum(x) OVER (w ORDER BY z) AS s FROM t WINDOW w AS (PARTITION BY y)", 1, "adds to w"),
    ("SELECT DISTINCT i AS x FROM (SELECT INTERVAL '1 day' AS i) AS t", 1, "DISTINCT over intervals"),
    ("SELECT '2024-01-01 00:00:00.123456789'::timestamp AS x", 1, "nanoseconds"),
    ("SELECT sum(i) AS x FROM (SELECT INTERVAL '1 day' AS i) AS t", 1, r"sum\(interval\)"),
    ("WITH RECURSIVE a AS (SELECT 1 AS x) SELECT x FROM a", 1, "RECURSIVE"),
    ("SELECT a FROM t GROUP BY ROLLUP (a, (2))", 1, "GROUP BY a constant"),
    ("SELECT a, count(*) AS n FROM t GROUP BY a, (2)", 1, "GROUP BY a constant"),
    ("SELECT date_trunc('hour', a::timestamptz, 'Europe/Rome') AS x FROM t", 1, "in a time zone"),
    ("SELECT string_agg(a, b ORDER BY c) AS x FROM t", 1, "separator"),
    ("SELECT a / b AS c FROM t", 1, "/ between"),
    ("SELECT sum(a) AS c FROM t", 1, r"sum\(\?\)"),
    ("SELECT now() AS n FROM t", 1, "now"),
    ("SELECT d::varchar AS x FROM (SELECT 1.5::real AS d) AS t", 1, "cast of real to varchar"),
    ("SELECT n::varchar AS x FROM (SELECT 1.5 AS n) AS t", 1, "cast of numeric to varchar"),
    ("SELECT round(d, 2) AS x FROM (SELECT 1.5::double precision AS d) AS t", 1, r"round\(double, int\)"),
    ("SELECT a ~ '(?=x)' AS m FROM t", 1, "regular expression"),
    (r"SELECT a ~ '(x)\1' AS m FROM t", 1, "regular expression"),
    ("SELECT a ~ '[a&&b]' AS m FROM t", 1, "regular expression"),
    ("SELECT a ~ b AS m FROM t", 1, "not a constant"),
    ("SELECT regexp_match(a, '(x?)?') AS m FROM t", 1, "optional"),
    ("SELECT j = j AS x FROM (SELECT a::jsonb AS j FROM t) AS s", 1, "comparing jsonb"),
    ("SELECT j -> k AS x FROM (SELECT a::jsonb AS j, a::varchar AS k FROM t) AS s", 1, "key"),
    ("SELECT j::varchar AS x FROM (SELECT a::jsonb AS j FROM t) AS s", 1, "jsonb to varchar"),
    ("SELECT a::json AS x FROM t", 1, "type"),
    ("SELECT string_agg(a, ',') AS x FROM t", 1, "without ORDER BY"),
    ("SELECT * FROM t JOIN u USING (a)", 1, "USING"),
    ("SELECT a FROM TUMBLE(t, ts, INTERVAL '1 month')", 1, "months"),
    ("SELECT INTERVAL '1 fortnight' AS i", 1, "FORTNIGHT"),
    ("SELECT to_char('2024-01-01'::timestamp, 'Q') AS x", 1, "pattern"),
    ("SELECT extract(timezone FROM a) AS x FROM t", 1, "TIMEZONE"),
    ("SELECT date_trunc('fortnight', a) AS x FROM t", 1, "fortnight"),
    ("SELECT lag(a, 1, 0) OVER (ORDER BY b) AS x FROM t", 1, "lag"),
    ("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) AS p FROM t", 1, "."),
    (
        "SELECT approx_percentile(0.5) WITHIN GROUP (ORDER BY x) FILTER (WHERE x > 0) AS p FROM (SELECT 1 AS x) AS t",
        1,
        "FILTER",
    ),
    ("SELECT arg_min(a, b) OVER (PARTITION BY c ORDER BY d) AS x FROM t", 1, "arg_min over a frame"),
    ("SELECT regexp_count(a, '^x') AS x FROM t", 1, "at the beginning"),
    ("SELECT regexp_split_to_array(a, 'x*') AS x FROM t", 1, "matches nothing"),
    ("SELECT INTERVAL '1 day 2' HOUR AS i", 1, "interval"),
    (
        "SELECT * FROM (VALUES (1, 2)) AS t(a, b) UNION CORRESPONDING BY (b) SELECT * FROM (VALUES (3, 4)) AS u(b, c)",
        1,
        "CORRESPONDING",
    ),
    ("SELECT s.t.a AS x FROM s.t AS u", 1, "no column of a relation"),
    ("SELECT ARRAY(SELECT a::int FROM t) AS x", 1, "ORDER BY"),
    ("SELECT exp(n) AS x FROM (SELECT 1.5 AS n) AS t", 1, "exp of decimals"),
    ("SELECT n ^ 0.5 AS x FROM (SELECT 1.5 AS n) AS t", 1, "power of decimals"),
    ("SELECT a @> b AS x FROM (SELECT '{}'::jsonb AS a, '[]'::jsonb AS b) AS t", 1, "containment"),
    ("SELECT a #> '{\"x\"}' AS x FROM (SELECT '{}'::jsonb AS a) AS t", 1, "the path"),
    ("SELECT _rw_timestamp FROM (SELECT 1 AS a) AS t", 1, "hidden column"),
    ("SELECT a FROM t ORDER BY a FETCH FIRST 3 ROWS WITH TIES", 1, "WITH TIES"),
    ("SELECT 1e300 AS x", 1, "the number 1e300"),
    ("SELECT E'\\\\n' AS x FROM t", 1, "."),
]


@pytest.mark.parametrize(("sql", "line", "construct"), UNSUPPORTED)
def test_what_is_not_known_to_mean_the_same_is_named(sql: str, line: int, construct: str) -> None:
    with pytest.raises(UnsupportedOnEngine, match=construct) as caught:
        translate_query(parse_query(sql, file="v.sql", first_line=5))
    assert (caught.value.file, caught.value.line, caught.value.engine) == ("v.sql", line + 4, "duckdb")


REFUSED_BY_BOTH = [
    "SELECT a FROM (SELECT 1 AS a) AS t WHERE a = 'x'::varchar",
    "SELECT CASE WHEN true THEN 1 ELSE now() END AS x",
    "SELECT 1 AS a UNION SELECT 'x'::varchar AS a",
    "SELECT 1 AS a UNION SELECT 1 AS a, 2 AS b",
    "SELECT a FROM HOP(t, ts, INTERVAL '2 hours', INTERVAL '3 hours')",
    "SELECT a FROM HOP(t, ts, INTERVAL '1 hour', INTERVAL '1 day')",
    "SELECT a, b, count(*) FROM t GROUP BY a, ROLLUP (b)",
    "SELECT approx_percentile(1.5) WITHIN GROUP (ORDER BY a) FROM (SELECT 1 AS a) AS t",
    "SELECT date_bin(INTERVAL '1 month', a, a) FROM (SELECT '2024-01-01'::timestamp AS a) AS t",
    "SELECT a FROM TUMBLE(t, ts)",
    "SELECT a FROM t WHERE a IS NOT DISTINCT FROM b AND c",
    "SELECT a FROM (VALUES (1), (1, 2)) AS t(a)",
]


@pytest.mark.parametrize("sql", REFUSED_BY_BOTH)
def test_what_risingwave_refuses_is_refused(sql: str) -> None:
    with pytest.raises(ProjectError):
        translate_query(parse_query(sql))


def test_reading_other_relations_keeps_the_names_inside() -> None:
    query = parse_query(
        "WITH c AS (SELECT x FROM t) SELECT t.a, h.b FROM t "
        "JOIN HOP(u, ts, INTERVAL '1 hour', INTERVAL '2 hours') AS h ON true JOIN c ON true"
    )
    other = reading(query, {"t": "t_v2", "u": "u_v1", "c": "never"})
    text = translate_query(other)
    assert '"t_v2" AS "t"' in text and '"u_v1"' in text and "never" not in text


def test_a_second_translation_is_the_same_as_the_first() -> None:
    query = parse_query(BASE.replace("sum(", "max("))
    assert translate_query(query) == translate_query(query)


def test_translate_names_its_targets() -> None:
    assert translate("SELECT a FROM t", to="risingwave") == "SELECT a FROM t"
    assert translate("select a from t") == "SELECT\n  a\nFROM t"
    with pytest.raises(ValueError, match="duckdb"):
        translate("SELECT 1 AS a", to="oracle")


def test_importing_the_room_does_not_import_sqlglot() -> None:
    code = "import featurectl.dialect, sys; print('sqlglot' in sys.modules, 'duckdb' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_macros_are_plain_sql_with_our_prefix() -> None:
    assert all(macro.startswith("CREATE OR REPLACE MACRO rw_") for macro in MACROS)
    assert len({macro.split("(")[0] for macro in MACROS}) == len(MACROS)


def test_the_name_of_a_derived_table_is_spelling_and_that_of_a_column_is_not() -> None:
    def fingerprint(sql: str) -> str:
        return parse_query(sql).fingerprint

    one = fingerprint("SELECT p.*, q.b FROM (SELECT x.a FROM t AS x) AS p JOIN (VALUES (1, 2)) AS q(a, b) ON q.a = p.a")
    assert (
        fingerprint("SELECT d.*, v.b FROM (SELECT y.a FROM t AS y) d JOIN (VALUES (1, 2)) v(a, b) ON v.a = d.a") == one
    )
    assert (
        fingerprint("SELECT d.*, v.b FROM (SELECT y.a FROM t AS y) d JOIN (VALUES (1, 2)) v(b, a) ON v.a = d.a") != one
    )
    assert fingerprint("SELECT (SELECT max(a) FROM t) AS p") != fingerprint("SELECT (SELECT max(a) FROM t) AS q")
    first = "SELECT g AS x FROM (SELECT 1 AS a) AS g CROSS JOIN (SELECT 2 AS a) AS h"
    assert fingerprint(first) != fingerprint(first.replace("AS g", "AS i").replace("AS h", "AS g"))


def test_ctes_that_are_read_twice_by_others_that_are_read_twice_do_not_double() -> None:
    ctes = ["c0 AS (SELECT a FROM t)"]
    ctes += [f"c{n} AS (SELECT x.a FROM c{n - 1} AS x JOIN c{n - 1} AS y ON x.a = y.a)" for n in range(1, 60)]
    one = parse_query(f"WITH {', '.join(ctes)} SELECT a FROM c59").fingerprint
    ctes[0] = "c0 AS (SELECT a FROM u)"
    assert parse_query(f"WITH {', '.join(ctes)} SELECT a FROM c59").fingerprint != one


def test_a_compiled_parser_is_refused_with_the_mend() -> None:
    compiled = ModuleType("sqlglot.parsers.risingwave")
    compiled.__file__ = "sqlglot/parsers/risingwave.cpython-311-x86_64-linux-gnu.so"
    with pytest.raises(SettingsError, match="sqlglotc is installed") as caught:
        _require_source(compiled)
    assert "pip uninstall sqlglotc" in (caught.value.hint or "")
