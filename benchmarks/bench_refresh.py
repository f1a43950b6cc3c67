"""What a refresh costs beside what it changes: this engine, a full rebuild, and the least that SQL by hand would do.

    python benchmarks/bench_refresh.py [--rows 1000000 10000000] [--regions 500] [--runs 3] [--keep FOLDER]
    python benchmarks/bench_refresh.py --live 600 [--rows 1000000]

A history of that many feature rows (hours x regions) is ingested once, and then come batches: 100 events of the hour
that begins, 100 late ones up to a year old, 10,000 of one region, one of every region. Seconds and CPU seconds are of
the refresh, memory is the peak of its process meanwhile; it has done it before. The script by hand keeps six tables
sorted by time in a DuckDB file and changes only the rows that the batch reaches, in one transaction; at the end its
features are compared with those that are served. A full rebuild is the same refresh with every view computed whole.

`--live`: `featurectl run --interval 1s` under 1,000 events a second; how long until a query shows an event.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from featurectl.engines import open_engine  # noqa: E402
from featurectl.engines.embedded import recomputing  # noqa: E402
from featurectl.log import Event, open_log  # noqa: E402
from featurectl.project import load_project  # noqa: E402
from featurectl.services.applying import apply  # noqa: E402
from featurectl.services.refreshing import refresh_once  # noqa: E402
from featurectl.settings import load_settings  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from featurectl.engines.base import Engine

TOPIC = "solar_production_raw"
START = datetime(2020, 1, 1, tzinfo=UTC)
HOURS_OF_A_YEAR = 8_766

TABLES = """
CREATE TABLE events (log_offset BIGINT, region VARCHAR, t TIMESTAMPTZ, mw DOUBLE);
CREATE TABLE readings (region VARCHAR, t TIMESTAMPTZ, mw DOUBLE);
CREATE TABLE hourly (region VARCHAR, hour TIMESTAMPTZ, mw DOUBLE);
CREATE TABLE weather (region VARCHAR, hour TIMESTAMPTZ, temperature DOUBLE, cloud_cover DOUBLE, radiation DOUBLE,
  latitude DOUBLE, longitude DOUBLE);
CREATE TABLE windows (region VARCHAR, hour TIMESTAMPTZ, ma DOUBLE, temperature_ma DOUBLE, cloud_cover_ma DOUBLE);
CREATE TABLE features (region VARCHAR, hour TIMESTAMPTZ, mw DOUBLE, temperature DOUBLE, cloud_cover DOUBLE,
  radiation DOUBLE, latitude DOUBLE, longitude DOUBLE, ma DOUBLE, temperature_ma DOUBLE, cloud_cover_ma DOUBLE,
  lag_1h DOUBLE, lag_24h DOUBLE, hour_of_day INTEGER, day_of_week INTEGER, is_weekend BOOLEAN);
"""
FILLED = """
INSERT INTO events SELECT log_offset, region, "timestamp", production_mw FROM s.solar_events ORDER BY "timestamp";
INSERT INTO readings SELECT region, "timestamp", production_mw FROM s.solar_readings ORDER BY "timestamp";
INSERT INTO hourly SELECT region, hour, production_mw FROM s.solar_hourly ORDER BY hour;
INSERT INTO weather SELECT * FROM s.weather_hourly ORDER BY hour;
INSERT INTO windows SELECT * FROM s.production_windows ORDER BY hour;
INSERT INTO features SELECT * FROM s.features_enriched ORDER BY "timestamp";
"""
# What somebody would write who knows these views: each event is one hour's reading, which alters 25 hours of means
# and two lags. Bounds on the time are written out, so that DuckDB skips what lies before them.
BY_HAND = """
CREATE TEMP TABLE batch AS SELECT log_offset, value ->> '$.region' AS region,
  (value ->> '$.timestamp')::TIMESTAMPTZ AS t, (value ->> '$.production_mw')::DOUBLE AS mw
  FROM read_csv('{batch}', delim = '\t', header = false, quote = '', escape = '', auto_detect = false,
    columns = {{'log_offset': 'BIGINT', 'value': 'JSON'}});
BEGIN;
SET VARIABLE low = (SELECT min(t) FROM batch);
SET VARIABLE high = (SELECT max(t) FROM batch);
INSERT INTO events SELECT * FROM batch;
CREATE TEMP TABLE last AS SELECT region, t, mw FROM batch
  QUALIFY row_number() OVER (PARTITION BY region, t ORDER BY log_offset DESC) = 1;
DELETE FROM readings AS r USING last AS l WHERE r.region = l.region AND r.t = l.t
  AND r.t BETWEEN getvariable('low') AND getvariable('high');
INSERT INTO readings SELECT * FROM last;
CREATE TEMP TABLE hours AS SELECT DISTINCT region, date_trunc('hour', t + INTERVAL 30 MINUTE) AS hour FROM last;
CREATE TEMP TABLE new_hours AS SELECT region, date_trunc('hour', t + INTERVAL 30 MINUTE) AS hour,
  avg(mw::DECIMAL(28, 10))::DOUBLE AS mw FROM readings
  WHERE t BETWEEN getvariable('low') - INTERVAL 1 HOUR AND getvariable('high') + INTERVAL 1 HOUR GROUP BY ALL;
DELETE FROM hourly AS r USING hours AS l WHERE r.region = l.region AND r.hour = l.hour
  AND r.hour BETWEEN getvariable('low') - INTERVAL 1 HOUR AND getvariable('high') + INTERVAL 1 HOUR;
INSERT INTO hourly SELECT n.* FROM new_hours AS n SEMI JOIN hours AS h ON n.region = h.region AND n.hour = h.hour;
CREATE TEMP TABLE ends AS SELECT DISTINCT region, hour + INTERVAL 1 HOUR * i AS hour FROM hours, range(24) AS r(i);
CREATE TEMP TABLE near AS SELECT h.*, w.* EXCLUDE (region, hour) FROM hourly AS h LEFT JOIN weather AS w
  ON w.region = h.region AND w.hour = h.hour
  WHERE h.hour BETWEEN getvariable('low') - INTERVAL 26 HOUR AND getvariable('high') + INTERVAL 26 HOUR;
CREATE TEMP TABLE means AS SELECT e.region, e.hour, avg(h.mw::DECIMAL(28, 10))::DOUBLE AS ma,
  avg(h.temperature::DECIMAL(28, 10))::DOUBLE AS temperature_ma,
  avg(h.cloud_cover::DECIMAL(28, 10))::DOUBLE AS cloud_cover_ma FROM ends AS e
  JOIN near AS h ON h.region = e.region AND h.hour > e.hour - INTERVAL 24 HOUR AND h.hour <= e.hour GROUP BY ALL;
DELETE FROM windows AS w USING ends AS e WHERE w.region = e.region AND w.hour = e.hour
  AND w.hour BETWEEN getvariable('low') - INTERVAL 1 HOUR AND getvariable('high') + INTERVAL 25 HOUR;
INSERT INTO windows SELECT * FROM means;
CREATE TEMP TABLE rows AS SELECT * FROM ends UNION SELECT region, hour + INTERVAL 24 HOUR FROM hours;
DELETE FROM features AS f USING rows AS e WHERE f.region = e.region AND f.hour = e.hour
  AND f.hour BETWEEN getvariable('low') - INTERVAL 1 HOUR AND getvariable('high') + INTERVAL 25 HOUR;
INSERT INTO features SELECT h.region, h.hour, h.mw, h.temperature, h.cloud_cover, h.radiation, h.latitude, h.longitude,
  w.ma, w.temperature_ma, w.cloud_cover_ma, a.mw, b.mw, hour(h.hour), isodow(h.hour) - 1, isodow(h.hour) >= 6
  FROM near AS h
  SEMI JOIN rows AS e ON e.region = h.region AND e.hour = h.hour
  LEFT JOIN (SELECT * FROM windows WHERE hour BETWEEN getvariable('low') - INTERVAL 1 HOUR
             AND getvariable('high') + INTERVAL 25 HOUR) AS w ON w.region = h.region AND w.hour = h.hour
  LEFT JOIN near AS a ON a.region = h.region AND a.hour = h.hour - INTERVAL 1 HOUR
  LEFT JOIN near AS b ON b.region = h.region AND b.hour = h.hour - INTERVAL 24 HOUR;
COMMIT;
"""


# What is compared: the feature's name and the script's.
SERVED = {
    "production_mw": "mw", "temperature_c": "temperature", "cloud_cover_pct": "cloud_cover", "latitude": "latitude",
    "solar_radiation_wm2": "radiation", "longitude": "longitude", "production_ma_24h": "ma",
    "temperature_ma_24h": "temperature_ma", "cloud_cover_ma_24h": "cloud_cover_ma", "production_lag_1h": "lag_1h",
    "production_lag_24h": "lag_24h", "hour_of_day": "hour_of_day", "day_of_week": "day_of_week",
    "is_weekend": "is_weekend",
}  # fmt: skip


def message(region: int, hour: int, mw: float) -> bytes:
    """A reading on the hour."""
    at = (START + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f'{{"timestamp": "{at}", "production_mw": {mw:.3f}, "region": "R{region}"}}'.encode()


def history(hours: int, regions: int) -> Iterator[Event]:
    """One reading for each hour and region, in the order of time."""
    for hour in range(hours):
        at = (START + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for region in range(regions):
            mw = (hour * 7 + region * 13) % 977
            yield Event(f'{{"timestamp": "{at}", "production_mw": {mw}, "region": "R{region}"}}'.encode())


def batches(hours: int, regions: int, run: int) -> dict[str, list[bytes]]:
    """The batches of a run, by name; the newest hour moves on with each."""
    rng = random.Random(run)
    now, year = hours + 2 * run, min(hours, HOURS_OF_A_YEAR)
    return {
        "100 on time": [message(region, now, rng.uniform(0, 900)) for region in range(100)],
        "all regions on time": [message(region, now + 1, rng.uniform(0, 900)) for region in range(regions)],
        "100 late, up to a year": [
            message(rng.randrange(regions), hours - 1 - rng.randrange(year), rng.uniform(0, 900)) for _ in range(100)
        ],
        "10,000 of one region": [
            message(run % regions, hours - 1 - n % hours, rng.uniform(0, 900)) for n in range(10_000)
        ],
    }


class Worker:
    """A process that does one thing whenever it is asked, as `featurectl run` does."""

    def __init__(self, *words: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, word: str = "") -> dict[str, Any]:
        """Do it; answers what was measured."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(word, file=self._process.stdin, flush=True)
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def serve(work: Callable[[str], int]) -> None:
    """For each line: seconds, CPU seconds and the peak of this process's memory in MiB while it worked."""
    for line in sys.stdin:
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        started, cpu = time.monotonic(), time.process_time()
        touched = work(line.strip())
        seconds, used = time.monotonic() - started, time.process_time() - cpu
        status = Path("/proc/self/status").read_text().splitlines()
        mib = int(next(each for each in status if each.startswith("VmHWM")).split()[1]) / 1024
        print(json.dumps({"seconds": seconds, "cpu": used, "touched": touched, "mib": mib}), flush=True)


def serve_refresh(home: Path, *, whole: bool) -> None:
    """A refresh of the home for each line."""
    if whole:
        recomputing.Recomputing._why_whole = lambda *_: "asked for"  # type: ignore[method-assign,assignment]
    settings = load_settings(ROOT, home=home)
    engine = open_engine(settings, open_log(settings))

    def work(_: str) -> int:
        reports = refresh_once(engine)
        return sum(part.touched for report in reports for part in report.refreshed)

    serve(work)


def serve_by_hand(database: Path) -> None:
    """The script on its tables, for the file of events that each line names."""

    def work(batch: str) -> int:
        con = duckdb.connect(str(database))
        con.execute("LOAD icu")
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET memory_limit = '1500MB'")
        con.execute(BY_HAND.format(batch=batch))
        con.close()
        return 0

    serve(work)


def filled(home: Path, hours: int, regions: int) -> None:
    """The log, and everything computed from it once."""
    settings = load_settings(ROOT, home=home)
    log = open_log(settings)
    engine = open_engine(settings, log)
    if not (home / "log").exists():
        with log.writer(TOPIC) as writer:
            writer.append(history(hours, regions))
    apply(load_project(settings), engine)
    refresh_once(engine)


def tables_by_hand(home: Path, database: Path) -> None:
    """The script's tables, with the same rows."""
    con = duckdb.connect(str(database))
    con.execute("LOAD icu")
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET memory_limit = '1500MB'")
    con.execute(f"ATTACH '{home / 'features.duckdb'}' AS s (READ_ONLY)")
    con.execute(TABLES)
    con.execute(FILLED)
    con.close()


def differing(home: Path, database: Path) -> int:
    """How many feature rows differ between the script's and the served ones."""
    con = duckdb.connect(str(database))
    con.execute("LOAD icu")
    con.execute("SET TimeZone = 'UTC'")
    con.execute(f"ATTACH '{home / 'features.duckdb'}' AS s (READ_ONLY)")
    pairs = [(f"f.{ours}::DOUBLE", f"h.{theirs}::DOUBLE") for ours, theirs in SERVED.items()]
    same = " AND ".join(
        f"coalesce(abs({a} - {b}) <= 1e-6 * greatest(1, abs({a})), {a} IS NULL AND {b} IS NULL)" for a, b in pairs
    )
    row = con.execute(
        "SELECT count(*) FROM s.features_enriched AS f FULL JOIN features AS h"
        ' ON f.region = h.region AND f."timestamp" = h.hour'
        f" WHERE coalesce(NOT ({same}), true) OR f.region IS NULL OR h.region IS NULL"
    ).fetchone()
    assert row is not None
    return int(row[0])


def measure(folder: Path, rows: int, regions: int, runs: int) -> None:
    """All batches on one history; prints its table."""
    hours = rows // regions
    home, database = folder / f"home{rows}", folder / f"hand{rows}.duckdb"
    started = time.monotonic()
    if not (home / "features.duckdb").exists():
        filled(home, hours, regions)
        print(
            f"{rows:,} feature rows: written, ingested and computed in {time.monotonic() - started:.0f} s", flush=True
        )
    if not database.exists():
        tables_by_hand(home, database)
    settings = load_settings(ROOT, home=home)
    log = open_log(settings)
    offset = log.end_offsets(TOPIC)[0]
    found: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    lines = folder / "batch.tsv"
    first = (offset - rows) // 1000 + 1  # no batch is like one of an earlier run on the same history
    newest = hours + 2 * (first + runs)

    def published(events: list[bytes]) -> None:
        nonlocal offset
        with log.writer(TOPIC) as writer:
            writer.append(Event(each) for each in events)
        lines.write_bytes(b"".join(b"%d\t%s\n" % (offset + n, each) for n, each in enumerate(events)))
        offset += len(events)

    workers = Worker("--refresh", str(home)), Worker("--by-hand", str(database))
    for run in range(-1, runs):  # the first one is for warming up
        for name, events in batches(hours, regions, first + run).items():
            published(events)
            ours, theirs = workers[0].ask(), workers[1].ask(str(lines))
            if run >= 0:
                found.setdefault(name, []).append((ours, theirs))
    workers[0].close()
    rebuilding = Worker("--refresh", str(home), "--whole")
    for mw in (1.0, 2.0):
        published([message(0, newest, mw)])
        whole = rebuilding.ask()
        workers[1].ask(str(lines))
    rebuilding.close()
    workers[1].close()
    table(rows, found, whole)
    print(f"rows of features that differ from the script's: {differing(home, database)}", flush=True)


def table(rows: int, found: dict[str, Any], whole: dict[str, Any]) -> None:
    """Medians."""
    print(f"\n{rows:,} feature rows{'':<12}{'seconds':>9}{'CPU s':>8}{'by hand':>9}{'CPU s':>8}{'ratio':>7}", end="")
    print(f"{'rows touched':>14}{'MiB':>7}{'by hand':>9}")
    for name, pairs in found.items():
        ours, theirs = (
            {key: statistics.median(pair[side][key] for pair in pairs) for key in ("seconds", "cpu", "touched", "mib")}
            for side in (0, 1)
        )
        ratio = statistics.median(a["seconds"] / b["seconds"] for a, b in pairs)
        print(
            f"{name:<28}{ours['seconds']:>9.2f}{ours['cpu']:>8.2f}{theirs['seconds']:>9.2f}{theirs['cpu']:>8.2f}"
            f"{ratio:>7.1f}{ours['touched']:>14,.0f}{ours['mib']:>7.0f}{theirs['mib']:>9.0f}"
        )
    print(f"{'full rebuild':<28}{whole['seconds']:>9.2f}{whole['cpu']:>8.2f}{'':>38}{whole['mib']:>7.0f}", flush=True)


def live(folder: Path, rows: int, regions: int, seconds: int) -> None:
    """Freshness and memory, minute by minute, while events come."""
    hours, home = rows // regions, folder / f"home{rows}"
    if not (home / "features.duckdb").exists():
        filled(home, hours, regions)
    settings = load_settings(ROOT, home=home)
    log = open_log(settings)
    engine = open_engine(settings, log)
    refresh_once(engine)
    # An earlier run on the same history left its marks: this one's are greater, and its hours come later.
    first = int(_one(engine, "SELECT max(production_mw)::bigint AS n FROM features_enriched WHERE region = 'marker'"))
    newest = _one(engine, 'SELECT max("timestamp") AS t FROM features_enriched')
    hours = int((newest - START) / timedelta(hours=1)) + 1
    command = [sys.executable, "-m", "featurectl", "--project", str(ROOT), "run", "--interval", "1s"]
    environment = {**os.environ, "FEATURECTL_HOME": str(home)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    published: dict[int, float] = {}
    seen: dict[int, float] = {}
    memory: list[tuple[float, float]] = []
    started = time.monotonic()
    ended = threading.Event()

    def look() -> None:
        sql = "SELECT max(production_mw)::bigint AS n FROM features_enriched WHERE region = 'marker'"
        while not ended.is_set():
            newest = int(_one(engine, sql)) - first
            at = time.monotonic()
            for mark in [mark for mark in published if mark <= newest and mark not in seen]:
                seen[mark] = at
            status = Path(f"/proc/{process.pid}/status")
            if status.exists():
                words = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS")).split()
                memory.append((at - started, int(words[1]) / 1024))
            ended.wait(0.1)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        with log.writer(TOPIC) as writer:
            for second in range(seconds):
                hour = hours + second // 4
                mark = Event(message(0, hour, first + second + 1).replace(b'"R0"', b'"marker"'))
                writer.append([Event(message(n % regions, hour, second + n / 7)) for n in range(999)] + [mark])
                writer.flush()
                published[second + 1] = time.monotonic()
                ended.wait(max(0.0, started + second + 1 - time.monotonic()))
        deadline = time.monotonic() + 60
        while len(seen) < len(published) and time.monotonic() < deadline:
            ended.wait(0.1)
    finally:
        ended.set()
        watcher.join()
        process.terminate()
        process.wait(30)
    report_live(published, seen, memory, started)


def _one(engine: Engine, sql: str) -> Any:
    """The value that a query answers; 0 for none."""
    with engine.query(sql) as result:
        return result.all()[0][0] or 0


def report_live(
    published: dict[int, float], seen: dict[int, float], memory: list[tuple[float, float]], started: float
) -> None:
    """Minute by minute; a mark that a later one overtook is seen with that one."""
    delays = {mark: (published[mark] - started, seen[mark] - published[mark]) for mark in seen}
    print(f"\n{len(published):,} seconds of 1,000 events; {len(seen):,} marks seen")
    print(f"{'minute':>7}{'p50 s':>8}{'p99 s':>8}{'max s':>8}{'MiB of run':>12}")
    last = max(at for at, _ in delays.values())
    for minute in range(int(last // 60) + 1):
        part = sorted(delay for at, delay in delays.values() if at // 60 == minute)
        rss = [size for at, size in memory if at // 60 == minute]
        if part and rss:
            p99 = part[min(len(part) - 1, int(0.99 * len(part)))]
            print(f"{minute + 1:>7}{statistics.median(part):>8.2f}{p99:>8.2f}{part[-1]:>8.2f}{max(rss):>12.0f}")
    every = sorted(delay for _, delay in delays.values())
    print(
        f"{'all':>7}{statistics.median(every):>8.2f}{every[int(0.99 * len(every))]:>8.2f}{every[-1]:>8.2f}", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--regions", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="A folder for the histories, which are used again.")
    parser.add_argument("--live", type=int, help="For so many seconds.")
    parser.add_argument("--refresh", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--whole", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--by-hand", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.refresh:
        serve_refresh(options.refresh, whole=options.whole)
        return
    if options.by_hand:
        serve_by_hand(options.by_hand)
        return
    print("$ python benchmarks/bench_refresh.py", *sys.argv[1:])
    processor = next(
        (li for li in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in li), platform.machine()
    )
    print(f"{os.cpu_count()} x {processor.partition(':')[2].strip()}, Python {platform.python_version()}, DuckDB"
          f" {duckdb.__version__}, load average before {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for rows in options.rows:
            if options.live:
                live(folder, rows, options.regions, options.live)
            else:
                measure(folder, rows, options.regions, options.runs)
    print("load average at the end (1, 5, 15 min):", *(f"{load:.1f}" for load in os.getloadavg()))


if __name__ == "__main__":
    main()
