"""Weather at a region's site, values that are not known, and what a stream must not remember."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.serving import TWINS

if TYPE_CHECKING:
    from tests.contract.case import Case


def test_production_without_weather_has_a_row(case: Case) -> None:
    """An hour without weather has its row, the weather NULL; weather without production has none"""
    case.publish(case.solar(case.at(5), 10), weather=[case.weather(case.at(6), 20, 30, 40)])
    [row] = case.rows()
    names = ("temperature_c", "cloud_cover_pct", "solar_radiation_wm2", "latitude", "longitude", "temperature_ma_24h")
    assert (row["hour"], [row[name] for name in names]) == (5, [None] * 6)


def test_weather_is_the_mean_of_the_hours_readings(case: Case) -> None:
    """Weather is the mean of the hour's readings at the site, with their coordinates"""
    readings = [
        case.weather(case.at(5, minutes=m), t, c, r) for m, t, c, r in [(-30, 1, 0, 0), (0, 2, 50, 9), (29, 6, 100, 0)]
    ]
    case.publish(case.solar(case.at(5), 10), weather=readings)
    [row] = case.rows()
    assert (row["temperature_c"], row["cloud_cover_pct"], row["solar_radiation_wm2"]) == (3, 50, 3)
    assert (row["latitude"], row["longitude"]) == case.site


def test_what_is_not_known_is_left_out(case: Case) -> None:
    """A value that is NULL is left out of means; where all are, the mean is NULL"""
    case.publish(
        *case.hourly({0: 1, 1: 1, 2: 1}),
        weather=[
            case.weather(case.at(0), None, 10), case.weather(case.at(1), 4, None), case.weather(case.at(2), None, None),
        ],
    )  # fmt: skip
    assert case.column("temperature_c") == {0: None, 1: 4, 2: None}
    assert case.column("temperature_ma_24h") == {0: None, 1: 4, 2: 4}
    assert case.column("cloud_cover_ma_24h") == {0: 10, 1: 10, 2: 10}
    assert set(case.column("solar_radiation_wm2").values()) == {None}


def test_a_site_is_matched_to_two_decimals(case: Case) -> None:
    """A reading belongs to every region whose site has the same coordinates to two decimals"""
    at, (latitude, longitude) = case.at(5), TWINS["twin a"]
    readings = [
        case.weather(at, 10, site=(latitude, longitude)),
        case.weather(at, 20, site=(latitude + 0.004, longitude - 0.004)),
        case.weather(at, 999, site=(latitude + 0.006, longitude)),
    ]
    case.publish(*[case.solar(at, 1, region) for region in TWINS], weather=readings)
    for region in TWINS:
        assert case.column("temperature_c", region) == {5: 15}
        [found] = case.column("latitude", region).values()
        assert found == pytest.approx(latitude + 0.002)


def test_a_revision_to_null_leaves_null(case: Case) -> None:
    """A reading that is revised to NULL leaves NULL behind, not NaN, 0 or infinity"""
    case.publish(*case.hourly({0: 1, 1: 1}), weather=[case.weather(case.at(0), 21.7, 33.3, 0.1)])
    assert case.column("temperature_ma_24h") == {0: 21.7, 1: 21.7}
    case.publish(weather=[case.weather(case.at(0))])
    for name in ("temperature_c", "temperature_ma_24h", "cloud_cover_ma_24h", "solar_radiation_wm2"):
        assert case.column(name) == {0: None, 1: None}


def test_a_revision_leaves_no_residue(case: Case) -> None:
    """Values that were revised away leave no trace in any mean: zeros have the mean 0, exactly"""
    hours = range(24)
    for values in ([0.1 * hour + 1e7 / 3 for hour in hours], [9_999_999.999 - hour / 7 for hour in hours], [0] * 24):
        case.publish(*case.hourly(dict(zip(hours, values, strict=True))))
    assert set(case.column("production_mw").values()) == {0}
    assert set(case.column("production_ma_24h").values()) == {0}


def test_an_absurd_value_is_refused_and_leaves_no_trace(case: Case) -> None:
    """An absurd but finite value is refused: the earlier revision stands, and no mean remembers it"""
    at = case.at(3)
    case.publish(case.solar(at, 12.5))
    case.publish(case.solar(at, 1e20), weather=[case.weather(at, 1e20)])
    assert case.column("production_mw") == {3: 12.5}
    case.publish(case.solar(at, 7.25), weather=[case.weather(at, 1.5)])
    assert case.column("production_ma_24h") == {3: 7.25}
    assert case.column("temperature_ma_24h") == {3: 1.5}
