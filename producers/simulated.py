"""Simulated events: the real sun, an invented sky.

Everything is a function of the seed, the site and the time, never of the range that was asked for: a range
in pieces gives the same events as the whole. Production is capacity times clear-sky radiation times what
clouds let through (F. Kasten, G. Czeplak, Solar Energy 24, 1980: 1 - 0.75 n^3.4), so it correlates with the
simulated weather of the same site.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

from producers._sun import clear_sky
from producers.registry import Feed
from producers.sites import find_sites

if TYPE_CHECKING:
    from collections.abc import Iterator

    from producers.registry import Request
    from producers.sites import Site

__all__ = ["open_production", "open_weather"]

_HOUR_S = 3600
_STEP_S = 900
# What a plant feeds in of its capacity under 1,000 W/m²: inverter, wiring, heat, dirt.
_PERFORMANCE = 0.8
# Weather comes in systems of two days, fronts of half a day, showers of three hours: (hours, share).
_CLOUD_WAVES = ((48, 0.5), (12, 0.3), (3, 0.2))
_MINUTES_IN_HOUR = (7.5, 22.5, 37.5, 52.5)


def open_production(request: Request) -> Feed:
    """Production of the regions every quarter of an hour, MW, mean of the quarter that begins."""
    sites, times = find_sites(request.regions), _times(request, _STEP_S)

    def messages() -> Iterator[bytes]:
        for at in times:
            stamp = _stamp(at)
            for site in sites:
                megawatts = _production(site, at, request.seed)
                yield b'{"timestamp": "%b", "production_mw": %.1f, "region": "%b"}' % (
                    stamp,
                    megawatts,
                    site.region.encode(),
                )

    return Feed(messages(), total=len(times) * len(sites))


def open_weather(request: Request) -> Feed:
    """Hourly weather at the regions' sites, each site once."""
    sites = {(site.latitude, site.longitude): site for site in find_sites(request.regions)}.values()
    times = _times(request, _HOUR_S)

    def messages() -> Iterator[bytes]:
        for at in times:
            for site in sites:
                yield json.dumps(_weather(site, at, request.seed)).encode()

    return Feed(messages(), total=len(times) * len(sites))


def _times(request: Request, step: int) -> range:
    end = min(request.end.timestamp(), request.now.timestamp() + 1)
    return range(math.ceil(request.start.timestamp() / step) * step, math.ceil(end), step)


def _stamp(at: int) -> bytes:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()


def _production(site: Site, at: int, seed: int) -> float:
    radiation = clear_sky(site.latitude, site.longitude, at + _STEP_S / 2)
    if radiation <= 0:
        return 0.0
    clouds = _clouds_between(site, at, seed)
    return site.capacity_mw * _PERFORMANCE * radiation / 1000 * _let_through(clouds)


def _weather(site: Site, at: int, seed: int) -> dict[str, object]:
    clouds = _clouds(seed, site.latitude, site.longitude, at // _HOUR_S)
    return {
        "timestamp": _stamp(at).decode(),
        "temperature_c": round(_temperature(site, at, clouds, seed), 1),
        "cloud_cover_pct": round(100 * clouds),
        "solar_radiation_wm2": round(_radiation_of_preceding_hour(site, at, seed), 1),
        "latitude": site.latitude,
        "longitude": site.longitude,
    }


def _radiation_of_preceding_hour(site: Site, at: int, seed: int) -> float:
    moments = [at - _HOUR_S + 60 * minutes for minutes in _MINUTES_IN_HOUR]
    lit = [
        clear_sky(site.latitude, site.longitude, moment) * _let_through(_clouds_between(site, moment, seed))
        for moment in moments
    ]
    return sum(lit) / len(lit)


def _let_through(clouds: float) -> float:
    return 1 - 0.75 * math.pow(clouds, 3.4)


def _temperature(site: Site, at: int, clouds: float, seed: int) -> float:
    """°C: by latitude, season and hour; clouds take from the day's swing; slow waves of warm and cold air."""
    season = _season(at, site.latitude, peak_day=200)
    hour = (at / _HOUR_S + site.longitude / 15) % 24
    swing = 5 * (1 - 0.7 * clouds) * math.cos(2 * math.pi * (hour - 15) / 24)
    air = 8 * (_wave(seed, site.latitude, site.longitude, "air", at / _HOUR_S, 96) - 0.5)
    return 28 - 0.36 * abs(site.latitude) + 0.18 * abs(site.latitude) * season + swing + air


def _season(at: float, latitude: float, *, peak_day: int) -> float:
    """1 on the peak day of the year, -1 half a year later; the other way round in the south."""
    day = at / 86_400 % 365.2425
    return math.cos(2 * math.pi * (day - peak_day) / 365.2425) * (1 if latitude >= 0 else -1)


def _clouds_between(site: Site, at: float, seed: int) -> float:
    """The sky's covered share at any moment, between the values of the full hours."""
    hour, rest = divmod(at / _HOUR_S, 1)
    before = _clouds(seed, site.latitude, site.longitude, int(hour))
    after = _clouds(seed, site.latitude, site.longitude, int(hour) + 1)
    return before + (after - before) * rest


@lru_cache(maxsize=4096)
def _clouds(seed: int, latitude: float, longitude: float, hour: int) -> float:
    """The sky's covered share at a full hour, 0 to 1: often near either end, more in winter and to the north."""
    waves = sum(
        share * _wave(seed, latitude, longitude, f"clouds{hours}", hour, hours) for hours, share in _CLOUD_WAVES
    )
    winter = _season(hour * _HOUR_S, latitude, peak_day=15)
    return min(1.0, max(0.0, 0.0135 * abs(latitude) + 2.4 * (waves - 0.5) + 0.12 * winter))


def _wave(seed: int, latitude: float, longitude: float, name: str, hour: float, hours: int) -> float:
    """Noise between 0 and 1 that has a random value every so many hours and runs smoothly in between."""
    knot, rest = divmod(hour / hours, 1)
    before = _random(seed, latitude, longitude, name, int(knot))
    after = _random(seed, latitude, longitude, name, int(knot) + 1)
    return before + (after - before) * rest * rest * (3 - 2 * rest)


@lru_cache(maxsize=4096)
def _random(seed: int, latitude: float, longitude: float, name: str, knot: int) -> float:
    # Hashed, not drawn from a generator: the value must not depend on what was asked for before.
    text = f"{seed}|{latitude}|{longitude}|{name}|{knot}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64
