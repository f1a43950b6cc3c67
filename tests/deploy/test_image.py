"""The Dockerfile: who runs, what goes in, from which lock; and that what goes in is enough."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.deploy.manifests import ROOT
from tests.house.test_repository import LOCK

if TYPE_CHECKING:
    from pathlib import Path

IMAGE_LOCK = ROOT / "requirements" / "image.lock"


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its words, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines()) if name]


def copied() -> dict[str, str]:
    """What is copied from the project, and where to."""
    words = [rest.split() for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    return {source: target for *sources, target in words for source in sources}


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_base_is_pinned_and_both_stages_stand_on_it() -> None:
    names = [name for name, _ in instructions()]
    assert names[0] == "ARG"
    assert re.fullmatch(r"PYTHON=3\.1[1-4]\.\d+-slim-\w+", instructions()[0][1])
    assert [rest.split()[0] for name, rest in instructions() if name == "FROM"] == ["python:${PYTHON}"] * 2


def test_it_runs_as_a_user_by_number_that_is_not_root() -> None:
    last = max(at for at, (name, _) in enumerate(instructions()) if name == "FROM")
    users = [rest for name, rest in instructions()[last:] if name == "USER"]
    assert users == ["10001:10001"]
    assert not [rest for name, rest in instructions()[last:] if name == "RUN"]


def test_it_installs_nothing_without_a_hash() -> None:
    commands = [part for name, rest in instructions() if name == "RUN" for part in rest.split("&&")]
    installs = [part for part in commands if " install " in part]
    assert len(installs) == 2
    assert "--require-hashes --only-binary :all: -r /build/requirements/image.lock" in installs[0]
    assert installs[1].split("install")[1].split() == ["--no-deps", "--no-build-isolation", "/build"]


def test_only_what_is_copied_is_in_the_context() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied())
    assert "\n*\n" in (ROOT / ".dockerignore").read_text(encoding="utf-8")
    assert [source for source in copied() if not (ROOT / source).exists()] == []


def test_its_lock_is_part_of_the_other_one() -> None:
    lock, whole = pins(IMAGE_LOCK), pins(LOCK)
    assert {name: whole.get(name) for name in lock} == lock, "run make lock"
    text = IMAGE_LOCK.read_text(encoding="utf-8")
    assert "://" not in text
    assert [pin.split()[0] for pin in re.split(r"\n(?=\S)", text.strip()) if "--hash=sha256:" not in pin] == []


def test_its_lock_has_what_the_services_need_and_no_tool_of_ours() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {
        re.split(r"[^\w.-]", wish)[0] for wish in [*project["dependencies"], *extras["kafka"], *extras["risingwave"]]
    }
    lock = pins(IMAGE_LOCK)
    assert wanted <= set(lock)
    assert {"pytest", "mypy", "ruff"}.isdisjoint(lock)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the Dockerfile puts together, as folders: the package built from what is copied, and the project."""
    folder = tmp_path_factory.mktemp("image")
    for source, target in copied().items():
        place = folder / "build" if target.startswith("/build") else folder / "project"
        into = place / source
        into.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, into, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, into)
    words = ["pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, "."]
    subprocess.run([sys.executable, "-m", *map(str, words)], cwd=folder / "build", check=True, timeout=120)
    [wheel] = folder.glob("featurectl-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder


def in_image(image: Path, code: str) -> subprocess.CompletedProcess[str]:
    ours = re.compile("FEATURECTL_|KAFKA_|RISINGWAVE_")
    environment = {name: value for name, value in os.environ.items() if not ours.match(name)}
    environment |= {"PYTHONPATH": str(image / "site"), "FEATURECTL_HOME": str(image / "home")}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=image / "project", env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_what_is_copied_is_enough_to_plan_this_project(image: Path) -> None:
    done = in_image(image, "import sys, featurectl.cli as c; print(c.__file__, file=sys.stderr); c.main(['plan'])")
    assert done.returncode == 0, done.stderr
    assert str(image) in done.stderr
    assert "features_enriched" in done.stdout


def test_what_is_copied_is_enough_to_produce(image: Path) -> None:
    code = "from producers.cli import main; main(['solar', '--from', '2024-06-01', '--to', '2024-06-02'])"
    done = in_image(image, code)
    assert done.returncode == 0, done.stderr
    assert "events published to solar_production_raw" in done.stdout


def test_the_commands_are_there(image: Path) -> None:
    [scripts] = (image / "site").glob("featurectl-*.dist-info/entry_points.txt")
    text = scripts.read_text(encoding="utf-8")
    assert "featurectl = featurectl.cli:main" in text
    assert "producers = producers.cli:main" in text
    assert (image / "site" / "featurectl" / "services" / "template" / "featurectl.toml").is_file()
