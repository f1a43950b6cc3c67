"""What `features_enriched` means, in plain Python: written from the definition, sharing no code with the project."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

HOUR = timedelta(hours=1)
_TIME = re.compile(
    r"[12]\d{3}-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
COLUMNS = (
    "region", "timestamp", "production_mw", "temperature_c", "cloud_cover_pct", "solar_radiation_wm2", "latitude",
    "longitude", "production_ma_24h", "temperature_ma_24h", "cloud_cover_ma_24h", "production_lag_1h",
    "production_lag_24h", "hour_of_day", "day_of_week", "is_weekend",
)  # fmt: skip


class Refused(Exception):
    pass


def _document(raw: bytes) -> dict[str, Any]:
    def no_constants(_: str) -> None:
        raise Refused

    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=no_constants)
    except ValueError as error:
        raise Refused from error
    if not isinstance(value, dict):
        raise Refused
    return value


def _time(value: Any) -> datetime:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise Refused
    text = re.sub(r"(\.\d{6})\d+", r"\1", value)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise Refused from error


def _number(value: Any, low: float, high: float, *, null: bool = False) -> float | None:
    if null and value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise Refused
    if not low <= value <= high:
        raise Refused
    return float(value)


def _solar(raw: bytes) -> tuple[tuple[str, datetime], float]:
    event = _document(raw)
    region = event.get("region")
    if not isinstance(region, str) or not 1 <= len(region) <= 100:
        raise Refused
    mw = _number(event.get("production_mw"), 0, 1e7)
    assert mw is not None
    return (region, _time(event.get("timestamp"))), mw


def _weather(raw: bytes) -> tuple[tuple[float, float, datetime], tuple[float | None, ...]]:
    event = _document(raw)
    if not {"temperature_c", "cloud_cover_pct", "solar_radiation_wm2"} <= set(event):
        raise Refused
    values = (
        _number(event["temperature_c"], -1000, 1000, null=True),
        _number(event["cloud_cover_pct"], 0, 100, null=True),
        _number(event["solar_radiation_wm2"], -1e5, 1e5, null=True),
    )
    latitude, longitude = _number(event.get("latitude"), -90, 90), _number(event.get("longitude"), -180, 180)
    assert latitude is not None and longitude is not None
    return (latitude, longitude, _time(event.get("timestamp"))), values


def nearest_hour(at: datetime) -> datetime:
    return (at + timedelta(minutes=30)).replace(minute=0, second=0, microsecond=0)


def mean(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _last_revisions(parse: Any, messages: list[bytes]) -> dict[Any, Any]:
    last: dict[Any, Any] = {}
    for raw in messages:
        try:
            key, value = parse(raw)
        except Refused:
            continue
        last[key] = value
    return last


def _site(latitude: float, longitude: float) -> tuple[int, int]:
    return math.floor(latitude * 100 + 0.5), math.floor(longitude * 100 + 0.5)


def _hourly_weather(messages: list[bytes]) -> dict[Any, tuple[float | None, ...]]:
    hours: dict[Any, list[Any]] = defaultdict(list)
    for (latitude, longitude, at), values in _last_revisions(_weather, messages).items():
        hours[_site(latitude, longitude), nearest_hour(at)].append((*values, latitude, longitude))
    return {key: tuple(mean(column) for column in zip(*rows, strict=True)) for key, rows in hours.items()}


def features_enriched(
    solar: list[bytes], weather: list[bytes], regions: dict[str, tuple[float, float]]
) -> list[tuple[Any, ...]]:
    """Rows as tuples of COLUMNS, ordered by region and time, from the messages of both topics in log order."""
    hours: dict[Any, list[float]] = defaultdict(list)
    for (region, at), mw in _last_revisions(_solar, solar).items():
        hours[region, nearest_hour(at)].append(mw)
    by_site = _hourly_weather(weather)
    nothing = (None,) * 5
    base = {}
    for (region, hour), readings in hours.items():
        found = by_site.get((_site(*regions[region]), hour), nothing) if region in regions else nothing
        base[region, hour] = (mean(readings), *found)
    rows = []
    for region, hour in sorted(base):
        window = [base.get((region, hour - n * HOUR), (None,) * 6) for n in range(24)]
        lags = [base.get((region, hour - n * HOUR), (None,))[0] for n in (1, 24)]
        means = [mean(row[i] for row in window) for i in range(3)]
        day = hour.weekday()
        rows.append((region, hour, *base[region, hour], *means, *lags, hour.hour, day, day >= 5))
    return rows


def same(left: Any, right: Any) -> bool:
    if isinstance(left, float) or isinstance(right, float):
        if left is None or right is None:
            return left is right
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return bool(left == right)


def differences(actual: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> list[str]:
    """Cells and rows that differ, for an assertion's message; empty if none."""
    left, right = {row[:2]: row for row in actual}, {row[:2]: row for row in expected}
    found = [f"missing {key}" for key in right.keys() - left.keys()]
    found += [f"extra {key}" for key in left.keys() - right.keys()]
    if len(left) != len(actual):
        found.append("a row twice")
    for key in left.keys() & right.keys():
        found += [
            f"{key} {name}: {a} is not {b}"
            for name, a, b in zip(COLUMNS, left[key], right[key], strict=True)
            if not same(a, b)
        ]
    return found
