"""From the log to features_enriched: this project against a hand-written DuckDB script on the same files.

    python benchmarks/bench_end_to_end.py [--events 1000000] [--runs 3]

Both read the log's segments, reject what the contract refuses, keep the last revision of each reading, take hourly
means, 24 h means by RANGE frames (the script) and lags, and leave the result in a file. The script keeps nothing
else; the project also stores the raw events and every layer, and gives readers a snapshot.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parent.parent
TOPIC = "solar_production_raw"
REGIONS = 20

BY_HAND = """
SET threads = {threads}; SET memory_limit = '1500MB'; SET preserve_insertion_order = false; SET TimeZone = 'UTC';
SET temp_directory = '{scratch}';
COPY (
  WITH raw AS (
    SELECT log_offset, TRY_CAST(value AS JSON) AS j
    FROM read_csv('{log}', delim = '\t', header = false, quote = '', escape = '', auto_detect = false,
      columns = {{'log_offset': 'BIGINT', 'us': 'BIGINT', 'encoding': 'VARCHAR', 'key': 'VARCHAR', 'value': 'VARCHAR'}})
  ),
  fields AS (
    SELECT log_offset, json_extract_string(j, '$.region') AS region, json_extract_string(j, '$.timestamp') AS t,
      json_type(j, '$.production_mw') AS kind, TRY_CAST(json_extract_string(j, '$.production_mw') AS DOUBLE) AS mw
    FROM raw
  ),
  good AS (
    SELECT log_offset, region, TRY_CAST(t AS TIMESTAMPTZ) AS t, mw FROM fields
    WHERE mw >= 0 AND mw <= 1e7 AND kind <> 'VARCHAR' AND length(region) BETWEEN 1 AND 100
      AND regexp_matches(t, '(Z|[+-][0-9]{{2}}:[0-9]{{2}})$') AND TRY_CAST(t AS TIMESTAMPTZ) IS NOT NULL
  ),
  readings AS (
    SELECT region, t, mw FROM good
    QUALIFY row_number() OVER (PARTITION BY region, t ORDER BY log_offset DESC) = 1
  ),
  hourly AS MATERIALIZED (
    SELECT region, date_trunc('hour', t + INTERVAL 30 MINUTE) AS hour, avg(mw) AS mw FROM readings GROUP BY ALL
  )
  SELECT region, hour, mw,
    avg(mw) OVER day AS ma_24h,
    max(mw) OVER hour_before AS lag_1h, max(mw) OVER day_before AS lag_24h,
    extract(hour FROM hour) AS hour_of_day, extract(isodow FROM hour) - 1 AS day_of_week,
    extract(isodow FROM hour) >= 6 AS is_weekend
  FROM hourly
  WINDOW by_hour AS (PARTITION BY region ORDER BY hour),
    day AS (by_hour RANGE BETWEEN INTERVAL 23 HOUR PRECEDING AND CURRENT ROW),
    hour_before AS (by_hour RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND INTERVAL 1 HOUR PRECEDING),
    day_before AS (by_hour RANGE BETWEEN INTERVAL 24 HOUR PRECEDING AND INTERVAL 24 HOUR PRECEDING)
) TO '{out}' (FORMAT parquet, COMPRESSION zstd)
"""


def fill_log(home: Path, events: int) -> None:
    from featurectl.log import Event, FileLog

    start = datetime(2000, 1, 1, tzinfo=UTC)

    def messages() -> object:
        for n in range(events):
            if n % 1000 == 999:
                yield Event(b'{"timestamp": "2024-01-01T00:00:00", "production_mw": "NaN"}')
                continue
            at = start + timedelta(minutes=15 * (n // REGIONS - (n % 7 == 0)))
            when, mw = at.strftime("%Y-%m-%dT%H:%M:%SZ"), n % 977 / 7
            text = f'{{"timestamp": "{when}", "production_mw": {mw:.3f}, "region": "R{n % REGIONS}"}}'
            yield Event(text.encode())

    with FileLog(home / "log").writer(TOPIC) as writer:
        writer.append(messages())


Run = tuple[float, float, float]


def timed(words: list[str], environment: dict[str, str]) -> Run:
    """Wall seconds, CPU seconds, and peak resident memory in MiB."""
    started = time.monotonic()
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, words
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def run_project(home: Path, environment: dict[str, str]) -> Run:
    for name in ("engine.duckdb", "features.duckdb", "engine.lock"):
        (home / name).unlink(missing_ok=True)
    for name in ("pieces", "snapshots", "tmp"):
        shutil.rmtree(home / name, ignore_errors=True)
    command = [sys.executable, "-m", "featurectl", "--project", str(ROOT)]
    timed([*command, "apply"], environment)
    return timed([*command, "run", "--once"], environment)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="A folder whose log is used again, if it has one.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = options.keep or Path(folder) / "home"
        if not (home / "log").exists():
            started = time.monotonic()
            fill_log(home, options.events)
            print(f"{options.events:,} events in the log after {time.monotonic() - started:.0f} s")
        threads = str(min(2, os.cpu_count() or 1))
        environment = {**os.environ, "FEATURECTL_HOME": str(home), "FEATURECTL_THREADS": threads}
        script = BY_HAND.format(
            log=home / "log" / TOPIC / "*.log", out=Path(folder) / "out.parquet", threads=threads, scratch=folder
        )
        by_hand, project = [], []
        for _ in range(options.runs):
            by_hand.append(timed([sys.executable, "-c", f"import duckdb; duckdb.sql({script!r})"], environment))
            project.append(run_project(home, environment))
        compare(Path(folder) / "out.parquet", home)
    report(options.events, by_hand, project)


def compare(out: Path, home: Path) -> None:
    """The same rows, or the times mean nothing."""
    with duckdb.connect(str(home / "features.duckdb"), read_only=True) as con:
        row = con.execute(
            "SELECT count(*), count(*) FILTER (WHERE abs(f.production_mw - o.mw) > 1e-6"
            " OR abs(f.production_ma_24h - o.ma_24h) > 1e-6 OR (f.production_lag_24h IS NULL) <> (o.lag_24h IS NULL)"
            " OR abs(f.production_lag_24h - o.lag_24h) > 1e-6) FROM features_enriched AS f"
            f" FULL JOIN '{out}' AS o ON f.region = o.region AND f.timestamp = o.hour"
        ).fetchone()
        count = con.execute("SELECT count(*) FROM features_enriched").fetchone()
    assert row is not None and count is not None
    assert row == (count[0], 0), (row, count)
    print(f"{count[0]:,} rows of features, equal in both")


def report(events: int, by_hand: list[Run], project: list[Run]) -> None:
    print(
        f"{' '.join(sys.argv)}; {platform.machine()}, {os.cpu_count()} cores,"
        f" Python {platform.python_version()}, DuckDB {duckdb.__version__}"
    )
    print(f"{'':22}{'median s':>9}{'ratio':>7}{'CPU s':>8}{'ratio':>7}{'events/s':>11}{'peak MiB':>10}  all")
    base_wall, base_cpu = (statistics.median(run[i] for run in by_hand) for i in (0, 1))
    for name, runs in {"hand-written DuckDB": by_hand, "featurectl run --once": project}.items():
        wall, cpu = (statistics.median(run[i] for run in runs) for i in (0, 1))
        peak = max(run[2] for run in runs)
        ratios = f"{wall:>9.1f}{wall / base_wall:>7.2f}{cpu:>8.1f}{cpu / base_cpu:>7.2f}"
        print(f"{name:22}{ratios}{events / wall:>11,.0f}{peak:>10,.0f}  {[round(run[0], 1) for run in runs]}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
