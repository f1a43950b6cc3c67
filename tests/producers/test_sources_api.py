"""The API sources against a local server that answers as the APIs do, faults included."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from featurectl.errors import SourceError, UsageError
from featurectl.log import open_log
from featurectl.stopping import Stop, StopRequested
from producers import energy_charts, open_meteo
from producers._http import Pace, RateLimit, opened_api
from producers.commands import produce_range
from producers.contracts import Validator, Weather
from producers.registry import SourceUnavailable
from producers.settings import load_api_settings
from producers.sites import find_sites
from tests.producers.conftest import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from featurectl.settings import Settings
    from producers._http import Api
    from producers.registry import Request
    from tests.producers.conftest import Clock, Server

OK = Answer({"fine": True})
DE = find_sites(["DE"])[0]


@contextmanager
def api(clock: Clock, *, stop: Stop | None = None, limits: Any = (), **pace: Any) -> Iterator[Api]:
    """An API client whose waits take no time; its jitter takes the whole of each backoff."""
    with opened_api(
        stop or Stop(), limits, pace=Pace(**pace), clock=clock, sleep=clock.sleep, jitter=lambda _low, high: high
    ) as client:
        yield client


# Retries


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        (Answer(status=500), 1.0),
        (Answer(status=503, headers={"Retry-After": "7"}), 7.0),
        (Answer(status=429), 1.0),
        (Answer(status=429, headers={"Retry-After": "30"}), 30.0),
        (Answer(status=429, headers={"Retry-After": "soon"}), 1.0),
        (Answer(fault="cut"), 1.0),
    ],
)
def test_a_fault_that_may_pass_is_tried_again(server: Server, clock: Clock, fault: Answer, waits: float) -> None:
    server.script = [fault, OK]
    with api(clock) as client:
        assert client.get(server.url, {"a": 1}) == {"fine": True}
    assert clock.slept == [waits]
    assert server.asked == [("/", {"a": "1"})] * 2


def test_a_server_that_does_not_answer_in_time_is_tried_again(server: Server, clock: Clock) -> None:
    server.script = [Answer(fault="silent"), OK]
    with api(clock, timeout=0.1) as client:
        assert client.get(server.url, {}) == {"fine": True}
    assert clock.slept == [1.0]


def test_retry_after_may_be_a_date(server: Server, clock: Clock) -> None:
    at = datetime.now(UTC) + timedelta(seconds=100)
    server.script = [Answer(status=429, headers={"Retry-After": format_datetime(at, usegmt=True)}), OK]
    with api(clock) as client:
        client.get(server.url, {})
    assert 90 < clock.slept[0] <= 100


def test_backoff_doubles_up_to_its_limit_and_then_gives_up(server: Server, clock: Clock) -> None:
    server.script = [Answer(status=502)]
    with api(clock, attempts=6, longest_wait=10) as client, pytest.raises(SourceUnavailable, match="HTTP 502, 6 times"):
        client.get(server.url, {})
    assert clock.slept == [1, 2, 4, 8, 10]


def test_jitter_takes_a_random_part_of_each_backoff(server: Server, clock: Clock) -> None:
    server.script = [Answer(status=502)]
    with (
        opened_api(Stop(), (), pace=Pace(attempts=30), clock=clock, sleep=clock.sleep) as client,
        pytest.raises(SourceUnavailable),
    ):
        client.get(server.url, {})
    assert all(0 <= seconds <= min(60, 2**n) for n, seconds in enumerate(clock.slept))
    assert len(set(clock.slept[10:])) > 10


def test_a_host_that_asks_for_hours_is_not_waited_for(server: Server, clock: Clock) -> None:
    server.script = [Answer(status=429, headers={"Retry-After": "7200"})]
    with api(clock) as client, pytest.raises(SourceUnavailable) as caught:
        client.get(server.url, {})
    assert (clock.slept, caught.value.hint) == ([], "it asks to come back in 7200 s")


def test_clients_of_one_address_keep_its_limit_together(server: Server, clock: Clock) -> None:
    server.script = [OK]
    words: dict[str, Any] = {"clock": clock, "sleep": clock.sleep}
    with (
        opened_api(Stop(), ((2, 60.0),), of=server.url, **words) as one,
        opened_api(Stop(), ((2, 60.0),), of=server.url, **words) as other,
        opened_api(Stop(), ((2, 60.0),), of="another", **words) as another,
    ):
        one.get(server.url, {})
        other.get(server.url, {})
        another.get(server.url, {})
        assert clock.slept == []
        one.get(server.url, {})
    assert clock.slept == [60.0]
    with opened_api(Stop(), ((2, 60.0),), of=server.url, **words) as later:
        later.get(server.url, {})
        later.get(server.url, {})
    assert clock.slept == [60.0, 60.0]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer({"error": True, "reason": "Parameter x is wrong"}, status=400), "HTTP 400, Parameter x is wrong"),
        (Answer({"detail": [{"loc": [], "msg": "no such country", "type": "e"}]}, status=422), "422, no such country"),
        (Answer(b"<html>not found</html>", status=404), "HTTP 404"),
        (Answer(b"<html>welcome</html>"), "not JSON: '<html>welcome"),
    ],
)
def test_a_refusal_is_final_and_says_why(server: Server, clock: Clock, answer: Answer, message: str) -> None:
    server.script = [answer, OK]
    with api(clock) as client, pytest.raises(SourceError, match=message) as caught:
        client.get(server.url, {})
    assert not isinstance(caught.value, SourceUnavailable)
    assert (clock.slept, len(server.asked)) == ([], 1)


def test_an_address_that_is_none_is_an_error_at_once(clock: Clock) -> None:
    for url in ("ftp://127.0.0.1/", "no address", "http://"):
        with api(clock) as client, pytest.raises(SourceError, match="cannot be asked"):
            client.get(url, {})
    assert clock.slept == []


def test_nobody_there_is_tried_again(server: Server, clock: Clock) -> None:
    with api(clock, attempts=2) as client, pytest.raises(SourceUnavailable, match="ConnectError"):
        client.get("http://127.0.0.1:1/", {})
    assert clock.slept == [1]


def test_being_asked_to_stop_ends_the_attempts(server: Server, clock: Clock) -> None:
    stop = Stop()
    stop.ask()
    with api(clock, stop=stop) as client, pytest.raises(StopRequested):
        client.get(server.url, {})
    assert server.asked == []


# Rates


def test_a_rate_limit_lets_no_window_overflow(clock: Clock) -> None:
    limit = RateLimit(((5, 60.0), (20, 3600.0)), clock, clock.sleep)
    went = []
    for _ in range(50):
        limit.take()
        went.append(clock.now)
        clock.now += 1
    for count, window in ((5, 60.0), (20, 3600.0)):
        assert all(later - first >= window for first, later in zip(went, went[count:], strict=False))
    assert went[4] - went[0] == 4, "what fits goes out at once"


def test_a_request_may_cost_more_than_one(clock: Clock) -> None:
    limit = RateLimit(((10, 60.0),), clock, clock.sleep)
    limit.take(8)
    limit.take(2)
    assert clock.slept == []
    limit.take(2)
    assert clock.slept == [60.0]
    limit.take(1000)
    assert sum(clock.slept) == 120.0


# Open-Meteo


@pytest.fixture
def recorded(shared_data: Callable[[str], Path]) -> Callable[[str], Any]:
    """A factory: a recorded answer of Open-Meteo, parsed."""

    def load(name: str) -> Any:
        return json.loads(shared_data(f"open_meteo/{name}.json").read_text(encoding="utf-8"))

    return load


def weather_of(server: Server, clock: Clock, request: Request, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    for name in ("OPEN_METEO_ARCHIVE_URL", "OPEN_METEO_FORECAST_URL"):
        monkeypatch.setenv(name, server.url)
    urls = load_api_settings(request.settings.project_dir)
    with api(clock, limits=open_meteo.LIMITS) as client:
        messages = list(open_meteo.weather_messages(client, urls, find_sites(request.regions), request))
    assert all(isinstance(Validator(Weather)(message), Weather) for message in messages)
    return [json.loads(message) for message in messages]


def test_the_recorded_berlin_answer_is_weather_at_the_requested_site(
    server: Server,
    clock: Clock,
    wanted: Callable[..., Request],
    recorded: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = recorded("forecast_berlin_2023-01-01_02")
    server.script = [Answer(answer)]
    events = weather_of(server, clock, wanted("2023-01-01", "2023-01-03", regions=("50hertz",)), monkeypatch)
    assert answer["longitude"] == 13.419998
    assert {(event["latitude"], event["longitude"]) for event in events} == {(52.52, 13.41)}
    assert len(events) == 48
    assert events[12] == {
        "timestamp": "2023-01-01T12:00:00Z",
        "temperature_c": 15.8,
        "cloud_cover_pct": answer["hourly"]["cloud_cover"][12],
        "solar_radiation_wm2": 111.0,
        "latitude": 52.52,
        "longitude": 13.41,
    }
    assert server.asked == [
        (
            "/v1/archive",
            {
                "latitude": "52.52",
                "longitude": "13.41",
                "hourly": "temperature_2m,cloud_cover,shortwave_radiation",
                "timezone": "GMT",
                "start_date": "2023-01-01",
                "end_date": "2023-01-02",
            },
        )
    ]


def test_local_times_become_utc_and_series_that_are_missing_unknown(
    recorded: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    events = list(open_meteo.readings(DE, recorded("archive_adelaide_2025-01-10_12")))
    assert len(events) == 72
    assert events[0]["timestamp"] == "2025-01-09T14:30:00Z"
    assert events[-1]["timestamp"] == "2025-01-12T13:30:00Z"
    assert (events[0]["temperature_c"], events[0]["cloud_cover_pct"]) == (20.3, None)
    assert "series_missing" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["error_400_bad_enum", "error_400_bad_variable"])
def test_recorded_refusals_are_told(server: Server, clock: Clock, recorded: Callable[[str], Any], name: str) -> None:
    server.script = [Answer(recorded(name), status=400)]
    with api(clock) as client, pytest.raises(SourceError, match="HTTP 400, Cannot initialize"):
        client.get(server.url, {})


def hourly(first: str, hours: int, **series: list[Any]) -> dict[str, Any]:
    start = datetime.fromisoformat(first)
    times = [(start + timedelta(hours=n)).strftime("%Y-%m-%dT%H:%M") for n in range(hours)]
    names = ("temperature_2m", "cloud_cover", "shortwave_radiation")
    values = {name: series.get(name, [1.0] * hours) for name in names}
    return {"utc_offset_seconds": 0, "hourly": {"time": times, **values}}


def test_nulls_are_kept_and_hours_without_any_value_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    answer = hourly(
        "2024-06-01", 3, temperature_2m=[1.0, None, None], cloud_cover=[None, 5, None], shortwave_radiation=[None] * 3
    )
    events = list(open_meteo.readings(DE, answer))
    assert [(e["timestamp"][11:13], e["temperature_c"], e["cloud_cover_pct"]) for e in events] == [
        ("00", 1.0, None),
        ("01", None, 5),
    ]
    assert json.loads(capsys.readouterr().err)["hours"] == 1


@pytest.mark.parametrize(
    "answer", [[], {}, {"utc_offset_seconds": 0, "hourly": {"time": ["x"]}}, {"hourly": None}, None]
)
def test_another_shape_is_an_error(answer: Any) -> None:
    with pytest.raises(SourceError, match="unknown shape"):
        list(open_meteo.readings(DE, answer))
    with pytest.raises(SourceError, match="unknown shape"):
        list(energy_charts.readings(DE, answer))


def test_series_of_another_length_are_an_error() -> None:
    with pytest.raises(SourceError, match="unknown shape"):
        list(open_meteo.readings(DE, hourly("2024-06-01", 3, cloud_cover=[1])))


def test_an_empty_answer_is_no_events(
    server: Server, clock: Clock, wanted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script = [Answer(hourly("2024-06-01", 0))]
    assert weather_of(server, clock, wanted("2024-06-01", "2024-06-02", regions=("DE",)), monkeypatch) == []


def test_a_long_range_is_asked_for_in_pages_without_overlap(
    server: Server, clock: Clock, wanted: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script = [Answer(hourly("2023-12-25", 24 * 100))]
    events = weather_of(server, clock, wanted("2024-01-01T05:00", "2024-03-01", regions=("DE",)), monkeypatch)
    assert [(query["start_date"], query["end_date"]) for _, query in server.asked] == [
        ("2024-01-01", "2024-01-31"),
        ("2024-02-01", "2024-02-29"),
    ]
    times = [event["timestamp"] for event in events]
    assert times[0] == "2024-01-01T05:00:00Z"
    assert times[-1] == "2024-02-29T23:00:00Z"
    assert len(times) == len(set(times)) == 24 * 60 - 5


def test_the_last_week_comes_from_the_forecast_and_nothing_from_the_future(
    server: Server, clock: Clock, wanted: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script = [Answer(hourly("2024-06-01", 24 * 40))]
    request = wanted("2024-06-10", "2024-06-30", regions=("DE",), now="2024-06-20T09:30")
    events = weather_of(server, clock, request, monkeypatch)
    assert [path for path, _ in server.asked] == ["/v1/archive", "/v1/forecast"]
    assert (server.asked[0][1]["start_date"], server.asked[0][1]["end_date"]) == ("2024-06-10", "2024-06-12")
    assert (server.asked[1][1]["past_days"], server.asked[1][1]["forecast_days"]) == ("7", "1")
    times = [event["timestamp"] for event in events]
    assert (times[0], times[-1], len(times)) == ("2024-06-10T00:00:00Z", "2024-06-20T09:00:00Z", 10 * 24 + 10)


# energy-charts


def quarter_hours(first: str, values: list[Any]) -> dict[str, Any]:
    start = int(datetime.fromisoformat(first).timestamp())
    other = {"name": "Wind onshore", "data": [9.0] * len(values)}
    return {
        "unix_seconds": [start + 900 * n for n in range(len(values))],
        "production_types": [other, {"name": "Solar", "data": values}],
        "deprecated": False,
    }


def production_of(server: Server, clock: Clock, request: Request) -> list[dict[str, Any]]:
    with api(clock, limits=energy_charts.LIMITS) as client:
        sites = find_sites(request.regions)
        return [json.loads(m) for m in energy_charts.production_messages(client, server.url, sites, request)]


def test_quarter_hours_of_the_countrys_local_days(server: Server, clock: Clock, wanted: Callable[..., Request]) -> None:
    server.script = [Answer(quarter_hours("2024-05-31T22:00Z", [float(n) for n in range(2 * 96)]))]
    events = production_of(server, clock, wanted("2024-06-01", "2024-06-02", regions=("DE",)))
    assert server.asked == [("/public_power", {"country": "de", "start": "2024-06-01", "end": "2024-06-02"})]
    assert len(events) == 96
    assert events[0] == {"timestamp": "2024-06-01T00:00:00Z", "production_mw": 8.0, "region": "DE"}
    assert events[-1]["timestamp"] == "2024-06-01T23:45:00Z"


def test_pages_meet_over_the_change_of_clocks(server: Server, clock: Clock, wanted: Callable[..., Request]) -> None:
    server.script = [Answer(quarter_hours("2024-09-30T00:00Z", [1.0] * 96 * 70))]
    events = production_of(server, clock, wanted("2024-10-01", "2024-11-20", regions=("ES",)))
    times = [event["timestamp"] for event in events]
    assert len(times) == len(set(times)) == 50 * 96
    assert [(q["start"], q["end"]) for _, q in server.asked] == [
        ("2024-10-01", "2024-10-31"),
        ("2024-11-01", "2024-11-20"),
    ]


def test_nulls_within_are_left_out_and_counted(
    server: Server, clock: Clock, wanted: Callable[..., Request], capsys: pytest.CaptureFixture[str]
) -> None:
    server.script = [Answer(quarter_hours("2024-06-01T00:00Z", [1.0, None, None, 4]))]
    events = production_of(server, clock, wanted("2024-06-01", "2024-06-02", regions=("DE",)))
    assert [event["production_mw"] for event in events] == [1.0, 4]
    said = json.loads(capsys.readouterr().err)
    assert (said["event"], said["quarters"]) == ("quarters_without_values", 2)


@pytest.mark.parametrize(
    "body",
    [
        {"unix_seconds": None, "production_types": None, "deprecated": False},
        {"unix_seconds": [], "production_types": []},
        {"unix_seconds": [1717200000], "production_types": [{"name": "Wind", "data": [1.0]}]},
    ],
)
def test_an_empty_200_is_no_events_and_is_said(
    server: Server, clock: Clock, wanted: Callable[..., Request], capsys: pytest.CaptureFixture[str], body: Any
) -> None:
    server.script = [Answer(body)]
    assert production_of(server, clock, wanted("2024-06-01", "2024-06-02", regions=("FR",))) == []
    said = json.loads(capsys.readouterr().err)
    assert (said["event"], said["region"]) == ("no_data", "FR")


def test_regions_that_energy_charts_does_not_serve(wanted: Callable[..., Request]) -> None:
    with pytest.raises(UsageError, match="does not serve amprion") as caught:
        energy_charts.open_production(wanted("2024-06-01", "2024-06-02", regions=("DE", "amprion")))
    assert "DE,ES,FR" in str(caught.value.hint)


# All the way


def test_from_the_api_to_the_log(
    server: Server, project: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENERGY_CHARTS_URL", server.url)
    server.script = [Answer(quarter_hours("2024-06-01T00:00Z", [1.0, -0.5, 2.0]))]
    start = datetime(2024, 6, 1, tzinfo=UTC)
    result = produce_range("solar", "api", start, start + timedelta(days=1), ["DE"], project())
    assert (result.published, dict(result.reasons)) == (2, {"production_mw out of range": 1})
    records = list(open_log(project()).read("solar_production_raw"))
    assert [(record.key, json.loads(record.value)["production_mw"]) for record in records] == [("DE", 1.0), ("DE", 2.0)]


def test_an_api_that_fails_half_way_leaves_what_came_before(
    server: Server, project: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENERGY_CHARTS_URL", server.url)
    server.script = [Answer(quarter_hours("2024-06-01T00:00Z", [1.0])), Answer({"detail": "no"}, status=422)]
    start = datetime(2024, 6, 1, tzinfo=UTC)
    with pytest.raises(SourceError, match="422, no"):
        produce_range("solar", "api", start, start + timedelta(days=1), ["DE", "ES"], project())
    assert len(list(open_log(project()).read("solar_production_raw"))) == 1


def test_weather_from_the_api_to_the_log(
    server: Server, project: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPEN_METEO_ARCHIVE_URL", server.url)
    server.script = [Answer(hourly("2024-06-01", 24))]
    start = datetime(2024, 6, 1, tzinfo=UTC)
    result = produce_range("weather", "api", start, start + timedelta(days=1), ["ES"], project())
    assert (result.published, result.rejected) == (24, 0)
    assert {record.key for record in open_log(project()).read("weather_raw")} == {"40.4168,-3.7038"}
