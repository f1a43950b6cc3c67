"""How soon readers see an earlier release again: `featurectl rollback`, while its versions stand.

    python benchmarks/bench_rollback.py [--views 2 11 50] [--rounds 5] [--targets embedded risingwave]

For each number of views: all of them read the first, so that a change of it makes a release in which every public name
moves; then the two releases are rolled back to by turns. `seconds` is from the command's begin to its end, with the
start of its process in `command`; `seen after` is when another connection first reads the other release's rows, counted
from the same moment as `seconds`. A promotion takes the same steps. RisingWave is the server of
FEATURECTL_TEST_RISINGWAVE_DSN, or an executable as the tests start it; without either it says so.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from featurectl.engines import open_engine  # noqa: E402
from featurectl.log import FileLog  # noqa: E402
from featurectl.project import load_project  # noqa: E402
from featurectl.services.applying import apply  # noqa: E402
from featurectl.services.releasing import rollback  # noqa: E402
from featurectl.settings import load_settings  # noqa: E402
from tests.services import ServerMissing, risingwave_server  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 10_000


@dataclass
class Times:
    """Seconds of each round."""

    called: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)
    command: list[float] = field(default_factory=list)


class Bench:
    """A project of some views on one target, with two releases."""

    def __init__(self, folder: Path, views: int, flags: dict[str, str]) -> None:
        self.folder = folder
        (folder / "migrations").mkdir(parents=True)
        (folder / "sql").mkdir()
        (folder / "migrations/0001_items.sql").write_text(
            "CREATE TABLE items (id int PRIMARY KEY, value double precision);\n"
            f"INSERT INTO items SELECT n, n FROM generate_series(1, {ROWS}) AS g(n);\n"
        )
        self.first("value")
        for number in range(2, views + 1):
            text = f"SELECT id, value + {number} AS value FROM view_1"
            (folder / f"sql/view_{number}.sql").write_text(text)
        self.settings = load_settings(folder, home=folder / "home", **flags)
        self.engine = open_engine(self.settings, FileLog(folder / "log"))
        self.environment = {name.upper(): value for name, value in flags.items()}
        self.environment["FEATURECTL_TARGET"] = self.environment.pop("TARGET")
        self.environment["FEATURECTL_HOME"] = str(folder / "home")

    def first(self, value: str) -> None:
        (self.folder / "sql/view_1.sql").write_text(f"SELECT id, {value} AS value FROM items")

    def release(self) -> None:
        apply(load_project(self.settings), self.engine)

    def command(self, release: int) -> float:
        """Seconds of the command with its process."""
        words = [sys.executable, "-m", "featurectl", "--project", str(self.folder), "rollback", str(release)]
        started = time.perf_counter()
        subprocess.run(words, env={**os.environ, **self.environment}, check=True, capture_output=True)
        return time.perf_counter() - started

    def embedded_reader(self) -> float:
        with duckdb.connect(str(self.folder / "home" / "features.duckdb"), read_only=True) as con:
            [value] = con.execute("SELECT min(value) FROM view_1").fetchall()[0]
        return float(value)


def measure(bench: Bench, rounds: int, read: Callable[[], float]) -> Times:
    bench.release()
    bench.first("value + 1000")
    bench.release()
    times = Times()
    for _ in range(rounds):
        for release, least in ((1, 1.0), (2, 1001.0)):
            started = time.perf_counter()
            seen: list[float] = []

            def watch(least: float = least, seen: list[float] = seen, started: float = started) -> None:
                while read() != least:
                    time.sleep(0.005)
                seen.append(time.perf_counter() - started)

            watching = threading.Thread(target=watch)
            watching.start()
            done = rollback(bench.engine, bench.folder, release)
            times.called.append(time.perf_counter() - started)
            watching.join()
            assert done.release is not None
            times.seen += seen
        times.command += [bench.command(1), bench.command(2)]
    return times


def report(target: str, views: int, times: Times) -> None:
    def shown(values: list[float]) -> str:
        return f"{statistics.median(values):6.3f} (worst {max(values):.3f})"

    print(
        f"{target:<11} {views:>3} views moved   seconds {shown(times.called)}   seen after {shown(times.seen)}"
        f"   command {shown(times.command)}",
        flush=True,
    )


def on_risingwave(folder: Path, dsn: str, views: int, rounds: int) -> None:
    name = f"bench_{uuid.uuid4().hex[:8]}"
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {name}")
        try:
            where = parse_dsn(make_dsn(dsn, dbname=name))
            flags = {
                "target": "risingwave",
                "risingwave_host": where["host"],
                "risingwave_port": where["port"],
                "risingwave_database": name,
                "risingwave_user": where["user"],
            }
            bench = Bench(folder, views, flags)
            with closing(psycopg2.connect(**where)) as reading:
                reading.autocommit = True
                cursor = reading.cursor()

                def read() -> float:
                    cursor.execute("SELECT min(value) FROM view_1")
                    [(value,)] = cursor.fetchall()
                    return float(value)

                report("risingwave", views, measure(bench, rounds, read))
        finally:
            connection.cursor().execute(f"DROP DATABASE {name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--views", type=int, nargs="+", default=[2, 11, 50])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--targets", nargs="+", default=["embedded", "risingwave"])
    chosen = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        if "embedded" in chosen.targets:
            for views in chosen.views:
                bench = Bench(folder / f"embedded_{views}", views, {"target": "embedded"})
                report("embedded", views, measure(bench, chosen.rounds, bench.embedded_reader))
        if "risingwave" in chosen.targets:
            try:
                dsn = stack.enter_context(risingwave_server())
            except ServerMissing as missing:
                print(f"risingwave: not measured, {missing}")
                return
            for views in chosen.views:
                on_risingwave(folder / f"risingwave_{views}", dsn, views, chosen.rounds)


if __name__ == "__main__":
    main()
