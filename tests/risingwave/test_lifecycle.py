"""Apply on a real RisingWave: what is built, what stays, what readers see of it, what grants outlive."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from featurectl.errors import (
    CheckFailed,
    EngineBusy,
    EngineError,
    FeaturectlError,
    MigrationChanged,
    ProjectError,
    UsageError,
)
from featurectl.services.reading import describe
from featurectl.services.status import status

if TYPE_CHECKING:
    from pathlib import Path

    from tests.risingwave.project import SmallProject


@pytest.fixture
def applied(small_project: SmallProject) -> SmallProject:
    small_project.apply()
    return small_project


def test_nothing_is_applied_yet(small_project: SmallProject) -> None:
    assert small_project.engine.inspect().versions == ()
    with pytest.raises(UsageError, match="nothing is applied"):
        small_project.rows("SELECT * FROM sums")


def test_first_apply_builds_and_shows(applied: SmallProject) -> None:
    assert sorted(applied.rows("SELECT kind, total FROM sums")) == [("it's \\n", 10.0), ("x", 20.0)]
    assert applied.rows("SELECT * FROM top") == [(20.0,)]
    state = applied.engine.inspect()
    assert [v.name for v in state.versions] == ["known_v1", "sums_v1", "top_v1"]
    assert state.live == {"known": 1, "sums": 1, "top": 1}
    assert dict(state.versions[0].columns) == {"id": "int", "kind": "varchar", "value": "double"}
    assert state.versions[0].rows == 2
    assert [r.number for r in state.releases] == [1]


def test_applying_twice_changes_nothing(applied: SmallProject) -> None:
    before = applied.engine.inspect()
    again = applied.apply()
    assert again.plan.is_empty
    assert applied.engine.inspect() == before


def test_views_are_fresh_by_themselves(applied: SmallProject) -> None:
    applied.sql("INSERT INTO items VALUES (2, 'x', 70)", "FLUSH")
    assert applied.rows("SELECT total FROM top") == [(70.0,)]
    assert applied.engine.capabilities.refreshes_by_itself


def test_a_changed_view_is_rebuilt_with_all_above_it_beside_the_old_ones(applied: SmallProject) -> None:
    applied.edit("sql/sums.sql", "sum(value)", "sum(value) + 1")
    result = applied.apply()
    assert [v.name for v in result.built] == ["sums_v2", "top_v2"]
    assert applied.rows("SELECT * FROM top") == [(21.0,)]
    assert applied.rows("SELECT * FROM top_v1") == [(20.0,)]
    assert applied.engine.inspect().live == {"known": 1, "sums": 2, "top": 2}
    assert {name for (name,) in applied.sql("SELECT name FROM rw_catalog.rw_views")}.isdisjoint({"sums__next"})


def test_a_comment_or_a_description_rebuilds_nothing(applied: SmallProject) -> None:
    applied.edit("sql/sums.sql", "entity: kind", "entity: kind\ndescription: Sums of it's values.")
    result = applied.apply()
    assert result.built == ()
    version, _ = describe(applied.engine, "sums")
    assert version.metadata["description"] == "Sums of it's values."


def test_taking_a_change_back_reuses_the_version_that_stands(applied: SmallProject) -> None:
    applied.edit("sql/sums.sql", "sum(value)", "sum(value) + 1")
    applied.apply()
    applied.edit("sql/sums.sql", "sum(value) + 1", "sum(value)")
    result = applied.apply()
    assert result.built == ()
    assert applied.rows("SELECT * FROM top") == [(20.0,)]


def test_a_removed_view_disappears(applied: SmallProject) -> None:
    (applied.folder / "sql/top.sql").unlink()
    applied.apply(allow_breaking=True)
    with pytest.raises(EngineError, match="top"):
        applied.rows("SELECT * FROM top")
    assert applied.rows("SELECT * FROM top_v1") == [(20.0,)]


def test_an_edited_migration_is_refused(applied: SmallProject) -> None:
    applied.edit("migrations/0001_items.sql", "20", "21")
    with pytest.raises(MigrationChanged, match="checksum"):
        applied.apply()


def test_a_migration_that_failed_in_the_middle_goes_on_where_it_stopped(small_project: SmallProject) -> None:
    small_project.write("migrations/0002_more.sql", "CREATE TABLE one (x int);\nINSERT INTO none VALUES (1);\n")
    with pytest.raises(EngineError, match=r"migrations/0002_more\.sql:2: .*none"):
        small_project.apply()
    small_project.edit("migrations/0002_more.sql", "INTO none", "INTO one")
    small_project.apply()
    assert small_project.rows("SELECT * FROM one") == [(1,)]


def test_a_statement_that_ran_may_not_be_edited_while_its_migration_is_half_done(small_project: SmallProject) -> None:
    small_project.write("migrations/0002_more.sql", "CREATE TABLE one (x int);\nINSERT INTO none VALUES (1);\n")
    with pytest.raises(EngineError):
        small_project.apply()
    small_project.edit("migrations/0002_more.sql", "x int", "x bigint")
    with pytest.raises(MigrationChanged, match="ran already"):
        small_project.apply()


def test_a_failing_check_leaves_what_is_live_and_the_build_is_used_later(applied: SmallProject) -> None:
    applied.edit("sql/sums.sql", "sum(value)", "sum(value) * 2")
    applied.edit("sql/sums.sql", "total >= 0", "total >= 30")
    with pytest.raises(CheckFailed, match="1 rows of sums_v2"):
        applied.apply()
    assert applied.rows("SELECT * FROM top") == [(20.0,)]
    [(before,)] = applied.sql("SELECT id FROM rw_catalog.rw_materialized_views WHERE name = 'sums_v2'")
    applied.edit("sql/sums.sql", "total >= 30", "total >= 20")
    applied.apply()
    assert applied.sql("SELECT id FROM rw_catalog.rw_materialized_views WHERE name = 'sums_v2'") == [(before,)]
    assert applied.rows("SELECT * FROM top") == [(40.0,)]


def test_a_build_that_nobody_wants_any_more_is_replaced(applied: SmallProject) -> None:
    applied.edit("sql/sums.sql", "total >= 0", "total >= 1000")
    applied.edit("sql/sums.sql", "sum(value)", "sum(value) * 2")
    with pytest.raises(CheckFailed):
        applied.apply()
    applied.edit("sql/sums.sql", "sum(value) * 2", "sum(value) * 3")
    applied.edit("sql/sums.sql", "total >= 1000", "total >= 0")
    applied.apply()
    assert applied.rows("SELECT * FROM top") == [(60.0,)]


def test_an_error_in_a_view_names_its_line(applied: SmallProject) -> None:
    applied.edit("sql/sums.sql", "sum(value)", "\n  sum(valeu)")
    with pytest.raises(ProjectError, match="valeu") as caught:
        applied.apply()
    assert (caught.value.file, caught.value.line) == ("sql/sums.sql", 7)
    assert applied.rows("SELECT * FROM top") == [(20.0,)]


def test_a_relation_of_somebody_else_is_not_touched(applied: SmallProject) -> None:
    applied.sql("CREATE MATERIALIZED VIEW sums_v2 AS SELECT 1 AS x")
    applied.edit("sql/sums.sql", "sum(value)", "sum(value) + 1")
    with pytest.raises(EngineError, match="sums_v2 that no apply has made"):
        applied.apply()
    assert applied.sql("SELECT * FROM sums_v2") == [(1,)]


def test_readers_see_no_gap_while_names_are_swapped(applied: SmallProject) -> None:
    failures: list[str] = []
    reads = 0
    done = threading.Event()

    def read_all_the_while() -> None:
        nonlocal reads
        connection = psycopg2.connect(applied.dsn)
        connection.autocommit = True
        cursor = connection.cursor()
        while not done.is_set():
            try:
                cursor.execute("SELECT total FROM top")
                assert len(cursor.fetchall()) == 1
                reads += 1
            except (psycopg2.Error, AssertionError) as error:
                failures.append(str(error))
        connection.close()

    reader = threading.Thread(target=read_all_the_while)
    reader.start()
    try:
        for number in range(4):
            applied.edit("sql/top.sql", "max(total)", f"max(total) + {number}")
            applied.apply()
            applied.edit("sql/top.sql", f"max(total) + {number}", "max(total)")
            applied.apply()
    finally:
        done.set()
        reader.join()
    assert failures == []
    assert reads > 20


def test_grants_on_a_public_view_survive(applied: SmallProject) -> None:
    user = f"reader_{applied.settings.risingwave_database}"
    database = applied.settings.risingwave_database
    applied.sql(
        f"CREATE USER {user} WITH NOSUPERUSER",
        f"GRANT CONNECT ON DATABASE {database} TO {user}",
        f"GRANT USAGE ON SCHEMA public TO {user}",
        f"GRANT SELECT ON VIEW top TO {user}",
    )
    try:
        assert applied.sql("SELECT * FROM top", user=user) == [(20.0,)]
        applied.edit("sql/top.sql", "max(total)", "max(total) + 1")
        applied.apply()
        assert applied.sql("SELECT * FROM top", user=user) == [(21.0,)]
        with pytest.raises(psycopg2.Error, match="ermission denied"):
            applied.sql("SELECT * FROM sums", user=user)
    finally:
        applied.sql(
            f"REVOKE SELECT ON VIEW top FROM {user}",
            f"REVOKE USAGE ON SCHEMA public FROM {user}",
            f"REVOKE CONNECT ON DATABASE {database} FROM {user}",
            "DROP VIEW top",
            f"DROP USER {user}",
        )


def test_what_somebody_built_on_a_public_view_stays(applied: SmallProject) -> None:
    applied.sql("CREATE MATERIALIZED VIEW theirs AS SELECT total FROM top")
    applied.edit("sql/top.sql", "max(total)", "max(total) + 1")
    applied.apply()
    assert applied.rows("SELECT * FROM top") == [(21.0,)]
    assert applied.sql("SELECT * FROM theirs") == [(20.0,)]
    assert applied.sql("SELECT * FROM top__was_r2") == [(20.0,)]


def test_two_writers_at_once(applied: SmallProject) -> None:
    with (
        applied.engine.write("apply", timedelta(0)),
        pytest.raises(EngineBusy, match=r"featurectl apply \(process \d+ on .+\) since 20"),
        applied.engine.write("backfill", timedelta(0)),
    ):
        raise AssertionError
    with applied.engine.write("apply", timedelta(0)):
        pass


def test_many_writers_take_turns(applied: SmallProject) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        with applied.engine.write("apply", timedelta(seconds=60)):
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5


@pytest.mark.parametrize("sql", ["DROP TABLE items", "INSERT INTO items VALUES (9, 'x', 1)", "SELECT 1; SELECT 2"])
def test_a_query_only_reads(applied: SmallProject, sql: str) -> None:
    with pytest.raises(ProjectError):
        applied.rows(sql)


def test_queries_come_batch_by_batch_with_their_types(applied: SmallProject) -> None:
    columns = "n, n::varchar AS t, NULL::timestamptz AS at, '\\xff00'::bytea AS b"
    sql = f"SELECT {columns} FROM generate_series(1, 25000) AS g(n);"
    with applied.engine.query(sql) as result:
        assert result.columns == ("n", "t", "at", "b")
        assert result.types == ("int", "varchar", "timestamptz", "bytea")
        sizes = [len(batch) for batch in result.batches]
    assert sum(sizes) == 25_000
    assert sizes[0] < sizes[1] < max(sizes) == 10_000
    assert applied.rows("SELECT '\\xff00'::bytea AS b, '{\"a\": [1]}'::jsonb AS j") == [(b"\xff\x00", '{"a": [1]}')]


def test_export_keeps_values_and_types(applied: SmallProject, tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "out.parquet"
    sql = """SELECT 1.5 AS d, 'a"b'||chr(10)||'\\N,' AS t, NULL::varchar AS n, '' AS e, '\\x00ff'::bytea AS b,
      true AS f, '2024-01-01 01:02:03.456+00:00'::timestamptz AS moment, ARRAY[1, 2] AS l, '\\N' AS m,
      'NaN'::double precision AS x"""
    assert applied.engine.export(sql, path) == 1
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    row: Any = con.execute(f"SELECT * EXCLUDE (moment, x), moment::varchar, x::varchar FROM '{path}'").fetchone()
    assert [float(row[0]), *row[1:]] == [
        1.5, 'a"b\n\\N,', None, "", b"\x00\xff", True, [1, 2], "\\N", "2024-01-01 01:02:03.456+00", "nan",
    ]  # fmt: skip
    with pytest.raises(FeaturectlError):
        applied.engine.export("SELECT 1/0 AS x FROM items", tmp_path / "no.parquet")
    assert [file.name for file in tmp_path.glob("*.parquet*")] == ["out.parquet"]


def test_status_counts_what_is_there_now(applied: SmallProject) -> None:
    applied.sql("INSERT INTO items VALUES (7, 'new', 70)", "FLUSH")
    rows = {row.name: row.rows for row in status(applied.engine)}
    assert rows == {"known": 3, "sums": 3, "top": 1}


def test_statements_say_whose_they_are(applied: SmallProject) -> None:
    with applied.engine.write("apply", timedelta(0)) as writer:
        writer.mark("abc123", 4)
        assert writer.state().generation == 1
    [[view]] = applied.sql("SELECT definition FROM rw_catalog.rw_materialized_views WHERE name = 'sums_v1'")
    assert "known_v1" in view
