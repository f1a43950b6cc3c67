"""The producer `solar`: production of regions."""

from __future__ import annotations

from datetime import datetime, timedelta
from operator import attrgetter

from producers.contracts import SolarProduction, instant
from producers.registry import Feed, Producer, Request, Source

__all__ = ["SOLAR"]


def _time(event: SolarProduction) -> datetime:
    return instant(event.timestamp)


def _simulated(request: Request) -> Feed:
    from producers.simulated import open_production

    return open_production(request)


def _api(request: Request) -> Feed:
    from producers.energy_charts import open_production

    return open_production(request)


SOLAR = Producer(
    name="solar",
    topic="solar_production_raw",
    contract=SolarProduction,
    key=attrgetter("region"),
    time=_time,
    sources={"simulated": Source(_simulated), "api": Source(_api, lookback=timedelta(days=2), at_once=4)},
)
