"""Other processes that help with a large project change how long it takes and nothing else."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from featurectl.errors import ProjectError
from featurectl.project import helping, load_project
from featurectl.project.lint import lint_project
from featurectl.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from featurectl.project import Project
    from featurectl.project.lint import LintReport

VIEWS = 24


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of views in two layers, and two cores of which the second is worth it."""
    monkeypatch.setattr(helping, "_WORTH_A_HELPER", 4)
    monkeypatch.setattr(helping, "_cores", lambda: 2)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "sql").mkdir()
    (tmp_path / "migrations/0001_t.sql").write_text("CREATE TABLE t (id int, at timestamptz);\n")
    for number in range(VIEWS):
        below = f"v{number - VIEWS // 2}" if number >= VIEWS // 2 else "t"
        text = f"SELECT id, at, date_trunc('day', at) AS day_{number} FROM {below} WHERE id > {number}\n"
        (tmp_path / f"sql/v{number}.sql").write_text(text)
    return tmp_path


def read(folder: Path, home: str) -> tuple[Project, LintReport]:
    project = load_project(load_settings(folder, home=folder / home), keep_helpers=True)
    return project, lint_project(project, None)


def test_a_helper_changes_nothing_but_the_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helped, found = read(folder, "helped")
    assert helped.helpers is not None
    assert 0 < len(helped.helpers.found) < VIEWS
    assert not helped.helpers.close.alive
    monkeypatch.setattr(helping, "_cores", lambda: 1)
    alone, expected = read(folder, "alone")
    assert alone.helpers is not None
    assert alone.helpers.count == 0
    assert helped.views == alone.views
    assert found == expected
    assert len(found.findings) == VIEWS


BROKEN = (
    "SELECT id,\n  at AS\nFROM t",
    "SELECT id, at, id FROM t",
    "SELECT id FROM nowhere",
    "SELECT {{ nothing }} FROM t",
    "/*\nowner: me\nowned: [\n*/\nSELECT id FROM t",
    "/*\nentity: key\n*/\nSELECT id FROM t",
    "SELECT id FROM t; SELECT 1",
)


@pytest.mark.parametrize("seed", range(3))
def test_with_a_helper_and_without_the_same_is_read_and_the_same_error_comes_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    for number in chance.sample(range(VIEWS), seed * 4):
        (folder / f"sql/v{number}.sql").write_text(chance.choice(BROKEN))

    def outcome(home: str) -> object:
        try:
            return read(folder, home)
        except ProjectError as error:
            return str(error), error.file, error.line, error.hint

    helped = outcome("helped")
    monkeypatch.setattr(helping, "_cores", lambda: 1)
    assert outcome("alone") == helped
    assert isinstance(helped, tuple)
    assert (len(helped) == 4) == (seed > 0)


@pytest.mark.parametrize("command", [["/bin/false"], ["/bin/cat"], ["/does/not/exist"]])
def test_a_helper_that_does_not_help_is_done_without(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    popen = helping.subprocess.Popen
    monkeypatch.setattr(helping.subprocess, "Popen", lambda _words, **pipes: popen(command, **pipes))
    project, found = read(folder, "home")
    assert len(project.views) == len(found.findings) == VIEWS


def test_an_error_in_a_helpers_share_names_its_file_and_line(folder: Path) -> None:
    for number in range(VIEWS):
        (folder / f"sql/v{number}.sql").write_text(f"SELECT id,\n  at AS\nFROM t WHERE id = {number}\n")
    with pytest.raises(ProjectError, match="syntax") as caught:
        read(folder, "home")
    assert caught.value.file == "sql/v0.sql"
    assert caught.value.line == 3


def test_helpers_are_gone_when_the_project_is_read(folder: Path) -> None:
    project = load_project(load_settings(folder, home=folder / "home"))
    assert project.helpers is not None
    [process] = project.helpers._processes
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
