"""A small project with enough rows for figures, on either target: what tests of releases start from."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

import pytest

from featurectl.cli import main
from featurectl.engines import open_engine
from featurectl.log import FileLog
from featurectl.project import load_project
from featurectl.services.applying import ApplyOptions, ApplyResult
from featurectl.services.applying import apply as run_apply
from featurectl.services.applying import plan as make_plan
from featurectl.settings import load_settings
from tests.editing import Editable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from featurectl.services.planning import Change, Plan

HOURS, PLACES = 120, ("north", "south")
_ROWS = ",\n  ".join(
    f"({hour * 2 + n}, '{place}', '2024-06-{1 + hour // 24:02d} {hour % 24:02d}:00:00+00:00', {(hour * 7 + n) % 50}.5)"
    for hour in range(HOURS)
    for n, place in enumerate(PLACES)
)
FILES = {
    "migrations/0001_readings.sql": f"""
CREATE TABLE readings (id int PRIMARY KEY, place varchar, at timestamptz, value double precision);
INSERT INTO readings VALUES
  {_ROWS};
""",
    "sql/hourly.sql": """/*
description: One row for each place and hour.
entity: place
event_time: at
grain: 1 hour
checks:
  - value >= 0
*/
SELECT place, at, value -- of the reading
FROM readings
WHERE value IS NOT NULL
""",
    "sql/means.sql": """SELECT place, count(*) AS n, avg(value::numeric)::double precision AS mean
FROM hourly
GROUP BY place
""",
    "sql/features.sql": """/*
entity: place
event_time: at
*/
WITH places AS (SELECT place, mean FROM means), known AS (SELECT place, at, value FROM hourly)
SELECT k.place, k.at, k.value, k.value * 2 AS doubled, p.mean
FROM known AS k
LEFT JOIN places AS p ON p.place = k.place
""",
}


class ReleaseProject(Editable):
    """A project in a folder, applied nowhere yet. `flags` are settings: the target and where it is."""

    def __init__(
        self, folder: Path, environment: dict[str, str], files: Mapping[str, str] = FILES, **flags: Any
    ) -> None:
        self.folder = folder
        self.environment = environment
        for name, text in files.items():
            self.write(name, text)
        self.settings = load_settings(folder, **flags)
        self.engine = open_engine(self.settings, FileLog(self.settings.log_dir))

    def plan(self, *select: str) -> Plan:
        return make_plan(load_project(self.settings), self.engine, select)

    def change(self, view: str) -> Change:
        """What becomes of one view."""
        [found] = [change for change in self.plan().changes if change.name == view]
        return found

    def apply(self, *select: str, progress: Any = None, **options: Any) -> ApplyResult:
        chosen = ApplyOptions(**options)
        return run_apply(load_project(self.settings), self.engine, select, progress, chosen)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.engine.query(sql) as result:
            return result.all()

    def run(self, *words: str, code: int = 0) -> str:
        """What the command line printed, errors too."""
        printed = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(printed):
            for name, value in self.environment.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as caught:
                main(["--project", str(self.folder), *words])
        assert (caught.value.code or 0) == code, printed.getvalue()
        return printed.getvalue()
