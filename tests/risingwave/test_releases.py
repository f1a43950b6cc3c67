"""Rollback, history, gc and pins on a real RisingWave: what others built, grants, readers that look all the while."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

pytest.register_assert_rewrite("tests.releasing_cases")

from featurectl.errors import CheckFailed, EngineError  # noqa: E402 - after its assertions are made to speak
from featurectl.services.collecting import collect  # noqa: E402 - as above
from featurectl.services.releasing import rollback  # noqa: E402 - as above
from tests.releasing_cases import *  # noqa: E402, F403 - the cases are collected here, with this module's fixture
from tests.releasing_cases import names, thrice  # noqa: E402 - named for those below

if TYPE_CHECKING:
    from tests.risingwave.project import SmallProject

__all__ = ["thrice"]

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


def test_gc_leaves_nothing_behind_on_the_server(thrice: SmallProject) -> None:
    collect(thrice.engine, 0)
    assert relations(thrice) == {"items", "known", "known_v1", "sums", "sums_v3", "top", "top_v3"}


def test_gc_never_drops_what_somebody_else_reads(thrice: SmallProject) -> None:
    thrice.sql(
        "CREATE MATERIALIZED VIEW theirs AS SELECT total FROM top_v1",
        "CREATE SUBSCRIPTION listening FROM sums_v2 WITH (retention = '1D')",
    )
    found = collect(thrice.engine, 0)
    assert [v.name for v in found.versions] == ["top_v2"]
    assert found.kept["top_v1"] == ("read by theirs (materialized view)",)
    assert found.kept["sums_v1"] == ("read by top_v1",)
    assert found.kept["sums_v2"] == ("read by listening (subscription)",)
    assert thrice.sql("SELECT total FROM theirs") == [(20.0,)]
    assert {(o.name, o.kind, o.reads) for o in thrice.engine.inspect().outsiders} == {
        ("theirs", "materialized view", "top_v1"),
        ("listening", "subscription", "sums_v2"),
    }


def test_old_public_views_go_when_nobody_reads_them_any_more(small: SmallProject) -> None:
    small.apply()
    small.sql("CREATE MATERIALIZED VIEW theirs AS SELECT total FROM top")
    small.edit("sql/top.sql", "max(total)", "max(total) + 1")
    small.apply()
    found = collect(small.engine, 0)
    assert found.versions == ()
    assert found.kept["top__was_r2"] == ("read by theirs (materialized view)",)
    small.sql("DROP MATERIALIZED VIEW theirs")
    found = collect(small.engine, 0)
    assert [item.name for item in found.leftovers] == ["top__was_r2"]
    assert relations(small) == {"items", "known", "known_v1", "sums", "sums_v1", "top", "top_v2"}


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


def test_a_drop_that_the_server_refuses_comes_back_onto_the_ledger(thrice: SmallProject) -> None:
    versions = [v for v in thrice.engine.inspect().versions if v.name in ("top_v1", "sums_v1")]
    thrice.sql("CREATE MATERIALIZED VIEW theirs AS SELECT total FROM top_v1")  # after the look, before the drop
    with thrice.engine.write("gc", TAKE_AT_ONCE) as writer:
        refused = writer.drop(versions, ())
    assert set(refused) == {"top_v1", "sums_v1"}
    assert "used by" in refused["top_v1"]
    assert names(thrice) >= {"top_v1", "sums_v1"}
    assert rollback(thrice.engine, thrice.folder, 1).release is not None
    assert thrice.rows("SELECT total FROM top") == [(20.0,)]


def test_a_version_that_somebody_dropped_by_hand_stops_a_rollback_before_it_begins(thrice: SmallProject) -> None:
    thrice.sql("DROP MATERIALIZED VIEW top_v1")
    with pytest.raises(EngineError, match="top_v1 cannot be shown"):
        rollback(thrice.engine, thrice.folder, 1)
    assert thrice.rows("SELECT total FROM top") == [(22.0,)]
    assert rollback(thrice.engine, thrice.folder, 2).release is not None


def test_a_rollback_keeps_every_grant(thrice: SmallProject) -> None:
    database = thrice.settings.risingwave_database
    user = f"reader_{database}"
    thrice.sql(
        f"CREATE USER {user} WITH NOSUPERUSER",
        f"GRANT CONNECT ON DATABASE {database} TO {user}",
        f"GRANT USAGE ON SCHEMA public TO {user}",
        f"GRANT SELECT ON VIEW top TO {user}",
    )
    try:
        rollback(thrice.engine, thrice.folder, 1)
        assert thrice.sql("SELECT total FROM top", user=user) == [(20.0,)]
        rollback(thrice.engine, thrice.folder, 3)
        assert thrice.sql("SELECT total FROM top", user=user) == [(22.0,)]
    finally:
        thrice.sql(
            f"REVOKE SELECT ON VIEW top FROM {user}",
            f"REVOKE USAGE ON SCHEMA public FROM {user}",
            f"REVOKE CONNECT ON DATABASE {database} FROM {user}",
            "DROP VIEW top",
            f"DROP USER {user}",
        )


def test_what_somebody_built_stays_over_a_rollback(thrice: SmallProject) -> None:
    thrice.sql("CREATE MATERIALIZED VIEW theirs AS SELECT total FROM top")
    rollback(thrice.engine, thrice.folder, 1)
    rollback(thrice.engine, thrice.folder, 3)
    rollback(thrice.engine, thrice.folder, 1)
    assert thrice.sql("SELECT total FROM theirs") == [(22.0,)]
    assert thrice.rows("SELECT total FROM top") == [(20.0,)]
