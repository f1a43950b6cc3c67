"""Producing to the file log: validated events a second of one process, against the same lines unvalidated.

    python benchmarks/bench_producing.py [--events 300000] [--runs 3]

Every row publishes to a new log and includes the final flush. "no validation" appends lines that are already in
memory, so it is the log's own speed; "bytes to a file" writes the same lines with plain write calls of 1 MiB.
Events per second of processor time are what a machine without neighbours would show.
"""

from __future__ import annotations

import argparse
import gc
import platform
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from featurectl.log import Event, open_log
from featurectl.settings import load_settings
from producers.commands import produce_range, replay
from producers.sites import SITES

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2000, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def lines(events: int) -> list[bytes]:
    regions = [site.region for site in SITES]
    stamps = [(START + QUARTER * n).isoformat().replace("+00:00", "Z") for n in range(events // len(regions) + 1)]
    made = (
        b'{"timestamp": "%b", "production_mw": %.1f, "region": "%b"}'
        % (stamp.encode(), n % 97_000 / 7, region.encode())
        for n, stamp in enumerate(stamps)
        for region in regions
    )
    return [line for line, _ in zip(made, range(events), strict=False)]


def replayed(folder: Path, path: Path, *, fsync: bool = False, raw: bool = False) -> int:
    return replay("solar", path, settings=load_settings(folder, fsync=fsync), raw=raw).published


def simulated(folder: Path, events: int) -> int:
    end = START + QUARTER * (events // len(SITES))
    return produce_range("solar", "simulated", START, end, (), load_settings(folder)).published


def appended(folder: Path, prepared: list[Event]) -> int:
    with open_log(load_settings(folder)).writer("solar_production_raw") as writer:
        return writer.append(prepared)


def written(folder: Path, prepared: list[bytes]) -> int:
    with (folder / "file").open("wb", buffering=1 << 20) as file:
        for line in prepared:
            file.write(line + b"\n")
    return len(prepared)


def rates(run: Callable[[Path], int], runs: int) -> tuple[float, float]:
    """Events a second of the clock and of the processor, medians of runs in directories of their own."""
    clock, processor = [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
            began, spent = time.perf_counter(), time.process_time()
            count = run(Path(folder))
            clock.append(count / (time.perf_counter() - began))
            processor.append(count / (time.process_time() - spent))
    return statistics.median(clock), statistics.median(processor)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print("$", "python", *sys.argv)
    versions = ", ".join(f"{name} {version(name)}" for name in ("pydantic", "pydantic-core"))
    print(f"Python {platform.python_version()}, {versions}; {platform.system()} {platform.release()}, {machine()}")
    print(f"{options.events:,} solar events, median of {options.runs}\n")
    prepared = lines(options.events)
    events = [Event(line, "DE") for line in prepared]
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        path = Path(folder) / "events.ndjson"
        path.write_bytes(b"\n".join(prepared))
        rows = {
            "log: no validation": lambda home: appended(home, events),
            "log: NDJSON replay, validated": lambda home: replayed(home, path),
            "log: the same with --fsync": lambda home: replayed(home, path, fsync=True),
            "log: NDJSON replay --raw": lambda home: replayed(home, path, raw=True),
            "log: simulated solar, validated": lambda home: simulated(home, options.events),
            "bytes to a file": lambda home: written(home, prepared),
        }
        gc.collect()
        gc.freeze()  # a million prepared events are the benchmark's own; the collector shall not walk them
        found = {name: rates(run, options.runs) for name, run in rows.items()}
    base = found["log: no validation"]
    print(f"{'':34}{'events/s':>12}{'of no validation':>18}{'events/CPU s':>16}{'of no validation':>18}")
    for name, (clock, processor) in found.items():
        print(f"{name:34}{clock:>12,.0f}{clock / base[0]:>18.2f}{processor:>16,.0f}{processor / base[1]:>18.2f}")


def machine() -> str:
    cpu = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")]
        if cpu.exists()
        else []
    )
    return f"{len(names) or '?'} x {names[0] if names else platform.processor()}"


if __name__ == "__main__":
    main()
