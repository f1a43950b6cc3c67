"""Hours, revisions, late events, windows, lags, calendar: what `features_enriched` means."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests import oracle
from tests.embedded.test_features_by_oracle import disordered

if TYPE_CHECKING:
    from tests.contract.case import Case


HOURS = {
    "12:00:00Z": 12, "12:29:59.999999Z": 12, "12:30:00Z": 13, "12:30:00.000001Z": 13, "13:29:00Z": 13,
    "12:29:59.9999999Z": 12, "23:30:00Z": 24, "12:10:00+02:00": 10, "01:00:00+05:30": -4, "22:45:00-09:30": 32,
}  # fmt: skip


def test_a_reading_belongs_to_the_nearest_hour(case: Case) -> None:
    """A reading belongs to the nearest hour, half past to the next; digits behind the microsecond are cut off"""
    days = [f"{case.at(24 * 3 * n):%Y-%m-%d}" for n in range(len(HOURS))]  # three days apart
    case.publish(*[case.solar(f"{day}T{time}", n) for n, (day, time) in enumerate(zip(days, HOURS, strict=True))])
    assert case.column("production_mw") == {24 * 3 * n + hour: n for n, hour in enumerate(HOURS.values())}


def test_production_is_the_mean_of_the_hours_readings(case: Case) -> None:
    """Production is the mean of the hour's readings"""
    minutes = {-30: 1, -15: 2, 0: 4, 15: 8, 29: 10, 30: 100}
    case.publish(*[case.solar(case.at(10, minutes=m), mw) for m, mw in minutes.items()])
    assert case.column("production_mw") == {10: 5, 11: 100}


def test_the_last_revision_in_the_log_counts(case: Case) -> None:
    """The revision that is last in the log counts, not the highest, also for another spelling of the same instant"""
    at = case.at(12)
    other = f"{at + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}+02:00"
    case.publish(case.solar(at, 900), case.solar(at, 100))
    assert case.column("production_mw") == {12: 100}
    case.publish(case.solar(other, 30))
    assert case.column("production_mw") == {12: 30}


def test_a_repeated_event_changes_nothing(case: Case) -> None:
    """An event that is repeated before its key's next revision changes nothing"""
    events = case.hourly({hour: hour * 10 for hour in range(5)})
    case.publish(*events)
    before = case.rows()
    case.publish(*events, *events)
    assert case.rows() == before
    assert len(before) == 5


def test_an_empty_batch_changes_nothing(case: Case) -> None:
    """A refresh without events changes nothing"""
    case.publish(*case.hourly({0: 1, 1: 2}))
    before = case.rows()
    case.publish()
    assert case.rows() == before


def test_a_late_event_reaches_every_hour_that_it_belongs_to(case: Case) -> None:
    """A late event and a late revision alter the means and lags of later hours, and no others"""
    hours = {hour: 10.0 for hour in range(60) if hour != 20}
    case.publish(*case.hourly(hours))
    assert case.column("production_lag_1h")[21] is None
    before = case.column("production_ma_24h")
    case.publish(case.solar(case.at(20), 34))
    after = case.column("production_ma_24h")
    assert {hour for hour in before if before[hour] != after[hour]} == {float(hour) for hour in range(21, 44)}
    assert (after[20], after[43], after[44]) == (pytest.approx(10 + 24 / 21), 11, 10)
    assert case.column("production_lag_1h")[21] == 34
    assert case.column("production_lag_24h")[44] == 34
    case.publish(case.solar(case.at(20), 10))
    assert case.column("production_ma_24h") == dict.fromkeys(map(float, range(60)), 10)


def test_a_full_window_holds_24_hours(case: Case) -> None:
    """The mean is of the hours in (t - 24 h, t]: t is in it, t - 24 h is not"""
    case.publish(*case.hourly({0: 2400, **dict.fromkeys(range(1, 24), 0), 24: 48}))
    means = case.column("production_ma_24h")
    assert (means[0], means[1], means[23], means[24]) == (2400, 1200, 100, 2)


def test_a_partial_window_is_of_what_is_there(case: Case) -> None:
    """A partial window's mean is of the hours that are there, a gap does not widen it"""
    case.publish(*case.hourly({0: 1000, 23: 30, 24: 10, 47: 20, 90: 7}))
    means = case.column("production_ma_24h")
    assert means == {0: 1000, 23: 515, 24: 20, 47: 15, 90: 7}


def test_lags_do_not_shift_over_a_gap(case: Case) -> None:
    """A lag is the value exactly 1 and 24 hours earlier, NULL where that hour is missing"""
    case.publish(*case.hourly({0: 1, 1: 2, 3: 4, 24: 5, 25: 6, 26: 7, 28: 9}))
    assert case.column("production_lag_1h") == {0: None, 1: 1, 3: None, 24: None, 25: 5, 26: 6, 28: None}
    assert case.column("production_lag_24h") == {0: None, 1: None, 3: None, 24: 1, 25: 2, 26: None, 28: None}


def test_hour_day_and_weekend_are_in_utc(case: Case) -> None:
    """Hour 0-23, day Monday = 0, weekend Saturday and Sunday, all in UTC"""
    case.publish(
        *[case.solar(case.at(day * 24 + 5), 1) for day in range(7)],
        case.solar(f"{case.at(7 * 24):%Y-%m-%d}T01:00:00+02:00", 1),
    )
    rows = case.rows()
    assert [(row["hour_of_day"], row["day_of_week"], row["is_weekend"]) for row in rows] == [
        *[(5, day, day >= 5) for day in range(7)],
        (23, 6, True),
    ]


def test_regions_do_not_touch_each_other(case: Case) -> None:
    """Another region's readings count for nothing; one without a site has features all the same"""
    elsewhere = f"nowhere {case.region}"
    case.publish(
        *case.hourly({0: 1, 1: 3}), case.solar(case.at(1), 500, elsewhere), case.solar(case.at(2), 7, elsewhere)
    )
    assert case.column("production_ma_24h") == {0: 1, 1: 2}
    assert case.column("production_lag_1h", elsewhere) == {1: None, 2: 500}
    assert set(case.column("temperature_c", elsewhere).values()) == {None}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_disorder_repetition_and_batches_change_nothing(case: Case, seed: int) -> None:
    """Any order that keeps a key's order, any repetition, any split gives the rows that the definition gives"""
    rng = random.Random(seed)
    solar, weather = [], []
    for _ in range(150):
        at = case.at(rng.randrange(72), minutes=rng.choice([0, 0, 15, 30, 45]))
        solar.append((at, case.solar(at, rng.choice([0, rng.random() * 900, 1e7, 1e20, -1]))))
        warm = rng.choice([None, rng.uniform(-20, 40)])
        weather.append((at, case.weather(at, warm, rng.choice([None, 0, 100]), rng.choice([None, 0.0, 300.5]))))
    for n in range(3):
        events = disordered(solar, rng) if n == 0 else []
        readings = disordered(weather, rng) if n == 1 else []
        half = len(events) // 2
        case.publish(*events[:half], weather=readings)
        case.publish(*events[half:])
    regions = {case.region: case.site}
    expected = oracle.features_enriched([raw for _, raw in solar], [raw for _, raw in weather], regions)
    actual = [tuple(row[name] for name in oracle.COLUMNS) for row in case.rows()]
    assert len(expected) > 40
    assert oracle.differences(actual, expected) == []
