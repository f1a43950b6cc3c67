"""A project of many views: plan with nothing known, apply, plan with nothing to do, one changed leaf.

    python benchmarks/bench_many_views.py [--views 1000] [--layers 10] [--plans] [--sqlmesh PYTHON]

Fresh processes on the embedded target, in a folder that is thrown away. The generated views have 25 lines of SQL below
eight of metadata; each above the first layer reads two of the layer below; each uses a macro. Beside each time stands
SQLMesh's for as many views of 25 lines, as it was published for 0.236 on a machine like ours, and the ratio; with
`--sqlmesh` an interpreter that has SQLMesh installed plans the same shape in the same run, and its times stand there.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from many_views import Shape, change_leaf, write_featurectl, write_sqlmesh

FEATURECTL = [sys.executable, "-m", "featurectl"]
# Seconds for 1,000 views: what was measured of SQLMesh 0.236 and what stands for it here.
PUBLISHED = {
    "--help": 1.05,
    "plan, nothing known": 69.0,
    "first apply": 108.0,
    "plan, nothing to do": 44.0,
    "apply, one leaf": 49.0,
}
ONE_CORE = "plan, nothing known, one core"  # one process, pure Python
SQLMESH = "from sqlmesh.cli.main import cli; cli()"


def timed(words: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float, str]:
    """Wall seconds, CPU seconds with those of children that were waited for, output."""
    started = time.monotonic()
    before = os.times()
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    after = os.times()
    assert done.returncode == 0, f"{words}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - started, cpu, done.stdout


def featurectl(folder: Path, shape: Shape, applies: bool) -> dict[str, tuple[float, float]]:
    """Each action's seconds; `applies`: not only plans."""
    root, environment = folder / "project", {**os.environ, "FEATURECTL_TARGET": "embedded"}
    environment.pop("FEATURECTL_HOME", None)
    root.mkdir()
    write_featurectl(root, shape)
    taken: dict[str, tuple[float, float]] = {}

    def run(name: str, *words: str) -> str:
        *taken[name], out = timed([*FEATURECTL, *words], root, environment)  # type: ignore[assignment]
        print(f"  {name}: {taken[name][0]:.2f} s", file=sys.stderr, flush=True)
        return out

    *taken["10,000,000 additions in Python"], _ = timed([sys.executable, "-c", ADDITIONS], root, environment)  # type: ignore[assignment]
    run("--help", "--help")
    if hasattr(os, "sched_setaffinity"):
        *taken[ONE_CORE], _ = timed([sys.executable, "-c", ON_ONE_CORE], root, environment)  # type: ignore[assignment]
        shutil.rmtree(root / ".featurectl")
    out = run("plan, nothing known", "plan")
    assert f"{shape.views} to create" in out, out
    if not applies:
        run("plan, nothing changed since", "plan")
        return taken
    run("first apply", "apply")
    assert "Nothing to do" in run("plan, nothing to do", "plan")
    name = change_leaf(root, shape, "sql")
    run("plan, one leaf", "plan")
    run("apply, one leaf", "apply")
    run("rollback", "rollback")
    versions = sorted(path.name for path in (root / ".featurectl" / "pieces").iterdir())
    assert [v for v in versions if v.endswith("_v2")] == [f"{name}_v2"], "one leaf touches one leaf"
    return taken


# How fast the machine is at this moment.
ADDITIONS = "sum(number for number in range(10_000_000))"
ON_ONE_CORE = (
    "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
    "from featurectl.cli import main; main(['plan'])"
)


def sqlmesh(folder: Path, shape: Shape, python: str) -> dict[str, float]:
    """The same with SQLMesh."""
    root, environment = folder / "sqlmesh", {**os.environ, "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true"}
    root.mkdir()
    write_sqlmesh(root, shape)
    words = [python, "-c", SQLMESH]
    taken = {"--help": timed([*words, "--help"], root, environment)[0]}
    plan = [*words, "plan", "--no-prompts", "--auto-apply"]
    taken["first apply"] = timed(plan, root, environment)[0]
    taken["plan, nothing to do"] = timed(plan, root, environment)[0]
    change_leaf(root, shape, "models")
    taken["apply, one leaf"] = timed(plan, root, environment)[0]
    shutil.rmtree(root / ".cache")  # it plans nothing without its state, so its cache is what it shall not know
    taken["plan, nothing known"] = timed(plan, root, environment)[0]
    return taken


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--views", type=int, default=1000)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--plans", action="store_true", help="only plans, which take seconds; nothing is applied")
    parser.add_argument("--sqlmesh", metavar="PYTHON", help="an interpreter with SQLMesh and its DuckDB")
    options = parser.parse_args()
    shape = Shape(options.views, options.layers)
    with tempfile.TemporaryDirectory() as folder:
        taken = featurectl(Path(folder), shape, not options.plans)
        other = sqlmesh(Path(folder), shape, options.sqlmesh) if options.sqlmesh else PUBLISHED
    where = "in this run" if options.sqlmesh else "published, 1,000 views"
    print(f"{' '.join(sys.argv)}; {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{options.views} views in {options.layers} layers; SQLMesh {where}")
    print(f"{'':38}{'seconds':>9}{'CPU s':>9}{'SQLMesh s':>11}{'ratio':>8}")
    other[ONE_CORE] = other["plan, nothing known"]
    for name, (wall, cpu) in taken.items():
        theirs = f"{other[name]:>11.2f}{other[name] / wall:>8.1f}" if name in other else ""
        print(f"{name:38}{wall:>9.2f}{cpu:>9.2f}{theirs}")


if __name__ == "__main__":
    main()
