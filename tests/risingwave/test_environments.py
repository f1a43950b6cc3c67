"""Preview environments on a real RisingWave: schemas of public views, beside what others have there.

All cases of tests/previewing_cases.py run on the embedded target; here those in which the server has a say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytestmark = pytest.mark.slow

pytest.register_assert_rewrite("tests.previewing_cases")

from featurectl.errors import EngineError  # noqa: E402 - after its assertions are made to speak
from featurectl.services.collecting import collect  # noqa: E402 - as above
from featurectl.services.previewing import drop_environment, promote  # noqa: E402 - as above
from tests.previewing_cases import (  # noqa: E402 - as above
    PLUS_1,
    TOP,
    built,
    rows,
    show,
    test_an_environment_builds_what_differs_and_shares_the_rest,
    test_descriptions_belong_to_versions,
    test_promoting_builds_nothing_and_can_be_taken_back,
)

if TYPE_CHECKING:
    from tests.risingwave.project import SmallProject

__all__ = [
    "test_an_environment_builds_what_differs_and_shares_the_rest",
    "test_descriptions_belong_to_versions",
    "test_promoting_builds_nothing_and_can_be_taken_back",
]


@pytest.fixture
def live(small_project: SmallProject) -> SmallProject:
    """A small project, applied."""
    small_project.apply()
    return small_project


def relations(project: SmallProject) -> set[tuple[str, str]]:
    """What is in the database, the ledger aside: schema and name."""
    found = project.sql(
        "SELECT s.name, r.name FROM rw_catalog.rw_relations AS r JOIN rw_catalog.rw_schemas AS s ON s.id = r.schema_id"
        " WHERE s.name IN ('public', 'alice', 'team')"
    )
    return set(found)


def test_an_environment_beside_what_others_built(live: SmallProject) -> None:
    live.sql("CREATE SCHEMA team", "CREATE TABLE team.theirs (x int)")
    live.edit(*PLUS_1)
    with pytest.raises(EngineError, match="the schema team was there before"):
        show(live, "team")
    assert built(show(live, "alice")) == ["sums_v2", "top_v2"]
    assert relations(live) == {
        *(("public", name) for name in ("items", "known", "sums", "top", "known_v1", "sums_v1", "top_v1")),
        *(("public", name) for name in ("sums_v2", "top_v2")),
        *(("alice", name) for name in ("known", "sums", "top")),
        ("team", "theirs"),
    }

    live.sql("CREATE MATERIALIZED VIEW team.watching AS SELECT total FROM alice.top")
    live.edit("sql/top.sql", "max(total)", "max(total) + 1")
    assert built(show(live, "alice")) == ["top_v3"]
    assert rows(live, TOP, "alice") == [(22.0,)]
    assert live.sql("SELECT total FROM team.watching") == [(21.0,)]
    with pytest.raises(EngineError, match=r"team\.watching reads alice\.top__was_r1"):
        drop_environment(live.engine, "alice")
    assert promote(live.engine, "alice").release is not None
    assert live.rows(TOP) == [(22.0,)]
    assert ("team.watching", "alice.top__was_r1") in {(o.name, o.reads) for o in live.engine.inspect().outsiders}
    kept = collect(live.engine, 0).kept
    assert kept["top_v2"] == ("read by team.watching (materialized view)",)

    live.sql("DROP MATERIALIZED VIEW team.watching", "CREATE TABLE alice.mine (x int)")
    with pytest.raises(EngineError, match=r"alice\.mine is there"):
        drop_environment(live.engine, "alice")
    live.sql("DROP TABLE alice.mine")
    drop_environment(live.engine, "alice")
    collect(live.engine, 0)
    assert relations(live) == {
        *(("public", name) for name in ("items", "known", "sums", "top", "known_v1", "sums_v2", "top_v3")),
        ("team", "theirs"),
    }
    assert live.sql("SELECT count(*) FROM rw_catalog.rw_schemas WHERE name = 'alice'") == [(0,)]
