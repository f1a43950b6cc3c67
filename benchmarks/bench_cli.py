"""How long the command line takes: --help, a plan with nothing to do, a query; and what importing costs.

    python benchmarks/bench_cli.py [--runs 7]

Medians of fresh processes, beside an empty Python process in the same run. CPU seconds are less noisy than wall time
on a busy machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FEATURECTL = [sys.executable, "-m", "featurectl"]
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "featurectl --help": [*FEATURECTL, "--help"],
    "featurectl plan (nothing to do)": [*FEATURECTL, "plan"],
    "featurectl query": [*FEATURECTL, "query"],
    "import sqlglot": [sys.executable, "-c", "import sqlglot"],
    "import duckdb": [sys.executable, "-c", "import duckdb"],
    "import pydantic_settings": [sys.executable, "-c", "import pydantic_settings"],
    "import click": [sys.executable, "-c", "import click"],
}


def timed(words: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU milliseconds."""
    started = time.monotonic()
    process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    assert process.stderr is not None
    assert os.waitstatus_to_exitcode(status) == 0, process.stderr.read()
    process.stderr.close()
    return wall * 1000, (usage.ru_utime + usage.ru_stime) * 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "FEATURECTL_HOME": home}
        subprocess.run([*FEATURECTL, "apply"], cwd=ROOT, env=environment, check=True, capture_output=True)
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
        for _ in range(runs):
            for name, words in COMMANDS.items():
                taken[name].append(timed(words, environment))
    print(f"{' '.join(sys.argv)}; {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{'':34}{'median ms':>10}{'least ms':>10}{'CPU ms':>8}")
    for name, times in taken.items():
        wall = [t for t, _ in times]
        cpu = statistics.median(c for _, c in times)
        print(f"{name:34}{statistics.median(wall):>10.0f}{min(wall):>10.0f}{cpu:>8.0f}")


if __name__ == "__main__":
    main()
