"""`featurectl apply`, killed with SIGKILL: the next apply brings to its end whatever it finds."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from featurectl.engines.risingwave.cutting_over import PublicViews
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.risingwave.project import SmallProject

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
    names = {name for (name,) in small_project.sql("SELECT name FROM rw_catalog.rw_relations WHERE schema_id = "
             "(SELECT id FROM rw_catalog.rw_schemas WHERE name = 'public')")}  # fmt: skip
    assert names == {"items", "known", "sums", "top", "known_v1", "sums_v1", "top_v1"}


@pytest.mark.parametrize("swaps", range(6))
def test_killed_in_the_middle_of_a_cut_over(
    small_project: SmallProject, swaps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_project.apply()
    small_project.edit("sql/known.sql", "IS NOT NULL", "> 10")
    statements = 0

    def killed_after(self: PublicViews, sql: str, what: str) -> None:
        nonlocal statements
        if statements == swaps:
            raise EngineError("killed")
        statements += 1
        self._session.run(sql, what)

    with monkeypatch.context() as patched:
        patched.setattr(PublicViews, "_run", killed_after)
        with pytest.raises(EngineError, match="killed"):
            small_project.apply()
    with small_project.engine.write("apply", timedelta(0)) as writer:
        assert writer.state().live == {"known": 2, "sums": 2, "top": 2}
    assert small_project.apply().plan.is_empty
    assert small_project.rows("SELECT count(*) FROM known") == [(1,)]
    shown = dict(small_project.sql("SELECT name, definition FROM rw_catalog.rw_views WHERE definition LIKE '%_v%'"))
    assert [name for name in shown if name.endswith("__next")] == []
    assert '."top_v2"' in shown["top"]


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
