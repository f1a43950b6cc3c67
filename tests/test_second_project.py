"""Somebody else's project: from a wheel, outside this repository, with a topic and keys of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from typing import TYPE_CHECKING

import pytest

from tests.workspace import ROOT

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = [
    {"at": "2024-06-01T12:05:00Z", "user": "ann", "page": 7},
    {"at": "2024-06-01T12:45:00+00:00", "user": "ann", "page": 7},
    {"at": "2024-06-01T14:05:00+02:00", "user": "ann", "page": 9},
    {"at": "2024-06-01T13:00:00Z", "user": "bob", "page": 1},
    {"at": "2024-06-01T13:00:00", "user": "bob", "page": 1},
]
MIGRATION = """
CREATE TABLE visits (payload BYTEA) APPEND ONLY
INCLUDE partition AS log_partition INCLUDE offset AS log_offset INCLUDE timestamp AS ingested_at
WITH (connector = 'kafka', topic = '{{ topic("visits") }}',
      properties.bootstrap.server = '{{ kafka_bootstrap_servers }}', scan.startup.mode = 'earliest')
FORMAT PLAIN ENCODE BYTES;
"""
VIEW = """
/*
entity: user_id
event_time: hour
grain: 1 hour
*/
WITH parsed AS (
  SELECT convert_from(payload, 'utf8')::jsonb AS j FROM visits
),
typed AS (
  SELECT j ->> 'user' AS user_id, (j ->> 'page')::int AS page, j ->> 'at' AS at_text FROM parsed
)
SELECT
  user_id,
  date_trunc('hour', at_text::timestamptz) AS hour,
  count(*) AS visits, -- page views in the hour
  count(DISTINCT page) AS pages
FROM typed
WHERE regexp_match(at_text, '(Z|[+-][0-9]{2}:[0-9]{2})$') IS NOT NULL
GROUP BY user_id, date_trunc('hour', at_text::timestamptz)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `bin` of an environment with the wheel; dependencies come from the one that runs the tests."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(wheel, check=True, capture_output=True, cwd=folder)
    venv.create(folder / "env", with_pip=False)
    binaries = folder / "env" / "bin"
    site = next((folder / "env" / "lib").glob("python*/site-packages"))
    here = [path for path in sys.path if path.endswith("site-packages")]
    target = ["install", "--no-deps", "--target", str(site), str(next(folder.glob("*.whl")))]
    subprocess.run([*pip, *target], check=True, capture_output=True)
    # Behind the wheel, so that it wins over this repository's editable install.
    (site / "dependencies.pth").write_text("\n".join(here))
    return binaries


def call(binaries: Path, cwd: Path, *words: str, code: int = 0) -> str:
    python = str(binaries / "python")
    module = {"featurectl": "featurectl", "producers": "producers"}[words[0]]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHONPATH", "COVERAGE"))}
    done = subprocess.run(
        [python, "-m", module, *words[1:]], cwd=cwd, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_a_project_of_ones_own(installed: Path, tmp_path: Path) -> None:
    files = {
        "featurectl.toml": '[topics]\nvisits = "page_visits"\n',
        "migrations/0001_visits.sql": MIGRATION,
        "sql/visits_hourly.sql": VIEW,
        "visits.ndjson": "\n".join(json.dumps(event) for event in EVENTS),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    where = call(installed, tmp_path, "featurectl", "--version")
    assert where.strip()
    call(installed, tmp_path, "producers", "replay", "page_visits", "visits.ndjson", "--raw")
    call(installed, tmp_path, "featurectl", "apply")
    call(installed, tmp_path, "featurectl", "run", "--once")
    rows = json.loads(call(installed, tmp_path, "featurectl", "query", "--output", "json"))
    assert sorted(rows, key=lambda row: (row["user_id"], row["hour"])) == [
        {"user_id": "ann", "hour": "2024-06-01T12:00:00Z", "visits": 3, "pages": 2},
        {"user_id": "bob", "hour": "2024-06-01T13:00:00Z", "visits": 1, "pages": 1},
    ]


def test_what_init_makes_passes_its_tests_and_applies(installed: Path, tmp_path: Path) -> None:
    call(installed, tmp_path, "featurectl", "init", "mine")
    mine = tmp_path / "mine"
    assert "2 passed, 0 failed" in call(installed, mine, "featurectl", "test")
    commands = [line.split("#")[0].split() for line in (mine / "README.md").read_text().splitlines() if "   #" in line]
    assert len(commands) == 6
    for words in commands:
        call(installed, mine, *words)
    [refused] = json.loads(call(installed, mine, "featurectl", "rejected", "clicks_raw", "-o", "json"))
    assert refused["reason"] == "at is not RFC 3339 with an offset"
    rows = json.loads(call(installed, mine, "featurectl", "query", "-o", "json"))
    assert {(r["user_id"], r["hour"], r["clicks"], r["clicks_24h"]) for r in rows} == {
        ("ann", "2024-06-01T12:00:00Z", 7, 7),
        ("ann", "2024-06-01T13:00:00Z", 1, 8),
        ("bob", "2024-06-01T12:00:00Z", 2, 2),
    }
    call(installed, tmp_path, "featurectl", "init", "mine", code=2)


def test_the_packages_macros_are_this_projects(tmp_path: Path) -> None:
    template = ROOT / "featurectl" / "services" / "template" / "sql" / "macros"
    for path in sorted((ROOT / "sql" / "macros").glob("*.jinja")):
        assert (template / path.name).read_text() == path.read_text(), f"copy sql/macros/{path.name} into the template"
