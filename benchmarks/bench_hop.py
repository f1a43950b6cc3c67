"""RisingWave's moving mean (HOP with GROUP BY) on DuckDB, as it is translated, beside a RANGE frame written by hand.

    python benchmarks/bench_hop.py [--rows 10000000] [--hours 24] [--rounds 3]

Hourly rows of 500 entities in a DuckDB file. Each query's rows go into a table of their own, by turns; medians and the
ratio. The means are compared, row by row, for the hours that the hand-written query has.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import duckdb

from featurectl.dialect import MACROS, parse_query, translate_query

ENTITIES = 500
SCHEMA = {"hourly": {"region": "varchar", "hour": "timestamptz", "x": "double precision"}}
HOP = """SELECT region, window_end - INTERVAL '1 hour' AS hour, avg(x) AS mean
FROM HOP(hourly, hour, INTERVAL '1 hour', INTERVAL '{hours} hours') GROUP BY region, window_end"""
BY_HAND = """SELECT region, hour, avg(x) OVER (
  PARTITION BY region ORDER BY hour RANGE BETWEEN INTERVAL {before} HOURS PRECEDING AND CURRENT ROW) AS mean
FROM hourly"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"$ python benchmarks/{' '.join([Path(sys.argv[0]).name, *sys.argv[1:]])}")
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, Python"
        f" {platform.python_version()}, DuckDB {duckdb.__version__}"
    )
    queries = {
        "by_hand": BY_HAND.format(before=options.hours - 1),
        "translated": translate_query(parse_query(HOP.format(hours=options.hours)), schema=SCHEMA),
    }
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(f"{folder}/hop.duckdb") as con:
        con.execute(
            f"SET TimeZone = 'UTC'; SET preserve_insertion_order = false; SET temp_directory = '{folder}/spill'"
        )
        for macro in MACROS:
            con.execute(macro)
        con.execute(
            f"CREATE TABLE hourly AS SELECT 'R' || (i % {ENTITIES}) AS region, TIMESTAMPTZ '2020-01-01 00:00:00+00'"
            f" + (i // {ENTITIES}) * INTERVAL 1 hour AS hour, (hash(i) % 100000) / 7.0 AS x"
            f" FROM range({options.rows}) AS r(i)"
        )
        taken: dict[str, list[float]] = {name: [] for name in queries}
        for _ in range(options.rounds):
            for name, query in queries.items():
                started = time.monotonic()
                con.execute(f"CREATE OR REPLACE TABLE {name} AS {query}")
                taken[name].append(time.monotonic() - started)
        [(others,)] = con.execute(
            "SELECT count(*) FROM by_hand AS a LEFT JOIN translated AS b ON a.region = b.region AND a.hour = b.hour"
            " WHERE b.mean IS NULL OR abs(a.mean - b.mean) > 1e-9 * abs(a.mean)"
        ).fetchall()
    base = statistics.median(taken["by_hand"])
    for name, seconds in taken.items():
        middle = statistics.median(seconds)
        print(f"{name:12}{middle:>9.2f} s{middle / base:>7.2f}   ({', '.join(f'{s:.2f}' for s in seconds)})")
    print(f"{options.rows:,} rows, {options.hours} hours; means that differ: {others:,}")


if __name__ == "__main__":
    main()
