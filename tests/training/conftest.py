from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.releases.conftest import embedded_project, risingwave_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.releases.project import ReleaseProject

HOURS, GONE = 48, range(10, 15)
_ROWS = ",\n  ".join(
    f"({hour * 2 + n}, '{place}', '2024-06-{1 + hour // 24:02d} {hour % 24:02d}:00:00+00:00', {hour + n}.5)"
    for hour in range(HOURS)
    for n, place in enumerate(("north", "south"))
    if hour not in GONE
)
FILES = {
    "migrations/0001_readings.sql": f"""
CREATE TABLE readings (id int PRIMARY KEY, place varchar, at timestamptz, value double precision);
INSERT INTO readings VALUES
  {_ROWS};
CREATE INDEX readings_by_place ON readings (place) INCLUDE (value);
""",
    "sql/hourly.sql": """/*
entity: place
event_time: at
grain: 1 hour
available_after: 1 hour
*/
SELECT place, at, value, CASE WHEN value > 20 THEN value END AS high
FROM readings
""",
    "sql/recent.sql": """/*
entity: place
event_time: at
ttl: 2 hours
*/
SELECT place, at, value AS reading, (value * 10)::numeric AS tenfold, id
FROM readings
""",
    "sql/totals.sql": "SELECT place, sum(value) AS total FROM readings GROUP BY place\n",
}


@pytest.fixture(scope="session")
def applied_for_training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the project, applied on the embedded target: nobody changes it, all copy it."""
    folder = tmp_path_factory.mktemp("training")
    embedded_project(folder, FILES).apply()
    return folder


@pytest.fixture
def embedded(tmp_path: Path, applied_for_training: Path) -> ReleaseProject:
    """Hourly readings of two places over two days, five hours missing; on the embedded target."""
    shutil.copytree(applied_for_training, tmp_path, dirs_exist_ok=True)
    made = embedded_project(tmp_path, FILES)
    made.apply()  # finds nothing to do but a snapshot that still reads the other place
    return made


@pytest.fixture
def on_risingwave(tmp_path: Path, risingwave_dsn: str) -> Iterator[ReleaseProject]:
    """The same on a RisingWave server."""
    from tests.risingwave.databases import database

    with database(risingwave_dsn) as dsn:
        made = risingwave_project(tmp_path, dsn, FILES)
        made.apply()
        yield made


@pytest.fixture(params=["embedded", "risingwave"])
def project(request: pytest.FixtureRequest) -> ReleaseProject:
    """The project, applied, on each target in turn."""
    found: ReleaseProject = request.getfixturevalue("embedded" if request.param == "embedded" else "on_risingwave")
    return found
