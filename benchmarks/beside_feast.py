"""The same random data joined by featurectl, Polars and Feast: ties, edges of the time to live, NULL, revisions.

    python benchmarks/bench_training.py --feast PYTHON [--features 20000] [--labels 5000]

PYTHON is that of a virtual environment with Feast (`pip install feast`): it is no dependency of this project. Times are
whole minutes within few hours, so that many rows share entity and time, and many labels stand just on a row's time or
just at the end of its time to live. Feast asks its file store; each runs in a process of its own.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2024, 6, 1, tzinfo=UTC)
TTL_MINUTES, PLACES = 90, 20
VIEW = f"""/*
entity: place
event_time: ts
ttl: {TTL_MINUTES} minutes
*/
SELECT place, ts, revision, f0, f1 FROM readings
"""
TABLE = "CREATE TABLE readings (place varchar, ts timestamptz, revision bigint, f0 double precision, f1 bigint);\n"
# What runs in Feast's environment: its own way of asking for it, no more.
FEAST = """
import sys, time
from datetime import timedelta
from pathlib import Path
import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource
from feast.types import Float64, Int64
from feast.value_type import ValueType

folder, ttl = Path(sys.argv[1]), timedelta(minutes=int(sys.argv[2]))
(folder / "feast").mkdir(exist_ok=True)
(folder / "feast" / "feature_store.yaml").write_text(
    "project: beside\\nregistry: registry.db\\nprovider: local\\noffline_store: {type: file}\\n"
    "online_store: {type: sqlite, path: online.db}\\nentity_key_serialization_version: 3\\n"
)
store = FeatureStore(repo_path=str(folder / "feast"))
place = Entity(name="place", join_keys=["place"], value_type=ValueType.STRING)
source = FileSource(path=str(folder / "rows.parquet"), timestamp_field="ts", created_timestamp_column="created")
view = FeatureView(name="readings", entities=[place], ttl=ttl, source=source, online=False, schema=[
    Field(name="revision", dtype=Int64), Field(name="f0", dtype=Float64), Field(name="f1", dtype=Int64)])
store.apply([place, view])
spine = pd.read_parquet(folder / "spine.parquet")
started = time.monotonic()
found = store.get_historical_features(spine, [f"readings:{name}" for name in ("revision", "f0", "f1")]).to_df()
print(time.monotonic() - started)
found[["label", "revision", "f0", "f1"]].to_parquet(folder / "feast.parquet")
"""


def make(folder: Path, rows: int, labels: int, seed: int) -> None:
    """`rows.parquet` and `spine.parquet`; revisions of one entity and time have different times of creation."""
    chance = random.Random(seed)
    minutes = max(60, rows // PLACES)  # about one row an entity and minute: every third has a tie
    values: list[tuple[Any, ...]] = [
        (
            f"P{chance.randrange(PLACES)}", START + timedelta(minutes=chance.randrange(minutes)), n,
            START + timedelta(days=400, seconds=n), None if chance.random() < 0.1 else chance.randrange(1000) / 4,
            chance.randrange(-9, 9),
        )
        for n in range(rows)
        if chance.random() < 0.5 or n % 7  # holes, so that a time to live ends
    ]  # fmt: skip
    values = [row for row in values if (row[1] - START) % timedelta(hours=4) < timedelta(hours=2)]
    last = {(row[0], (row[1] - START) // timedelta(hours=4)): row[1] for row in sorted(values, key=lambda row: row[1])}
    ends = [(place, at + timedelta(minutes=TTL_MINUTES)) for (place, _), at in last.items()]
    asked = [(*chosen(chance, values, ends, minutes), n) for n in range(labels)]
    import polars as pl

    pl.DataFrame(values, schema=["place", "ts", "revision", "created", "f0", "f1"], orient="row").write_parquet(
        folder / "rows.parquet"
    )
    pl.DataFrame(asked, schema=["place", "event_timestamp", "label"], orient="row").write_parquet(
        folder / "spine.parquet"
    )


def chosen(
    chance: random.Random, rows: list[tuple[Any, ...]], ends: list[tuple[str, datetime]], minutes: int
) -> tuple[str, datetime]:
    """An entity and a time: any, a row's time, or around the end of a time to live."""
    kind = chance.randrange(3)
    if kind == 0:
        return f"P{chance.randrange(PLACES + 1)}", START + timedelta(minutes=chance.randrange(minutes + 120))
    if kind == 1:
        row = chance.choice(rows)
        return row[0], row[1]
    place, end = chance.choice(ends)
    return place, end + timedelta(minutes=chance.choice((-1, 0, 0, 1)))


def with_featurectl(folder: Path) -> float:
    """Seconds of a training set, the rows being in a view already."""
    import featurectl
    from featurectl.engines import open_engine
    from featurectl.log import open_log
    from featurectl.project import load_project
    from featurectl.services.applying import apply
    from featurectl.settings import load_settings

    for name, text in (("migrations/0001_readings.sql", TABLE), ("sql/hourly.sql", VIEW)):
        (folder / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "project" / name).write_text(text, encoding="utf-8")
    settings = load_settings(folder / "project", home=folder / "home")
    engine = open_engine(settings, open_log(settings))
    with engine.write("bench", timedelta(0)) as writer:
        for migration in load_project(settings).migrations:
            writer.migrate(migration)
    with duckdb.connect(str(folder / "home" / "engine.duckdb")) as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"INSERT INTO readings SELECT * EXCLUDE (created) FROM '{folder}/rows.parquet'")
    apply(load_project(settings), engine)
    store = featurectl.FeatureStore(folder / "project", folder / "home")
    started = time.monotonic()
    made = store.get_historical_features(folder / "spine.parquet", ["hourly"])
    made.to_parquet(folder / "featurectl.parquet")
    return time.monotonic() - started


def with_polars(folder: Path) -> float:
    """Seconds of a join_asof by hand."""
    import polars as pl

    started = time.monotonic()
    rows = pl.read_parquet(folder / "rows.parquet").sort("ts", "revision").drop("created")
    spine = pl.read_parquet(folder / "spine.parquet").sort("event_timestamp")
    spine.join_asof(
        rows, left_on="event_timestamp", right_on="ts", by="place", tolerance=f"{TTL_MINUTES}m", check_sortedness=False
    ).write_parquet(folder / "polars.parquet")
    return time.monotonic() - started


def with_feast(folder: Path, python: str) -> float:
    """Seconds that Feast says it took, without its start and its registry."""
    done = subprocess.run(
        [python, "-c", FEAST, str(folder), str(TTL_MINUTES)],
        check=True, capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "FEAST_USAGE": "False", "HOME": str(folder)},
    )  # fmt: skip
    return float(done.stdout.split()[-1])


def differing(folder: Path, other: str) -> str:
    """How many labels have another cell, by what they have in common."""
    cells = "label, revision::BIGINT AS revision, CASE WHEN NOT isnan(f0) THEN f0::DOUBLE END AS f0, f1::BIGINT AS f1"
    with duckdb.connect() as con:
        con.execute(
            f"CREATE VIEW ties AS SELECT place, ts FROM '{folder}/rows.parquet' GROUP BY ALL HAVING count(*) > 1"
        )
        rows = con.execute(
            f"WITH twice AS (SELECT place, event_timestamp FROM '{folder}/spine.parquet' GROUP BY ALL"
            f" HAVING count(*) > 1), ours AS (SELECT {cells} FROM '{folder}/featurectl.parquet'),"
            f" theirs AS (SELECT {cells} FROM '{folder}/{other}.parquet')"
            " SELECT CASE WHEN t.label IS NULL AND w.place IS NOT NULL THEN 'label lost whose entity and time are there"
            " twice' WHEN t.label IS NULL AND o.revision IS NULL THEN 'label lost of which nothing is found in time'"
            " WHEN (r.place, r.ts) IN (SELECT (place, ts) FROM ties) THEN 'another revision of a tie'"
            " ELSE 'anything else' END AS what, count(*)"
            f" FROM '{folder}/spine.parquet' AS s JOIN ours AS o USING (label) LEFT JOIN theirs AS t USING (label)"
            f" LEFT JOIN '{folder}/rows.parquet' AS r ON r.revision = o.revision"
            " LEFT JOIN twice AS w ON w.place = s.place AND w.event_timestamp = s.event_timestamp"
            " WHERE t.label IS NULL OR (o.revision, o.f0, o.f1) IS DISTINCT FROM (t.revision, t.f0, t.f1)"
            " GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    return ", ".join(f"{count:,} ({what})" for what, count in rows) or "0"


def figures(folder: Path) -> str:
    """How many labels stand just on a tie, or just at an edge, so that it can be seen that they were tried."""
    with duckdb.connect() as con:
        row = con.execute(
            f"SELECT count(DISTINCT CASE WHEN ties > 1 THEN label END), count(DISTINCT CASE WHEN event_timestamp = ts"
            f" THEN label END), count(DISTINCT CASE WHEN event_timestamp = ts + INTERVAL {TTL_MINUTES} minutes THEN"
            f" label END) FROM '{folder}/spine.parquet' JOIN (SELECT place, ts, count(*) AS ties"
            f" FROM '{folder}/rows.parquet' GROUP BY ALL) USING (place)"
            f" WHERE event_timestamp IN (ts, ts + INTERVAL {TTL_MINUTES} minutes)"
        ).fetchone()
    assert row is not None
    return f"{row[0]:,} labels on ties, {row[1]:,} just on a row's time, {row[2]:,} just at the end of a time to live"


def compare(folder: Path, python: str | None, rows: int, labels: int, seed: int = 1) -> dict[str, str]:
    """Print seconds and how many labels differ; returns the latter, by way."""
    make(folder, rows, labels, seed)
    print(f"{rows:,} rows x {labels:,} labels, {figures(folder)}")
    taken = {"featurectl": with_featurectl(folder), "polars": with_polars(folder)}
    if python is not None:
        taken["feast"] = with_feast(folder, python)
    found = {way: differing(folder, way) for way in taken}
    for way, seconds in taken.items():
        print(f"{way:12}{seconds:>8.2f} s  labels that differ: {found[way]}")
    return found


if __name__ == "__main__":
    sys.exit("run: python benchmarks/bench_training.py --feast PYTHON")
