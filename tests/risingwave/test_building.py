"""Views that do not read each other are built at the same time, and what is killed then is gone on with."""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from featurectl.errors import ProjectError
from tests.risingwave.test_killed import PATIENCE_SECONDS, SLOW, ids, relations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from tests.risingwave.project import SmallProject

pytestmark = pytest.mark.slow

ROWS = 1000
LIMIT = "max_concurrent_creating_streaming_jobs"


@contextmanager
def room_for(project: SmallProject, builds: int) -> Iterator[None]:
    """The server runs so many builds at once; afterwards as many as before."""
    before = dict(row[:2] for row in project.sql("SHOW PARAMETERS"))[LIMIT]
    project.sql(f"ALTER SYSTEM SET {LIMIT} TO {builds}")
    try:
        yield
    finally:
        project.sql(f"ALTER SYSTEM SET {LIMIT} TO {before}")


def building(project: SmallProject) -> set[str]:
    rows = project.sql(
        "SELECT m.name FROM rw_catalog.rw_ddl_progress AS p"
        " JOIN rw_catalog.rw_materialized_views AS m ON m.id = p.ddl_id"
    )
    return {name for (name,) in rows}


def test_two_at_the_same_time_killed_and_gone_on_with(small_project: SmallProject) -> None:
    project = small_project
    project.write("sql/known.sql", "SELECT id, kind, value FROM items WHERE value IS NOT NULL")
    project.write("sql/sums.sql", SLOW)
    project.write("sql/twice.sql", SLOW.replace("sum(a.value + b.value)", "max(a.value * 2 + b.value)"))
    project.write("sql/top.sql", "SELECT max(s.total) AS total FROM sums AS s JOIN twice AS t ON t.kind = s.kind")
    project.apply("known")
    project.sql(f"INSERT INTO items SELECT n, 'k', n FROM generate_series(10, {ROWS}) AS g(n)", "FLUSH")
    with room_for(project, 2):
        process = project.start_apply()
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while building(project) != {"sums_v1", "twice_v1"}:
                assert time.monotonic() < deadline, "they are not built at the same time"
                assert process.poll() is None, process.communicate()
                time.sleep(0.05)
        finally:
            process.kill()
            process.communicate()
        under_way = ids(project)
        result = project.apply()
    assert [v.name for v in result.built] == ["sums_v1", "twice_v1", "top_v1"]
    assert {name: number for name, number in ids(project).items() if name in under_way} == under_way  # waited for
    keys = ROWS - 9
    assert project.rows("SELECT total FROM top") == [(keys * sum(range(10, ROWS + 1)) * 2.0,)]
    assert project.sql("SELECT step FROM featurectl.steps") == []
    assert relations(project) >= {"sums", "twice", "top", "known_v1", "sums_v1", "twice_v1", "top_v1"}


def test_one_that_is_refused_says_so_in_its_own_name(small_project: SmallProject) -> None:
    project = small_project
    with room_for(project, 4):
        project.write("sql/wrong.sql", "SELECT id,\n  max(valeu) AS most\nFROM items GROUP BY id\n")
        with pytest.raises(ProjectError, match="valeu") as caught:
            project.apply()
        assert (caught.value.file, caught.value.line) == ("sql/wrong.sql", 2)
        (project.folder / "sql/wrong.sql").unlink()
        project.apply()
    assert project.rows("SELECT total FROM top") == [(20.0,)]
    assert project.sql("SELECT step FROM featurectl.steps") == []


class Proxy:
    """Forwards one connection after the other to a port of this machine, until it stops to, without closing any."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.is_silent = threading.Event()
        self.is_asked = threading.Event()  # how far the builds are
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _serve(self) -> None:
        other: dict[socket.socket, socket.socket] = {}
        while not self._done.is_set():
            ready, _, _ = select.select([self._listening, *other], [], [], 0.05)
            for side in ready if not self.is_silent.is_set() else ():
                if side is self._listening:
                    accepted, _ = side.accept()
                    forwarded = socket.create_connection(("127.0.0.1", self._to))
                    other |= {accepted: forwarded, forwarded: accepted}
                elif side not in other:
                    continue  # its other end was ready too, and at its end
                elif (data := side.recv(65536)) != b"":
                    other[side].sendall(data)
                    if b"rw_ddl_progress" in data:
                        self.is_asked.set()
                else:
                    peer = other.pop(side)
                    del other[peer]
                    for end in (side, peer):
                        end.close()
            if self.is_silent.is_set():
                self._done.wait(0.05)
        for end in (self._listening, *other):
            end.close()


def test_a_server_that_falls_silent_in_the_middle_of_a_build(small_project: SmallProject) -> None:
    project = small_project
    direct = project.environment["RISINGWAVE_PORT"]
    # Builds of sessions from here on stand still, until they are told otherwise.
    project.sql("ALTER SYSTEM SET backfill_rate_limit TO 0")
    try:
        with Proxy(int(direct)) as proxy:
            project.environment |= {"RISINGWAVE_PORT": str(proxy.port), "RISINGWAVE_TIMEOUT": "1.5"}
            process = project.start_apply()
            try:
                deadline = time.monotonic() + PATIENCE_SECONDS
                while not proxy.is_asked.is_set() or building(project) != {"known_v1"}:
                    assert time.monotonic() < deadline and process.poll() is None, "it is not built"
                    time.sleep(0.05)
                proxy.is_silent.set()
                _, errors = process.communicate(timeout=PATIENCE_SECONDS)
            finally:
                process.kill()
                process.communicate()
    finally:
        project.sql("ALTER SYSTEM SET backfill_rate_limit TO DEFAULT")
    assert process.returncode == 1
    assert "asking how far the builds are: no answer within 6 s" in errors
    assert "RISINGWAVE_TIMEOUT" in errors
    project.sql("ALTER MATERIALIZED VIEW known_v1 SET backfill_rate_limit TO DEFAULT")
    assert [v.name for v in project.apply().built] == ["known_v1", "sums_v1", "top_v1"]
