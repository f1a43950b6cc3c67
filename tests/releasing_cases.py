"""What rollback, history, gc and pins do on every engine. Each test module gives the fixture `small`: a project, not
applied, of `known` ← `sums` ← `top`."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from featurectl.errors import CheckFailed, EngineBusy, EngineError, UsageError
from featurectl.services.collecting import collect
from featurectl.services.pinning import pin, pinned_version, pins, unpin
from featurectl.services.releasing import history, plan_rollback, rollback

if TYPE_CHECKING:
    from tests.risingwave.project import SmallProject

TOP = "SELECT total FROM top"


@pytest.fixture
def thrice(small: SmallProject) -> SmallProject:
    """Three releases: 20, 21 and 22 are the totals of `top`; `sums` has three versions and so has `top`."""
    small.apply()
    for number in (1, 2):
        small.edit("sql/sums.sql", f"sum(value){f' + {number - 1}' if number > 1 else ''}", f"sum(value) + {number}")
        small.apply()
    assert small.rows(TOP) == [(22.0,)]
    return small


def names(small: SmallProject) -> set[str]:
    return {version.name for version in small.engine.inspect().versions}


def back(small: SmallProject, number: int | None = None) -> int:
    done = rollback(small.engine, small.folder, number)
    assert done.release is not None
    return done.release.number


def test_rollback_shows_what_was_there_before_and_is_a_release(thrice: SmallProject) -> None:
    done = rollback(thrice.engine, thrice.folder)
    assert thrice.rows(TOP) == [(21.0,)]
    assert [(m.view, m.before, m.after) for m in done.moves] == [
        ("sums", "sums_v3", "sums_v2"),
        ("top", "top_v3", "top_v2"),
    ]
    last = thrice.engine.inspect().releases[-1]
    assert (last.number, last.command, last.back_to) == (4, "rollback", 2)
    assert thrice.engine.inspect().live == {"known": 1, "sums": 2, "top": 2}


def test_rollback_twice_goes_two_steps_back_and_a_named_release_forward(thrice: SmallProject) -> None:
    assert back(thrice) == 4
    assert back(thrice) == 5
    assert thrice.rows(TOP) == [(20.0,)]
    with pytest.raises(UsageError, match="no earlier release"):
        back(thrice)
    assert back(thrice, 3) == 6
    assert thrice.rows(TOP) == [(22.0,)]


def test_apply_after_a_rollback_builds_nothing(thrice: SmallProject) -> None:
    back(thrice, 1)
    result = thrice.apply()
    assert result.built == ()
    assert thrice.rows(TOP) == [(22.0,)]


def test_rollback_to_what_is_live_or_to_nowhere(thrice: SmallProject) -> None:
    assert rollback(thrice.engine, thrice.folder, 3).release is None
    with pytest.raises(UsageError, match="there is no release 9"):
        back(thrice, 9)
    assert len(thrice.engine.inspect().releases) == 3


def test_rollback_of_a_release_that_brought_a_view(small: SmallProject) -> None:
    (small.folder / "sql/top.sql").rename(small.folder / "top.sql")
    small.apply()
    (small.folder / "top.sql").rename(small.folder / "sql/top.sql")
    small.apply()
    assert small.rows(TOP) == [(20.0,)]
    back(small)
    assert small.engine.inspect().live == {"known": 1, "sums": 1}
    back(small, 2)
    assert small.rows(TOP) == [(20.0,)]


def test_rollback_says_what_it_would_have_to_build(thrice: SmallProject) -> None:
    collect(thrice.engine, 0)
    assert plan_rollback(thrice.engine, 1).gone == ("sums_v1", "top_v1")
    with pytest.raises(EngineError, match="sums_v1, top_v1 were dropped") as caught:
        back(thrice, 1)
    assert "featurectl plan" in (caught.value.hint or "")
    assert thrice.rows(TOP) == [(22.0,)]
    code, said, _ = thrice.run("rollback", "1", "--dry-run")
    assert code == 1
    assert "would have to build sums_v1, top_v1" in said


def test_gc_keeps_what_can_be_gone_back_to(thrice: SmallProject) -> None:
    found = collect(thrice.engine, 1)
    assert [v.name for v in found.versions] == ["sums_v1", "top_v1"]
    assert names(thrice) == {"known_v1", "sums_v2", "top_v2", "sums_v3", "top_v3"}
    back(thrice)
    assert thrice.rows(TOP) == [(21.0,)]
    assert collect(thrice.engine, 1).versions == ()
    assert [v.name for v in collect(thrice.engine, 0).versions] == ["sums_v3", "top_v3"]
    assert thrice.rows(TOP) == [(21.0,)]


def test_gc_says_what_it_would_do_and_does_nothing(thrice: SmallProject) -> None:
    before = thrice.engine.inspect()
    found = collect(thrice.engine, 0, dry_run=True)
    assert [v.name for v in found.versions] == ["sums_v1", "top_v1", "sums_v2", "top_v2"]
    assert found.kept["top_v3"] == ("live",)
    assert found.kept["known_v1"] == ("live", "read by sums_v3")
    assert thrice.engine.inspect() == before


def test_a_number_is_never_used_again(thrice: SmallProject) -> None:
    back(thrice, 1)
    collect(thrice.engine, 0)
    assert names(thrice) == {"known_v1", "sums_v1", "top_v1"}
    thrice.edit("sql/sums.sql", "sum(value) + 2", "sum(value) + 5")
    assert [v.name for v in thrice.apply().built] == ["sums_v4", "top_v4"]


def test_gc_never_drops_what_is_pinned_nor_what_that_reads(thrice: SmallProject) -> None:
    made = pin(thrice.engine, "model:x", "top@v1")
    assert made.fingerprint == next(v.fingerprint for v in thrice.engine.inspect().versions if v.name == "top_v1")
    found = collect(thrice.engine, 0)
    assert [v.name for v in found.versions] == ["sums_v2", "top_v2"]
    assert found.kept["top_v1"] == ("pinned by model:x",)
    assert found.kept["sums_v1"] == ("read by top_v1",)
    assert thrice.rows("SELECT total FROM top_v1") == [(20.0,)]
    unpin(thrice.engine, "model:x", "top")
    assert [v.name for v in collect(thrice.engine, 0).versions] == ["sums_v1", "top_v1"]


def test_pins_are_listed_replaced_and_refused_by_name(thrice: SmallProject) -> None:
    pin(thrice.engine, "model:x", "top@v1")
    pin(thrice.engine, "model:x", "top_v3")
    pin(thrice.engine, "report", "sums@v2")
    rows = [(row.consumer, row.version, row.state) for row in pins(thrice.engine)]
    assert rows == [("model:x", "top_v3", "live"), ("report", "sums_v2", "kept")]
    assert pinned_version(thrice.engine.inspect(), "report", "sums").name == "sums_v2"
    for wrong, hint in {"tpo@v1": "did you mean top", "top@v9": "top@v1, top@v2, top@v3", "top": "top@v1"}.items():
        with pytest.raises(UsageError) as caught:
            pin(thrice.engine, "model:x", wrong)
        assert hint in (caught.value.hint or "")
    with pytest.raises(UsageError) as caught:
        unpin(thrice.engine, "reprot", "sums")
    assert caught.value.hint == "did you mean report?"
    with pytest.raises(UsageError, match="does not pin top"):
        unpin(thrice.engine, "report", "top")


def test_a_pin_of_another_meaning_is_refused(thrice: SmallProject) -> None:
    versions = {v.name: v.fingerprint for v in thrice.engine.inspect().versions}
    pin(thrice.engine, "model:x", "top@v3", versions["top_v3"][:12])
    with pytest.raises(EngineError, match="means something else"):
        pin(thrice.engine, "model:x", "top@v1", versions["top_v3"])
    with pytest.raises(UsageError, match="at least 8"):
        pin(thrice.engine, "model:x", "top@v1", "abc")
    assert [row.version for row in pins(thrice.engine)] == ["top_v3"]


def test_history_knows_releases_and_what_failed(thrice: SmallProject) -> None:
    back(thrice, 1)
    thrice.edit("sql/sums.sql", "total >= 0", "total >= 1000")
    thrice.edit("sql/sums.sql", "sum(value) + 2", "sum(value) + 7")
    with pytest.raises(CheckFailed):
        thrice.apply()
    failed, newest, *others = history(thrice.engine)
    assert (failed.release, failed.command, failed.outcome) == (None, "apply", "failed")
    assert "build sums_v4: sql/sums.sql: 2 rows of sums_v4 break" in failed.detail
    assert (newest.release, newest.command, newest.live, newest.detail) == (4, "rollback", True, "back to release 1")
    assert [(row.release, row.outcome) for row in others] == [(3, "released"), (2, "released"), (1, "released")]
    code, said, _ = thrice.run("history", "--limit", "2", "--output", "json")
    assert code == 0
    assert [row["outcome"] for row in json.loads(said)] == ["failed", "released"]


@pytest.mark.parametrize("command", ["rollback", "gc", "pin"])
def test_who_holds_the_engine_is_named(thrice: SmallProject, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    for module in ("releasing", "collecting", "pinning"):
        monkeypatch.setattr(f"featurectl.services.{module}.WAIT_FOR_REFRESH", timedelta(0))
    calls = {
        "rollback": lambda: rollback(thrice.engine, thrice.folder),
        "gc": lambda: collect(thrice.engine, 0),
        "pin": lambda: pin(thrice.engine, "model:x", "top@v1"),
    }
    with (
        thrice.engine.write("apply", timedelta(0)),
        pytest.raises(EngineBusy, match=r"featurectl apply \(process \d+( on .+)?\) since 20"),
    ):
        calls[command]()
    assert thrice.rows(TOP) == [(22.0,)]


def test_the_commands_say_what_they_do(thrice: SmallProject) -> None:
    code, said, _ = thrice.run("pin", "model:x", "top@v1")
    assert (code, said[:31]) == (0, "model:x relies on top_v1 (" + pins(thrice.engine)[0].fingerprint[:5])
    assert "model:x" in thrice.run("pin")[1]
    code, said, _ = thrice.run("gc", "--keep", "0", "--dry-run")
    assert "would drop  sums_v2" in said
    assert "pinned by model:x" in said
    code, said, _ = thrice.run("rollback", "2")
    assert code == 0
    assert "top_v3 → top_v2" in said
    assert "Back to release 2" in said
    assert "4*" in thrice.run("history")[1]
    assert thrice.run("unpin", "model:x", "top")[0] == 0
    code, _, errors = thrice.run("unpin", "model:x", "top")
    assert code == 2
    assert "pins nothing" in errors
