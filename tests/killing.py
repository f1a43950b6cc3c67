"""`featurectl` in processes of its own that are killed with SIGKILL while they change something.

One process has everything imported; each run is a fork of it, so that a kill costs no start. A run counts what it
changes: every statement that writes, every file that is made, renamed or removed. It can be told to die before one of
these changes, or during it: the statement is on its way, and nobody waits for the answer.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    from tests.risingwave.project import SmallProject

ROOT = Path(__file__).parent.parent
READING = ("SELECT", "DESCRIBE", "LOAD", "SET", "USE", "SHOW", "FETCH", "DECLARE", "FLUSH")
FILE_EVENTS = ("os.rename", "os.remove", "os.symlink", "os.mkdir")


@dataclass(frozen=True)
class Run:
    """What became of a run; `code` is negative for one that was killed. `changes`: what it began, the last included."""

    code: int
    said: str
    changes: tuple[str, ...]


class Killer:
    """Runs `featurectl` on a project, to the end or not."""

    def __init__(self, project: SmallProject) -> None:
        self._words = ["--project", str(project.folder)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.killing"], cwd=ROOT, env={**os.environ, **project.environment},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Killer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, t: TracebackType | None) -> None:
        self._process.communicate(timeout=60)  # the end of its input is its end

    def run(self, *words: str, before: int | str | None = None, during: int | str | None = None) -> Run:
        """`featurectl WORDS…`, killed before or during the change of that place (from 0), or the first that matches."""
        assert self._process.stdin is not None and self._process.stdout is not None
        request = {"words": [*self._words, *words], "before": before, "during": during}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Run(answer["code"], answer["said"], tuple(answer["changes"]))


class Looking(ABC):
    """Reads in a thread, until it is left; `problems` are answers that nobody should get."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.problems: list[object] = []
        self.reads = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, t: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    @abstractmethod
    def _read(self) -> None:
        """Look until `_done`."""


class _Watch:
    """Counts the changes of this process, and ends it."""

    def __init__(self, log: int, before: int | str | None, during: int | str | None) -> None:
        self._log, self._before, self._during = log, before, during
        self._count = 0

    def change(self, label: str) -> bool:
        """What is about to happen. Whether the process is to die in the middle of it."""
        line = " ".join(label.split())[:500]
        os.write(self._log, (line + "\n").encode())
        if self._is_at(self._before, line):
            die()
        found = self._is_at(self._during, line)
        self._count += 1
        return found

    def _is_at(self, place: int | str | None, line: str) -> bool:
        return re.search(place, line) is not None if isinstance(place, str) else place == self._count

    def on_files(self) -> None:
        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event in FILE_EVENTS and self.change(f"{event} {Path(str(arguments[0])).name}"):
                threading.Thread(target=die).start()

        sys.addaudithook(hook)

    def on_duckdb(self) -> None:
        import duckdb

        connect = duckdb.connect
        duckdb.connect = lambda *words, **named: _Watched(connect(*words, **named), self)  # type: ignore[assignment]

    def on_risingwave(self) -> None:
        from featurectl.engines.risingwave.connection import Session

        run = Session.run

        def watched(session: Session, sql: str, *rest: Any, **named: Any) -> None:
            if not sql.startswith(READING) and self.change(sql):
                session._con.cursor().execute(session.mark + sql)  # sent; nobody waits for the answer
                die()
            run(session, sql, *rest, **named)

        Session.run = watched  # type: ignore[method-assign]


class _Watched:
    """A DuckDB connection that says what it is about to change."""

    def __init__(self, con: Any, watch: _Watch) -> None:
        self._con, self._watch = con, watch

    def execute(self, sql: str, *rest: Any) -> Any:
        if not sql.lstrip().startswith(READING) and self._watch.change(sql):
            threading.Thread(target=die).start()  # it comes to its turn when DuckDB is at work
        return self._con.execute(sql, *rest)

    def cursor(self) -> _Watched:
        return _Watched(self._con.cursor(), self._watch)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def serve() -> None:
    """Answer each line of standard input with what became of the run that it asks for."""
    import psycopg2  # noqa: F401 - imported once for all runs, as the rest

    from featurectl.cli import cli, deploying, environments, main, releasing  # noqa: F401
    from featurectl.engines.embedded import engine as embedded  # noqa: F401
    from featurectl.engines.risingwave import engine as risingwave  # noqa: F401
    from featurectl.project import load  # noqa: F401
    from featurectl.services import applying, collecting, pinning  # noqa: F401

    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as log:
            pid = os.fork()
            if pid == 0:
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                watch = _Watch(log.fileno(), request["before"], request["during"])
                watch.on_duckdb()
                watch.on_risingwave()
                watch.on_files()
                try:
                    main(request["words"])
                except SystemExit as ended:
                    sys.stdout.flush()
                    os._exit(int(ended.code or 0))
                finally:
                    os._exit(70)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            for file in (said, log):
                file.seek(0)
            answer = {"code": code, "said": said.read().decode(), "changes": log.read().decode().splitlines()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve()
