"""Solar production of countries from energy-charts.info, in quarter hours.

Data by Bundesnetzagentur | SMARD.de through energy-charts.info, CC BY 4.0. Dates in a request are local to
the country and the end day is included, so a page asks for local days and takes from the answer what lies
in its range.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from featurectl.errors import SourceError, UsageError
from producers._http import opened_api
from producers._logging import get_logger
from producers._times import date_pages, rfc3339
from producers.registry import Feed
from producers.settings import load_api_settings
from producers.sites import SITES, find_sites

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from producers._http import Api
    from producers.registry import Request
    from producers.sites import Site

__all__ = ["LIMITS", "open_production", "production_messages", "readings"]

LIMITS = ((60, 60.0),)  # none is published; one a second is what a guest may take
_PAGE_DAYS = 31
_QUARTER_HOUR = timedelta(minutes=15)
_logger = get_logger()


def open_production(request: Request) -> Feed:
    """The production of the request's regions. Raises UsageError for a region that the API does not serve."""
    sites = _served(request.regions)
    url = load_api_settings(request.settings.project_dir).energy_charts_url

    def messages() -> Iterator[bytes]:
        with opened_api(request.stop, LIMITS, of=url) as api:
            yield from production_messages(api, url, sites, request)

    steps = max(0, int((min(request.end, request.now) - request.start) / _QUARTER_HOUR))
    return Feed(messages(), total=steps * len(sites))


def _served(regions: Sequence[str]) -> list[Site]:
    served = [site for site in SITES if site.country is not None]
    if not regions:
        return served
    sites = find_sites(regions)
    missing = [site.region for site in sites if site.country is None]
    if missing:
        raise UsageError(
            f"energy-charts does not serve {missing[0]}: public_power is by country",
            hint=f"--regions of {','.join(site.region for site in served)}; or replay a file, or simulate",
        )
    return sites


def production_messages(api: Api, url: str, sites: list[Site], request: Request) -> Iterator[bytes]:
    """The events of all pages, country by country. Raises SourceError."""
    end = min(request.end, request.now + timedelta(microseconds=1))
    for site in sites:
        zone = ZoneInfo(site.time_zone)
        for start, stop in date_pages(request.start, end, _PAGE_DAYS, zone):
            answer = api.get(f"{url}/public_power", _params(site, start, stop, zone))
            for event in readings(site, answer):
                if start <= datetime.fromisoformat(event["timestamp"]) < stop:
                    yield json.dumps(event).encode()


def _params(site: Site, start: datetime, stop: datetime, zone: ZoneInfo) -> dict[str, str | int | float]:
    last = stop - timedelta(microseconds=1)
    return {
        "country": str(site.country),
        "start": start.astimezone(zone).date().isoformat(),
        "end": last.astimezone(zone).date().isoformat(),
    }


def readings(site: Site, answer: Any) -> Iterator[dict[str, Any]]:
    """The events in an answer. Raises SourceError for another shape.

    Quarters without a value are left out and counted in the log; so is an answer without any data, which
    the API gives with status 200.
    """
    try:
        times = answer["unix_seconds"] or []
        series = next((t["data"] for t in answer["production_types"] or [] if t["name"] == "Solar"), None)
        pairs = list(zip(times, series or [], strict=bool(series)))
        known = [(datetime.fromtimestamp(at, UTC), value) for at, value in pairs if value is not None]
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(f"energy-charts answered in an unknown shape: {error!r}") from error
    if not pairs:
        _logger.warning("no_data", source="energy-charts", region=site.region)
    elif len(known) < len(pairs):
        missing = len(pairs) - len(known)
        _logger.info("quarters_without_values", source="energy-charts", region=site.region, quarters=missing)
    for at, value in known:
        yield {"timestamp": rfc3339(at), "production_mw": value, "region": site.region}
