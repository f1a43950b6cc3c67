"""Simulated events: the same by seed and by content, and like the world in what a model could learn."""

from __future__ import annotations

import json
import math
import statistics
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from featurectl.settings import load_settings
from featurectl.stopping import Stop
from producers import simulated
from producers._sun import clear_sky, cos_zenith
from producers.contracts import SolarProduction, Validator, Weather
from producers.registry import Request
from producers.sites import SITES, find_sites

if TYPE_CHECKING:
    from collections.abc import Callable

OPENERS = {"solar": simulated.open_production, "weather": simulated.open_weather}


def messages(kind: str, request: Request) -> list[bytes]:
    feed = OPENERS[kind](request)
    made = list(feed.messages)
    assert len(made) == feed.total
    return made


@lru_cache
def year_of(kind: str, region: str) -> list[dict[str, Any]]:
    start, end = datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
    request = Request(start, end, (region,), 0, end, load_settings(), Stop())
    return [json.loads(message) for message in messages(kind, request)]


@pytest.mark.parametrize("kind", OPENERS)
def test_the_same_seed_gives_the_same_events_and_another_one_others(kind: str, wanted: Callable[..., Request]) -> None:
    first, again, other = (messages(kind, wanted("2024-06-01", "2024-06-03", seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert sum(a != b for a, b in zip(first, other, strict=True)) > len(first) / 3


@pytest.mark.parametrize("kind", OPENERS)
def test_a_range_in_pieces_gives_the_events_of_the_whole(kind: str, wanted: Callable[..., Request]) -> None:
    cuts = ["2024-02-28T00:00", "2024-02-28T00:07", "2024-02-28T11:15", "2024-02-29", "2024-03-02T01:59", "2024-03-03"]
    whole = messages(kind, wanted(cuts[0], cuts[-1]))
    pieces = [messages(kind, wanted(a, b)) for a, b in pairwise(cuts)]
    assert [message for piece in reversed(pieces) for message in piece] != whole
    assert [message for piece in pieces for message in piece] == whole


@pytest.mark.parametrize("kind", OPENERS)
def test_a_regions_events_do_not_depend_on_the_others(kind: str, wanted: Callable[..., Request]) -> None:
    alone = messages(kind, wanted("2024-06-01", "2024-06-02", regions=("ES",)))
    among = messages(kind, wanted("2024-06-01", "2024-06-02"))
    assert [m for m in among if m in set(alone)] == alone


def test_all_of_it_keeps_the_contract(wanted: Callable[..., Request]) -> None:
    solar, weather = Validator(SolarProduction), Validator(Weather)
    request = wanted("2024-06-01", "2024-06-08")
    assert all(isinstance(solar(m), SolarProduction) for m in messages("solar", request))
    assert all(isinstance(weather(m), Weather) for m in messages("weather", request))
    assert len(messages("solar", request)) == 7 * 96 * len(SITES)
    assert len(messages("weather", request)) == 7 * 24 * len(SITES)


def test_nothing_of_the_future(wanted: Callable[..., Request]) -> None:
    made = messages("solar", wanted("2024-06-01", "2024-06-02", regions=("DE",), now="2024-06-01T01:20"))
    assert json.loads(made[-1])["timestamp"] == "2024-06-01T01:15:00Z"


def test_night_is_zero_and_noon_is_not() -> None:
    events = year_of("solar", "DE")
    by_hour = {hour: [e["production_mw"] for e in events if e["timestamp"][11:13] == hour] for hour in ("00", "11")}
    assert max(by_hour["00"]) == 0
    assert min(by_hour["11"]) > 0


@pytest.mark.parametrize("region", ["DE", "ES"])
def test_a_year_has_a_plausible_capacity_factor(region: str) -> None:
    site, events = find_sites([region])[0], year_of("solar", region)
    factor = statistics.fmean(event["production_mw"] for event in events) / site.capacity_mw
    assert 0.09 < factor < (0.13 if site.latitude > 47 else 0.19)
    assert max(event["production_mw"] for event in events) < site.capacity_mw


def test_weather_and_production_belong_together() -> None:
    weather = {event["timestamp"]: event for event in year_of("weather", "DE")}
    solar = {event["timestamp"]: event["production_mw"] for event in year_of("solar", "DE")}
    noons = [stamp for stamp in weather if stamp[11:13] == "12"]

    output = [solar[stamp] for stamp in noons]

    def correlation(name: str) -> float:
        return statistics.correlation([weather[stamp][name] for stamp in noons], output)

    assert correlation("cloud_cover_pct") < -0.5
    assert correlation("solar_radiation_wm2") > 0.9
    assert correlation("temperature_c") > 0.3


def test_weather_has_seasons_days_and_skies() -> None:
    events = year_of("weather", "DE")

    def mean(name: str, part: slice, text: str) -> float:
        return statistics.fmean(event[name] for event in events if event["timestamp"][part] == text)

    assert mean("temperature_c", slice(5, 7), "07") > mean("temperature_c", slice(5, 7), "01") + 10
    assert mean("temperature_c", slice(11, 13), "14") > mean("temperature_c", slice(11, 13), "03") + 3
    clouds = [event["cloud_cover_pct"] for event in events]
    assert (min(clouds), max(clouds)) == (0, 100)
    assert statistics.correlation(clouds[:-1], clouds[1:]) > 0.8


def test_radiation_is_the_mean_of_the_preceding_hour() -> None:
    site = find_sites(["DE"])[0]
    for event in year_of("weather", "DE")[::97]:
        end = datetime.fromisoformat(event["timestamp"]).timestamp()
        clear = statistics.fmean(clear_sky(site.latitude, site.longitude, end - 3600 + 60 * n) for n in range(60))
        assert 0.24 * clear - 1 <= event["solar_radiation_wm2"] <= clear + 6


@pytest.mark.parametrize(
    ("moment", "latitude", "longitude", "height"),
    [
        # Height of the sun, degrees, from the definition of solstices and equinoxes at local solar noon.
        ("2024-06-20T12:01:50", 51.48, 0.0, 90 - 51.48 + 23.44),
        ("2024-12-21T11:58:00", 51.48, 0.0, 90 - 51.48 - 23.44),
        ("2024-03-20T12:07:20", 0.0, 0.0, 90.0),
        ("2024-06-20T21:58:10", -33.87, 151.21, None),
    ],
)
def test_the_sun_stands_where_it_should(moment: str, latitude: float, longitude: float, height: float | None) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    found = math.degrees(math.asin(min(1.0, cos_zenith(latitude, longitude, at))))
    if height is None:
        assert -5 < found < 15  # Sydney, an hour after a winter's sunrise
    else:
        assert found == pytest.approx(height, abs=0.6)


def test_the_light_formula_against_pvlib() -> None:
    pvlib = pytest.importorskip("pvlib", reason="pvlib: not installed (extra physics)")
    pandas = pytest.importorskip("pandas")

    times = pandas.date_range("2024-01-01", "2025-01-01", freq="37min", tz="UTC")
    for site in SITES[::4]:
        zenith = pvlib.solarposition.get_solarposition(times, site.latitude, site.longitude)["zenith"]
        theirs = pvlib.clearsky.haurwitz(zenith)["ghi"]
        ours = [clear_sky(site.latitude, site.longitude, at.timestamp()) for at in times]
        differences = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
        assert max(differences) < 12
        assert statistics.fmean(ours) == pytest.approx(statistics.fmean(theirs), rel=0.005)
