"""What preview environments do on every engine. Each test module gives the fixture `live`: a project of `known` ←
`sums` ← `top`, applied once; a test leaves it as it likes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from featurectl.errors import BreakingChange, EngineError, ProjectError, TooDifferent, UsageError
from featurectl.project import load_project
from featurectl.project.metadata import ColumnLimits, ComparisonLimits
from featurectl.services import applying
from featurectl.services.collecting import collect
from featurectl.services.previewing import drop_environment, environments, promote
from featurectl.services.releasing import history, rollback

if TYPE_CHECKING:
    from featurectl.services.applying import ApplyResult
    from tests.risingwave.project import SmallProject

TOP = "SELECT total FROM top"
PLUS_1 = ("sql/sums.sql", "sum(value)", "sum(value) + 1")
NOT_PLUS_1 = (PLUS_1[0], PLUS_1[2], PLUS_1[1])


def show(project: SmallProject, name: str, *select: str) -> ApplyResult:
    return applying.apply(load_project(project.settings), project.engine, select, environment=name)


def rows(project: SmallProject, sql: str, name: str) -> list[tuple[object, ...]]:
    with project.engine.query(sql, name) as result:
        return result.all()


def built(result: ApplyResult) -> list[str]:
    return [version.name for version in result.built]


def test_an_environment_builds_what_differs_and_shares_the_rest(live: SmallProject) -> None:
    live.edit("sql/top.sql", "max(total)", "max(total) + 1")
    assert built(show(live, "alice")) == ["top_v2"]
    assert rows(live, TOP, "alice") == [(21.0,)]
    assert rows(live, "SELECT total FROM alice.top", "alice") == [(21.0,)]
    assert live.rows(TOP) == [(20.0,)]
    state = live.engine.inspect()
    assert (dict(state.live), len(state.releases)) == ({"known": 1, "sums": 1, "top": 1}, 1)
    assert dict(state.environment("alice").live) == {"known": 1, "sums": 1, "top": 2}
    assert show(live, "alice").plan.is_empty

    live.edit(*PLUS_1)
    assert built(show(live, "bob")) == ["sums_v2", "top_v3"]  # N is allotted once, whoever asks
    live.edit(*NOT_PLUS_1)
    assert built(show(live, "bob")) == []  # what alice has built means the same
    assert dict(live.engine.inspect().environment("bob").live) == {"known": 1, "sums": 1, "top": 2}
    assert rows(live, TOP, "bob") == [(21.0,)]


def test_promoting_builds_nothing_and_can_be_taken_back(live: SmallProject) -> None:
    live.edit(*PLUS_1)
    show(live, "alice")
    done = promote(live.engine, "alice")
    assert [(m.before, m.after) for m in done.moves] == [("sums_v1", "sums_v2"), ("top_v1", "top_v2")]
    assert live.rows(TOP) == [(21.0,)]
    release = live.engine.inspect().releases[-1]
    assert (release.number, release.command, release.environment) == (2, "promote", "alice")
    assert live.apply().plan.is_empty  # the project says the same: there is nothing left to build
    assert promote(live.engine, "alice").release is None  # twice is once
    assert [(r.command, r.environment, r.outcome) for r in history(live.engine)] == [
        ("promote", "alice", "released"),
        ("apply", "alice", "done"),
        ("apply", None, "released"),
    ]
    rollback(live.engine, live.folder)
    assert live.rows(TOP) == [(20.0,)]
    assert rows(live, TOP, "alice") == [(21.0,)]


def test_promoting_never_takes_back_what_production_changed_since(live: SmallProject) -> None:
    live.edit("sql/top.sql", "max(total)", "max(total) + 1")
    show(live, "alice")
    live.edit("sql/top.sql", "max(total) + 1", "max(total)")
    live.edit(*PLUS_1)
    live.apply()
    with pytest.raises(EngineError, match=r"production changed since alice was applied: sums is sums_v2, top is top_"):
        promote(live.engine, "alice")
    assert environments(live.engine)[0].behind == ("sums", "top")
    live.edit("sql/top.sql", "max(total)", "max(total) + 1")
    assert built(show(live, "alice")) == ["top_v4"]
    assert promote(live.engine, "alice").release is not None
    assert live.rows(TOP) == [(22.0,)]


def test_promoting_takes_nothing_away_unasked(live: SmallProject) -> None:
    live.edit("sql/sums.sql", "SELECT kind, sum(value) AS total", "SELECT sum(value) AS total, kind AS sort")
    live.edit("sql/sums.sql", "entity: kind", "entity: sort")
    (live.folder / "sql/top.sql").unlink()
    show(live, "alice")
    with pytest.raises(BreakingChange) as caught:
        promote(live.engine, "alice")
    for words in ("sums: column kind varchar gone", "entity kind → sort", "top: the public view is gone"):
        assert words in str(caught.value)
    with pytest.raises(UsageError, match="alice has no view 'top'"):
        rows(live, TOP, "alice")
    assert live.rows(TOP) == [(20.0,)]
    assert promote(live.engine, "alice", allow_breaking=True).release is not None
    assert live.rows("SELECT sort FROM sums ORDER BY total LIMIT 1") == [("it's \\n",)]


def test_promoting_compares_with_what_is_live(live: SmallProject) -> None:
    live.edit(*PLUS_1)
    show(live, "alice")
    limits = ComparisonLimits(columns={"total": ColumnLimits(differing=0.0)})
    with pytest.raises(TooDifferent, match=r"sums_v2: total: \d of \d cells differ") as caught:
        promote(live.engine, "alice", limits=limits)
    assert [found.new for found in caught.value.comparisons] == ["sums_v2", "top_v2"]
    assert "featurectl apply --env alice --promote --accept-differences" in (caught.value.hint or "")
    assert (live.rows(TOP), len(live.engine.inspect().releases)) == ([(20.0,)], 1)
    done = promote(live.engine, "alice", limits=limits, accept_differences=True)
    assert (len(done.comparisons), len(done.remarks), live.rows(TOP)) == (2, 1, [(21.0,)])


def test_gc_keeps_what_an_environment_shows_until_it_is_dropped(live: SmallProject) -> None:
    live.edit(*PLUS_1)
    show(live, "alice")
    assert collect(live.engine, 0).versions == ()
    assert collect(live.engine, 0, dry_run=True).kept["top_v2"] == ("shown by environment alice",)
    drop_environment(live.engine, "alice")
    with pytest.raises(UsageError, match="there is no environment 'alice'"):
        rows(live, TOP, "alice")
    with pytest.raises(UsageError, match="there is no environment 'alice'"):
        drop_environment(live.engine, "alice")
    assert [v.name for v in collect(live.engine, 0).versions] == ["sums_v2", "top_v2"]
    assert live.rows(TOP) == [(20.0,)]
    assert built(show(live, "alice")) == ["sums_v3", "top_v3"]


def test_descriptions_belong_to_versions(live: SmallProject) -> None:
    said = "/*\ndescription: the greatest\n*/\n"
    live.edit("sql/top.sql", "WITH known", f"{said}WITH known")
    result = show(live, "alice")
    assert [c.action for c in result.plan.changes] == ["reuse"] * 3  # top_v1 is production's
    live.edit("sql/top.sql", "max(total)", "max(total) + 1")
    show(live, "alice")
    live.edit("sql/top.sql", "the greatest", "one more than the greatest")
    assert built(show(live, "alice")) == []
    versions = {v.name: v.metadata["description"] for v in live.engine.inspect().versions}
    assert (versions["top_v1"], versions["top_v2"]) == ("", "one more than the greatest")


def test_a_selection_leaves_the_rest_of_the_environment(live: SmallProject) -> None:
    live.edit("sql/top.sql", "max(total)", "max(total) + 1")
    show(live, "alice")
    live.edit("sql/top.sql", "max(total) + 1", "max(total)")
    live.edit("sql/known.sql", "-- of items", "AND id > 0 -- of items")
    assert built(show(live, "alice", "known")) == ["known_v2"]
    assert dict(live.engine.inspect().environment("alice").live) == {"known": 2, "sums": 1, "top": 2}


def test_a_migration_is_not_run_in_an_environment(live: SmallProject) -> None:
    live.write("migrations/0002_more.sql", "CREATE TABLE more (id int PRIMARY KEY);")
    with pytest.raises(ProjectError, match=r"0002_more did not run yet, and alice has no tables of its own"):
        show(live, "alice")
    assert live.engine.inspect().environments == {}


def test_names_that_no_environment_can_have(live: SmallProject) -> None:
    for name in ("Alice", "a-b", "9x", "public", "featurectl_test_1", "top", "items", "x" * 41):
        with pytest.raises(UsageError, match="environment"):
            show(live, name)


def test_the_commands_say_what_they_do(live: SmallProject) -> None:
    live.edit(*PLUS_1)
    code, said, _ = live.run("plan", "--env", "alice", "--output", "json")
    assert (code, json.loads(said)["steps"][-1]) == (0, "show in alice")
    code, said, errors = live.run("apply", "--env", "alice")
    assert (code, "2 built, shown in alice" in said) == (0, True), said + errors
    assert "Nothing to do: the project is applied in alice." in live.run("plan", "--env", "alice")[1]
    assert json.loads(live.run("query", TOP, "--env", "alice", "-o", "json")[1]) == [{"total": 21.0}]
    assert json.loads(live.run("list", "--env", "alice", "-o", "json")[1])[-1]["live"] == "v2"
    assert "sums_v2" in live.run("describe", "top", "--env", "alice")[1]
    [row] = json.loads(live.run("env", "list", "-o", "json")[1])
    assert (row["name"], row["differs"], row["behind"]) == ("alice", ["sums", "top"], [])
    code, _, errors = live.run("apply", "--promote")
    assert (code, "which environment" in errors) == (2, True)
    code, said, _ = live.run("apply", "--env", "alice", "--promote")
    assert (code, "Promoted alice" in said, "release 2" in said) == (0, True, True)
    assert "sums_v1 → sums_v2: " in said  # compared
    assert "Nothing to do: production shows what alice shows." in live.run("apply", "--env", "alice", "--promote")[1]
    assert "Dropped alice" in live.run("env", "drop", "alice")[1]
    code, _, errors = live.run("query", TOP, "--env", "alice")
    assert (code, "there is no environment 'alice'" in errors) == (2, True)
