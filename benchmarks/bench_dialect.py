"""RisingWave's end-to-end suite on DuckDB through featurectl's translation, and what translating costs.

    python benchmarks/bench_dialect.py [--suite PATH/TO/risingwave/e2e_test] [--only over_window] [--show different]
        [--save benchmarks/rw_suite/figures.json] [--with-sqlglot]

Each entry file is replayed on an empty DuckDB: materialized views as views, FLUSH ignored. Each SELECT with expected
rows is `same` (floats to 1e-9 relative, rows as multisets unless ORDER BY is total), `named error`, `different` or
`crash`. Without a suite only the speed of the translation is measured.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import sqlglot

from benchmarks.rw_suite.engines import Featurectl, Sqlglot
from benchmarks.rw_suite.replay import VERDICTS, Judged, replay
from featurectl.dialect import parse_query, translate_query
from featurectl.errors import FeaturectlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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


def counted(found: Iterable[Judged], suite: Path) -> dict[str, Counter[str]]:
    """The verdicts of each group, and of all."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one in found:
        counts[group_of(one.record.file, suite)][one.verdict] += 1
        counts["ALL"][one.verdict] += 1
    return counts


def report(counts: dict[str, Counter[str]]) -> None:
    """A line for each group."""
    print(f"{'':32}{'SELECTs':>8}" + "".join(f"{verdict:>13}" for verdict in VERDICTS) + f"{'same %':>8}")
    for group in sorted(counts, key=lambda name: (name == "ALL", name)):
        one = counts[group]
        total = sum(one.values())
        cells = "".join(f"{one[verdict]:>13}" for verdict in VERDICTS)
        print(f"{group:32}{total:>8}{cells}{100 * one['same'] / total:>8.1f}")


def texts() -> list[str]:
    """The queries of the tests: views as people write them, and one construct at a time."""
    folder = Path(__file__).resolve().parent.parent / "tests" / "dialect"
    views = [path.read_text("utf-8") for path in sorted((folder / "pairs").glob("*.rw.sql"))]
    single = [
        block.partition("\n")[2].strip().rstrip(";")
        for path in sorted((folder / "values").glob("*.sql"))
        for block in path.read_text("utf-8").split("-- query: ")[1:]
    ]
    return [*views, *single]


def report_speed(rounds: int = 8) -> None:
    """Translating the same texts, with sqlglot alone and with featurectl; the better of some rounds of each."""
    known = [text for text in texts() if _takes(text, plainly) and _takes(text, ours)]
    ways = {"sqlglot": plainly, "ours": ours}
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):  # by turns: a busy machine is busy for both
        for name, work in ways.items():
            best[name] = min(best[name], _seconds(known, work))
    print(f"{len(known)} queries, {sum(map(len, known)):,} characters")
    for name, seconds in best.items():
        print(f"{name:10}{1000 * seconds / len(known):8.2f} ms a query{seconds / best['sqlglot']:8.2f} ×")


def plainly(text: str) -> None:
    sqlglot.transpile(text, read="risingwave", write="duckdb")


def ours(text: str) -> None:
    translate_query(parse_query(text))


def _takes(text: str, work: Callable[[str], None]) -> bool:
    try:
        work(text)
    except (sqlglot.errors.SqlglotError, FeaturectlError):
        return False
    return True


def _seconds(known: list[str], work: Callable[[str], None]) -> float:
    start = time.process_time()
    for text in known:
        work(text)
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", type=Path)
    parser.add_argument("--only", default="", help="entry files whose path contains this")
    parser.add_argument("--show", default="", help="print the queries with these verdicts, separated by commas")
    parser.add_argument("--save", type=Path, help="write the figures to this file: docs/dialect.md is made of it")
    parser.add_argument("--with-sqlglot", action="store_true", help="the same with plain sqlglot")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if options.suite is None:
        report_speed()
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
        counts = counted(found, suite)
        report(counts)
        if options.save and engine == "featurectl":
            options.save.write_text(json.dumps(counts, indent=1, sort_keys=True) + "\n", "utf-8")
        for one in found:
            if one.verdict in options.show.split(","):
                place = f"{one.record.file.relative_to(suite)}:{one.record.line}"
                print(f"-- {one.verdict} {place}\n{one.record.sql}\n   {one.detail}")


if __name__ == "__main__":
    main()
