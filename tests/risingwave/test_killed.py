"""Commands killed with SIGKILL: the next run brings to its end whatever it finds, and readers saw nothing of it."""

from __future__ import annotations

import json
import signal
import time
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from featurectl.errors import EngineError
from tests.killing import Killer, Looking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.risingwave.project import SmallProject

pytestmark = pytest.mark.slow

ROWS = 2000
# Four million pairs: a build that takes some seconds.
SLOW = (
    "SELECT a.kind, sum(a.value + b.value) AS total FROM known AS a JOIN known AS b ON a.kind = b.kind GROUP BY a.kind"
)
QUICK = "SELECT kind, sum(value) AS total FROM known GROUP BY kind"
PATIENCE_SECONDS = 60


def building(project: SmallProject) -> list[str]:
    rows = project.sql(
        "SELECT m.name FROM rw_catalog.rw_ddl_progress AS p"
        " JOIN rw_catalog.rw_materialized_views AS m ON m.id = p.ddl_id"
    )
    return [name for (name,) in rows]


def relations(project: SmallProject) -> set[str]:
    rows = project.sql(
        "SELECT name FROM rw_catalog.rw_relations"
        " WHERE schema_id = (SELECT id FROM rw_catalog.rw_schemas WHERE name = 'public')"
    )
    return {name for (name,) in rows}


def wait_for(project: SmallProject, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.05)


@pytest.fixture
def large(small_project: SmallProject) -> SmallProject:
    """Many items, and two views that are already live."""
    small_project.apply()
    small_project.sql(f"INSERT INTO items SELECT n, 'k', n FROM generate_series(10, {ROWS}) AS g(n)", "FLUSH")
    return small_project


def ids(project: SmallProject) -> dict[str, int]:
    return dict(project.sql("SELECT name, id FROM rw_catalog.rw_materialized_views"))


def test_killed_in_the_middle_of_a_build(large: SmallProject) -> None:
    before = large.rows("SELECT * FROM top")
    large.edit("sql/sums.sql", QUICK, SLOW)
    process = large.start_apply()
    try:
        wait_for(large, lambda: building(large) == ["sums_v2"])
    finally:
        process.kill()
        process.communicate()
    under_way = ids(large)["sums_v2"]
    assert large.rows("SELECT * FROM top") == before
    assert large.engine.inspect().live["sums"] == 1
    result = large.apply()
    assert [v.name for v in result.built] == ["sums_v2", "top_v2"]
    assert ids(large)["sums_v2"] == under_way  # waited for, not begun again
    keys = ROWS - 9
    assert large.rows("SELECT total FROM top") == [(keys * sum(range(10, ROWS + 1)) * 2.0,)]
    assert large.apply().plan.is_empty


def test_killed_and_then_changed_the_mind(large: SmallProject) -> None:
    large.edit("sql/sums.sql", QUICK, SLOW)
    process = large.start_apply()
    try:
        wait_for(large, lambda: building(large) == ["sums_v2"])
    finally:
        process.kill()
        process.communicate()
    under_way = ids(large)["sums_v2"]
    large.edit("sql/sums.sql", SLOW, QUICK.replace("sum(value)", "min(value)"))
    large.apply()
    assert ids(large)["sums_v2"] != under_way
    assert large.rows("SELECT total FROM sums WHERE kind = 'k'") == [(10.0,)]


def test_killed_at_any_moment(small_project: SmallProject) -> None:
    for delay in (0.9, 1.3, 1.8, 2.4, 3.0, 3.6):
        process = small_project.start_apply()
        time.sleep(delay)  # not a synchronisation: when the kill comes is to be any moment
        process.kill()
        process.communicate()
    small_project.apply()
    assert small_project.apply().plan.is_empty
    assert small_project.rows("SELECT * FROM top") == [(20.0,)]
    assert small_project.rows("SELECT count(*) FROM items") == [(3,)]
    state = small_project.engine.inspect()
    assert [v.name for v in state.versions] == ["known_v1", "sums_v1", "top_v1"]
    assert relations(small_project) == {"items", "known", "sums", "top", "known_v1", "sums_v1", "top_v1"}


class Reader(Looking):
    """Somebody who is not the owner."""

    def __init__(self, dsn: str, user: str, totals: set[float]) -> None:
        super().__init__()
        self._dsn, self._user, self._totals = dsn, user, totals

    def _read(self) -> None:
        with closing(psycopg2.connect(**parse_dsn(self._dsn) | {"user": self._user})) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            while not self._done.wait(0.02):
                for sql in ("SELECT max(total) FROM sums", "SELECT total FROM top"):
                    try:
                        cursor.execute(sql)
                        [(total,)] = cursor.fetchall()
                    except (psycopg2.Error, ValueError) as error:
                        self.problems.append((sql, error))
                    else:
                        self.reads += 1
                        if total not in self._totals:
                            self.problems.append((sql, total))


@pytest.fixture
def reader(small_project: SmallProject) -> Iterator[Reader]:
    """A user who may read `sums` and `top`, and does."""
    small_project.apply()
    database = small_project.settings.risingwave_database
    user = f"reader_{database}"
    small_project.sql(
        f"CREATE USER {user} WITH NOSUPERUSER",
        f"GRANT CONNECT ON DATABASE {database} TO {user}",
        f"GRANT USAGE ON SCHEMA public TO {user}",
        f"GRANT SELECT ON VIEW sums TO {user}",
        f"GRANT SELECT ON VIEW top TO {user}",
    )
    try:
        with Reader(small_project.dsn, user, {20.0, 21.0, 22.0, 23.0}) as made:
            yield made
    finally:
        small_project.sql(
            "DROP VIEW top",
            "DROP VIEW sums",
            f"REVOKE USAGE ON SCHEMA public FROM {user}",
            f"REVOKE CONNECT ON DATABASE {database} FROM {user}",
            f"DROP USER {user}",
        )


BUILT = r"VALUES \('version', 'sums_v"
# Each command with the changes in which it is killed, one run after the other: before it is sent, or while the server
# has it and nobody waits for the answer. The run after the last is left alone.
APPLY = (
    ("during", 'CREATE MATERIALIZED VIEW "sums'),
    ("before", 'CREATE MATERIALIZED VIEW "top'),
    ("during", "'step', 'cut over'"),
    ("before", 'CREATE VIEW "public"."sums__next"'),
    ("during", "GRANT SELECT"),
    ("during", 'ALTER VIEW "public"."sums" SWAP'),
    ("before", 'ALTER VIEW "public"."top" SWAP'),
    ("during", 'DROP VIEW "public"."top__next"'),
    ("before", BUILT),
    ("during", BUILT),
    ("before", "featurectl.lock .*'released'"),
)
PREVIEW = (
    ("during", "CREATE SCHEMA"),
    ("before", 'CREATE VIEW "alice"."top"'),
    ("during", BUILT),
)
SHOWN_AGAIN = (
    ("during", 'ALTER VIEW "public"."sums" SWAP'),
    ("before", 'ALTER VIEW "public"."top" SWAP'),
    ("before", r"VALUES \('live', 'live'"),
)
GC = (
    ("during", r"VALUES \('version', '\w+', NULL"),
    ("during", "DROP MATERIALIZED VIEW"),
    ("before", "DROP MATERIALIZED VIEW"),
    ("during", r"VALUES \('step', 'drop', NULL"),
)
DROP = (
    ("during", 'DROP VIEW "alice"."sums"'),
    ("during", "DROP SCHEMA"),
)


def test_killed_in_the_middle_of_everything_and_run_again(small_project: SmallProject, reader: Reader) -> None:
    project = small_project
    with Killer(project) as killer:

        def killed(words: str, kills: tuple[tuple[str, str], ...]) -> None:
            for how, where in kills:
                run = killer.run(*words.split(), **{how: where})
                assert run.code == -signal.SIGKILL, (words, how, where, run)
            run = killer.run(*words.split())
            # What was dropped, but for writing it down, is not there any more for the last run.
            assert run.code == 0 or (run.code == 2 and words == "env drop alice"), run

        project.edit("sql/sums.sql", "sum(value)", "sum(value) + 1")
        killed("apply", APPLY)
        assert project.rows("SELECT total FROM top") == [(21.0,)]
        project.edit("sql/sums.sql", "sum(value) + 1", "sum(value) + 2")
        killed("apply", (("during", 'ALTER VIEW "public"."sums" SWAP'),))
        assert project.rows("SELECT total FROM top") == [(22.0,)]
        project.edit("sql/sums.sql", "sum(value) + 2", "sum(value) + 3")
        killed("apply --env alice", PREVIEW)
        killed("apply --env alice --promote", SHOWN_AGAIN)
        assert project.rows("SELECT total FROM top") == [(23.0,)]
        killed("rollback 2", SHOWN_AGAIN)
        assert project.rows("SELECT total FROM top") == [(21.0,)]
        killed("env drop alice", DROP)
        killed("gc --keep 0", GC)

    assert reader.problems == []
    assert reader.reads > 20
    state = project.engine.inspect()
    assert [(r.number, r.command, r.back_to, dict(r.live)) for r in state.releases] == [
        (1, "apply", None, {"known": 1, "sums": 1, "top": 1}),
        (2, "apply", None, {"known": 1, "sums": 2, "top": 2}),
        (3, "apply", None, {"known": 1, "sums": 3, "top": 3}),
        (4, "promote", None, {"known": 1, "sums": 4, "top": 4}),
        (5, "rollback", 2, {"known": 1, "sums": 2, "top": 2}),
    ]
    assert [v.name for v in state.versions] == ["known_v1", "sums_v2", "top_v2"]
    assert relations(project) == {"items", "known", "sums", "top", "known_v1", "sums_v2", "top_v2"}
    assert project.sql("SELECT step FROM featurectl.steps") == []
    assert project.sql("SELECT count(*) FROM rw_catalog.rw_schemas WHERE name = 'alice'") == [(0,)]


def test_the_lock_of_a_killed_process_falls_to_the_next(large: SmallProject) -> None:
    large.edit("sql/sums.sql", QUICK, SLOW)
    process = large.start_apply()
    try:
        wait_for(large, lambda: building(large) == ["sums_v2"])
        with (
            pytest.raises(EngineError, match=rf"featurectl apply \(process {process.pid} on .*\) since"),
            large.engine.write("apply", timedelta(0)),
        ):
            raise AssertionError
    finally:
        process.kill()
        process.communicate()
    with large.engine.write("apply", timedelta(seconds=10)):
        pass


def test_who_lost_the_lock_writes_nothing_more(small_project: SmallProject) -> None:
    small_project.apply()
    with small_project.engine.write("apply", timedelta(0)) as writer:
        small_project.sql(
            "INSERT INTO featurectl.lock (turn, what, token, session, holder)"
            " SELECT max(turn) + 1, 'taken', 'other', 'x', '{}' FROM featurectl.lock",
            "FLUSH",
        )
        with pytest.raises(EngineError, match="took over"):
            writer.cut_over([], {}, {}, "p", "w", None, 0.0)
    assert small_project.rows("SELECT * FROM top") == [(20.0,)]


def test_the_journal_is_clean_after_an_apply(small_project: SmallProject) -> None:
    small_project.apply()
    steps = small_project.sql("SELECT step FROM featurectl.steps")
    assert steps == []
    [[live]] = small_project.sql("SELECT live FROM featurectl.releases")
    assert json.loads(live) == {"known": 1, "sums": 1, "top": 1}
