"""Every command that changes what is shown, killed with SIGKILL in the middle of its steps, and run again.

The end is the same as if nothing had happened; a reader that looks all the while sees the old or the new, whole; no
file is left that nothing names. FEATURECTL_TEST_ALL_KILLS=1 kills at every single change instead of a sample.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

import featurectl
from tests.embedded.small import EmbeddedProject
from tests.killing import Killer, Looking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

ALL = os.environ.get("FEATURECTL_TEST_ALL_KILLS") == "1"
SAMPLE = 1
# What a command changes, and the state that it starts from.
COMMANDS = {
    "first": ("apply",),
    "changed": ("apply",),
    "differs": ("apply", "--env", "alice"),
    "shown": ("apply", "--env", "alice", "--promote"),
    "previewed": ("env", "drop", "alice"),
    "twice": ("rollback", "1"),
    "old": ("gc", "--keep", "0"),
}
# Statements that only this process sees, and those that fill a snapshot which nobody has opened yet.
HARMLESS = ("CREATE OR REPLACE", "CREATE TABLE featurectl.", "os.mkdir", "os.rename __jinja2", "os.rename analysis")
# The older of two releases shows 20, the newer 21, in both views; within one snapshot they are of the same release.
WHOLE = "SELECT (SELECT max(total) FROM sums) AS below, (SELECT total FROM top) AS above"


class States:
    """A project's folder in the states from which the commands start."""

    def __init__(self, folder: Path) -> None:
        self._saved = folder / "saved"
        self.project = EmbeddedProject(folder / "project")

    def save(self, name: str) -> None:
        shutil.copytree(self.project.folder, self._saved / name, symlinks=True)

    def restore(self, name: str) -> None:
        shutil.rmtree(self.project.folder)
        shutil.copytree(self._saved / name, self.project.folder, symlinks=True)


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> States:
    made = States(tmp_path_factory.mktemp("killed"))
    project = made.project
    made.save("first")
    project.apply()
    project.edit("sql/sums.sql", "sum(value)", "sum(value) + 1")
    made.save("changed")
    made.save("differs")
    assert project.run("apply", "--env", "alice")[0] == 0
    made.save("shown")
    made.save("previewed")
    made.restore("changed")
    project.apply()
    made.save("twice")
    made.save("old")
    return made


@pytest.fixture(scope="module")
def killer(states: States) -> Iterator[Killer]:
    with Killer(states.project) as made:
        yield made


class Reader(Looking):
    """Reads as any program with DuckDB does."""

    def __init__(self, project: EmbeddedProject, *, expected: bool) -> None:
        super().__init__()
        self._link = project.folder / "home" / "features.duckdb"
        self._expected = expected
        self._seen = False

    def _read(self) -> None:
        while True:
            try:
                with duckdb.connect(str(self._link), read_only=True) as con:
                    [(below, above)] = con.execute(WHOLE).fetchall()
                self._seen = True
                if below != above:
                    self.problems.append((below, above))
            except (duckdb.IOException, duckdb.CatalogException) as error:
                if self._seen or self._expected:  # before the first release there is nothing to see
                    self.problems.append(error)
            self.reads += 1
            if self._done.wait(0.05):
                return


def look(project: EmbeddedProject) -> dict[str, Any]:
    """What a project shows and stores, without times."""
    state = project.engine.inspect()
    shown = {"": state.live, **{f"{name}.": e.live for name, e in state.environments.items()}}
    names = [v.name for v in state.versions] + [f"{where}{view}" for where, live in shown.items() for view in live]
    with featurectl.connect(project.folder, project.folder / "home") as con:
        rows = {name: sorted(con.execute(f"SELECT * FROM {name}").fetchall()) for name in names}
    return {
        "versions": {v.name: (v.fingerprint, dict(v.inputs), v.rows) for v in state.versions},
        "shown": shown,
        "releases": [(r.number, r.command, r.back_to, r.environment, dict(r.live)) for r in state.releases],
        "migrations": [m.number for m in state.migrations],
        "numbers": dict(state.next_numbers),
        "rows": rows,
        "orphans": orphans(project),
    }


def orphans(project: EmbeddedProject) -> list[str]:
    """Files that nothing names."""
    home = project.folder / "home"
    with duckdb.connect(str(home / "engine.duckdb"), read_only=True) as con:
        rows = con.execute("SELECT file FROM featurectl.pieces UNION SELECT file FROM featurectl.retired").fetchall()
    known = {file for (file,) in rows}
    pieces = (home / "pieces").glob("*/*")
    left = [path for path in pieces if f"{path.parent.name}/{path.name}" not in known]
    return sorted(path.name for path in [*left, *(home / "tmp").iterdir()])


def moments(changes: tuple[str, ...], name: str) -> list[tuple[int, str]]:
    """Which changes to be killed at, and how."""
    places = [n for n, label in enumerate(changes) if not label.startswith(HARMLESS)]
    everywhere = [(n, how) for n in places for how in ("before", "during")]
    if ALL:
        return everywhere
    rng = random.Random(name)
    # What makes it true, and what tells readers, is never left out.
    last = max(n for n in places if changes[n] == "COMMIT" and n < changes.index("DETACH snapshot", n))
    told = max(n for n in places if changes[n] == "os.rename features.duckdb")
    return [*rng.sample(everywhere, SAMPLE), (last, "during"), (told, "before")]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_killed_in_the_middle_and_run_again(states: States, killer: Killer, name: str) -> None:
    project, words = states.project, COMMANDS[name]
    states.restore(name)
    undisturbed = killer.run(*words)
    assert undisturbed.code == 0, undisturbed.said
    expected = look(project)
    assert expected["orphans"] == []
    for place, how in moments(undisturbed.changes, name):
        label = f"{how} change {place}: {undisturbed.changes[place]}"
        states.restore(name)
        with Reader(project, expected=name != "first") as reader:
            killed = killer.run(*words, **{how: place})
            again = killer.run(*words)
        assert killed.code == -signal.SIGKILL, label
        assert again.code == 0 or (again.code == 2 and words[0] == "env"), f"{label}\n{again.said}"
        assert look(project) == expected, label
        assert reader.problems == [], label
        assert reader.reads > 0
