"""What a plan rebuilds, for any project: nothing for its own state, and for a change only what it reaches."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurectl.engines.base import MigrationRun, State, Version
from featurectl.project import load_project
from featurectl.services.planning import Build, CutOver, Migrate, Plan, build_plan
from featurectl.settings import load_settings
from tests.project.random_queries import RandomQuery

if TYPE_CHECKING:
    from pathlib import Path

    from featurectl.project import Project

TABLES = "CREATE TABLE t (id int, k int, a int, b int);\nCREATE TABLE u (id int, k int, d int, e int);\n"
COUNT = 4


def queries(seed: int, prefix: str) -> dict[str, str]:
    """A project's queries: each view a random query, joined with an earlier view. `prefix` only names aliases."""
    chance = random.Random(seed)
    found = {}
    for number in range(COUNT):
        inner = RandomQuery(seed * COUNT + number, prefix).sql()
        text = f"SELECT {prefix}.c0, {prefix}.c1, {prefix}.c2 FROM ({inner}) AS {prefix}"
        if number:
            below = f"v{chance.randrange(number)}"
            text += f" LEFT JOIN {below} AS {prefix}o ON {prefix}o.c0 = {prefix}.c0"
        found[f"v{number}"] = f"{text} WHERE {prefix}.c0 > {number}"
    return found


def loaded(folder: Path, views: dict[str, str]) -> Project:
    for name, text in {"migrations/0001_tables": TABLES, **{f"sql/{n}": text for n, text in views.items()}}.items():
        path = folder / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return load_project(load_settings(folder))


def applied(plan: Plan, state: State) -> State:
    """The state that an apply of the plan leaves, as far as a plan looks at it."""
    built = [replace(step.version, columns=_COLUMNS) for step in plan.steps if isinstance(step, Build)]
    live = next((step.live for step in plan.steps if isinstance(step, CutOver)), state.live)
    ran = [step.migration for step in plan.steps if isinstance(step, Migrate)]
    runs = [MigrationRun(m.number, m.name, m.checksum, _WHEN) for m in ran]
    numbers = {**state.next_numbers, **{version.view: version.number + 1 for version in built}}
    return State((*state.migrations, *runs), (*state.versions, *built), dict(live), numbers)


_COLUMNS = dict.fromkeys(("c0", "c1", "c2"), "bigint")
_WHEN = datetime(2024, 6, 1, tzinfo=UTC)


def actions(plan: Plan) -> dict[str, str]:
    return {change.name: change.action for change in plan.changes}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("planned")


def test_a_plan_of_what_is_applied_is_empty_however_it_is_spelled(folder: Path) -> None:
    @given(st.integers(0, 10**6))
    @settings(max_examples=25, deadline=None)
    def holds(seed: int) -> None:
        state = applied(build_plan(loaded(folder, queries(seed, "q")), State()), State())
        assert build_plan(loaded(folder, queries(seed, "q")), state).is_empty
        spelled = {name: text.replace(" ", "\n  ") for name, text in queries(seed, "other_").items()}
        assert build_plan(loaded(folder, spelled), state).is_empty

    holds()


def test_a_changed_meaning_rebuilds_the_view_and_what_reads_it_and_no_other(folder: Path) -> None:
    @given(st.integers(0, 10**6), st.integers(0, COUNT - 1))
    @settings(max_examples=25, deadline=None)
    def holds(seed: int, number: int) -> None:
        views = queries(seed, "q")
        state = applied(build_plan(loaded(folder, views), State()), State())
        changed = f"v{number}"
        views[changed] = re.sub(r"(\d+)$", r"1\1", views[changed])
        project = loaded(folder, views)
        plan = build_plan(project, state)
        reached = {changed} | project.downstream(changed)
        assert {name for name, action in actions(plan).items() if action == "rebuild"} == reached
        assert {name for name, action in actions(plan).items() if action == "reuse"} == set(views) - reached
        assert build_plan(project, applied(plan, state)).is_empty

    holds()


def test_another_sqlglot_or_featurectl_rebuilds_nothing(folder: Path) -> None:
    project = loaded(folder, queries(1, "q"))
    state = applied(build_plan(project, State()), State())
    old = replace(state, versions=tuple(_normalised_otherwise(version) for version in state.versions))
    assert build_plan(project, old).is_empty
    assert build_plan(loaded(folder, queries(1, "other_")), old).is_empty
    changed = {**queries(1, "other_"), "v3": queries(1, "q")["v3"] + "0"}
    found = actions(build_plan(loaded(folder, changed), old))
    assert found == {"v0": "reuse", "v1": "reuse", "v2": "reuse", "v3": "rebuild"}


def test_what_another_code_took_for_equal_is_looked_at_again(folder: Path) -> None:
    """The fingerprint of another normaliser may be ours by chance, or by its mistake."""
    project = loaded(folder, queries(1, "q"))
    state = applied(build_plan(project, State()), State())
    other = replace(state.versions[-1], normaliser="featurectl 0.0.1, sqlglot 1.0.0", text="SELECT 1 AS c0 FROM t")
    plan = build_plan(project, replace(state, versions=(*state.versions[:-1], other)))
    assert actions(plan)[other.view] == "rebuild"


def _normalised_otherwise(version: Version) -> Version:
    return replace(
        version, fingerprint="of", own_fingerprint="another code", normaliser="featurectl 0.0.1, sqlglot 1.0.0"
    )


CHAIN = {"low": "SELECT a, b FROM t", "mid": "SELECT a, b FROM low", "top": "SELECT a FROM mid"}


def test_a_fingerprint_is_of_what_a_version_reads_and_not_of_an_edit_that_was_not_selected(tmp_path: Path) -> None:
    project = loaded(tmp_path, CHAIN)
    state = applied(build_plan(project, State()), State())
    edited = {**CHAIN, "low": "SELECT a, b + 1 AS b FROM t", "top": "SELECT a + 1 AS a FROM mid"}
    both = loaded(tmp_path, edited)
    selected = applied(build_plan(both, state, frozenset({"top"})), state)
    [new] = [version for version in selected.versions if version.name == "top_v2"]
    assert new.inputs == {"mid": "mid_v1"}
    without = loaded(tmp_path, {**edited, "low": CHAIN["low"]})
    assert new.fingerprint == without.views["top"].fingerprint
    assert new.fingerprint != both.views["top"].fingerprint

    whole = applied(build_plan(loaded(tmp_path, edited), selected), selected)
    newest = {view: whole.version(view, number) for view, number in whole.live.items()}
    assert {view: version and version.name for view, version in newest.items()} == {
        "low": "low_v2", "mid": "mid_v2", "top": "top_v3"
    }  # fmt: skip
    assert all(version and version.fingerprint == both.views[view].fingerprint for view, version in newest.items())
