"""What a plan says of a change, what apply refuses, and what it compares: the same on both targets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from featurectl.errors import BreakingChange, PlanMoved, TooDifferent, UsageError
from featurectl.services.rehearsing import rehearse
from featurectl.services.saved_plans import load_plan, save_plan

if TYPE_CHECKING:
    from tests.releases.project import ReleaseProject

HARMLESS = [
    ("sql/hourly.sql", "-- of the reading", "-- as it was read"),
    ("sql/hourly.sql", "grain: 1 hour", "grain: 1 hour\nowner: somebody\ntags: [a, b]"),
    ("sql/hourly.sql", "One row for each", "A row of every"),
    ("sql/hourly.sql", "SELECT place, at, value", "select\n  r.place, r.at,\n  /* new */ r.value"),
    ("sql/features.sql", "k.", "other."),
    ("sql/features.sql", "WITH places AS", "WITH p2 AS"),
]


def test_what_is_not_meaning_builds_nothing(embedded: ReleaseProject) -> None:
    for file, old, new in HARMLESS:
        embedded.edit(file, old, new)
    embedded.edit("sql/hourly.sql", "FROM readings", "FROM readings AS r")
    embedded.edit("sql/hourly.sql", "WHERE value", "WHERE r.value")
    embedded.edit("sql/features.sql", "AS k", "AS other")
    embedded.edit("sql/features.sql", "JOIN places", "JOIN p2")
    # The qualifiers above are new where there were none: that is the only thing that may be a difference.
    embedded.edit("sql/hourly.sql", "r.", "")
    embedded.edit("sql/hourly.sql", "FROM readings AS r", "FROM readings AS whatever")
    plan = embedded.plan()
    assert {change.action for change in plan.changes} == {"reuse", "metadata"}
    assert plan.breaking == ()
    assert embedded.apply().built == ()
    assert embedded.plan().is_empty


def test_order_of_ctes_builds_nothing(embedded: ReleaseProject) -> None:
    first = "places AS (SELECT place, mean FROM means)"
    second = "known AS (SELECT place, at, value FROM hourly)"
    embedded.edit("sql/features.sql", f"{first}, {second}", f"{second}, {first}")
    assert embedded.plan().is_empty


def test_a_column_more_is_additive(project: ReleaseProject) -> None:
    project.edit("sql/hourly.sql", "value -- of", "value, value + 1 AS more -- of")
    plan = project.plan()
    changes = {change.name: change for change in plan.changes}
    assert [str(c) for c in changes["hourly"].columns] == ["more double"]
    assert [changes[name].effect for name in ("hourly", "means", "features")] == ["additive", "none", "none"]
    assert changes["hourly"].downstream == ("means", "features")
    assert changes["features"].because == ("means", "hourly")
    assert [(d.place, d.before, d.after) for d in changes["hourly"].sql] == [("column more", None, "value + 1")]
    result = project.apply()
    compared = {found.new: found for found in result.comparisons}
    assert compared["features_v2"].shared == 240
    assert {c.differing for c in compared["features_v2"].columns} == {0}
    assert compared["means_v2"].why_not == "no entity and event_time are declared"
    assert project.rows("SELECT count(*) FROM hourly WHERE more = value + 1") == [(240,)]


BREAKING = [
    ("sql/features.sql", "k.value * 2 AS doubled, ", "", "features: column doubled double gone"),
    ("sql/features.sql", "k.value * 2 AS", "(k.value * 2)::int AS", "features: column doubled double → int retyped"),
    ("sql/hourly.sql", "entity: place", "entity: [place, value]", "hourly: entity place → place, value"),
    ("sql/hourly.sql", "grain: 1 hour", "grain: 15 minutes", "hourly: grain 1 hour → 15 minutes"),
    ("sql/hourly.sql", "event_time: at", "", "hourly: event_time at → none"),
]


@pytest.mark.parametrize(("file", "old", "new", "breaks"), BREAKING)
def test_what_takes_something_away_is_refused(
    embedded: ReleaseProject, file: str, old: str, new: str, breaks: str
) -> None:
    before = embedded.engine.inspect()
    embedded.edit(file, old, new)
    with pytest.raises(BreakingChange) as caught:
        embedded.apply()
    assert breaks in caught.value.message
    if file == "sql/hourly.sql":
        assert "read by means, features" in caught.value.message
    assert "--allow-breaking" in (caught.value.hint or "")
    assert embedded.engine.inspect() == before
    embedded.apply(allow_breaking=True)
    assert embedded.plan().is_empty


def test_a_breaking_change_on_each_target(project: ReleaseProject) -> None:
    project.edit("sql/features.sql", "k.value * 2 AS doubled, ", "(k.value * 2)::int AS doubled, 1 AS one, ")
    change = project.change("features")
    assert [str(c) for c in change.columns] == ["one int", "doubled double → int"]
    with pytest.raises(BreakingChange, match="doubled double → int retyped"):
        project.apply()
    assert project.engine.inspect().live["features"] == 1
    result = project.apply(allow_breaking=True)
    assert [v.name for v in result.built] == ["features_v2"]
    [compared] = result.comparisons
    assert {c.name: c.differing for c in compared.columns}["value"] == 0


def test_a_view_that_is_dropped_is_breaking(embedded: ReleaseProject) -> None:
    (embedded.folder / "sql/features.sql").unlink()
    with pytest.raises(BreakingChange, match="features: the public view is gone"):
        embedded.apply()
    embedded.apply(allow_breaking=True)
    assert "features" not in embedded.engine.inspect().live


def test_a_release_that_is_too_different_stops_and_both_versions_can_be_read(project: ReleaseProject) -> None:
    project.edit("sql/features.sql", "k.value * 2 AS doubled", "k.value * 2000 AS doubled")
    change = project.change("features")
    assert change.effect == "values"
    assert [(d.place, d.before, d.after) for d in change.sql] == [("column doubled", "k.value * 2", "k.value * 2000")]
    with pytest.raises(TooDifferent) as caught:
        project.apply()
    assert "features_v2: doubled: the mean moved from 49.5833 to 49,583.3, 1,719.0 stand" in caught.value.message
    assert "featurectl compare features_v1 features_v2" in (caught.value.hint or "")
    [found] = caught.value.comparisons
    assert {c.name: c.differing for c in found.columns} == {
        "place": 0, "at": 0, "value": 0, "doubled": 240, "mean": 0
    }  # fmt: skip
    both = "SELECT count(*) FROM features_v1 AS o JOIN features_v2 AS n ON o.place = n.place AND o.at = n.at"
    assert project.rows(both) == [(240,)]
    assert project.rows("SELECT max(doubled) FROM features") == [(99.0,)]

    result = project.apply(accept_differences=True)
    assert result.built == ()
    assert result.remarks[0].startswith("features_v2: doubled: the mean moved")
    assert project.rows("SELECT max(doubled) FROM features") == [(99000.0,)]
    assert project.plan().is_empty
    assert "doubled  100.0 %" in project.run("compare", "features_v1", "features_v2").replace("|", "")


def test_limits_of_the_view_and_of_the_settings(embedded: ReleaseProject) -> None:
    embedded.edit("sql/features.sql", "event_time: at", "event_time: at\ncompare:\n  columns: {doubled: {mean: 1e9}}")
    embedded.edit("sql/features.sql", "k.value * 2 AS doubled", "k.value * 2000 AS doubled")
    embedded.apply()
    embedded.write("featurectl.toml", "[compare]\ndiffering = 0.1\n")
    embedded.edit("sql/features.sql", "k.value * 2000 AS doubled", "k.value * 2001 AS doubled")
    text = embedded.run("apply", code=1)
    assert "doubled: 240 of 240 cells differ (100.00 %, allowed 10.00 %)" in text
    assert "Traceback" not in text
    embedded.write("featurectl.toml", "[compare]\nmaen = 0.1\n")
    assert "setting compare: maen" in embedded.run("apply", code=1)


def test_rows_that_go_missing_stop_a_release(embedded: ReleaseProject) -> None:
    embedded.edit("sql/hourly.sql", "IS NOT NULL", "> 10")
    with pytest.raises(TooDifferent, match=r"hourly_v2: \d+ of 240 rows are missing"):
        embedded.apply()
    assert embedded.engine.inspect().live == {"hourly": 1, "means": 1, "features": 1}
    assert {v.name for v in embedded.engine.inspect().versions} >= {"hourly_v2", "means_v2", "features_v2"}


def test_a_saved_plan_is_rehearsed_and_applied_as_it_was_saved(project: ReleaseProject) -> None:
    file = project.folder / "release.plan"
    project.edit("sql/hourly.sql", "value IS NOT NULL", "value IS NOT NULL AND id >= 0")
    assert "rebuild" in project.run("plan", "--out", str(file), "--detailed-exitcode", code=2)
    saved = json.loads(file.read_text(encoding="utf-8"))
    before, planned = project.engine.inspect(), project.plan()
    assert saved["plan"] == planned.id

    rehearsed = [step.title for step in rehearse(planned)]
    text = project.run("apply", str(file), "--dry-run")
    assert [line.split(" ", 1)[1] for line in text.splitlines() if line[0].isdigit()] == rehearsed == saved["steps"]
    assert "check value >= 0" in text
    assert "features → features_v2" in text
    assert project.engine.inspect() == before

    walked: list[str] = []
    result = project.apply(progress=lambda title, _number, _count: walked.append(title), saved=load_plan(file))
    assert result.plan.id == saved["plan"]
    assert [title for title in walked if ":" not in title] == rehearsed
    assert "the engine was changed since" in project.run("apply", "--plan", str(file), code=1)


def test_a_saved_plan_that_does_not_hold_is_refused(embedded: ReleaseProject) -> None:
    file = embedded.folder / "release.plan"
    embedded.edit("sql/features.sql", "* 2", "* 2.1")
    save_plan(embedded.plan(), file, "embedded", ())
    saved = load_plan(file)
    embedded.edit("sql/hourly.sql", "One row", "Just one row")
    with pytest.raises(PlanMoved, match="the project was changed since"):
        embedded.apply(saved=saved)
    embedded.edit("sql/hourly.sql", "Just one row", "One row")
    with pytest.raises(PlanMoved, match="made for the target other"):
        saved.__class__(**{**saved.__dict__, "target": "other"}).check(embedded.plan(), "embedded")
    assert embedded.apply(saved=saved).release is not None
    file.write_text("{}")
    with pytest.raises(UsageError, match="is no saved plan"):
        load_plan(file)


def test_what_the_plan_prints(embedded: ReleaseProject) -> None:
    embedded.edit("sql/hourly.sql", "value IS NOT NULL", "value > 1")
    text = embedded.run("plan")
    assert "  - value IS NOT NULL\n" in text.replace("NOT value IS NULL", "value IS NOT NULL")
    assert "  + value > 1\n" in text
    assert "read by means, features" in text
    assert "because of hourly" in text
    assert "Not touched: 1 table." in text
    assert "240 rows now, reads" in text


def test_the_time_of_a_build_is_told_by_past_builds(embedded: ReleaseProject) -> None:
    took = {v.name: v.build_seconds for v in embedded.engine.inspect().versions}
    embedded.edit("sql/hourly.sql", "value IS NOT NULL", "value > 1")
    embedded.write("sql/late.sql", "SELECT place, at FROM hourly WHERE at > '2024-06-02T00:00:00Z'")
    plan = embedded.plan()
    changes = {change.name: change for change in plan.changes}
    assert {name: changes[name].seconds for name in ("hourly", "means", "features")} == {
        name: took[f"{name}_v1"] for name in ("hourly", "means", "features")
    }
    assert (changes["hourly"].rows, changes["means"].reads, changes["late"].reads) == (240, 240, 240)
    least = min(seconds for seconds in took.values() if seconds is not None)
    assert changes["late"].seconds is not None
    assert least <= changes["late"].seconds <= sum(seconds or 0 for seconds in took.values())
    assert plan.seconds == pytest.approx(sum(change.seconds or 0 for change in plan.changes))


def test_a_select_leaves_the_rest_where_it_is(embedded: ReleaseProject) -> None:
    embedded.edit("sql/hourly.sql", "value IS NOT NULL", "value >= 0")
    [change] = embedded.plan("hourly").changes
    assert [(r.kind, r.name, r.stays_on) for r in change.readers] == [
        ("view", "means", "hourly_v1"), ("view", "features", "hourly_v1")
    ]  # fmt: skip


def test_a_plan_names_who_is_pinned_to_what_it_replaces(embedded: ReleaseProject) -> None:
    embedded.run("pin", "model:churn", "features@v1")
    embedded.edit("sql/features.sql", "k.value * 2 AS doubled, ", "")
    assert "pin model:churn stays on features_v1" in embedded.run("plan")
    assert "read by pin model:churn" in embedded.run("apply", code=1)
    embedded.run("apply", "--allow-breaking")
    assert embedded.rows("SELECT max(doubled) FROM features_v1") == [(99.0,)]
