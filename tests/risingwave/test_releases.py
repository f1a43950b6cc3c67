"""Rollback, history, gc and pins on a real RisingWave: what others built stays, and so does who may read.

All cases of tests/releasing_cases.py run on the embedded target; here those in which the server has a say.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

pytestmark = pytest.mark.slow

pytest.register_assert_rewrite("tests.releasing_cases")

from featurectl.errors import CheckFailed, EngineError  # noqa: E402 - after its assertions are made to speak
from featurectl.project import load_project  # noqa: E402 - as above
from featurectl.services.applying import plan  # noqa: E402 - as above
from featurectl.services.collecting import collect  # noqa: E402 - as above
from featurectl.services.releasing import rollback  # noqa: E402 - as above
from tests.releasing_cases import (  # noqa: E402 - as above
    names,
    test_gc_keeps_what_can_be_gone_back_to,
    test_history_knows_releases_and_what_failed,
    test_rollback_of_a_release_that_brought_a_view,
    thrice,
)

if TYPE_CHECKING:
    from tests.risingwave.project import SmallProject

__all__ = [
    "test_gc_keeps_what_can_be_gone_back_to",
    "test_history_knows_releases_and_what_failed",
    "test_rollback_of_a_release_that_brought_a_view",
    "thrice",
]

TAKE_AT_ONCE = timedelta(0)


@pytest.fixture
def small(small_project: SmallProject) -> SmallProject:
    """A small project, not applied."""
    return small_project


def relations(project: SmallProject) -> set[str]:
    rows = project.sql(
        "SELECT r.name FROM rw_catalog.rw_relations AS r JOIN rw_catalog.rw_schemas AS s ON s.id = r.schema_id"
        " WHERE s.name = 'public'"
    )
    return {name for (name,) in rows}


def test_what_others_built_survives_every_release_and_every_gc(thrice: SmallProject) -> None:
    thrice.sql(
        "CREATE MATERIALIZED VIEW theirs AS SELECT total FROM top",
        "CREATE SINK out AS SELECT total FROM top WITH (connector = 'blackhole')",
        "CREATE SUBSCRIPTION listening FROM sums_v2 WITH (retention = '1D')",
        "CREATE SCHEMA team",
        "CREATE VIEW team.mine AS SELECT total FROM public.top_v1",
    )
    thrice.edit("sql/top.sql", "max(total)", "max(total) + 100")
    [change] = [c for c in plan(load_project(thrice.settings), thrice.engine).changes if c.action == "rebuild"]
    assert {(r.kind, r.name, r.reads, r.stays_on) for r in change.readers} == {
        ("materialized view", "theirs", "top", "top_v3"),
        ("sink", "out", "top", "top_v3"),
    }
    thrice.apply()
    rollback(thrice.engine, thrice.folder, 2)
    rollback(thrice.engine, thrice.folder, 4)
    assert thrice.rows("SELECT total FROM top") == [(122.0,)]
    assert thrice.sql("SELECT total FROM theirs") == [(22.0,)]
    assert thrice.sql("SELECT total FROM team.mine") == [(20.0,)]

    found = collect(thrice.engine, 0)
    assert [v.name for v in found.versions] == ["top_v2"]
    assert found.refused == {}
    why = {name: reasons for name, reasons in found.kept.items() if name not in ("known_v1", "top_v4", "sums_v3")}
    assert why == {
        "sums_v1": ("read by top_v1",),
        "sums_v2": ("read by listening (subscription)",),
        "top_v1": ("read by team.mine (view)",),
        "top_v3": ("read by out (sink)", "read by theirs (materialized view)"),
        "top__was_r4": why["top__was_r4"],
    }
    assert why["top__was_r4"][0].startswith("read by ")

    thrice.sql(
        "DROP SINK out", "DROP MATERIALIZED VIEW theirs", "DROP SUBSCRIPTION listening", "DROP VIEW team.mine",
        "DROP SCHEMA team",
    )  # fmt: skip
    assert {item.name for item in collect(thrice.engine, 0).leftovers} == {"top__was_r4"}
    assert relations(thrice) == {"items", "known", "known_v1", "sums", "sums_v3", "top", "top_v4"}


def test_every_grant_goes_with_the_public_name(small: SmallProject) -> None:
    small.apply()
    database = small.settings.risingwave_database
    ann, ben = f"ann_{database}", f"ben_{database}"
    small.sql(
        f"CREATE USER {ann} WITH NOSUPERUSER",
        f"CREATE USER {ben} WITH NOSUPERUSER",
        f"GRANT CONNECT ON DATABASE {database} TO {ann}, {ben}",
        f"GRANT USAGE ON SCHEMA public TO {ann}, {ben}",
        f"GRANT SELECT ON VIEW top TO {ann} WITH GRANT OPTION",
        f"GRANT SELECT ON VIEW top TO {ben}",
    )
    granted = "SELECT acl FROM rw_catalog.rw_views WHERE name = 'top'"
    try:
        [(before,)] = small.sql(granted)
        small.edit("sql/top.sql", "max(total)", "max(total) + 1")
        small.apply()
        assert small.sql("SELECT total FROM top", user=ann) == small.sql("SELECT total FROM top", user=ben) == [(21.0,)]
        rollback(small.engine, small.folder)
        assert small.sql("SELECT total FROM top", user=ann) == small.sql("SELECT total FROM top", user=ben) == [(20.0,)]
        [(after,)] = small.sql(granted)
        assert sorted(after) == sorted(before)
    finally:
        small.sql("DROP VIEW top")
        for user in (ann, ben):
            small.sql(
                f"REVOKE USAGE ON SCHEMA public FROM {user}",
                f"REVOKE CONNECT ON DATABASE {database} FROM {user}",
                f"DROP USER {user}",
            )


def test_gc_drops_builds_that_came_to_no_end(small: SmallProject) -> None:
    small.apply()
    small.edit("sql/known.sql", "IS NOT NULL", "> 10")
    small.edit("sql/sums.sql", "total >= 0", "total >= 1000")
    with pytest.raises(CheckFailed):
        small.apply()
    assert relations(small) >= {"known_v2", "sums_v2"}
    found = collect(small.engine, 0)
    assert [item.name for item in found.leftovers] == ["known_v2", "sums_v2"]
    assert relations(small) == {"items", "known", "known_v1", "sums", "sums_v1", "top", "top_v1"}
    small.edit("sql/sums.sql", "total >= 1000", "total >= 0")
    small.apply()
    assert small.rows("SELECT total FROM sums") == [(20.0,)]


def test_what_the_server_refuses_to_drop_and_what_was_dropped_by_hand(thrice: SmallProject) -> None:
    versions = [v for v in thrice.engine.inspect().versions if v.name in ("top_v1", "sums_v1")]
    thrice.sql("CREATE MATERIALIZED VIEW theirs AS SELECT total FROM top_v1")  # after the look, before the drop
    with thrice.engine.write("gc", TAKE_AT_ONCE) as writer:
        refused = writer.drop(versions, ())
    assert set(refused) == {"top_v1", "sums_v1"}
    assert "used by" in refused["top_v1"]
    assert names(thrice) >= {"top_v1", "sums_v1"}
    assert rollback(thrice.engine, thrice.folder, 1).release is not None
    assert thrice.rows("SELECT total FROM top") == [(20.0,)]

    thrice.sql("DROP MATERIALIZED VIEW top_v2")
    with pytest.raises(EngineError, match="top_v2 cannot be shown"):
        rollback(thrice.engine, thrice.folder, 2)
    assert thrice.rows("SELECT total FROM top") == [(20.0,)]
    assert rollback(thrice.engine, thrice.folder, 3).release is not None
