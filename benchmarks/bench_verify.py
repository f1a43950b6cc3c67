"""What `featurectl verify` takes in time and memory as the events become more, on either target.

    python benchmarks/bench_verify.py [--target embedded] [--events 100000 400000] [--memory-limit 1500MB]

For each number of events: readings of solar production and of weather (every seventh revised, every thousandth
refused) go into an event log, the project is applied and takes them in, then `featurectl verify` recomputes and
compares everything, as a process of its own whose peak of resident memory the operating system says. About half a
minute for each million events on `embedded`. `--target risingwave` uses the servers of FEATURECTL_TEST_RISINGWAVE_DSN
and FEATURECTL_TEST_KAFKA, or starts executables as the tests do.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from psycopg2.extensions import parse_dsn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from featurectl.log import Event, open_log  # noqa: E402
from featurectl.settings import load_settings  # noqa: E402
from tests.kafka_service import kafka_server  # noqa: E402
from tests.risingwave.databases import database  # noqa: E402
from tests.services import ServerMissing, risingwave_server  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(1990, 1, 1, tzinfo=UTC)
SITES = {
    "DE": (51.1657, 10.4515),
    "ES": (40.4168, -3.7038),
    "FR": (46.6034, 1.8883),
    "IT": (41.9028, 12.4964),
    "AT": (47.5162, 14.5501),
    "NL": (52.1326, 5.2913),
    "BE": (50.5039, 4.4699),
    "PL": (51.9194, 19.1451),
}
REVISED, REFUSED = 7, 1000
REFUSED_EVENT = Event(b'{"timestamp": "2024-01-01T00:00:00", "production_mw": "NaN"}', "DE")


@dataclass(frozen=True)
class Measured:
    """One run of `verify`."""

    events: int
    compared: int
    seconds: float
    peak_mib: float
    ready_seconds: float


def solar(count: int) -> Iterator[Event]:
    """Quarter-hours of each region in turn; a revision comes some hours after what it revises."""
    for n in range(count):
        if n % REFUSED == REFUSED - 1:
            yield REFUSED_EVENT
            continue
        region = list(SITES)[n % len(SITES)]
        quarter = n // len(SITES) - (20 if n % REVISED == 0 else 0)
        when = (START + timedelta(minutes=15 * quarter)).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = f'{{"timestamp": "{when}", "production_mw": {n % 977 / 7:.3f}, "region": "{region}"}}'
        yield Event(text.encode(), region)


def weather(count: int) -> Iterator[Event]:
    """Hours of each site in turn."""
    places = list(SITES.values())
    for n in range(count):
        latitude, longitude = places[n % len(places)]
        when = (START + timedelta(hours=n // len(places))).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = (
            f'{{"timestamp": "{when}", "temperature_c": {n % 31 - 5}, "cloud_cover_pct": {n % 101},'
            f' "solar_radiation_wm2": {n % 24 * 30}, "latitude": {latitude}, "longitude": {longitude}}}'
        )
        yield Event(text.encode(), f"{latitude},{longitude}")


@contextmanager
def target_of_its_own(target: str, folder: Path) -> Iterator[None]:
    """The environment names a home, and on a server a database and topics, that nobody else uses."""
    settings = {"FEATURECTL_TARGET": target, "FEATURECTL_HOME": str(folder)}
    with ExitStack() as stack:
        if target == "risingwave":
            kafka = stack.enter_context(kafka_server())
            where = parse_dsn(stack.enter_context(database(stack.enter_context(risingwave_server()), 1000)))
            settings |= {f"KAFKA_TOPIC_{name}": f"bench-{uuid.uuid4().hex[:8]}" for name in ("SOLAR", "WEATHER")}
            settings |= {
                "KAFKA_BOOTSTRAP_SERVERS": kafka.dsn,
                "RISINGWAVE_HOST": where["host"],
                "RISINGWAVE_PORT": where["port"],
                "RISINGWAVE_DATABASE": where["dbname"],
                "RISINGWAVE_USER": where["user"],
            }
        os.environ.update(settings)
        yield


def featurectl(*words: str) -> tuple[str, float, float]:
    """A command's output, wall seconds, and peak resident memory in MiB."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen([sys.executable, "-m", "featurectl", "--project", str(ROOT), *words], stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        output.seek(0)
        text = output.read()
    assert process.returncode == 0, (words, process.returncode, text)
    return text, seconds, usage.ru_maxrss / 1024


def measure(events: int) -> Measured:
    """Fill a log, apply, take everything in, verify."""
    started = time.monotonic()
    fill(events)
    featurectl("apply")
    featurectl("run", "--once")
    ready = time.monotonic() - started
    text, seconds, peak = featurectl("verify", "--output", "json")
    found = json.loads(text)
    raw = sum(part["rows"] for source in found["sources"] for part in source["partitions"])
    beside = sum(part["compared"] for source in found["sources"] for part in source["partitions"])
    assert found["equal"] and raw == beside == events, (found["equal"], raw, beside, events)
    return Measured(events, sum(view["rows"] for view in found["views"]), seconds, peak, ready)


def fill(events: int) -> None:
    """Four fifths solar, one fifth weather."""
    settings = load_settings(ROOT)
    log = open_log(settings)
    for name, made in (("solar", solar(events * 4 // 5)), ("weather", weather(events // 5))):
        with log.writer(settings.topics[name]) as writer:
            writer.append(made)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--target", choices=["embedded", "risingwave"], default="embedded")
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 400_000])
    parser.add_argument("--memory-limit", default="1500MB", help="FEATURECTL_MEMORY_LIMIT")
    options = parser.parse_args()
    os.environ["FEATURECTL_MEMORY_LIMIT"] = options.memory_limit
    print("$", "python", *sys.argv)
    versions = f"Python {platform.python_version()}, DuckDB {duckdb.__version__}"
    print(f"{platform.machine()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, {versions}")
    print(f"{'events':>12}{'rows compared':>15}{'seconds':>9}{'peak MiB':>10}{'before that, s':>16}", flush=True)
    for events in options.events:
        with tempfile.TemporaryDirectory() as folder:
            try:
                with target_of_its_own(options.target, Path(folder)):
                    found = measure(events)
            except ServerMissing as missing:
                print(f"nothing is measured, no server: {missing}")
                return
        row = f"{found.events:>12,}{found.compared:>15,}{found.seconds:>9.1f}{found.peak_mib:>10,.0f}"
        print(f"{row}{found.ready_seconds:>16.1f}", flush=True)


if __name__ == "__main__":
    main()
