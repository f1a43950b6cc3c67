"""The server is killed in the middle of a build and comes back: the next apply brings the build to its end."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from featurectl.errors import EngineError
from tests.risingwave.project import SmallProject
from tests.risingwave.test_killed import QUICK, ROWS, SLOW, building, ids, wait_for
from tests.services import START_SECONDS, _dsn, _free_ports, _standalone, _stop, _wait_for_sql

if TYPE_CHECKING:
    from collections.abc import Iterator


class Server:
    """A RisingWave process of this test's own, which it may kill; its files and ports stay."""

    def __init__(self, executable: str, folder: Path) -> None:
        self.ports = _free_ports(8)
        self.command = [executable, *_standalone(folder, self.ports)]
        self.folder = folder
        self.dsn = _dsn(self.ports[0])
        self.start()

    def start(self) -> None:
        output = self.folder / "server.log"
        with output.open("ab") as stream:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, "ENABLE_TELEMETRY": "false", "RUST_LOG": "warn"},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        _wait_for_sql(self.dsn, seconds=START_SECONDS, server=self.process, output=output)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def risingwave_to_kill() -> Iterator[Server]:
    executable = shutil.which("risingwave")
    if executable is None:
        pytest.skip("risingwave: no server: an executable on PATH is needed to kill one")
    with tempfile.TemporaryDirectory(prefix="risingwave-") as folder:
        server = Server(executable, Path(folder))
        try:
            yield server
        finally:
            _stop(server.process)


@pytest.mark.slow
def test_a_server_that_is_killed_in_the_middle_of_a_build(risingwave_to_kill: Server, tmp_path: Path) -> None:
    project = SmallProject(tmp_path / "project", risingwave_to_kill.dsn)
    project.apply()
    project.sql(f"INSERT INTO items SELECT n, 'k', n FROM generate_series(10, {ROWS}) AS g(n)", "FLUSH")
    before = project.rows("SELECT * FROM top")
    project.edit("sql/sums.sql", QUICK, SLOW)
    process = project.start_apply()
    try:
        wait_for(project, lambda: building(project) == ["sums_v2"])
        under_way = ids(project)["sums_v2"]
        project.sql("FLUSH")  # what is killed before its first checkpoint is forgotten; the next apply begins it again
        risingwave_to_kill.kill()
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 1
    assert "error: " in errors
    assert "featurectl apply" in errors
    assert "Traceback" not in errors
    with pytest.raises(EngineError, match="cannot connect"):
        project.apply()
    risingwave_to_kill.start()
    assert project.rows("SELECT * FROM top") == before
    result = project.apply()
    assert [v.name for v in result.built] == ["sums_v2", "top_v2"]
    assert ids(project)["sums_v2"] == under_way
    assert project.rows("SELECT total FROM top") == [((ROWS - 9) * sum(range(10, ROWS + 1)) * 2.0,)]
    assert project.apply().plan.is_empty
