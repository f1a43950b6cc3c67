"""RisingWave's end-to-end suite on DuckDB through featurectl's translation, and what translating costs.

    python benchmarks/bench_dialect.py [--suite PATH/TO/risingwave/e2e_test] [--only over_window] [--show different]
        [--with-sqlglot]

Each entry file is replayed on an empty DuckDB: materialized views as views, FLUSH ignored. Each SELECT with expected
rows is `same` (floats to 1e-9 relative, rows as multisets unless ORDER BY is total), `named error`, `different` or
`crash`. Without a suite only the speed of the translation is measured.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.rw_suite.engines import Featurectl, Sqlglot
from benchmarks.rw_suite.replay import VERDICTS, Judged, replay

if TYPE_CHECKING:
    from collections.abc import Iterable

SECONDS_PER_FILE = 60  # of the processor
# What needs other servers, other protocols or two versions of RisingWave; visibility_mode and extended_mode replay
# the directory batch under other settings of the server, and some entries of batch do so too.
LEFT_OUT = (
    "backfill",
    "background_ddl",
    "backup_restore",
    "backwards-compat-tests",
    "error_ui",
    "extended_mode",
    "iceberg",
    "kafka-sasl",
    "sink",
    "slow_tests",
    "source_inline",
    "source_legacy",
    "udf",
    "visibility_mode",
    "webhook",
    "batch/distribution_mode.slt",
)


def group_of(path: Path, suite: Path) -> str:
    """The row of the report to which a file belongs."""
    parts = path.relative_to(suite).parts
    name = parts[-1]
    if name.startswith("time_window"):
        return "time_window*"
    if "on_conflict" in str(path):
        return "on_conflict"
    return "/".join(parts[:2]) if parts[0] in ("batch", "streaming") and len(parts) > 2 else parts[0]


def judged(path: Path, engine: str) -> list[Judged]:
    """All verdicts of one entry file."""

    def late(*_: object) -> None:
        raise TimeoutError("the file took too long")

    signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS_PER_FILE)
    found: list[Judged] = []
    try:
        found.extend(replay(path, Featurectl if engine == "featurectl" else Sqlglot))  # what came in time counts
    except TimeoutError as error:
        print(f"{path}: {error}", file=sys.stderr)
    signal.setitimer(signal.ITIMER_PROF, 0)
    return found


def report(found: Iterable[Judged], suite: Path) -> None:
    """A line for each group."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one in found:
        counts[group_of(one.record.file, suite)][one.verdict] += 1
        counts["ALL"][one.verdict] += 1
    print(f"{'':32}{'SELECTs':>8}" + "".join(f"{verdict:>13}" for verdict in VERDICTS) + f"{'same %':>8}")
    for group in sorted(counts, key=lambda name: (name == "ALL", name)):
        one = counts[group]
        total = sum(one.values())
        cells = "".join(f"{one[verdict]:>13}" for verdict in VERDICTS)
        print(f"{group:32}{total:>8}{cells}{100 * one['same'] / total:>8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", type=Path)
    parser.add_argument("--only", default="", help="entry files whose path contains this")
    parser.add_argument("--show", default="", help="print the queries with these verdicts, separated by commas")
    parser.add_argument("--with-sqlglot", action="store_true", help="the same with plain sqlglot")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if options.suite is None:
        return
    suite = options.suite.resolve()
    left_out = tuple(str(suite / name) for name in LEFT_OUT)
    entries = [
        path
        for path in sorted(suite.rglob("*.slt"))
        if options.only in str(path) and not str(path).startswith(left_out)
    ]
    for engine in ("featurectl", "sqlglot") if options.with_sqlglot else ("featurectl",):
        print(f"== {engine}, {len(entries)} entry files")
        with ProcessPoolExecutor(options.jobs) as pool:
            found = [one for file in pool.map(partial(judged, engine=engine), entries) for one in file]
        report(found, suite)
        for one in found:
            if one.verdict in options.show.split(","):
                place = f"{one.record.file.relative_to(suite)}:{one.record.line}"
                print(f"-- {one.verdict} {place}\n{one.record.sql}\n   {one.detail}")


if __name__ == "__main__":
    main()
