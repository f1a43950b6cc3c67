"""`gaps` and `freshness` by the real commands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.releases.conftest import embedded_project

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "migrations/0001_readings.sql": """
CREATE TABLE readings (place varchar, at timestamptz, value double precision);
INSERT INTO readings VALUES ('north', '2024-06-01 00:00:00+00:00', 1), ('north', '2024-06-01 03:00:00+00:00', 2);
""",
    "sql/old.sql": "/*\nentity: place\nevent_time: at\ngrain: 1 hour\nfreshness: 2 hours\n*/\nSELECT * FROM readings\n",
    "sql/kept.sql": "/*\nentity: place\nevent_time: at\nfreshness: 5000 days\n*/\nSELECT place, at FROM readings\n",
    "sql/free.sql": "/*\nentity: place\nevent_time: at\n*/\nSELECT place, at FROM readings\n",
    "sql/total.sql": "SELECT count(*) AS n FROM readings\n",
}


def test_gaps_and_freshness(tmp_path: Path) -> None:
    project = embedded_project(tmp_path, FILES)
    project.apply()
    [gap] = json.loads(project.run("gaps", "--output", "json"))
    assert gap == {
        "view": "old", "entity": "north", "from": "2024-06-01T01:00:00Z", "to": "2024-06-01T03:00:00Z",
        "missing": 2, "cause": "no event",
    }  # fmt: skip
    said = json.loads(project.run("freshness", "--output", "json", code=1))
    assert {row["view"]: row["state"] for row in said} == {"old": "stale", "kept": "fresh", "free": "no limit"}
    said = json.loads(project.run("freshness", "--limit", "1h", "--output", "json", code=1))
    assert {row["view"]: row["state"] for row in said} == {"old": "stale", "kept": "fresh", "free": "stale"}
    project.edit("sql/old.sql", "2 hours", "5000 days")
    project.apply()
    assert "old" in project.run("freshness")
    assert "'soon' is no duration" in project.run("freshness", "--limit", "soon", code=2)
