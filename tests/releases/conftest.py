from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.releases.project import FILES, ReleaseProject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def embedded_project(folder: Path, files: Mapping[str, str] = FILES) -> ReleaseProject:
    """On DuckDB, below the folder."""
    home = folder / "home"
    return ReleaseProject(folder / "project", {"FEATURECTL_HOME": str(home)}, files, home=home)


def risingwave_project(folder: Path, dsn: str, files: Mapping[str, str] = FILES) -> ReleaseProject:
    """On a database of a RisingWave server."""
    from psycopg2.extensions import parse_dsn

    server = parse_dsn(dsn)
    flags = {
        "target": "risingwave", "risingwave_host": server["host"], "risingwave_port": int(server["port"]),
        "risingwave_database": server["dbname"], "risingwave_user": server["user"],
    }  # fmt: skip
    names = {"target": "FEATURECTL_TARGET"}
    environment = {names.get(name, name.upper()): str(value) for name, value in flags.items()}
    return ReleaseProject(folder / "project", environment, files, home=folder / "home", **flags)


@pytest.fixture(scope="session")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the project, applied on the embedded target: nobody changes it, all copy it."""
    folder = tmp_path_factory.mktemp("applied")
    embedded_project(folder).apply()
    return folder


@pytest.fixture
def embedded(tmp_path: Path, applied: Path) -> ReleaseProject:
    """The project on the embedded target, applied."""
    shutil.copytree(applied, tmp_path, dirs_exist_ok=True)
    made = embedded_project(tmp_path)
    made.apply()  # finds nothing to do but a snapshot that still reads the other place
    return made


@pytest.fixture
def on_risingwave(tmp_path: Path, risingwave_dsn: str) -> Iterator[ReleaseProject]:
    """The project on a RisingWave server, in a database of its own, applied."""
    from tests.risingwave.databases import database

    with database(risingwave_dsn) as dsn:
        made = risingwave_project(tmp_path, dsn)
        made.apply()
        yield made


@pytest.fixture(params=["embedded", "risingwave"])
def project(request: pytest.FixtureRequest) -> ReleaseProject:
    """The project, applied, on each target in turn."""
    name = "embedded" if request.param == "embedded" else "on_risingwave"
    found: ReleaseProject = request.getfixturevalue(name)
    return found
