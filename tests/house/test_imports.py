"""What the command line may load before it knows which command is meant."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

HEAVY = ("confluent_kafka", "duckdb", "jinja2", "numpy", "pandas", "psycopg2", "pvlib", "pydantic", "sqlglot")
HELP = """
import json, sys
from {package}.cli import main
sys.argv = ["{package}", "--help"]
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize("package", ["featurectl", "producers"])
def test_help_loads_nothing_heavy(package: str) -> None:
    spec = importlib.util.find_spec(f"{package}.cli")
    if spec is None or spec.origin is None:
        pytest.skip(f"{package}.cli: not written yet")
    code = HELP.format(package=package)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert "Usage" in done.stdout
    assert loaded.isdisjoint(HEAVY), sorted(loaded.intersection(HEAVY))
