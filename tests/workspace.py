"""A project on the embedded target in a folder of its own: what tests of the whole path start from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from featurectl.engines import open_engine
from featurectl.log import Event, open_log
from featurectl.project import load_project
from featurectl.services.applying import ApplyOptions, ApplyResult
from featurectl.services.applying import apply as run_apply
from featurectl.services.refreshing import refresh_once
from featurectl.settings import load_settings

ROOT = Path(__file__).parent.parent
SOLAR, WEATHER = "solar_production_raw", "weather_raw"


class Workspace:
    def __init__(self, home: Path, project: Path = ROOT, **flags: Any) -> None:
        self.settings = load_settings(project, home=home, **flags)
        self.log = open_log(self.settings)
        self.engine = open_engine(self.settings, self.log)

    def apply(self, *select: str, **options: Any) -> ApplyResult:
        return run_apply(load_project(self.settings), self.engine, select, options=ApplyOptions(**options))

    def publish(self, topic: str, messages: list[bytes]) -> None:
        with self.log.writer(topic) as writer:
            writer.append(Event(message) for message in messages)

    def refresh(self) -> int:
        return sum(report.events for report in refresh_once(self.engine))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.engine.query(sql) as result:
            return [tuple(_utc(value) for value in row) for row in result.all()]

    def features(self) -> list[tuple[Any, ...]]:
        return self.rows('SELECT * FROM features_enriched ORDER BY region, "timestamp"')

    def regions(self) -> dict[str, tuple[float, float]]:
        return {name: (lat, lon) for name, lat, lon in self.rows("SELECT region, latitude, longitude FROM regions")}


def _utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
