"""What README and docs say is run: their commands, their edits, their output."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.commands import TARGET, render
from tests.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PARTS = ("sql", "migrations", "examples", "producers", "featurectl.toml")


def blocks(document: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(document.read_text(encoding="utf-8"))


def commands(text: str) -> list[str]:
    """Lines after `$ `, with their continuations."""
    joined = re.sub(r"\\\n\s*", " ", text)
    return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]


def outputs(text: str) -> list[str]:
    """Lines of output that hold no time of day, duration or plan id: those come out the same everywhere."""
    lines = [line.rstrip() for line in text.splitlines() if line and not line.startswith("$ ")]
    return [
        line
        for line in lines
        if line != "…" and not re.search(r"\d\.\d+ s\b|^\d\d:\d\d:\d\d|[Pp]lan \w{12}|ingested", line)
    ]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what a user works with."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / part)
    return folder


def run(command: str, folder: Path, home: Path) -> str:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "FEATURECTL_HOME": str(home),
    }
    words = shlex.split(command.split("   #", maxsplit=1)[0])
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def edit(folder: Path, file: str, diff: str) -> None:
    """Apply a diff of one place, written with its neighbours."""
    old = "".join(line[1:] + "\n" for line in diff.splitlines() if line[0] in " -")
    new = "".join(line[1:] + "\n" for line in diff.splitlines() if line[0] in " +")
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file} has not exactly one place for\n{diff}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_adding_a_field_as_the_document_says(copy: Path, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "adding-a-field.md").read_text(encoding="utf-8")
    file, printed = "", ""
    for part in re.finditer(r"`(sql/[\w/]+\.sql)`|^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        named, kind, body = part.groups()
        if named:
            file = named
        elif kind == "diff":
            edit(copy, file, body)
        elif kind == "console":
            printed = "".join(run(command, copy, tmp_path / "home") for command in commands(body))
        elif kind == "text":
            assert printed.splitlines()[-4:] == body.splitlines()


def walked(text: str, folder: Path, home: Path) -> Iterator[tuple[str, str]]:
    """Edits the project as each diff of the text says and runs its commands; yields the commands and what they print.

    A diff is for the file that was named last.
    """
    file = ""
    for part in re.finditer(r"`(sql/[\w/]+\.sql)`|^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        named, kind, body = part.groups()
        file = named or file
        if kind == "diff":
            edit(folder, file, body)
        elif kind == "console":
            yield body, "".join(run(command, folder, home) for command in commands(body))


def test_releasing_as_the_document_says(copy: Path, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "releasing.md").read_text(encoding="utf-8").partition("## On RisingWave")[0]
    for body, printed in walked(text, copy, tmp_path / "home"):
        have = [line.rstrip() for line in printed.splitlines()]
        if "featurectl history" in body:  # who, when and which commit
            assert [line.split()[0] for line in have] == ["release", "-------", "3*", "2", "1"]
            continue
        assert [line for line in outputs(body) if line not in have] == [], printed


def test_the_contract_line_of_the_document_is_python() -> None:
    [line] = [body for kind, body in blocks(ROOT / "docs" / "adding-a-field.md") if kind == "python"]
    from typing import Annotated

    from pydantic import Field

    from producers.contracts import SolarProduction

    names: dict[str, object] = {"Annotated": Annotated, "Field": Field, "SolarProduction": SolarProduction}
    exec(f"class Extended(SolarProduction):\n{line}", names)
    extended = names["Extended"]
    event = '{"timestamp": "2024-06-01T12:00:00Z", "production_mw": 1, "region": "DE", "curtailed_mw": 2}'
    assert extended.model_validate_json(event).curtailed_mw == 2  # type: ignore[attr-defined]


def test_readme_commands_run_and_say_what_it_says(copy: Path, tmp_path: Path) -> None:
    for kind, body in blocks(ROOT / "README.md"):
        if kind != "console":
            continue
        printed = ""
        for command in commands(body):
            if command in ("make test", "git clone …"):
                continue
            if command == "make demo":
                printed += run("sh examples/demo.sh", ROOT, tmp_path / "demo")
            else:
                printed += run(command, copy, tmp_path / "home")
        have = [line.rstrip() for line in printed.splitlines()]
        for line in outputs(body):
            assert line in have, f"README says {line!r}, but it was not printed:\n{printed}"


def test_readme_python_runs(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("featurectl apply", copy, tmp_path / "home")
    monkeypatch.setenv("FEATURECTL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(copy)
    python = [body for kind, body in blocks(ROOT / "README.md") if kind == "python"]
    assert python
    for body in python:
        exec(body, {})


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


def test_the_commands_document_is_what_help_says() -> None:
    assert TARGET.read_text(encoding="utf-8") == render(), "write it again: python -m tests.docs.commands"
