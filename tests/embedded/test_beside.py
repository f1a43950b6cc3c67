"""What a refresh does in a second thread, and what a writer still knows from the last time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from featurectl.engines.embedded import beside, writer
from featurectl.engines.embedded.pieces import scan
from featurectl.errors import EngineError
from tests.workspace import SOLAR, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVENT = b'{"timestamp": "2024-06-01T%02d:00:00Z", "production_mw": %d, "region": "DE"}'
PRODUCTION = 'SELECT production_mw FROM features_enriched ORDER BY "timestamp"'


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace(tmp_path / "home")
    found.apply()
    found.publish(SOLAR, [EVENT % (hour, hour) for hour in range(3)])
    found.refresh()
    return found


def _listed(workspace: Workspace) -> dict[str, list[int]]:
    with workspace.engine.write("test", timedelta(0)) as inside:
        known: Any = inside
        return {name: [piece.rows for piece in pieces] for name, pieces in known._pieces.all().items()}


def test_many_rows_are_written_by_the_writer_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for at_most in (beside._AT_MOST_ROWS, -1):
        monkeypatch.setattr(beside, "_AT_MOST_ROWS", at_most)
        workspace = Workspace(tmp_path / f"home{at_most}")
        workspace.apply()
        last: dict[int, int] = {}
        for hour in range(9):  # pieces are merged on the way
            batch = [(hour, hour), (hour // 2, 100 + hour)]
            workspace.publish(SOLAR, [EVENT % each for each in batch])
            workspace.refresh()
            last |= dict(batch)
        assert workspace.rows(PRODUCTION) == [(float(last[hour]),) for hour in sorted(last)]
        found.append(_listed(workspace))
    assert found[0] == found[1]
    assert sum(found[0]["features_enriched_v1$changes"]) > 9
    assert len(found[0]["solar_events_v1"]) < 9


def _fails(*_: Any, **__: Any) -> Any:
    raise duckdb.IOException("IO Error: no space left on the device")


@pytest.mark.parametrize("step", ["write_changes", "begin"])
def test_what_fails_beside_fails_the_refresh_or_nothing(
    workspace: Workspace, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, generation = workspace.rows(PRODUCTION), workspace.engine.inspect().generation
    workspace.publish(SOLAR, [EVENT % (3, 3)])
    with monkeypatch.context() as broken:
        broken.setattr(writer, step, _fails)
        with pytest.raises(EngineError, match="refreshing: IO Error: no space left on the device"):
            workspace.refresh()
    if step == "write_changes":
        assert workspace.rows(PRODUCTION) == before
        assert workspace.engine.inspect().generation == generation
    workspace.refresh()
    assert workspace.rows(PRODUCTION) == [*before, (3.0,)]


def _refreshes(other: Workspace) -> None:
    other.refresh()


def _is_interrupted(other: Workspace) -> None:
    with pytest.raises(RuntimeError, match="stop"), other.engine.write("test", timedelta(0)) as inside:
        inside.begin("apply", "plan", "somebody", None, None)
        raise RuntimeError("stop")


@pytest.mark.parametrize("meanwhile", [_refreshes, _is_interrupted])
def test_a_writer_sees_what_another_one_did_meanwhile(
    workspace: Workspace, meanwhile: Callable[[Workspace], None]
) -> None:
    workspace.publish(SOLAR, [EVENT % (3, 3)])
    meanwhile(Workspace(workspace.settings.home_dir))
    workspace.publish(SOLAR, [EVENT % (4, 4), EVENT % (1, 7)])
    workspace.refresh()
    assert workspace.rows(PRODUCTION) == [(0.0,), (7.0,), (2.0,), (3.0,), (4.0,)]
    fresh = Workspace(workspace.settings.home_dir)
    with workspace.engine.write("test", timedelta(0)) as one:
        known: Any = one
        found = known._ledger.positions(), known._ledger.versions(), known._ledger.schema(), known._ledger.attempts()
        pieces, retired = dict(known._pieces.all()), dict(known._pieces._retired)
    with fresh.engine.write("test", timedelta(0)) as other:
        read: Any = other
        assert found[0] == read._ledger.positions()
        assert [version.name for version in found[1]] == [version.name for version in read._ledger.versions()]
        assert found[2:] == (read._ledger.schema(), read._ledger.attempts())
        assert pieces == {name: listed for name, listed in read._pieces.all().items() if listed or name in pieces}
        assert retired == read._pieces._retired


def test_rows_that_come_take_in_what_is_left_of_a_piece(workspace: Workspace) -> None:
    with workspace.engine.write("test", timedelta(0)) as inside:
        known: Any = inside
        pieces, con, home = known._pieces, known._con, known._home
        found = [pieces.write("p", f"SELECT range + {n} AS i FROM range(4)", checked=True) for n in (0, 10)]
        places = "SELECT 0 AS __piece, unnest([0, 1, 2]) AS __place"
        few = pieces.without("p", found, places, "i", ("SELECT 30 AS i", 1))
        assert [piece.rows for piece in few] == [4, 2]  # one was left, and one came
        many = pieces.without("p", found, places, "i")
        assert [piece.rows for piece in many] == [1, 4]
        rows = con.execute(f"SELECT i FROM {scan(home, few)} ORDER BY 1").fetchall()
        assert rows == [(3,), (10,), (11,), (12,), (13,), (30,)]
