"""Migrations: cut into statements, each known by its kind or refused with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurectl.dialect import (
    AlterTable,
    CreateFunction,
    CreateSourceTable,
    CreateTable,
    Dml,
    DropTable,
    EngineOnly,
    InsertValues,
    output_types,
    parse_ddl,
    parse_query,
    parse_script,
    translate_query,
)
from featurectl.errors import ProjectError, UnsupportedOnEngine

if TYPE_CHECKING:
    import duckdb

SOURCE = """\
-- raw clicks
CREATE TABLE IF NOT EXISTS clicks (data BYTEA) APPEND ONLY
INCLUDE partition AS log_partition
INCLUDE offset AS "Offset"
INCLUDE timestamp
INCLUDE key AS log_key
WITH (
  connector = 'kafka', -- the only one
  topic = 'clicks; v1',
  properties.bootstrap.server = 'broker:9092',
  scan.startup.mode = 'earliest'
) FORMAT PLAIN ENCODE BYTES;
"""


def test_source_table() -> None:
    (statement,) = parse_ddl(SOURCE)
    assert isinstance(statement, CreateSourceTable)
    assert (statement.name, statement.data_column, statement.topic) == ("clicks", "data", "clicks; v1")
    assert statement.if_not_exists
    assert statement.line == 2
    assert statement.text.startswith("CREATE TABLE") and statement.text.endswith("BYTES")
    assert statement.include == {
        "partition": "log_partition",
        "offset": "Offset",
        "timestamp": "_rw_kafka_timestamp",
        "key": "log_key",
    }
    assert statement.options["properties.bootstrap.server"] == "broker:9092"


REFERENCE = """
CREATE TABLE sites (name VARCHAR PRIMARY KEY, lat DOUBLE PRECISION NOT NULL, n INT DEFAULT 1 + 1, tag JSONB);
INSERT INTO sites (name, lat) VALUES ('a;b', 1.5), ('it''s -- one', -2);
INSERT INTO sites (name, lat) VALUES ('a;b', 7);
UPDATE sites SET lat = lat / 2, n = n / 2 WHERE name = 'a;b';
ALTER TABLE sites ADD COLUMN zone VARCHAR;
DELETE FROM sites WHERE lat < 0;
"""


def test_reference_table_and_its_rows(con: duckdb.DuckDBPyConnection) -> None:
    statements = parse_ddl(REFERENCE)
    kinds = [type(statement) for statement in statements]
    assert kinds == [CreateTable, InsertValues, InsertValues, Dml, AlterTable, Dml]
    for statement in statements:
        con.execute(statement.duckdb_sql)  # type: ignore[attr-defined]
    # a later row of the same key goes over the earlier one, and whole numbers divide without rest
    assert con.execute("SELECT * FROM sites").fetchall() == [("a;b", 3.5, 1, None, None)]
    table: Any = statements[0]
    assert table.columns == {"name": "varchar", "lat": "double", "n": "int", "tag": "jsonb"}
    assert table.primary_key == ("name",)


def test_drop_and_composite_key() -> None:
    create, drop = parse_ddl('CREATE TABLE "T" (a INT, b INT, PRIMARY KEY (a, b)); DROP TABLE IF EXISTS "T"')
    assert isinstance(create, CreateTable) and create.primary_key == ("a", "b")
    assert isinstance(drop, DropTable) and drop.duckdb_sql == 'DROP TABLE IF EXISTS "T"'


CONFLICTS = """
CREATE TABLE v (k INT PRIMARY KEY, x INT, y INT, at INT, twice INT AS x * 2) ON CONFLICT {clause};
INSERT INTO v VALUES (1, 1, 1, 5), (1, 2, NULL, 6), (2, 1, 1, 1);
INSERT INTO v VALUES (1, NULL, 9, 4), (2, 7, 7, NULL), (3, 1, 1, 1);
"""
KEPT = {
    "DO NOTHING": [(1, 1, 1, 5, 2), (2, 1, 1, 1, 2), (3, 1, 1, 1, 2)],
    "OVERWRITE": [(1, None, 9, 4, None), (2, 7, 7, None, 14), (3, 1, 1, 1, 2)],
    "DO UPDATE IF NOT NULL": [(1, 2, 9, 4, 4), (2, 7, 7, 1, 14), (3, 1, 1, 1, 2)],
    "DO UPDATE FULL WITH VERSION COLUMN (at)": [(1, 2, None, 6, 4), (2, 1, 1, 1, 2), (3, 1, 1, 1, 2)],
}


@pytest.mark.parametrize("clause", KEPT)
def test_what_a_row_does_whose_key_is_there(con: duckdb.DuckDBPyConnection, clause: str) -> None:
    for statement in parse_ddl(CONFLICTS.format(clause=clause)):
        con.execute(statement.duckdb_sql)  # type: ignore[attr-defined]
    assert con.execute("SELECT * FROM v ORDER BY k").fetchall() == KEPT[clause]


SERVER = [
    "GRANT SELECT ON sites TO reader",
    "revoke all on sites from reader",
    "CREATE USER reader WITH PASSWORD 'x;y'",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader",
    "SET background_ddl = true",
    "COMMENT ON TABLE sites IS 'where'",
    "FLUSH",
    "CREATE INDEX sites_by_name ON sites (name DESC) INCLUDE (id) DISTRIBUTED BY (name)",
    "DROP INDEX sites_by_name",
]


@pytest.mark.parametrize("sql", SERVER)
def test_what_concerns_a_server_only(sql: str) -> None:
    (statement,) = parse_ddl(f"/* ; */ {sql} ;")
    assert isinstance(statement, EngineOnly)
    assert statement.text == sql


REFUSED = [
    "CREATE SINK s FROM t WITH (connector = 'kafka')",
    "CREATE SOURCE s (a INT) WITH (connector = 'kafka', topic = 't') FORMAT PLAIN ENCODE JSON",
    "CREATE TABLE t (a INT) WITH (connector = 'kafka', topic = 't') FORMAT PLAIN ENCODE JSON",
    "CREATE TABLE t (data BYTEA) WITH (connector = 'kafka', topic = 't') FORMAT PLAIN ENCODE BYTES",
    "CREATE TABLE t (data BYTEA) APPEND ONLY WITH (connector = 'kinesis', topic = 't') FORMAT PLAIN ENCODE BYTES",
    "CREATE TABLE t (data BYTEA) APPEND ONLY WITH (connector = 'kafka') FORMAT PLAIN ENCODE BYTES",
    "CREATE TABLE t (data BYTEA) APPEND ONLY INCLUDE header WITH (connector = 'kafka') FORMAT PLAIN ENCODE BYTES",
    "CREATE TABLE t (data BYTEA) APPEND ONLY WITH (connector = 'kafka', topic = 't') FORMAT PLAIN ENCODE JSON",
    "CREATE TABLE t (a INT, WATERMARK FOR a AS a)",
    "CREATE TABLE t (a INT UNIQUE)",
    "CREATE TABLE t AS SELECT a FROM somewhere_else",
    "CREATE TABLE s.t (a INT)",
    "CREATE TABLE t (a UUID)",
    "CREATE MATERIALIZED VIEW v AS SELECT 1 AS a",
    "ALTER TABLE t RENAME COLUMN a TO b",
    "DROP TABLE t CASCADE",
    "DROP VIEW v",
    "INSERT INTO t VALUES (1) RETURNING a",
    "INSERT INTO t VALUES (frobnicate(1))",
    "TRUNCATE t",
    "SELECT 1",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_the_rest_is_refused_by_name_and_line(sql: str) -> None:
    with pytest.raises(UnsupportedOnEngine) as caught:
        parse_ddl(f"FLUSH;\n\n{sql};", file="migrations/0003_x.sql", first_line=10)
    assert (caught.value.file, caught.value.line) == ("migrations/0003_x.sql", 12)


BROKEN = [
    ("FLUSH;\nINSERT INTO t VALUES (1", 2),
    ("FLUSH;\n\nINSERT INTO t VALUES ('x", 3),
    ("FLUSH; /* never\nclosed", 1),
    ("CREATE TABLE t (data BYTEA) APPEND ONLY WITH (topic = 't'", 1),
]


@pytest.mark.parametrize(("sql", "line"), BROKEN)
def test_broken_statements_name_their_line(sql: str, line: int) -> None:
    with pytest.raises(ProjectError) as caught:
        parse_ddl(sql, file="m.sql")
    assert (caught.value.file, caught.value.line) == ("m.sql", line)


pieces = st.sampled_from(
    [
        "GRANT x",
        "SET a = 'b;c'",
        "FLUSH",
        "SET b = $$;'$$",
        'GRANT ";" TO "a""b"',
        "SET c = $t$ $$ ; $t$",
        "SET d = E'\\';'",
    ]
)
gaps = st.sampled_from(["", "\n", " -- ; '\n", "/* ; /* nested ; */ ' */", "\n\n"])


@settings(deadline=None)
@given(st.lists(st.tuples(gaps, pieces, gaps), max_size=6))
def test_statements_are_cut_where_they_end(parts: list[tuple[str, str, str]]) -> None:
    text = ";".join(before + piece + after for before, piece, after in parts)
    found = parse_ddl(text)
    assert [statement.text for statement in found] == [piece for _, piece, _ in parts]
    lines, at = [], 1
    for before, piece, after in parts:
        lines.append(at + before.count("\n"))
        at += (before + piece + after).count("\n")
    assert [statement.line for statement in found] == lines


def test_a_row_of_an_older_version_counts_for_nothing(con: duckdb.DuckDBPyConnection) -> None:
    text = (
        "CREATE TABLE v (k INT PRIMARY KEY, a INT, b INT, n INT) ON CONFLICT DO UPDATE IF NOT NULL "
        "WITH VERSION COLUMN (n); "
        "INSERT INTO v VALUES (3, NULL, 5, 2), (3, 6, NULL, 1), (4, NULL, 1, 1), (4, 2, NULL, 2)"
    )
    for statement in parse_ddl(text):
        con.execute(statement.duckdb_sql)  # type: ignore[attr-defined]
    assert con.execute("SELECT * FROM v ORDER BY k").fetchall() == [(3, None, 5, 2), (4, 2, 1, 2)]


def test_a_table_of_a_query_and_rows_that_leave_columns_out(con: duckdb.DuckDBPyConnection) -> None:
    text = (
        "CREATE TABLE t (a INT, b NUMERIC DEFAULT 2, c VARCHAR); INSERT INTO t VALUES (1), (3); "
        "INSERT INTO t SELECT a + 1 FROM t WHERE a = 3; UPDATE t SET b = DEFAULT, c = 'x' WHERE a > 1; "
        "ALTER TABLE t DROP COLUMN c; CREATE TABLE u (n) AS SELECT sum(a) AS s, 'x' AS x FROM t"
    )
    statements = parse_ddl(text)
    for statement in statements:
        con.execute(statement.duckdb_sql)  # type: ignore[attr-defined]
    assert con.execute("SELECT * FROM t ORDER BY a").fetchall() == [(1, 2), (3, 2), (4, 2)]
    assert con.execute("SELECT * FROM u").fetchall() == [(8, "x")]
    *_, dropped, made = statements
    assert isinstance(dropped, AlterTable) and dropped.dropped == ("c",)
    assert isinstance(made, CreateTable) and made.columns == {"n": "bigint", "x": "varchar"}


def test_an_option_of_a_table_that_drops_rows_is_refused() -> None:
    with pytest.raises(UnsupportedOnEngine, match="retention_seconds"):
        parse_ddl("CREATE TABLE v (k INT) WITH (retention_seconds = 5)")


def test_a_function_of_one_expression_is_written_out_where_it_is_called(con: duckdb.DuckDBPyConnection) -> None:
    script = (
        "CREATE FUNCTION letters(t varchar, x varchar) RETURNS int LANGUAGE SQL AS "
        "$$SELECT length(t) - length(replace(t, x, ''))$$; "
        "CREATE FUNCTION total(int, bigint) RETURNS numeric LANGUAGE SQL AS 'SELECT $1 + $2'"
    )
    functions = {made.name: made for made in parse_script(script) if isinstance(made, CreateFunction)}
    query = parse_query(
        "SELECT letters(t || 'b', 'b') AS a, total(1, letters(t, 'a')) AS b FROM (SELECT 'abba' AS t) AS s"
    )
    translated = translate_query(query, functions=functions)
    assert con.execute(translated).fetchall() == [(3, 3)]
    assert output_types(query, functions=functions) == {"a": "int", "b": "numeric"}
    with pytest.raises(UnsupportedOnEngine, match="total"):
        translate_query(query, functions={"letters": functions["letters"]})
    for body in ("SELECT a FROM t", "SELECT 1, 2"):
        with pytest.raises(UnsupportedOnEngine, match="more than one expression"):
            parse_script(f"CREATE FUNCTION f() RETURNS int LANGUAGE SQL AS '{body}'")
    with pytest.raises(UnsupportedOnEngine, match="LANGUAGE SQL"):
        parse_script("CREATE FUNCTION f() RETURNS int LANGUAGE python AS $$1$$")
