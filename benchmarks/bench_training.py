"""Training sets beside hand-written ASOF joins: the same features and labels, in one run.

    python benchmarks/bench_training.py [--features 10000000] [--labels 1000000] [--views 1] [--rounds 3] [--polars]

A project with one view of 14 features (or `--views` of them) over 500 entities by the hour, on the embedded target; a
spine of labels at random minutes. `featurectl` is `featurectl.FeatureStore` writing Parquet with its manifest; `duckdb`
is one ASOF LEFT JOIN a view of the same Parquet files to Parquet, `polars` a join_asof a view in memory. Each runs in a
process of its own, by turns; medians, and the largest resident memory of each. The rows are compared cell by cell.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import duckdb  # noqa: E402

ENTITIES, FEATURES = 500, 14
MEMORY = "3000MB"


def write_project(folder: Path, views: int) -> None:
    """Views that read a table each, which is filled behind the migration's back: what is measured reads their rows."""
    (folder / "sql").mkdir(parents=True)
    (folder / "migrations").mkdir()
    columns = ", ".join(f"f{n} double precision" for n in range(FEATURES))
    tables = "".join(f"CREATE TABLE raw{v} (region varchar, ts timestamptz, {columns});\n" for v in range(views))
    (folder / "migrations" / "0001_raw.sql").write_text(tables, encoding="utf-8")
    for v in range(views):
        named = ", ".join(f"f{n} AS v{v}_f{n}" for n in range(FEATURES))
        (folder / "sql" / f"view{v}.sql").write_text(
            f"/*\nentity: region\nevent_time: ts\ngrain: 1 hour\navailable_after: 1 hour\n*/\n"
            f"SELECT region, ts, {named} FROM raw{v}\n",
            encoding="utf-8",
        )


def fill(folder: Path, rows: int, labels: int, views: int) -> None:
    """The views' rows, as `apply` builds them out of tables that are filled here; and the spine."""
    from featurectl.engines import open_engine
    from featurectl.log import open_log
    from featurectl.project import load_project
    from featurectl.services.applying import apply
    from featurectl.settings import load_settings

    settings = load_settings(folder, home=folder / "home", memory_limit=MEMORY)
    engine = open_engine(settings, open_log(settings))
    with engine.write("bench", timedelta(0)) as writer:
        for migration in load_project(settings).migrations:
            writer.migrate(migration)
    values = ", ".join(f"(hash(i * 31 + {n}) % 100000) / 7.0" for n in range(FEATURES))
    with duckdb.connect(str(folder / "home" / "engine.duckdb")) as con:
        con.execute("SET TimeZone = 'UTC'")
        for v in range(views):
            con.execute(
                f"INSERT INTO raw{v} SELECT 'R' || (i % {ENTITIES}), TIMESTAMPTZ '2020-01-01 00:00:00+00'"
                f" + (i // {ENTITIES}) * INTERVAL 1 hour, {values} FROM range({rows}) AS r(i)"
            )
    apply(load_project(settings), engine)
    hours = rows // ENTITIES
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(
            f"COPY (SELECT 'R' || (hash(i) % {ENTITIES}) AS region, TIMESTAMPTZ '2020-01-01 00:00:00+00'"
            f" + (hash(i * 7) % {hours * 60}) * INTERVAL 1 minute AS event_timestamp, i AS label"
            f" FROM range({labels}) AS r(i)) TO '{folder}/spine.parquet' (FORMAT parquet)"
        )


def files_of(folder: Path, view: int) -> str:
    """The view's pieces."""
    files = sorted((folder / "home" / "pieces" / f"view{view}_v1").glob("*.parquet"))
    return f"read_parquet([{', '.join(repr(str(file)) for file in files)}])"


def run_featurectl(folder: Path, views: int) -> None:
    """A training set of all views, with its manifest."""
    import featurectl

    os.environ["FEATURECTL_MEMORY_LIMIT"] = MEMORY
    store = featurectl.FeatureStore(folder, folder / "home")
    made = store.get_historical_features(folder / "spine.parquet", [f"view{v}" for v in range(views)])
    made.to_parquet(folder / "featurectl.parquet")


def run_duckdb(folder: Path, views: int) -> None:
    """An ASOF join a view, written by hand."""
    joins = "".join(
        f" ASOF LEFT JOIN {files_of(folder, v)} AS f{v}"
        f" ON s.region = f{v}.region AND s.event_timestamp - INTERVAL 1 hour >= f{v}.ts"
        for v in range(views)
    )
    columns = ", ".join(f"f{v}.* EXCLUDE (region, ts)" for v in range(views))
    with duckdb.connect() as con:
        con.execute(f"SET TimeZone = 'UTC'; SET memory_limit = '{MEMORY}'; SET temp_directory = '{folder}/spill'")
        con.execute("SET preserve_insertion_order = false")
        con.execute(
            f"COPY (SELECT s.*, {columns} FROM read_parquet('{folder}/spine.parquet') AS s{joins})"
            f" TO '{folder}/duckdb.parquet' (FORMAT parquet, COMPRESSION zstd)"
        )


def run_polars(folder: Path, views: int) -> None:
    """A join_asof a view, written by hand; in memory."""
    import polars as pl

    rows = pl.read_parquet(folder / "spine.parquet").with_columns(known=pl.col("event_timestamp").dt.offset_by("-1h"))
    rows = rows.sort("known")
    for v in range(views):
        files = (folder / "home" / "pieces" / f"view{v}_v1").glob("*.parquet")
        features = pl.read_parquet(sorted(files)).sort("ts")
        rows = rows.join_asof(features, left_on="known", right_on="ts", by="region", check_sortedness=False)
        rows = rows.drop("ts", strict=False)
    rows.drop("known").sort("label").write_parquet(folder / "polars.parquet")


WAYS = {"featurectl": run_featurectl, "duckdb": run_duckdb, "polars": run_polars}


def peak_mib() -> float:
    """The largest resident memory of this process; `ru_maxrss` counts that of the process which started it, too."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(way: str, folder: Path, views: int) -> tuple[float, float]:
    """Seconds and MiB of a process of its own."""
    words = [sys.executable, __file__, "--way", way, "--folder", str(folder), "--views", str(views)]
    started = time.monotonic()
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    return time.monotonic() - started, float(done.stdout.split()[-1])


def differing(folder: Path, one: str, other: str) -> int:
    """Rows that one has and the other has not, or in which a cell is another."""
    with duckdb.connect() as con:
        con.execute(f"SET memory_limit = '{MEMORY}'; SET temp_directory = '{folder}/spill'")
        row = con.execute(
            f"SELECT count(*) FROM read_parquet('{folder}/{one}.parquet') AS a"
            f" FULL JOIN read_parquet('{folder}/{other}.parquet') AS b ON a.label = b.label"
            " WHERE a IS DISTINCT FROM b"
        ).fetchone()
    assert row is not None
    return int(row[0])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--features", type=int, default=1_000_000, help="rows of each view")
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--views", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--polars", action="store_true", help="Polars too, which keeps everything in memory")
    parser.add_argument("--singles", action="store_true", help="each view by itself, too")
    parser.add_argument("--feast", metavar="PYTHON", help="random data beside Feast, too: see beside_feast.py")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        WAYS[options.way](options.folder, options.views)
        print(peak_mib())
        return
    with tempfile.TemporaryDirectory() as name:
        if options.feast:
            from benchmarks.beside_feast import compare as compare_randomly

            compare_randomly(Path(name), options.feast, options.features, options.labels)
            return
        compare(options, Path(name))


def compare(options: argparse.Namespace, folder: Path) -> None:
    """Print the table."""
    print(f"$ python benchmarks/{' '.join([Path(sys.argv[0]).name, *sys.argv[1:]])}")
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, Python"
        f" {platform.python_version()}, DuckDB {duckdb.__version__}"
    )
    write_project(folder, options.views)
    fill(folder, options.features, options.labels, options.views)
    ways = ["featurectl", "duckdb", *(["polars"] if options.polars else [])]
    taken: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(options.rounds):
        for way in ways:
            taken[way].append(measured(way, folder, options.views))
    shape = f"{options.features:,} rows x {options.labels:,} labels x {FEATURES} features x {options.views} views"
    print(f"{shape:56}{'seconds':>9}{'ratio':>8}{'MiB':>8}  rows that differ")
    base = statistics.median(seconds for seconds, _ in taken["duckdb"])
    for way in ways:
        middle = statistics.median(seconds for seconds, _ in taken[way])
        peak = max(memory for _, memory in taken[way])
        others = "" if way == "featurectl" else f"  {differing(folder, 'featurectl', way)}"
        print(f"{way:56}{middle:>9.2f}{middle / base:>8.2f}{peak:>8.0f}{others}")
    if options.singles:
        single, _ = measured("featurectl", folder, 1)
        print(f"{'featurectl, one of the views, once for each':56}{single * options.views:>9.2f}")


if __name__ == "__main__":
    main()
