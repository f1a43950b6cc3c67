"""The regions that producers know, and the one site whose weather stands for each.

The migration that seeds the table `regions` holds the same values; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurectl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SITES", "Site", "find_sites", "site_key"]


@dataclass(frozen=True, slots=True)
class Site:
    """A region and its site.

    Attributes:
        region: Name of the region in events.
        latitude: Degrees, north positive.
        longitude: Degrees, east positive.
        time_zone: IANA name.
        country: The country's name at energy-charts; None where its `public_power` does not serve it.
        capacity_mw: Solar capacity for simulated events; the order of magnitude is that of 2024.
    """

    region: str
    latitude: float
    longitude: float
    time_zone: str
    country: str | None
    capacity_mw: float


SITES = (
    Site("DE", 51.1657, 10.4515, "Europe/Berlin", "de", 90_000),
    Site("50hertz", 52.52, 13.41, "Europe/Berlin", None, 20_000),
    Site("amprion", 51.5136, 7.4653, "Europe/Berlin", None, 23_000),
    Site("tennet", 49.9456, 11.5713, "Europe/Berlin", None, 35_000),
    Site("transnetbw", 48.7758, 9.1829, "Europe/Berlin", None, 12_000),
    Site("ES", 40.4168, -3.7038, "Europe/Madrid", "es", 32_000),
    Site("FR", 46.6034, 1.8883, "Europe/Paris", "fr", 24_000),
    Site("IT", 41.9028, 12.4964, "Europe/Rome", "it", 36_000),
    Site("AT", 47.5162, 14.5501, "Europe/Vienna", "at", 8_000),
    Site("NL", 52.1326, 5.2913, "Europe/Amsterdam", "nl", 26_000),
    Site("BE", 50.5039, 4.4699, "Europe/Brussels", "be", 10_000),
    Site("PL", 51.9194, 19.1451, "Europe/Warsaw", "pl", 20_000),
)
_BY_REGION = {site.region: site for site in SITES}


def find_sites(regions: Sequence[str]) -> list[Site]:
    """The sites of the regions, in their order, all if none is named. Raises UsageError for an unknown one."""
    unknown = [region for region in regions if region not in _BY_REGION]
    if unknown:
        raise UsageError(f"no region is named {unknown[0]!r}", hint=f"known: {', '.join(_BY_REGION)}")
    return [_BY_REGION[region] for region in dict.fromkeys(regions)] or list(SITES)


def site_key(latitude: float, longitude: float) -> str:
    """The key of weather events: the coordinates to four decimals, about ten metres."""
    # Adding zero makes 0.0 of -0.0, which would be another key for the same place.
    return f"{round(latitude, 4) + 0.0:.4f},{round(longitude, 4) + 0.0:.4f}"
