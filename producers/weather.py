"""The producer `weather`: the weather at the regions' sites."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from producers.contracts import Weather, instant
from producers.registry import Feed, Producer, Request, Source
from producers.sites import find_sites, site_key

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["WEATHER"]


def _key(event: Weather) -> str:
    return site_key(event.latitude, event.longitude)


def _time(event: Weather) -> datetime:
    return instant(event.timestamp)


def _keys_of_regions(regions: Sequence[str]) -> set[str]:
    return {site_key(site.latitude, site.longitude) for site in find_sites(regions)}


def _simulated(request: Request) -> Feed:
    from producers.simulated import open_weather

    return open_weather(request)


def _api(request: Request) -> Feed:
    from producers.open_meteo import open_weather

    return open_weather(request)


WEATHER = Producer(
    name="weather",
    topic="weather_raw",
    contract=Weather,
    key=_key,
    time=_time,
    sources={"simulated": Source(_simulated), "api": Source(_api, lookback=timedelta(days=2), at_once=4)},
    keys_of_regions=_keys_of_regions,
)
