"""Weather from Open-Meteo: the archive for what is a week old, the forecast API for what is newer.

Data by Open-Meteo.com, CC BY 4.0. An answer carries the coordinates of the model's grid; events carry those
that were asked for, because that is where the region's site is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from featurectl.errors import SourceError
from producers._http import opened_api
from producers._logging import get_logger
from producers._times import date_pages, rfc3339
from producers.registry import Feed
from producers.settings import load_api_settings
from producers.sites import find_sites

if TYPE_CHECKING:
    from collections.abc import Iterator

    from producers._http import Api
    from producers.registry import Request
    from producers.settings import ApiSettings
    from producers.sites import Site

__all__ = ["LIMITS", "open_weather", "readings", "weather_messages"]

LIMITS = ((600, 60.0), (5_000, 3_600.0), (10_000, 86_400.0))
_FIELDS = {
    "temperature_2m": "temperature_c",
    "cloud_cover": "cloud_cover_pct",
    "shortwave_radiation": "solar_radiation_wm2",
}
_ARCHIVE_IS_COMPLETE_AFTER = timedelta(days=7)
_PAGE_DAYS = 31
_FREE_DAYS = 14  # a request for more days counts as more than one
_MOST_PAST_DAYS = 92
_HOUR = timedelta(hours=1)
_logger = get_logger()


@dataclass(frozen=True, slots=True)
class _Page:
    """One request: its address and dates, and the instants that are wanted of its answer."""

    url: str
    params: dict[str, str | int | float]
    start: datetime
    end: datetime
    days: int


def open_weather(request: Request) -> Feed:
    """The hourly weather at the sites of the request's regions."""
    sites = find_sites(request.regions)
    urls = load_api_settings(request.settings.project_dir)

    def messages() -> Iterator[bytes]:
        with opened_api(request.stop, LIMITS, of=urls.open_meteo_archive_url) as api:
            yield from weather_messages(api, urls, sites, request)

    hours = max(0, int((min(request.end, request.now) - request.start) / _HOUR))
    return Feed(messages(), total=hours * len(sites))


def weather_messages(api: Api, urls: ApiSettings, sites: list[Site], request: Request) -> Iterator[bytes]:
    """The events of all pages, site by site. Raises SourceError."""
    for site in sites:
        for page in _pages(urls, request):
            answer = api.get(
                page.url,
                {"latitude": site.latitude, "longitude": site.longitude, **page.params},
                cost=max(1.0, page.days / _FREE_DAYS),
            )
            for event in readings(site, answer):
                if page.start <= datetime.fromisoformat(event["timestamp"]) < page.end:
                    yield json.dumps(event).encode()


def _pages(urls: ApiSettings, request: Request) -> Iterator[_Page]:
    # Hours to come are forecasts, not readings: `now` ends every range.
    end = min(request.end, request.now + timedelta(microseconds=1))
    today = request.now.replace(hour=0, minute=0, second=0, microsecond=0)
    border = min(max(today - _ARCHIVE_IS_COMPLETE_AFTER, request.start), end)
    common = {"hourly": ",".join(_FIELDS), "timezone": "GMT"}
    for start, stop in date_pages(request.start, border, _PAGE_DAYS):
        first, last = start.date(), (stop - timedelta(microseconds=1)).date()
        dates = {"start_date": first.isoformat(), "end_date": last.isoformat()}
        yield _Page(
            f"{urls.open_meteo_archive_url}/v1/archive", {**common, **dates}, start, stop, (last - first).days + 1
        )
    if border < end:
        past_days = min((today.date() - border.date()).days, _MOST_PAST_DAYS)
        days = {"past_days": past_days, "forecast_days": 1}
        yield _Page(f"{urls.open_meteo_forecast_url}/v1/forecast", {**common, **days}, border, end, past_days + 1)


def readings(site: Site, answer: Any) -> Iterator[dict[str, Any]]:
    """The events in an answer, with the coordinates of the site. Raises SourceError for another shape.

    Null is kept as null. An hour of which nothing is known is left out: as an event it would replace an
    earlier reading that knew something.
    """
    try:
        offset = timedelta(seconds=answer["utc_offset_seconds"])
        times = [datetime.fromisoformat(text).replace(tzinfo=UTC) - offset for text in answer["hourly"]["time"]]
        series = [_series(answer["hourly"], name, len(times)) for name in _FIELDS]
        rows = list(zip(times, *series, strict=True))
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(f"open-meteo answered in an unknown shape: {error!r}") from error
    known = [row for row in rows if any(value is not None for value in row[1:])]
    if len(known) < len(rows):
        _logger.info("hours_without_values", source="open-meteo", region=site.region, hours=len(rows) - len(known))
    for at, *values in known:
        yield {
            "timestamp": rfc3339(at),
            **dict(zip(_FIELDS.values(), values, strict=True)),
            "latitude": site.latitude,
            "longitude": site.longitude,
        }


def _series(hourly: dict[str, Any], name: str, length: int) -> list[Any]:
    if name not in hourly:
        _logger.warning("series_missing", source="open-meteo", series=name)
        return [None] * length
    values: list[Any] = hourly[name]
    return values
