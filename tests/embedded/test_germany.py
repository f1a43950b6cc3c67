"""The recorded solar production of Germany and its four areas, shuffled and partly doubled."""

from __future__ import annotations

import csv
import gzip
import json
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.workspace import SOLAR, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AREAS = ("50hertz", "amprion", "tennet", "transnetbw")
NOON = datetime(2019, 6, 21, 12, tzinfo=UTC)
# ../shared/data/README.md: sum of the UTC day 2019-06-21; mean of the 24 hours up to 12:00Z; 12:00Z; 24 h before.
GOLDEN = {
    "50hertz": (53414, 2128.1667, 5698, 5294),
    "amprion": (50144, 1904.9583, 5480, 3371),
    "tennet": (75150, 2866.9167, 8266, 7163),
    "transnetbw": (25668, 994.9583, 2632, 1753),
}


@pytest.fixture(scope="module")
def germany(make_workspace: Callable[[], Workspace], shared_data: Callable[[str], Path]) -> Workspace:
    rng = random.Random(2019)
    messages = _messages(shared_data("germany/time_series_60min_DE_TSO_2019.csv.gz"))
    messages += rng.sample(messages, len(messages) // 20)
    rng.shuffle(messages)
    workspace = make_workspace()
    third = len(messages) // 3
    for batch in (messages[:third], messages[third : 2 * third], messages[2 * third :]):
        workspace.publish(SOLAR, batch)
        workspace.refresh()
    return workspace


def _messages(path: Path) -> list[bytes]:
    out = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for region in ("DE", *AREAS):
                area = "DE" if region == "DE" else f"DE_{region}"
                mw = float(row[f"{area}_solar_generation_actual"])
                event = {"timestamp": row["utc_timestamp"], "production_mw": mw, "region": region}
                out.append(json.dumps(event).encode())
    return out


def test_every_hour_of_every_area_has_a_row(germany: Workspace) -> None:
    assert germany.rows("SELECT count(*), count(DISTINCT region) FROM features_enriched") == [(43_800, 5)]


@pytest.mark.parametrize("region", AREAS)
def test_golden_values(germany: Workspace, region: str) -> None:
    day_sum, mean_24h, at_noon, day_before = GOLDEN[region]
    [[total]] = germany.rows(
        f"SELECT sum(production_mw) FROM features_enriched WHERE region = '{region}'"
        " AND \"timestamp\" >= '2019-06-21T00:00:00Z'::timestamptz"
        " AND \"timestamp\" < '2019-06-22T00:00:00Z'::timestamptz"
    )
    [row] = germany.rows(
        "SELECT production_ma_24h, production_mw, production_lag_24h FROM features_enriched"
        f" WHERE region = '{region}' AND \"timestamp\" = '{NOON.isoformat()}'::timestamptz"
    )
    assert total == pytest.approx(day_sum)
    assert row == pytest.approx((mean_24h, at_noon, day_before), abs=1e-4)


def test_the_areas_sum_to_germany(germany: Workspace) -> None:
    [[worst, hours]] = germany.rows(
        'SELECT max(abs(de - areas)), count(*) FROM (SELECT "timestamp",'
        " sum(CASE WHEN region = 'DE' THEN production_mw END) AS de,"
        " sum(CASE WHEN region <> 'DE' THEN production_mw END) AS areas"
        ' FROM features_enriched GROUP BY "timestamp") AS s'
    )
    assert hours == 8760
    assert worst <= 2


def test_a_year_without_gaps_has_every_lag_but_the_first(germany: Workspace) -> None:
    missing: list[Any] = germany.rows(
        "SELECT region, count(*) FROM features_enriched WHERE production_lag_1h IS NULL GROUP BY region"
    )
    assert sorted(missing) == sorted((region, 1) for region in ("DE", *AREAS))
