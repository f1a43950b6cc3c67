"""What holds for the repository's files: the lock, no address, no path of somebody's machine."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from tests.house.source import ROOT
from tests.sharing import STRAYS

LOCK = ROOT / "requirements" / "dev.lock"


def tracked_files() -> list[str]:
    """The files of the commit, by path; the test is skipped outside a git checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("git: not a checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def test_lock_pins_everything_that_pyproject_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(w for extra in project["optional-dependencies"].values() for w in extra),
    ]
    pinned = set(re.findall(r"^([a-z0-9-]+)==", LOCK.read_text(encoding="utf-8"), re.MULTILINE))
    names = {re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", wish)[0]).lower() for wish in wanted}
    assert names - pinned == set(), "run make lock"


def test_lock_has_hashes_and_no_address() -> None:
    pins = re.split(r"\n(?=\S)", LOCK.read_text(encoding="utf-8").strip())
    assert [pin.splitlines()[0] for pin in pins if "--hash=sha256:" not in pin] == []
    assert "://" not in "".join(pins)


def test_no_file_names_a_path_of_a_machine() -> None:
    path = re.compile(rb"/(?:root|work|farm|Users)/")
    assert [name for name in tracked_files() if path.search((ROOT / name).read_bytes())] == []


def test_tests_of_a_server_are_where_it_is_shared(request: pytest.FixtureRequest) -> None:
    assert request.config.stash[STRAYS] == [], "name them in SERVERS of tests/sharing.py"
