"""Files as sources: formats, raw lines, timed replay, and what happens to lines that are no events."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace as changed
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import duckdb
import pytest

from featurectl.errors import SourceError, UsageError
from featurectl.log import MAX_EVENT_BYTES, open_log
from featurectl.stopping import Stop
from producers._replaying import timed
from producers.commands import produce, produce_range, replay
from producers.registry import load_producer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from featurectl.settings import Settings
    from tests.producers.conftest import Clock

Project: TypeAlias = "Callable[..., Settings]"
File: TypeAlias = "Callable[..., Path]"
TOPIC = "solar_production_raw"


def line(hour: int = 0, mw: Any = 1.5, region: Any = "DE") -> bytes:
    return json.dumps({"timestamp": f"2024-06-01T{hour:02d}:00:00Z", "production_mw": mw, "region": region}).encode()


def values(settings: Settings, topic: str = TOPIC) -> list[bytes]:
    return [record.value for record in open_log(settings).read(topic)]


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """A factory of files with content."""

    def make(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return make


@pytest.mark.parametrize("name", ["a.ndjson", "a.jsonl", "a.json", "a.ndjson.gz"])
def test_valid_lines_are_published_byte_for_byte(project: Project, file: File, name: str) -> None:
    lines = [
        line(0),
        b'  {"region" : "ES","production_mw":2,\t"timestamp":"2024-06-01 00:00:00+02:00","x":[1]} \r',
        line(1),
    ]
    result = replay("solar", file(name, b"\n".join(lines)), settings=project())
    assert (result.published, result.rejected, result.topic) == (3, 0, TOPIC)
    assert values(project()) == lines
    assert [record.key for record in open_log(project()).read(TOPIC)] == ["DE", "ES", "DE"]


def test_refused_lines_are_counted_logged_and_kept_and_the_run_goes_on(
    project: Project, file: File, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = [b"", b"\xff\x00", b'{"a', line(mw=-1), line(mw="1")]
    path = file("a.ndjson", b"\n".join([line(0), *bad, line(1)]) + b"\n")
    result = replay(TOPIC, path, settings=project())
    reasons = ["empty", "not utf-8", "not json", "production_mw out of range", "production_mw is not a number"]
    assert (result.published, dict(result.reasons)) == (2, dict.fromkeys(reasons, 1))
    assert values(project()) == [line(0), line(1)]
    kept = [json.loads(value) for value in values(project(), f"{TOPIC}_rejected")]
    assert [(each["topic"], each["reason"], each["bytes"]) for each in kept] == [
        (TOPIC, reason, len(raw)) for reason, raw in zip(reasons, bad, strict=True)
    ]
    raws = [base64.b64decode(e["raw"]) if e["encoding"] == "base64" else e["raw"].encode() for e in kept]
    assert raws == bad
    logged = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
    assert [entry.get("reason") for entry in logged] == [*reasons, None]
    assert logged[-1]["reasons"] == dict.fromkeys(reasons, 1)


def test_many_refused_lines_do_not_flood_the_log(
    project: Project, file: File, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay("solar", file("a.ndjson", b"x\n" * 3000), settings=project()).rejected == 3000
    assert len(values(project(), f"{TOPIC}_rejected")) == 3000
    assert len(capsys.readouterr().err.splitlines()) == 21


@pytest.mark.parametrize("raw", [False, True])
def test_a_line_that_no_log_takes_is_refused_with_its_beginning_kept(project: Project, file: File, raw: bool) -> None:
    large = line(region="DE")[:-1] + b', "x": "' + b"y" * MAX_EVENT_BYTES + b'"}'
    result = replay("solar", file("a.ndjson", large + b"\n" + line(1)), settings=project(), raw=raw)
    assert (result.published, dict(result.reasons)) == (1, {"too large": 1})
    (kept,) = values(project(), f"{TOPIC}_rejected")
    assert json.loads(kept)["bytes"] == len(large)
    assert large.decode().startswith(json.loads(kept)["raw"])


def test_raw_lines_pass_as_they_are_with_the_key_where_it_can_be_read(project: Project, file: File) -> None:
    lines = [line(0), b"", b"\xff", b"{", b"[]", line(mw="x", region="ES"), line(region=5), b'{"region": "FR"}\r']
    result = replay("solar", file("a.ndjson", b"\n".join(lines)), settings=project(), raw=True)
    assert (result.published, result.rejected) == (len(lines), 0)
    assert values(project()) == lines
    keys = [record.key for record in open_log(project()).read(TOPIC)]
    assert keys == ["DE", None, None, None, None, "ES", None, "FR"]


def test_raw_lines_whose_key_cannot_be_read_or_is_no_key(project: Project, file: File) -> None:
    lines = [b"[" * 100_000, b'{"region": "' + b"x" * 70_000 + b'"}', b'{"_fields_set": 1}', b'{"region": null}']
    assert replay("solar", file("a.ndjson", b"\n".join(lines)), settings=project(), raw=True).published == 4
    assert [(r.value, r.key) for r in open_log(project()).read(TOPIC)] == [(line, None) for line in lines]


def test_an_event_whose_key_no_log_takes_is_refused(project: Project, file: File, tmp_path: Path) -> None:
    free = changed(load_producer("solar"), key=lambda event: event.region * 1000)
    path = file("a.ndjson", line(region="x" * 60) + b"\n" + line(region="x"))
    result = produce(free, settings=project(), source=str(path))
    assert (result.published, dict(result.reasons)) == (1, {"too large": 1})


def test_raw_lines_go_to_any_topic(project: Project, file: File) -> None:
    result = replay("other", file("a.ndjson", b"1\n2\n"), settings=project(), raw=True)
    assert (result.topic, values(project(), "other")) == ("other", [b"1", b"2"])


CSV = b"""region,timestamp,production_mw,note
DE,2024-06-01T00:00:00Z,1.50,"a, ""quoted"" note"
DE,2024-06-01T01:00:00,2,no offset
DE,2024-06-01T02:00:00Z,,empty
DE,2024-06-01T03:00:00Z,"1,5",comma
DE,2024-06-01T04:00:00Z,+.5,"two
lines"
DE,2024-06-01T05:00:00Z,NaN,
"""


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("separator", [b",", b";", b"\t"])
def test_csv_columns_by_name(project: Project, file: File, name: str, separator: bytes) -> None:
    content = CSV if separator == b"," else CSV.replace(b'"1,5"', b"1_5").replace(b",", separator)
    result = replay("solar", file(name, content), settings=project())
    assert dict(result.reasons) == {
        "timestamp is not RFC 3339 with an offset": 1,
        "production_mw is not a number": 3,
    }
    first, second = map(json.loads, values(project()))
    assert (first["timestamp"], first["production_mw"], first["region"]) == ("2024-06-01T00:00:00Z", 1.5, "DE")
    assert b'"production_mw": 1.50,' in values(project())[0], "a number keeps its digits"
    assert (second["production_mw"], second["note"]) == (0.5, "two\nlines")


def test_csv_with_a_byte_order_mark_and_ragged_rows(project: Project, file: File) -> None:
    content = b"\xef\xbb\xbftimestamp,region,production_mw\n2024-06-01T00:00:00Z,DE,1,surplus\n2024-06-01T00:00:00Z\n"
    result = replay("solar", file("a.csv", content), settings=project())
    assert (result.published, dict(result.reasons)) == (1, {"production_mw is not a number": 1})


def test_empty_cells_of_weather_are_unknown(project: Project, file: File) -> None:
    names = "timestamp,temperature_c,cloud_cover_pct,solar_radiation_wm2,latitude,longitude"
    path = file("a.csv", f"{names}\n2024-06-01T00:00:00Z,,50,,52.52,-0.00001\n".encode())
    assert replay("weather", path, settings=project()).published == 1
    (record,) = open_log(project()).read("weather_raw")
    assert json.loads(record.value)["temperature_c"] is None
    assert record.key == "52.5200,0.0000"


def test_parquet_columns_by_name(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    duckdb.sql("SET TimeZone = 'America/New_York'")
    duckdb.sql(f"""
        COPY (SELECT * FROM (VALUES
            ('DE', timestamptz '2024-06-01 02:00:00.25+02', 1.5::decimal(9, 2), 1),
            ('DE', timestamptz '2024-06-01 02:00:00+00', 'nan'::double, 2),
            ('DE', timestamptz '2024-06-01 03:00:00+00', NULL, 3)
        ) AS t(region, "timestamp", production_mw, n)) TO '{path}'
    """)
    result = replay("solar", path, settings=project())
    assert dict(result.reasons) == {"production_mw is not a number": 2}
    (only,) = map(json.loads, values(project()))
    assert only == {"region": "DE", "timestamp": "2024-06-01T00:00:00.250000Z", "production_mw": 1.5, "n": 1}


def test_parquet_times_without_a_zone_are_refused_not_guessed(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    duckdb.sql(f"""COPY (SELECT 'DE' AS region, timestamp '2024-06-01 02:00:00' AS "timestamp", 1 AS production_mw)
                   TO '{path}'""")
    reasons = replay("solar", path, settings=project()).reasons
    assert dict(reasons) == {"timestamp is not RFC 3339 with an offset": 1}


def test_germanys_recorded_year_as_a_file(project: Project, tmp_path: Path, shared_data: Callable[[str], Path]) -> None:
    recorded = shared_data("germany/time_series_60min_DE_TSO_2019.csv.gz")
    path = tmp_path / "tennet.csv"
    column = "DE_tennet_solar_generation_actual"
    duckdb.sql(f"""COPY (SELECT utc_timestamp AS "timestamp", 'tennet' AS region, {column} AS production_mw
                   FROM read_csv('{recorded}', all_varchar = true)) TO '{path}'""")
    assert replay("solar", path, settings=project()).published == 8760
    day = [json.loads(v)["production_mw"] for v in values(project()) if b"2019-06-21T" in v]
    assert sum(day) == 75_150


# A file as a source of `produce`


def test_a_file_as_a_source_is_taken_whole_or_by_range_and_region(project: Project, file: File) -> None:
    path = file("a.ndjson", b"\n".join(line(hour, region=region) for hour in range(6) for region in ("DE", "ES")))
    assert produce("solar", settings=project(), source=str(path)).published == 12
    start, end = datetime(2024, 6, 1, 2, tzinfo=UTC), datetime(2024, 6, 1, 4, tzinfo=UTC)
    result = produce_range("solar", str(path), start, end, ["ES"], project())
    assert (result.published, result.skipped) == (2, 10)
    assert values(project())[-2:] == [line(2, region="ES"), line(3, region="ES")]


def test_regions_of_weather_are_the_coordinates_of_their_sites(project: Project, file: File) -> None:
    event = {"timestamp": "2024-06-01T00:00:00Z", "temperature_c": 1, "cloud_cover_pct": 1, "solar_radiation_wm2": 1}
    lines = [json.dumps({**event, "latitude": lat, "longitude": lon}) for lat, lon in ((52.52, 13.41), (40.0, 1.0))]
    path = file("a.ndjson", "\n".join(lines).encode())
    result = produce("weather", settings=project(), source=str(path), regions=["50hertz"])
    assert (result.published, result.skipped) == (1, 1)


# Time


def test_a_timed_replay_waits_as_the_times_say(clock: Clock) -> None:
    messages = [line(0), line(0), line(2), b"no time", line(1), line(3)]
    batches = timed(messages, load_producer("solar"), 3600, stop=Stop(), clock=clock, wait=clock.sleep)
    assert [batch for batch in batches if batch] == [
        [line(0), line(0)],
        [line(2), b"no time", line(1)],
        [line(3)],
    ]
    assert clock.slept == [2.0, 1.0]


def test_a_timed_replay_of_one_moment_comes_in_lists_of_some_hundreds() -> None:
    batches = list(timed([line(0)] * 1201, load_producer("solar"), 1, stop=Stop()))
    assert [len(batch) for batch in batches] == [500, 500, 201]


def test_a_timed_replay_that_is_late_does_not_wait(clock: Clock) -> None:
    batches = timed(
        [line(0), line(1), line(2)], load_producer("solar"), 3600, stop=Stop(), clock=clock, wait=clock.sleep
    )
    assert next(batches) == [line(0)]
    clock.now += 5
    assert list(batches) == [[line(1), line(2)]]


def test_a_timed_replay_ends_when_asked_to(project: Project, file: File) -> None:
    stop = Stop()
    seen = []

    def on_progress(progress: Any) -> None:
        seen.append(progress.published)
        if progress.published == 1:
            stop.ask()

    path = file("a.ndjson", line(0) + b"\n" + line(23))
    result = replay("solar", path, settings=project(), speed=1, stop=stop, on_progress=on_progress)
    assert (result.published, result.stopped, values(project())) == (1, True, [line(0)])


# Refusals


@pytest.mark.parametrize(
    ("topic", "name", "options", "message"),
    [
        ("unknown", "a.ndjson", {}, "no contract for topic 'unknown'"),
        ("unknown", "a.ndjson", {"raw": True, "speed": 1}, "needs a contract"),
        ("solar", "a.csv", {"raw": True}, "has no lines"),
        ("solar", "a.xlsx", {}, "not a format known"),
        ("solar", "a.ndjson", {"speed": 0}, "is no speed"),
        ("solar", "a.ndjson", {"speed": float("nan")}, "is no speed"),
        ("solar", "absent.ndjson", {}, "there is no file"),
    ],
)
def test_calls_that_mean_nothing(
    project: Project, file: File, tmp_path: Path, topic: str, name: str, options: dict[str, Any], message: str
) -> None:
    if name != "absent.ndjson":
        file(name, b"1")
    with pytest.raises(UsageError, match=message):
        replay(topic, tmp_path / name, settings=project(), **options)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.parquet", b"no parquet"), ("a.csv", b"a\n\xff"), ("b.gz", b"")],
)
def test_files_that_cannot_be_read(project: Project, file: File, name: str, content: bytes) -> None:
    path = file(name, content)
    if name == "b.gz":
        path = path.rename(path.with_name("b.ndjson.gz"))
        path.write_bytes(gzip.compress(line() * 100)[:-20])
    with pytest.raises(SourceError, match="cannot be read"):
        replay("solar", path, settings=project())


def test_progress_of_a_file_is_what_was_read_of_it(project: Project, file: File) -> None:
    seen: list[Any] = []
    replay("solar", file("a.ndjson", (line() + b"\n") * 20_000), settings=project(), on_progress=seen.append)
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] < 0.2
    assert fractions[-1] == 1.0
    assert seen[-1].published == 20_000
