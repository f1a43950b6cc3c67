"""After every batch the rows are those of a full recomputation, whatever the views and the order of events.

And the history that the differences make answers later what was served after each batch.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from featurectl.engines.embedded import pieces, recomputing, touched
from featurectl.engines.embedded.translation import version_query
from featurectl.errors import UsageError
from featurectl.services.scratch import scratch
from tests.embedded.graphs import SHAPES, TOPIC, View, batches, files, graphs
from tests.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featurectl.engines.base import Version


@pytest.fixture
def _always_partly(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much of a small table changes; and what large tables alone would see."""
    monkeypatch.setattr(recomputing, "PARTIAL_UP_TO", 1e9)
    monkeypatch.setattr(pieces, "_ORDERED_FROM_ROWS", 6)
    monkeypatch.setattr(pieces, "_ORDERED_AT_ONCE", 10)
    monkeypatch.setattr(pieces, "_MERGE_AT_LEAST", 3)
    monkeypatch.setattr(touched, "_RANGES_AT_MOST", 3)
    monkeypatch.setattr(touched, "_RANGES_AS_THEY_ARE", 4)
    monkeypatch.setattr(touched, "_RANGES_LISTED", 2)


def _workspace(folder: Path, graph: Sequence[View]) -> Workspace:
    for name, text in files(graph).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    workspace = Workspace(folder / "home", folder)
    workspace.apply()
    return workspace


def _differences(workspace: Workspace) -> dict[str, list[tuple[Any, ...]]]:
    """Of each view the rows that it has too many or too few, beside all of it computed from the raw events."""
    found = {}
    with scratch(workspace.settings, "test") as (folder, con), workspace.engine.moment(folder) as moment:
        con.execute(f"CREATE VIEW events_raw AS SELECT * FROM {moment.scan('events_raw')}")
        con.execute(f"CREATE VIEW labels AS SELECT * FROM {moment.scan('labels')}")
        schema: dict[str, Any] = {name: dict(moment.columns(name)) for name in ("events_raw", "labels")}
        for version in moment.state.versions:
            schema[version.name] = dict(version.columns)
            con.execute(f"CREATE TABLE {version.name} AS {version_query(version, schema)}")
            served, right = f"SELECT * FROM {moment.scan(version.view)}", f"SELECT * FROM {version.name}"
            rows = con.execute(
                f"SELECT 'too many', * FROM ({served} EXCEPT ALL {right})"
                f" UNION ALL SELECT 'missing', * FROM ({right} EXCEPT ALL {served})"
            ).fetchall()
            if rows:
                found[version.name] = rows[:5]
    return found


# By entity and time the rows that a view had of them.
_Rows = dict[str, dict[tuple[Any, Any], set[str]]]


def _served(workspace: Workspace, at: datetime | None = None) -> _Rows:
    """What the views with a history have, or had."""
    found: _Rows = {}
    for version in workspace.engine.inspect().versions:
        if not version.keeps_history:
            continue
        rows = found[version.view] = defaultdict(set)
        nothing = suppress(UsageError) if at is not None else nullcontext()  # it never had a row
        with nothing, workspace.engine.query(f"SELECT * FROM {version.view}", as_of=at) as result:
            entity, event_time = result.columns.index("k"), result.columns.index("t")
            for row in result.all():
                rows[row[entity], row[event_time]].add(repr(row))
    return found


def _require_remembered(workspace: Workspace, moments: Sequence[tuple[datetime, _Rows]]) -> None:
    """As of each moment the history has what was served then; of several rows of an entity and time some of them.

    Of the rows with which a view began it answers as if they had always been there, by their time, as far as they have
    one.
    """
    began = set()
    for at, served in moments:
        began |= {view for view, rows in served.items() if rows}
        for view, rows in _served(workspace, at).items():
            if view in began:
                assert set(_dated(rows)) == set(_dated(served[view])), (view, at)
                assert all(rows[key] <= served[view][key] for key in _dated(rows)), (view, at)


def _dated(rows: dict[tuple[Any, Any], set[str]]) -> list[tuple[Any, Any]]:
    return [(entity, at) for entity, at in rows if at is not None]


RELABELLED = """
UPDATE labels SET g = 'two' WHERE k = 'b';
DELETE FROM labels WHERE k = 'c';
INSERT INTO labels VALUES ('d', 'three', 4);
"""


def _run(graph: Sequence[View], stream: Sequence[Sequence[bytes]], *, relabel: bool = False) -> list[Version]:
    """Batch after batch; then, if asked, rows of the reference table change."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace = _workspace(folder, graph)
        moments = []
        for batch in stream:
            workspace.publish(TOPIC, list(batch))
            workspace.refresh()
            assert _differences(workspace) == {}
            moments.append((datetime.now(UTC), _served(workspace)))
        versions = list(workspace.engine.inspect().versions)
        if relabel:
            (folder / "migrations/0002_relabelled.sql").write_text(RELABELLED, encoding="utf-8")
            workspace.apply()
            assert _differences(workspace) == {}
            moments.append((datetime.now(UTC), _served(workspace)))
        _require_remembered(workspace, moments)
        return versions


_PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}


@pytest.mark.usefixtures("_always_partly")
@given(graphs(), batches())
@settings(max_examples=2, **_PATIENT)  # type: ignore[arg-type]
def test_random_graphs(graph: tuple[View, ...], stream: tuple[tuple[bytes, ...], ...]) -> None:
    _run(graph, stream)


@pytest.mark.slow
@pytest.mark.usefixtures("_always_partly")
@given(graphs(), batches())
@settings(max_examples=60, **_PATIENT)  # type: ignore[arg-type]
def test_many_random_graphs(graph: tuple[View, ...], stream: tuple[tuple[bytes, ...], ...]) -> None:
    _run(graph, stream)


def _event(k: str, hour: int, x: int, minute: int = 0) -> bytes:
    return f'{{"k": "{k}", "t": "2024-03-31T{hour:02}:{minute:02}:00Z", "x": {x}}}'.encode()


STREAM = (
    tuple(_event(k, hour, 7 * hour + n, 15 * n) for n, k in enumerate("abc") for hour in range(24) if (hour + n) % 5),
    (_event("a", 5, 3, 15), b'{"k": "a", "x": 4}', b"{"),
    (_event("b", 2, 50), _event("b", 2, 50), _event("d", 23, 9)),
    (b'{"t": "2024-03-31T05:00:00Z", "x": 8}',),
)


@pytest.mark.usefixtures("_always_partly")
def test_every_shape() -> None:
    graph = tuple(View(shape, -1, -1, n % 2 == 0) for n, shape in enumerate(SHAPES))
    versions = _run(graph, STREAM, relabel=True)
    assert {v.refresh.how.partition(":")[0] for v in versions if v.refresh} == {"by row", "partly", "whole"}


@pytest.mark.slow
@pytest.mark.usefixtures("_always_partly")
def test_every_shape_over_another() -> None:
    names = list(SHAPES)
    below = tuple(View(shape, -1, -1) for shape in names)
    above = tuple(View(shape, (7 * n + 3) % len(names), (5 * n + 1) % len(names)) for n, shape in enumerate(names))
    _run((*below, *above), STREAM, relabel=True)
