"""The solar project on Kafka and RisingWave: every value that the definition gives, for dirty and disordered events."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from featurectl.services.reading import rejected
from featurectl.services.verifying import verify
from tests import oracle
from tests.embedded.test_features_by_oracle import SITES, START
from tests.workspace import SOLAR, WEATHER, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.risingwave.workspace import ServerWorkspace

BROKEN = [
    b"", b"{", b"\xff\xfe", b"\x00", b"[1]", b"[]", b"null", b'"x"', b"1", b"{}", b'{"region": "DE"}', b"NaN",
    *(
        b'{"timestamp": %s, "production_mw": %s, "region": %s}' % fields
        for fields in [
            (b'"2024-02-28T21:00:00"', b"1", b'"DE"'), (b'"2024-02-30T21:00:00Z"', b"1", b'"DE"'),
            (b'"yesterday"', b"1", b'"DE"'), (b"1709154000", b"1", b'"DE"'), (b"null", b"1", b'"DE"'),
            (b'"2024-02-28T21:00:00Z"', b"NaN", b'"DE"'), (b'"2024-02-28T21:00:00Z"', b'"NaN"', b'"DE"'),
            (b'"2024-02-28T21:00:00Z"', b'"5"', b'"DE"'), (b'"2024-02-28T21:00:00Z"', b"-5", b'"DE"'),
            (b'"2024-02-28T21:00:00Z"', b"1e20", b'"DE"'), (b'"2024-02-28T21:00:00Z"', b"1e400", b'"DE"'),
            (b'"2024-02-28T21:00:00Z"', b"true", b'"DE"'), (b'"2024-02-28T21:00:00Z"', b"null", b'"DE"'),
            (b'"2024-02-28T21:00:00Z"', b"1", b'""'), (b'"2024-02-28T21:00:00Z"', b"1", b"5"),
            (b'"2024-02-28T21:00:00Z"', b"1", b'"%s"' % (b"x" * 101)), (b'"2024-02-28T21:00:00Z"', b"1", b'"DE",'),
            (b'"2024-02-28T21:00:00+25:00"', b"1", b'"DE"'), (b'"2024-02-28T24:00:00Z"', b"1", b'"DE"'),
        ]
    ),
    b'{"Timestamp": "2024-02-28T21:00:00Z", "production_mw": 5, "region": "DE"}',
    b'{"timestamp": "2024-02-28T21:00:00Z", "region": "DE"}',
]  # fmt: skip


def solar_messages(count: int, rng: random.Random) -> Iterator[bytes]:
    """Readings of four regions a quarter of an hour apart: doubled, revised, out of order, one in twenty malformed."""
    for n in range(count):
        if n % 20 == 0:
            yield rng.choice(BROKEN)
            continue
        at = START + timedelta(minutes=15 * rng.randrange(count // 5))
        mw = rng.choice([0, 0, round(rng.random() * 50_000, 3), rng.random(), 1e7])
        event = {"timestamp": at.isoformat(), "production_mw": mw, "region": rng.choice(["DE", "ES", "FR", "nowhere"])}
        yield json.dumps(event).encode()


def weather_messages(count: int, rng: random.Random) -> Iterator[bytes]:
    """Readings of two sites half an hour apart, revised to other values and to NULL."""
    for _ in range(count):
        at = START + timedelta(minutes=30 * rng.randrange(count // 4))
        latitude, longitude = rng.choice([SITES["DE"], SITES["ES"]])
        event = {
            "timestamp": at.isoformat(), "temperature_c": rng.choice([None, rng.uniform(-10, 35)]),
            "cloud_cover_pct": rng.choice([None, 0, rng.randrange(101)]),
            "solar_radiation_wm2": rng.choice([None, None, rng.uniform(0, 900)]),
            "latitude": latitude + rng.choice([0, 0, 0.001]), "longitude": longitude,
        }  # fmt: skip
        yield json.dumps(event).encode()


SOLAR_EVENTS, WEATHER_EVENTS, LIVE = 100_000, 33_000, 2_000


@pytest.fixture(scope="module")
def dirty(risingwave_workspace: Callable[..., ServerWorkspace]) -> tuple[ServerWorkspace, list[bytes], list[bytes]]:
    """A workspace with so many dirty events, most of them there before the apply, the rest live."""
    rng = random.Random(7)
    solar = list(solar_messages(SOLAR_EVENTS, rng))
    weather = list(weather_messages(WEATHER_EVENTS, rng))
    workspace = risingwave_workspace(applied=False)
    workspace.publish(SOLAR, solar[:-LIVE])
    workspace.publish(WEATHER, weather[:-LIVE])
    applied = workspace.apply()
    print(f"{SOLAR_EVENTS:,} solar events: applied in {applied.seconds:.1f} s")
    for part in (slice(-LIVE, -LIVE // 2), slice(-LIVE // 2, None)):
        workspace.publish(SOLAR, solar[part])
        workspace.publish(WEATHER, weather[part])
        workspace.refresh()
    return workspace, solar, weather


def test_dirty_events_give_the_rows_of_the_definition(dirty: tuple[ServerWorkspace, list[bytes], list[bytes]]) -> None:
    workspace, solar, weather = dirty
    expected = oracle.features_enriched(solar, weather, workspace.regions())
    assert len(expected) > len(solar) / 8
    assert oracle.differences(workspace.features(), expected) == []


def test_verify_finds_no_difference(dirty: tuple[ServerWorkspace, list[bytes], list[bytes]]) -> None:
    workspace, solar, weather = dirty
    found = verify(workspace.engine, workspace.settings, workspace.log, ())
    assert [v.view for v in found.views if not v.comparison.is_equal] == []
    assert found.is_equal
    parts = [part for source in found.sources for part in source.partitions]
    assert sum(part.compared for part in parts) == len(solar) + len(weather)
    compared = sum(view.comparison.served_rows for view in found.views)
    print(f"verify: {compared:,} rows of {len(found.views)} views equal, in {found.seconds:.1f} s")


def test_what_is_rejected_has_the_reasons_of_the_embedded_engine(
    dirty: tuple[ServerWorkspace, list[bytes], list[bytes]], tmp_path: Path
) -> None:
    workspace, solar, weather = dirty
    embedded = Workspace(tmp_path / "home")
    embedded.apply()
    embedded.publish(SOLAR, solar)
    embedded.publish(WEATHER, weather)
    embedded.refresh()
    for topic in (SOLAR, WEATHER):
        with rejected(workspace.engine, topic) as there, rejected(embedded.engine, topic) as here:
            assert reasons(there.dicts()) == reasons(here.dicts())


def reasons(rows: list[dict[str, Any]]) -> Counter[Any]:
    return Counter((bytes(row["data"]), row["reason"]) for row in rows)


@pytest.mark.slow
def test_a_rebuild_needs_nothing_of_kafka(dirty: tuple[ServerWorkspace, list[bytes], list[bytes]]) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    workspace, solar, weather = dirty
    admin = AdminClient({"bootstrap.servers": workspace.settings.kafka_bootstrap_servers})
    ends = [
        TopicPartition(topic, partition, end)
        for topic in workspace.settings.topics.values()
        for partition, end in workspace.log.end_offsets(topic).items()
    ]
    for done in admin.delete_records(ends).values():
        done.result()
    for file in ("solar_events", "weather_events"):
        workspace.edit(f"sql/solar/{file}.sql", "  reason, -- why", "  octet_length(data) AS bytes,\n  reason, -- why")
    started = time.monotonic()
    result = workspace.apply()
    events = len(solar) + len(weather)
    seconds = time.monotonic() - started
    print(f"{events:,} events: {len(result.built)} views rebuilt in {seconds:.1f} s, {events / seconds:,.0f} a second")
    assert len(result.built) == 11
    expected = oracle.features_enriched(solar, weather, workspace.regions())
    assert oracle.differences(workspace.features(), expected) == []
