"""Contracts: what is an event, and the one reason for which anything else is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contracts import Contract, Rejection, SolarProduction, Time, Validator, Weather, instant

SOLAR = {"timestamp": "2024-06-01T12:00:00Z", "production_mw": 12.5, "region": "DE"}
WEATHER = {
    "timestamp": "2024-06-01T12:00:00Z",
    "temperature_c": 20.1,
    "cloud_cover_pct": 50,
    "solar_radiation_wm2": 600.0,
    "latitude": 51.1657,
    "longitude": 10.4515,
}
solar, weather = Validator(SolarProduction), Validator(Weather)

OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(1000, 1, 3), datetime(2999, 12, 29), timezones=OFFSETS)
BOUNDED = {
    "production_mw": (0.0, 1e7),
    "temperature_c": (-1e3, 1e3),
    "cloud_cover_pct": (0.0, 100.0),
    "solar_radiation_wm2": (-1e5, 1e5),
    "latitude": (-90.0, 90.0),
    "longitude": (-180.0, 180.0),
}


def number(name: str) -> st.SearchStrategy[float]:
    low, high = BOUNDED[name]
    return st.floats(low, high) | st.integers(int(low), int(high))


def reason(judged: Any) -> str:
    assert isinstance(judged, Rejection), judged
    return judged.reason


def without(event: dict[str, Any], key: str) -> bytes:
    return json.dumps({name: value for name, value in event.items() if name != key}).encode()


def having(event: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({**event, **fields}).encode()


@given(at=TIMES, separator=st.sampled_from("T "), mw=number("production_mw"), region=st.text(min_size=1, max_size=100))
def test_valid_solar_events_come_back(at: datetime, separator: str, mw: float, region: str) -> None:
    if any(0xD800 <= ord(char) <= 0xDFFF for char in region):
        return
    text = at.isoformat(sep=separator)
    judged = solar(json.dumps({"timestamp": text, "production_mw": mw, "region": region, "extra": [1]}).encode())
    assert isinstance(judged, SolarProduction)
    assert (instant(judged.timestamp), judged.production_mw, judged.region) == (at, mw, region)


@given(
    st.fixed_dictionaries({name: number(name) | (st.none() if name[0] in "tcs" else st.nothing()) for name in BOUNDED})
)
def test_valid_weather_events_come_back(fields: dict[str, float | None]) -> None:
    fields.pop("production_mw")
    judged = weather(having(WEATHER, **fields))
    assert isinstance(judged, Weather)
    assert judged.model_dump(exclude={"timestamp"}) == fields


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "empty"),
        (b"\xff", "not utf-8"),
        (having(SOLAR, region="x").replace(b"x", b"\xc3\x28"), "not utf-8"),
        (having(SOLAR, extra="x").replace(b'"x"', b'"\xed\xa0\x80"'), "not utf-8"),
        (b"   ", "not json"),
        (b"{", "not json"),
        (b"\xef\xbb\xbf{}", "not json"),
        (json.dumps(SOLAR)[:-1].encode() + b",}", "not json"),
        (json.dumps(SOLAR).encode() + b" x", "not json"),
        (having(SOLAR).replace(b'"DE"', b"'DE'"), "not json"),
        (having(SOLAR, production_mw=float("nan")), "not json"),
        (having(SOLAR, production_mw=float("inf")), "not json"),
        (having(SOLAR, production_mw=float("-inf")), "not json"),
        (having(SOLAR, extra=float("nan")), "not json"),
        (having(SOLAR, production_mw="X").replace(b'"X"', b"nan"), "not json"),
        (having(SOLAR, production_mw="X").replace(b'"X"', b"inf"), "not json"),
        (having(SOLAR, production_mw="X").replace(b'"X"', b"+1"), "not json"),
        (having(SOLAR, production_mw="X").replace(b'"X"', b".5"), "not json"),
        (having(SOLAR, region="X").replace(b"X", b"\\ud800"), "not json"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (b'"text"', "not an object"),
        (b"1", "not an object"),
        (b'"NaN"', "not an object"),
        (b"{}", "missing timestamp"),
        (without(SOLAR, "timestamp"), "missing timestamp"),
        (without(SOLAR, "production_mw"), "missing production_mw"),
        (without(SOLAR, "region"), "missing region"),
        (having({**SOLAR, "Region": "DE", "region": None}).replace(b', "region": null', b""), "missing region"),
        (having(SOLAR, timestamp=1717243200), "timestamp is not text"),
        (having(SOLAR, timestamp=None), "timestamp is not text"),
        (having(SOLAR, production_mw="12.5"), "production_mw is not a number"),
        (having(SOLAR, production_mw=True), "production_mw is not a number"),
        (having(SOLAR, production_mw=None), "production_mw is not a number"),
        (having(SOLAR, production_mw="NaN"), "production_mw is not a number"),
        (having(SOLAR, production_mw=[1]), "production_mw is not a number"),
        (having(SOLAR, production_mw=-0.001), "production_mw out of range"),
        (having(SOLAR, production_mw=10000000.5), "production_mw out of range"),
        (having(SOLAR, production_mw="X").replace(b'"X"', b"1e400"), "not json"),
        (having(SOLAR, production_mw="X").replace(b'"X"', b"9" * 400), "not json"),
        (having(SOLAR, region=""), "region out of range"),
        (having(SOLAR, region="ä" * 101), "region out of range"),
        (having(SOLAR, region=5), "region is not text"),
        (having(SOLAR, region=None), "region is not text"),
    ],
)
def test_malformed_solar_messages_and_their_reasons(raw: bytes, expected: str) -> None:
    assert reason(solar(raw)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-06-01T12:00:00", "is not RFC 3339 with an offset"),
        ("2024-06-01T12:00:00 Z", "is not RFC 3339 with an offset"),
        ("2024-06-01T12:00Z", "is not RFC 3339 with an offset"),
        ("2024-06-01", "is not RFC 3339 with an offset"),
        ("2024-06-01t12:00:00z", "is not RFC 3339 with an offset"),
        ("2024-06-01T12:00:00+0200", "is not RFC 3339 with an offset"),
        ("2024-06-01T12:00:00+02", "is not RFC 3339 with an offset"),
        ("2024-06-01T12:00:00+24:00", "is not RFC 3339 with an offset"),
        ("2024-06-01T12:00:00.Z", "is not RFC 3339 with an offset"),
        ("2024-06-01T12:00:00.1234567890Z", "is not RFC 3339 with an offset"),
        ("2024-06-01T12:00:00,5Z", "is not RFC 3339 with an offset"),
        ("2024-06-01T24:00:00Z", "is not RFC 3339 with an offset"),
        ("2024-06-01T12:60:00Z", "is not RFC 3339 with an offset"),
        ("2016-12-31T23:59:60Z", "is not RFC 3339 with an offset"),
        ("0999-06-01T12:00:00Z", "is not RFC 3339 with an offset"),
        ("3000-06-01T12:00:00Z", "is not RFC 3339 with an offset"),
        ("12024-06-01T12:00:00Z", "is not RFC 3339 with an offset"),
        ("2024-06-01T12:00:00Z\n", "is not RFC 3339 with an offset"),
        (" 2024-06-01T12:00:00Z", "is not RFC 3339 with an offset"),
        ("２024-06-01T12:00:00Z", "is not RFC 3339 with an offset"),
        ("now", "is not RFC 3339 with an offset"),
        ("", "is not RFC 3339 with an offset"),
        ("2024-02-30T12:00:00Z", "does not exist"),
        ("2023-02-29T12:00:00Z", "does not exist"),
        ("1900-02-29T12:00:00Z", "does not exist"),
        ("2024-04-31T12:00:00Z", "does not exist"),
        ("2024-13-01T12:00:00Z", "does not exist"),
        ("2024-00-01T12:00:00Z", "does not exist"),
        ("2024-01-00T12:00:00Z", "does not exist"),
        ("2024-01-32T12:00:00Z", "does not exist"),
    ],
)
def test_texts_that_are_no_time(text: str, expected: str) -> None:
    assert reason(solar(having(SOLAR, timestamp=text))) == f"timestamp {expected}"


@given(st.integers(1000, 2999), st.integers(0, 13), st.integers(0, 32))
def test_the_calendar_is_pythons(year: int, month: int, day: int) -> None:
    judged = solar(having(SOLAR, timestamp=f"{year}-{month:02d}-{day:02d}T00:00:00Z"))
    try:
        expected = datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        assert reason(judged) == "timestamp does not exist"
    else:
        assert isinstance(judged, SolarProduction)
        assert instant(judged.timestamp) == expected


@pytest.mark.parametrize("name", ["temperature_c", "cloud_cover_pct", "solar_radiation_wm2"])
def test_weather_may_be_unknown_but_not_missing(name: str) -> None:
    judged = weather(having(WEATHER, **{name: None}))
    assert isinstance(judged, Weather)
    assert getattr(judged, name) is None
    assert reason(weather(without(WEATHER, name))) == f"missing {name}"
    assert reason(weather(having(WEATHER, **{name: "1"}))) == f"{name} is not a number"


@pytest.mark.parametrize("name", [name for name in BOUNDED if name != "production_mw"])
@pytest.mark.parametrize("end", [0, 1])
def test_bounds_of_weather(name: str, end: int) -> None:
    bound, beyond = BOUNDED[name][end], BOUNDED[name][end] * 1.001 if BOUNDED[name][end] else -0.001
    assert isinstance(weather(having(WEATHER, **{name: bound})), Weather)
    assert reason(weather(having(WEATHER, **{name: beyond}))) == f"{name} out of range"


def test_coordinates_must_be_known() -> None:
    for name in ("latitude", "longitude"):
        assert reason(weather(having(WEATHER, **{name: None}))) == f"{name} is not a number"


def test_the_first_field_of_the_contract_names_the_reason() -> None:
    assert reason(solar(b'{"region": 5, "production_mw": "x"}')) == "missing timestamp"
    assert reason(solar(b'{"region": 5, "production_mw": "x", "timestamp": "2024-06-01T12:00:00Z"}')) == (
        "production_mw is not a number"
    )


def test_words_that_look_like_numbers_are_fine_within_text() -> None:
    judged = solar(having(SOLAR, region="NaN Infinity"))
    assert isinstance(judged, SolarProduction)
    assert judged.region == "NaN Infinity"


def test_of_a_key_that_occurs_twice_the_last_counts() -> None:
    raw = json.dumps(SOLAR)[:-1].encode() + b', "production_mw": 7}'
    judged = solar(raw)
    assert isinstance(judged, SolarProduction)
    assert judged.production_mw == 7


def test_digits_behind_the_microsecond_are_cut_off() -> None:
    assert instant("2024-06-01 14:00:00.123456999+02:00") == datetime(2024, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)


def test_reasons_for_contracts_of_others() -> None:
    class Click(Contract):
        at: Time
        user: str
        count: int

    click = Validator(Click)
    good = {"at": "2024-06-01T12:00:00Z", "user": "u", "count": 1}
    assert isinstance(click(having(good)), Click)
    assert reason(click(having(good, count=1.5))) == "count is not a number"
    assert reason(click(having(good, count="1"))) == "count is not a number"
    assert reason(click(having(good, user=1))) == "user is not text"
    assert reason(click(having(good, at="2024-06-01"))) == "at is not RFC 3339 with an offset"
