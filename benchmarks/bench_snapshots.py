"""What it costs that readers get immutable snapshots, beside the other ways of letting them read.

    python benchmarks/bench_snapshots.py [--hours 50000]

The project's views over simulated-like events of 20 regions; then, on the same rows: publishing a snapshot (links to
immutable pieces), copying every row into a fresh database for readers, opening a snapshot and asking it for the newest
rows, and what a reader that opens the writer's own database does to the writer.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from featurectl.engines.embedded.home import Home
from featurectl.engines.embedded.publishing import publish
from featurectl.engines.embedded.snapshot import reading
from featurectl.log import Event
from tests.workspace import SOLAR, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

REGIONS = 20


def events(hours: int) -> list[Event]:
    start = datetime(2000, 1, 1, tzinfo=UTC)
    out = []
    for hour in range(hours):
        at = (start + timedelta(hours=hour)).isoformat()
        for region in range(REGIONS):
            event = {"timestamp": at, "production_mw": hour % 977 / 7, "region": f"R{region}"}
            out.append(Event(json.dumps(event).encode()))
    return out


def median_ms(runs: int, action: Callable[[], object]) -> float:
    taken = []
    for _ in range(runs):
        started = time.monotonic()
        action()
        taken.append((time.monotonic() - started) * 1000)
    return statistics.median(taken)


def copy_all_rows(workspace: Workspace, target: Path) -> None:
    """The alternative: a database of its own for readers, with every row of every view in it."""
    target.unlink(missing_ok=True)
    with duckdb.connect(str(target)) as con:
        for version in workspace.engine.inspect().versions:
            pieces = workspace.settings.home_dir / "pieces" / version.name / "*.parquet"
            con.execute(f"CREATE TABLE {version.view} AS SELECT * FROM '{pieces}'")


def newest_rows(workspace: Workspace) -> None:
    with reading(Home(workspace.settings.home_dir), workspace.settings) as con:
        assert con is not None
        con.execute("SELECT * FROM features_enriched ORDER BY timestamp DESC, region LIMIT 10").fetchall()


def writer_beside_a_reader_of_its_file(home: Path) -> str:
    reader = duckdb.connect(str(home / "engine.duckdb"), read_only=True)
    child = "import duckdb, sys; duckdb.connect(sys.argv[1])"
    code = os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-c", child, str(home / "engine.duckdb"))
    reader.close()
    return "the writer cannot open its database" if code else "the writer is not disturbed"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=int, default=50_000)
    hours = parser.parse_args().hours
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "home")
        workspace.apply()
        with workspace.log.writer(SOLAR) as writer:
            writer.append(events(hours))
        workspace.refresh()
        [[rows]] = workspace.rows("SELECT count(*) FROM features_enriched")
        with workspace.engine.write("bench", timedelta(0)) as w:
            home = Home(workspace.settings.home_dir)
            parts = (w._con, home, w._ledger, w._pieces)  # type: ignore[attr-defined]
            published = median_ms(5, lambda: publish(*parts))
            stamp = home.snapshots / "stamp.txt"
            anew = median_ms(5, lambda: (stamp.unlink(), publish(*parts)))
        copied = median_ms(3, lambda: copy_all_rows(workspace, Path(folder) / "copy.duckdb"))
        opened = median_ms(9, lambda: newest_rows(workspace))
        disturbed = writer_beside_a_reader_of_its_file(workspace.settings.home_dir)
    versions = f"Python {platform.python_version()}, DuckDB {duckdb.__version__}"
    print(f"{' '.join(sys.argv)}; {platform.machine()}, {os.cpu_count()} cores, {versions}")
    print(f"{rows:,} rows in features_enriched, 11 views")
    print(f"{'publish a snapshot':52}{published:>10.0f} ms")
    print(f"{'publish one that is made of nothing':52}{anew:>10.0f} ms")
    print(f"{'copy every row for readers instead':52}{copied:>10.0f} ms   {copied / published:.0f} times as much")
    print(f"{'open a snapshot and read its 10 newest rows':52}{opened:>10.0f} ms")
    print(f"{'a reader that opens the writer’s database instead':52}{disturbed}")


if __name__ == "__main__":
    main()
