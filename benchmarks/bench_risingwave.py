"""RisingWave: the whole solar graph rebuilt, formulations side by side, and how soon an event is seen.

    python benchmarks/bench_risingwave.py [--regions 1 50 500] [--events 100000] [--at-once 4] [--formulations 1]

For each number of regions: events go into new Kafka topics (every seventh revised days later, every thousandth
malformed, some hours missing), the migrations run, RisingWave ingests; then `apply` builds every view, and that is
timed. The rows are checked against what was generated. Uses the servers of FEATURECTL_TEST_RISINGWAVE_DSN and
FEATURECTL_TEST_KAFKA, or starts executables as the tests do; without either it says so and measures nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from featurectl.engines import open_engine  # noqa: E402
from featurectl.log import Event, open_log  # noqa: E402
from featurectl.project import load_project  # noqa: E402
from featurectl.services.applying import ApplyResult, apply  # noqa: E402
from featurectl.settings import load_settings  # noqa: E402
from tests.kafka_service import VERSION as KAFKA_VERSION  # noqa: E402
from tests.kafka_service import kafka_server  # noqa: E402
from tests.services import ServerMissing, risingwave_server  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featurectl.settings import Settings

START = datetime(2020, 1, 1, tzinfo=UTC)
REVISED, MALFORMED, MISSING = 7, 1000, 503  # every so many quarters, messages, hours
LATE = timedelta(days=3)
PATIENCE_SECONDS = 300
BAD = (
    b'{"timestamp": "2024-01-01T00:00:00", "production_mw": 1, "region": "R0"}',
    b'{"timestamp": "2024-01-01T00:00:00Z", "production_mw": "NaN", "region": "R0"}',
    b'{"timestamp": "2024-01-01T00:00:00Z", "production_mw": 1e20, "region": "R0"}',
    b'{"timestamp": "2024-01-01T00:00:00Z", "production_mw": 1',
    b"\xff\xfe",
    b"[]",
)

LAST = "FROM solar_events_v1 WHERE reason IS NULL"
HOURLY = """SELECT region, date_trunc('hour', "timestamp" + INTERVAL '30 minutes') AS hour, {} AS value
  FROM solar_readings_v1 GROUP BY region, date_trunc('hour', "timestamp" + INTERVAL '30 minutes')"""
HOP = """SELECT p.region, p.hour, w.value FROM production_weather_v1 AS p LEFT JOIN (
    SELECT region, window_end - INTERVAL '1 hour' AS hour, {} AS value
    FROM HOP(production_weather_v1, hour, INTERVAL '1 hour', INTERVAL '24 hours') GROUP BY region, window_end
  ) AS w ON w.region = p.region AND w.hour = p.hour"""
FRAME = """SELECT region, hour, {}(production_mw) OVER (
    PARTITION BY region ORDER BY hour RANGE BETWEEN {} AND {}) AS value FROM production_weather_v1"""
JOIN_24 = """SELECT a.region, a.hour, avg(b.production_mw) AS value FROM (
    SELECT region, hour, unnest(ARRAY[{}]) AS back FROM production_weather_v1
  ) AS a JOIN production_weather_v1 AS b ON b.region = a.region AND b.hour = a.hour - a.back * INTERVAL '1 hour'
  GROUP BY a.region, a.hour""".format(", ".join(map(str, range(24))))
CAST_FIRST = (
    "WITH cast_first AS (SELECT region, hour, production_mw::numeric AS production_mw FROM production_weather_v1) "
    + HOP.replace("HOP(production_weather_v1", "HOP(cast_first")
)
TWO_STEPS = """SELECT p.region, p.hour, w.value FROM production_weather_v1 AS p LEFT JOIN (
    SELECT region, hour, CASE WHEN sum(known) > 0 THEN (sum(total) / sum(known))::double precision END AS value
    FROM (
      SELECT region, window_end + unnest(ARRAY[-1, 3, 7, 11, 15, 19]) * INTERVAL '1 hour' AS hour,
        sum(production_mw::numeric) AS total, count(production_mw) AS known
      FROM HOP(production_weather_v1, hour, INTERVAL '1 hour', INTERVAL '4 hours') GROUP BY region, window_end
    ) AS parts GROUP BY region, hour
  ) AS w ON w.region = p.region AND w.hour = p.hour"""
DECIMALS = "CASE WHEN count(production_mw) > 0 THEN avg(production_mw::numeric)::double precision END"

# The first of each group is the one that sql/ uses; the others are compared with it.
FORMULATIONS = {
    "last revision": {
        "row_number() = 1": f"""SELECT region, "timestamp", value FROM (
            SELECT region, "timestamp", production_mw AS value,
              row_number() OVER (PARTITION BY region, "timestamp" ORDER BY log_offset DESC) AS n {LAST}
          ) AS r WHERE n = 1""",
        "max(ROW(log_offset, …))": f"""SELECT region, "timestamp", (newest).f2 AS value FROM (
            SELECT region, "timestamp", max(ROW(log_offset, production_mw)) AS newest {LAST}
            GROUP BY region, "timestamp"
          ) AS r""",
        "max(ARRAY[log_offset, …])": f"""SELECT region, "timestamp",
            (max(ARRAY[log_offset::double precision, production_mw]))[2] AS value {LAST}
            GROUP BY region, "timestamp" """,
        "arg_max(… , log_offset)": f"""SELECT region, "timestamp",
            arg_max(production_mw, log_offset) AS value {LAST} GROUP BY region, "timestamp" """,
        "last_value(… ORDER BY log_offset)": f"""SELECT region, "timestamp",
            last_value(production_mw ORDER BY log_offset) AS value {LAST} GROUP BY region, "timestamp" """,
    },
    "hourly mean": {
        "GROUP BY, decimals": HOURLY.format(DECIMALS),
        "GROUP BY, doubles": HOURLY.format("avg(production_mw)"),
    },
    "24 h mean": {
        "HOP + GROUP BY, decimals": HOP.format(DECIMALS),
        "HOP + GROUP BY, doubles": HOP.format("avg(production_mw)"),
        "HOP + GROUP BY, cast before": CAST_FIRST.format(DECIMALS),
        "HOP of 4 h, six of them": TWO_STEPS,
        "join with 24 hours + GROUP BY": JOIN_24,
        "avg OVER RANGE": FRAME.format("avg", "INTERVAL '23 hours' PRECEDING", "CURRENT ROW"),
    },
    "24 h lag": {
        "self-join": """SELECT a.region, a.hour, b.production_mw AS value FROM production_weather_v1 AS a
          LEFT JOIN production_weather_v1 AS b ON b.region = a.region AND b.hour = a.hour - INTERVAL '24 hours'""",
        "max OVER RANGE": FRAME.format("max", *["INTERVAL '24 hours' PRECEDING"] * 2),
        "lag(x, 24)": """SELECT region, hour, lag(production_mw, 24) OVER (PARTITION BY region ORDER BY hour) AS value
          FROM production_weather_v1""",
    },
}


@dataclass(frozen=True)
class Made:
    """What was generated, and what must come out of it."""

    solar: list[Event]
    weather: list[Event]
    rows: int
    rejected: int
    total_mw: float
    lagged: int

    @property
    def events(self) -> int:
        return len(self.solar) + len(self.weather)


@dataclass(frozen=True)
class Rebuilt:
    """An apply, and the CPU seconds that the server took for it; None if it is no process of ours."""

    result: ApplyResult
    cpu: float | None


def server_cpu() -> float | None:
    """CPU seconds so far of the server that this process started: they say more than time where others work as well."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition(" (")[2].rpartition(") ")
        except OSError:
            continue  # it has ended
        fields = rest.split()
        if name == "risingwave" and int(fields[1]) == os.getpid():
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return None


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def site(number: int) -> tuple[float, float]:
    return 30 + number % 40, -20 + number // 40 * 2.5


def solar_event(region: str, at: datetime, mw: float) -> Event:
    text = f'{{"timestamp": "{stamp(at)}", "production_mw": {mw:.3f}, "region": "{region}"}}'
    return Event(text.encode(), region)


def weather_event(hour: int, latitude: float, longitude: float) -> Event:
    text = (
        f'{{"timestamp": "{stamp(START + timedelta(hours=hour))}", "temperature_c": {hour % 31 - 5},'
        f' "cloud_cover_pct": {hour % 101}, "solar_radiation_wm2": {hour % 24 * 30},'
        f' "latitude": {latitude}, "longitude": {longitude}}}'
    )
    return Event(text.encode(), f"{latitude},{longitude}")


def make(regions: int, events: int) -> Made:
    """About so many events: a reading a quarter of an hour, one weather reading an hour."""
    hours = max(25, round(events / regions / (4 * (1 + 1 / REVISED) + 1)))
    present = [h for h in range(hours) if h % MISSING != 100]
    timed: list[tuple[datetime, int, Event]] = []
    weather = []
    total, rejected = 0.0, 0
    for number in range(regions):
        region, (latitude, longitude) = f"R{number}", site(number)
        for h in present:
            at = START + timedelta(hours=h)
            weather.append(weather_event(h, latitude, longitude))
            quarters = []
            for quarter in range(4):
                n = h * 4 + quarter
                when, mw = at + timedelta(minutes=15 * (quarter - 2)), (n + number) % 977 / 8
                timed.append((when, 0, solar_event(region, when, mw)))
                if n % REVISED == 0:
                    mw += 5
                    timed.append((when + LATE, 1, solar_event(region, when, mw)))
                quarters.append(mw)
            total += sum(quarters) / 4
    timed.sort(key=lambda item: item[:2])
    solar = []
    for n, (_, _, event) in enumerate(timed):
        solar.append(event)
        if n % MALFORMED == 0:
            solar.append(Event(BAD[n // MALFORMED % len(BAD)], event.key))
            rejected += 1
    lagged = len(set(present) & {h + 24 for h in present})
    return Made(solar, weather, regions * len(present), rejected, total, regions * lagged)


class Deployment:
    """The project on a database and on topics of its own."""

    def __init__(self, dsn: str, kafka: str, folder: Path, at_once: int) -> None:
        self.dsn = dsn
        server = parse_dsn(dsn)
        tag = uuid.uuid4().hex[:8]
        self.topics = {name: f"bench-{tag}-{name}" for name in ("solar", "weather")}
        self.settings: Settings = load_settings(
            ROOT,
            target="risingwave",
            log="kafka",
            home=folder,
            topics=self.topics,
            kafka_bootstrap_servers=kafka,
            risingwave_kafka_bootstrap_servers=kafka,
            risingwave_host=server["host"],
            risingwave_port=int(server["port"]),
            risingwave_database=server["dbname"],
            risingwave_builds=at_once,
            risingwave_user=server["user"],
            risingwave_password=server.get("password"),
        )
        self.log = open_log(self.settings)
        self.engine = open_engine(self.settings, self.log)
        self.project = load_project(self.settings)

    def publish(self, name: str, events: list[Event]) -> None:
        with self.log.writer(self.topics[name]) as writer:
            writer.append(events)

    def ingest(self, made: Made, regions: int) -> float:
        """Run the migrations; return the seconds until every event is in the source tables."""
        started = time.monotonic()
        with self.engine.write("bench", timedelta(0)) as writer:
            for migration in self.project.migrations:
                writer.migrate(migration)
        rows = ", ".join(
            f"('R{n}', {latitude}, {longitude}, 'UTC')" for n in range(regions) for latitude, longitude in [site(n)]
        )
        self.sql(f"INSERT INTO regions (region, latitude, longitude, time_zone) VALUES {rows}", "FLUSH")
        while sum(source.rows for source in self.engine.inspect().sources) < made.events:
            assert time.monotonic() - started < PATIENCE_SECONDS, "the events do not come"
            time.sleep(0.05)
        return time.monotonic() - started

    def rebuild(self) -> Rebuilt:
        before = server_cpu()
        result = apply(self.project, self.engine)
        after = server_cpu()
        return Rebuilt(result, None if before is None or after is None else after - before)

    def check(self, made: Made) -> None:
        """The features are those that the events say, or the times mean nothing."""
        [found] = self.sql(
            "SELECT count(*), sum(production_mw::numeric), count(production_lag_24h), count(production_ma_24h),"
            " count(temperature_c) FROM features_enriched"
        )
        [[rejected]] = self.sql("SELECT count(*) FROM solar_rejected")
        assert (found[0], found[2], found[3], found[4]) == (made.rows, made.lagged, made.rows, made.rows), (
            found,
            made.rows,
        )
        assert abs(float(found[1]) - made.total_mw) < 1e-6 * made.total_mw, (found[1], made.total_mw)
        assert rejected == made.rejected, (rejected, made.rejected)

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.dsn)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("SET TIME ZONE 'UTC'")
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def deployed(dsn: str, kafka: str, at_once: int) -> Iterator[Deployment]:
    """A deployment; its database and its topics are gone afterwards."""
    from confluent_kafka.admin import AdminClient

    name = f"bench_{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory() as folder, closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"CREATE DATABASE {name}")
        deployment = Deployment(make_dsn(dsn, dbname=name), kafka, Path(folder), at_once)
        try:
            yield deployment
        finally:
            cursor.execute(f"DROP DATABASE {name}")
            admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
            for done in admin.delete_topics(list(deployment.topics.values())).values():
                done.result()


def formulations(deployment: Deployment) -> None:
    """Each as a materialized view by itself, in the foreground; then dropped."""
    print(f"\n{'':16}{'':36}{'seconds':>8}{'ratio':>7}  answers")
    floor, _ = built(deployment, "SELECT region, hour, production_mw AS value FROM production_weather_v1")
    print(f"{'floor':16}{'a copy of the hourly rows':36}{floor:>8.1f}")
    for group, texts in FORMULATIONS.items():
        base: tuple[float, tuple[Any, ...]] | None = None
        for name, text in texts.items():
            seconds, answer = built(deployment, text)
            base = base or (seconds, answer)
            same = answer[:2] == base[1][:2] and abs(answer[2] - base[1][2]) <= 1e-9 * abs(base[1][2])
            words = f"{seconds:>8.1f}{seconds / base[0]:>7.1f}  {'the same' if same else 'OTHERS'}"
            print(f"{group:16}{name:36}{words}", flush=True)


def built(deployment: Deployment, text: str) -> tuple[float, tuple[Any, ...]]:
    """Seconds until the view can be read; number of rows, of values, and a sum that depends on who has which."""
    with closing(psycopg2.connect(deployment.dsn)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        started = time.monotonic()
        cursor.execute(f"CREATE MATERIALIZED VIEW bench_view AS {text}")
        seconds = time.monotonic() - started
        cursor.execute("SELECT * FROM bench_view LIMIT 0")
        at = cursor.description[1].name
        cursor.execute(
            "SELECT count(*), count(value), sum(value * (extract(epoch FROM"
            f' "{at}")::bigint / 900 % 1009)::double precision) FROM bench_view'
        )
        answer = cursor.fetchone()
        cursor.execute("DROP MATERIALIZED VIEW bench_view")
    return seconds, answer


def freshness(deployment: Deployment, count: int) -> list[float]:
    """Seconds from just before an event is sent until a query of features_enriched finds it."""
    waited = []
    spread = random.Random(1)
    first = START + timedelta(days=36500)
    with (
        deployment.log.writer(deployment.topics["solar"]) as writer,
        closing(psycopg2.connect(deployment.dsn)) as connection,
    ):
        connection.autocommit = True
        cursor = connection.cursor()
        for n in range(count):
            time.sleep(spread.random())  # not always in the same part of the barrier interval
            at = first + timedelta(hours=n)
            started = time.monotonic()
            writer.append([solar_event("R0", at, n)])
            writer.flush()
            question = f"SELECT 1 FROM features_enriched WHERE region = 'R0' AND \"timestamp\" = '{stamp(at)}'"
            while cursor.execute(question) or not cursor.fetchone():
                assert time.monotonic() - started < PATIENCE_SECONDS, "the event does not come"
            waited.append(time.monotonic() - started)
    return waited


def print_builds(results: dict[int, tuple[Made, float, Rebuilt]]) -> None:
    print(f"\n{'seconds by view':28}" + "".join(f"{f'{n} regions':>14}" for n in results))
    applied = [rebuilt.result for _, _, rebuilt in results.values()]
    for name in [version.view for version in applied[0].built]:
        seconds = [next(v.build_seconds for v in r.built if v.view == name) for r in applied]
        print(f"{name:28}" + "".join(f"{s:>14.1f}" for s in seconds))
    built_in = [sum(v.build_seconds for v in result.built) for result in applied]
    events = [made.events for made, _, _ in results.values()]
    whole = [result.seconds for result in applied]
    cpu = [rebuilt.cpu or float("nan") for _, _, rebuilt in results.values()]
    rows: dict[str, list[float]] = {
        "sum of the views, s": built_in,
        "whole apply, s": whole,
        "CPU of the server, s": cpu,
        "migrations + ingestion, s": [seconds for _, seconds, _ in results.values()],
    }
    for name, values in rows.items():
        print(f"{name:28}" + "".join(f"{value:>14.1f}" for value in values))
    counts: dict[str, list[float]] = {
        "events": [*events],
        "rows of features": [made.rows for made, _, _ in results.values()],
        "malformed, all rejected": [made.rejected for made, _, _ in results.values()],
        "events/s, whole apply": [n / s for n, s in zip(events, whole, strict=True)],
        "CPU us an event": [1e6 * s / n for n, s in zip(events, cpu, strict=True)],
    }
    for name, values in counts.items():
        print(f"{name:28}" + "".join(f"{value:>14,.0f}" for value in values))


def run(options: argparse.Namespace, dsn: str, kafka: str) -> None:
    results: dict[int, tuple[Made, float, Rebuilt]] = {}
    fresh: dict[int, list[float]] = {}
    try:
        for regions in options.regions:
            made = make(regions, options.events)
            with deployed(dsn, kafka, options.at_once) as deployment:
                deployment.publish("solar", made.solar)
                deployment.publish("weather", made.weather)
                ingested = deployment.ingest(made, regions)
                results[regions] = (made, ingested, deployment.rebuild())
                deployment.check(made)
                if options.fresh:
                    fresh[regions] = freshness(deployment, options.fresh)
                if regions in options.formulations:
                    print(f"\nformulations: {made.events:,} events, {made.rows:,} hours, {regions} regions", end="")
                    formulations(deployment)
    finally:
        if results:  # what was measured before an interruption counts too
            print_builds(results)
    for regions, waited in fresh.items():
        middle, longest = statistics.median(waited), max(waited)
        print(f"event → visible, {regions} regions: p50 {middle:.2f} s, max {longest:.2f} s ({len(waited)} events)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--regions", type=int, nargs="+", default=[1, 50, 500])
    parser.add_argument("--events", type=int, default=100_000, help="about so many for each number of regions")
    parser.add_argument("--formulations", type=int, nargs="*", default=[1], help="with these numbers of regions")
    parser.add_argument("--fresh", type=int, default=10, help="how many single events are waited for; 0: none")
    parser.add_argument("--at-once", type=int, default=4, help="views built at the same time; the server is told too")
    parser.add_argument("--build", default="", help="what is known of the server's build, for the output")
    options = parser.parse_args()
    with ExitStack() as stack:
        try:
            kafka = stack.enter_context(kafka_server())
            dsn = stack.enter_context(risingwave_server())
        except ServerMissing as missing:
            print(f"bench_risingwave.py measures nothing, no server: {missing}")
            return
        with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute("SELECT version()")
            [version] = cursor.fetchone()
            cursor.execute(f"ALTER SYSTEM SET max_concurrent_creating_streaming_jobs TO {options.at_once}")
        print("$", "python", *sys.argv)
        server = ", ".join(filter(None, [version.split(" ")[1].partition("-")[2], options.build]))
        print(f"{server}; Kafka {KAFKA_VERSION if kafka.ours else 'as given'}; {machine()}")
        run(options, dsn, kafka.dsn)
        print(f"load average at the end (1, 5, 15 min): {' '.join(f'{load:.1f}' for load in os.getloadavg())}")


def machine() -> str:
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    named = f"{os.cpu_count()} x {names[0] if names else platform.processor()}"
    return f"{named}, Python {platform.python_version()}, load average before {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
