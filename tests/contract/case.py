"""One case's own corner of a shared project: nobody else has its region, its site or its time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from featurectl.services.reading import rejected
from tests import oracle
from tests.contract.serving import SITES
from tests.workspace import SOLAR, WEATHER

if TYPE_CHECKING:
    from tests.workspace import Workspace

# A Monday. The cases that share a site are years apart.
_FIRST = datetime(2001, 1, 1, tzinfo=UTC)
_APART = timedelta(weeks=20)
COLUMNS = ", ".join(f'"{name}"' for name in oracle.COLUMNS)


class Case:
    """`start` is a Monday, 00:00 UTC."""

    def __init__(self, served: Workspace, number: int) -> None:
        self.served = served
        self.region = list(SITES)[number % len(SITES)]
        self.site = SITES[self.region]
        self.start = _FIRST + _APART * (number // len(SITES))

    def at(self, hours: float = 0, **more: float) -> datetime:
        return self.start + timedelta(hours=hours, **more)

    def solar(self, at: datetime | str, mw: Any, region: str | None = None) -> bytes:
        """A reading; text stands as it is."""
        text = at if isinstance(at, str) else at.isoformat()
        return json.dumps({"timestamp": text, "production_mw": mw, "region": region or self.region}).encode()

    def weather(
        self,
        at: datetime,
        temperature: float | None = None,
        cloud: float | None = None,
        radiation: float | None = None,
        site: tuple[float, float] | None = None,
    ) -> bytes:
        latitude, longitude = site or self.site
        event = {
            "timestamp": at.isoformat(), "temperature_c": temperature, "cloud_cover_pct": cloud,
            "solar_radiation_wm2": radiation, "latitude": latitude, "longitude": longitude,
        }  # fmt: skip
        return json.dumps(event).encode()

    def publish(self, *solar: bytes, weather: tuple[bytes, ...] | list[bytes] = ()) -> None:
        """Into the log, and on into what readers see."""
        if solar:
            self.served.publish(SOLAR, list(solar))
        if weather:
            self.served.publish(WEATHER, list(weather))
        self.served.refresh()

    def hourly(self, values: dict[int, Any]) -> list[bytes]:
        """A reading on each full hour."""
        return [self.solar(self.at(hour), value) for hour, value in values.items()]

    def rows(self, region: str | None = None) -> list[dict[str, Any]]:
        """The case's rows of features, in order of time, times as hours since its start."""
        until = self.start + _APART - timedelta(days=1)
        found = self.served.rows(
            f"SELECT {COLUMNS} FROM features_enriched WHERE region = '{region or self.region}'"
            f" AND \"timestamp\" >= '{self.at(-24).isoformat()}'::timestamptz"
            f' AND "timestamp" < \'{until.isoformat()}\'::timestamptz ORDER BY "timestamp"'
        )
        rows = [dict(zip(oracle.COLUMNS, row, strict=True)) for row in found]
        for row in rows:
            row["hour"] = (row["timestamp"] - self.start) / timedelta(hours=1)
        return rows

    def column(self, name: str, region: str | None = None) -> dict[float, Any]:
        """That column's values by hour since the start."""
        return {row["hour"]: row[name] for row in self.rows(region)}

    def refused(self, topic: str) -> dict[bytes, str]:
        """The reason of every refused message, by its bytes."""
        with rejected(self.served.engine, topic) as result:
            return {bytes(row["data"]): row["reason"] for row in result.dicts()}

    def topic(self, source_table: str) -> str:
        return next(s.topic for s in self.served.engine.inspect().sources if s.table == source_table)
