"""What the contract refuses: it changes no feature, stops nothing, and is read back with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.workspace import SOLAR, WEATHER

if TYPE_CHECKING:
    from tests.contract.case import Case

TIME = b'"2003-03-03T03:00:00Z"'


def event(time: bytes = TIME, mw: bytes = b"1", region: bytes = b'"%s"') -> bytes:
    return b'{"timestamp": ' + time + b', "production_mw": ' + mw + b', "region": ' + region + b"}"


NO_NUMBER, OUT_OF_RANGE = "production_mw is not a number", "production_mw out of range"
NO_TEXT, NO_RFC, NO_TIME = (
    "timestamp is not text",
    "timestamp is not RFC 3339 with an offset",
    "timestamp does not exist",
)
REFUSED = {
    b"": "empty", b" ": "not json", b"{": "not json", b"nan": "not json", b"NaN": "not json", b"\xff\xfe": "not utf-8",
    b'{"region": "\xc3"}': "not utf-8", b"[]": "not an object", b"null": "not an object", b'"text"': "not an object",
    b"1": "not an object", b"true": "not an object", b"{}": "missing timestamp",
    event() + b"x": "not json", event()[:-1] + b",}": "not json", b"{'region': 1}": "not json",
    b'{"production_mw": 1, "region": "%s"}': "missing timestamp",
    b'{"timestamp": %s, "region": "%%s"}' % TIME: "missing production_mw",
    b'{"timestamp": %s, "production_mw": 1}' % TIME: "missing region",
    b'{"Timestamp": %s, "production_mw": 1, "region": "%%s"}' % TIME: "missing timestamp",
    b'{"timestamp": %s, "PRODUCTION_MW": 1, "region": "%%s"}' % TIME: "missing production_mw",
    event(mw=b"NaN"): "not json", event(mw=b"Infinity"): "not json", event(mw=b"-Infinity"): "not json",
    event(mw=b'"NaN"'): NO_NUMBER, event(mw=b'"nan"'): NO_NUMBER, event(mw=b'"Infinity"'): NO_NUMBER,
    event(mw=b'"5"'): NO_NUMBER, event(mw=b"true"): NO_NUMBER, event(mw=b"null"): NO_NUMBER,
    event(mw=b"[1]"): NO_NUMBER,
    event(mw=b"-5"): OUT_OF_RANGE, event(mw=b"-0.000001"): OUT_OF_RANGE, event(mw=b"1e20"): OUT_OF_RANGE,
    event(mw=b"1e400"): "not json", event(mw=b"10000000.1"): OUT_OF_RANGE,
    event(mw=b"05"): "not json", event(mw=b"+5"): "not json", event(mw=b".5"): "not json", event(mw=b"0x5"): "not json",
    event(time=b"1046660400"): NO_TEXT, event(time=b"null"): NO_TEXT, event(time=b'""'): NO_RFC,
    event(time=b'"2003-03-03T03:00:00"'): NO_RFC, event(time=b'"2003-03-03"'): NO_RFC, event(time=b'"now"'): NO_RFC,
    event(time=b'"2003-03-03T03:00Z"'): NO_RFC, event(time=b'"2003-03-03T24:00:00Z"'): NO_RFC,
    event(time=b'"2003-03-03T03:00:00+25:00"'): NO_RFC, event(time=b'"2003-03-03T03:00:00 Europe/Berlin"'): NO_RFC,
    event(time=b'"2003-02-29T03:00:00Z"'): NO_TIME, event(time=b'"2003-13-01T03:00:00Z"'): NO_TIME,
    event(region=b'""'): "region out of range", event(region=b'"%s"' % (b"x" * 101)): "region out of range",
    event(region=b"5"): "region is not text", event(region=b"null"): "region is not text",
}  # fmt: skip


def test_malformed_events_change_nothing_and_are_read_back(case: Case) -> None:
    """Malformed events, of every kind, change no feature, stop nothing, and are read back with bytes and reason"""
    expected = {message.replace(b"%s", case.region.encode()): reason for message, reason in REFUSED.items()}
    case.publish(*case.hourly({0: 1, 1: 2}))
    before = case.rows()
    case.publish(*expected, case.solar(case.at(2), 3))
    assert case.rows()[:2] == before
    assert case.column("production_mw") == {0: 1, 1: 2, 2: 3}
    found = case.refused(SOLAR)
    assert {message: found.get(message) for message in expected} == expected


WEATHER_REFUSED = {
    b'"cloud_cover_pct": 101': "cloud_cover_pct out of range",
    b'"cloud_cover_pct": -1': "cloud_cover_pct out of range",
    b'"cloud_cover_pct": "50"': "cloud_cover_pct is not a number",
    b'"temperature_c": "NaN"': "temperature_c is not a number",
    b'"temperature_c": 1e20': "temperature_c out of range",
    b'"solar_radiation_wm2": false': "solar_radiation_wm2 is not a number",
    b'"latitude": 90.1': "latitude out of range",
    b'"latitude": null': "latitude is not a number",
    b'"longitude": -180.5': "longitude out of range",
    b'"longitude": "x"': "longitude is not a number",
}


def test_malformed_weather_is_refused(case: Case) -> None:
    """Weather out of its bounds or of another type is refused with the reason"""
    broken = {
        with_field(case.weather(case.at(hour), 1.0, 2.0, 3.0), field): reason
        for hour, (field, reason) in enumerate(WEATHER_REFUSED.items())
    }
    case.publish(*case.hourly(dict.fromkeys(range(len(broken)), 1)), weather=list(broken))
    assert set(case.column("temperature_c").values()) == {None}
    found = case.refused(WEATHER)
    assert {message: found.get(message) for message in broken} == broken


def with_field(whole: bytes, field: bytes) -> bytes:
    """The event with that field as it stands there."""
    start = whole.index(field.partition(b":")[0])
    end = min(i for i in (whole.find(b",", start), whole.find(b"}", start)) if i > 0)
    return whole[:start] + field + whole[end:]


def test_what_the_contract_does_not_know_is_ignored(case: Case) -> None:
    """Fields that the contract does not know are ignored; escapes, spaces and the order of the fields mean nothing"""
    spaced = b'\t{ "extra" : {"region": ["\\u0041"]},\n "region" : "%s" , "production_mw":5.0e0, "timestamp" : "%s" } '
    name = "".join(f"\\u{ord(letter):04x}" for letter in case.region).encode()
    case.publish(spaced % (name, case.at(4).isoformat().encode()))
    assert case.column("production_mw") == {4: 5}


def test_refused_messages_have_their_place_in_the_log(case: Case) -> None:
    """A refused message is listed with topic, partition, offset and ingestion time; --limit limits"""
    from featurectl.services.reading import rejected

    message = b"broken by " + case.region.encode()
    case.publish(message)
    with rejected(case.served.engine, SOLAR) as result:
        [row] = [row for row in result.dicts() if bytes(row["data"]) == message]
    assert row["topic"] == case.topic(SOLAR)
    stored = case.served.rows(
        f"SELECT data FROM {SOLAR} WHERE log_partition = '{row['partition']}' AND log_offset::bigint = {row['offset']}"
    )
    assert [bytes(data) for (data,) in stored] == [message]
    assert row["ingested_at"].year >= 2026
    with rejected(case.served.engine, SOLAR, limit=1) as result:
        assert len(result.all()) == 1
