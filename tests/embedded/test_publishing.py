"""What readers open is made of what they opened before, and is none the worse for it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

pytest.register_assert_rewrite("tests.previewing_cases")

from featurectl.engines.embedded import publishing  # noqa: E402 - after its assertions are made to speak
from featurectl.services import previewing  # noqa: E402 - as above
from featurectl.services.collecting import collect  # noqa: E402 - as above
from featurectl.services.releasing import rollback  # noqa: E402 - as above
from tests.embedded.small import EmbeddedProject  # noqa: E402 - as above
from tests.previewing_cases import PLUS_1, TOP, show  # noqa: E402 - as above
from tests.workspace import SOLAR, Workspace  # noqa: E402 - as above

if TYPE_CHECKING:
    from pathlib import Path

    from featurectl.engines.base import Engine

EVENT = b'{"timestamp": "2024-06-01T%02d:00:00Z", "production_mw": %d, "region": "DE"}'


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The files of each relation whose view was made since."""
    found: list[list[str]] = []
    scan = publishing.scan

    def recorded(home: Any, pieces: Any) -> str:
        found.append([piece.file for piece in pieces])
        return scan(home, pieces)

    monkeypatch.setattr(publishing, "scan", recorded)
    return found


def contents(home: Path) -> dict[str, Any]:
    """All that a reader finds."""
    with duckdb.connect(str(home / "features.duckdb"), read_only=True) as con:
        views = con.execute("SELECT schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL")
        found: dict[str, Any] = {"views": views.fetchall()}
        tables = con.execute("SELECT schema_name, table_name, sql FROM duckdb_tables() ORDER BY ALL").fetchall()
        schemas = con.execute("SELECT schema_name FROM duckdb_schemas() WHERE NOT internal ORDER BY ALL").fetchall()
        found |= {"tables": tables, "schemas": schemas}
        for schema, name, *_ in [*tables, *found["views"]]:
            found[f"{schema}.{name}"] = con.execute(f'SELECT * FROM "{schema}"."{name}" ORDER BY ALL').fetchall()
        return found


def from_scratch(engine: Engine, home: Path) -> dict[str, Any]:
    """The same of a snapshot that is made of nothing."""
    (home / "snapshots" / "stamp.txt").unlink()
    with engine.write("test", timedelta(0)) as writer:
        inside: Any = writer
        publishing.publish(inside._con, inside._home, inside._ledger, inside._pieces)
    return contents(home)


def test_it_has_what_one_made_of_nothing_has(tmp_path: Path) -> None:
    project = EmbeddedProject(tmp_path / "project")
    home = tmp_path / "project" / "home"

    def same() -> dict[str, Any]:
        found = contents(home)
        assert found == from_scratch(project.engine, home)
        return found

    project.apply()
    same()
    project.edit(*PLUS_1)
    show(project, "alice")
    assert ("alice",) in same()["schemas"]
    project.write("migrations/0002_more.sql", "INSERT INTO items VALUES (9, 'x', 100);\nCREATE TABLE gone (a int);")
    project.apply()
    assert ("main", "gone") in [table[:2] for table in same()["tables"]]
    project.edit("sql/sums.sql", "sum(value) + 1", "sum(value) + 2")
    show(project, "alice")  # other versions under the same names
    show(project, "bob")
    same()
    previewing.drop_environment(project.engine, "bob")
    project.write("migrations/0003_less.sql", "DROP TABLE gone;")
    project.apply()
    found = same()
    assert ("bob",) not in found["schemas"]
    assert "gone" not in [name for _, name, _ in found["tables"]]
    rollback(project.engine, project.folder)
    before = same()
    collect(project.engine, 0)
    after = same()
    assert len(after["views"]) < len(before["views"])


def test_a_refresh_makes_the_views_of_other_pieces_only(tmp_path: Path, scanned: list[list[str]]) -> None:
    workspace = Workspace(tmp_path / "home")
    workspace.apply()
    workspace.publish(SOLAR, [EVENT % (n, n) for n in range(6)])
    workspace.refresh()
    scanned.clear()
    workspace.publish(SOLAR, [EVENT % (7, 7)])
    workspace.refresh()
    names = {files[0].partition("/")[0] for files in scanned}
    assert "features_enriched_v1" in names
    assert "solar_production_raw" in names
    assert not any(name.startswith("weather") for name in names)
    home = workspace.settings.home_dir
    assert contents(home) == from_scratch(workspace.engine, home)


def test_a_rollback_makes_none(tmp_path: Path, scanned: list[list[str]]) -> None:
    project = EmbeddedProject(tmp_path / "project")
    project.apply()
    project.edit(*PLUS_1)
    project.apply()
    scanned.clear()
    rollback(project.engine, project.folder)
    assert scanned == []
    assert project.rows(TOP) == [(20.0,)]


@pytest.mark.parametrize("harm", ["no stamp", "another's stamp", "an older generation's", "broken", "without a table"])
def test_what_cannot_be_made_of_the_last_is_made_of_nothing(
    tmp_path: Path, harm: str, scanned: list[list[str]]
) -> None:
    project = EmbeddedProject(tmp_path / "project")
    project.apply()
    home = tmp_path / "project" / "home"
    stamp = home / "snapshots" / "stamp.txt"
    made_with, generation = stamp.read_text().split()
    snapshot = (home / "features.duckdb").resolve()
    snapshot.chmod(0o644)
    if harm == "no stamp":
        stamp.unlink()
    elif harm == "another's stamp":
        stamp.write_text(f"{made_with[::-1]} {generation}")
    elif harm == "an older generation's":
        stamp.write_text(f"{made_with} {int(generation) - 1}")
    elif harm == "broken":
        snapshot.write_bytes(snapshot.read_bytes()[:5000])
    else:
        with duckdb.connect(str(snapshot)) as con:
            con.execute("DROP TABLE featurectl.live")
    with project.engine.write("test", timedelta(0)) as writer:
        scanned.clear()
        inside: Any = writer
        publishing.publish(inside._con, inside._home, inside._ledger, inside._pieces)
    assert len(scanned) == len(project.engine.inspect().versions)
    assert project.rows(TOP) == [(20.0,)]


def test_it_does_not_grow_with_the_times_that_it_was_made(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    workspace.apply()
    sizes = []
    for n in range(18):
        workspace.publish(SOLAR, [EVENT % (n % 24, n)])
        workspace.refresh()
        sizes.append((workspace.settings.home_dir / "features.duckdb").stat().st_size)
    assert max(sizes[9:]) <= 1.25 * max(sizes[:9])
