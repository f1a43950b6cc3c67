"""Any order that keeps the order within a key, any repetition, any split: the rows that the definition gives."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import oracle
from tests.workspace import SOLAR, WEATHER, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2024, 2, 28, 20, tzinfo=UTC)
SITES = {"DE": (51.1657, 10.4515), "ES": (40.4168, -3.7038), "nowhere": (1.0, 2.0)}

malformed = st.sampled_from(
    [
        b"", b"[]", b"null", b'"x"', b"\xff\xfe", b"{",
        b'{"timestamp": "2024-02-28T21:00:00", "production_mw": 1, "region": "DE"}',
        b'{"timestamp": "2024-02-28T21:00:00Z", "production_mw": NaN, "region": "DE"}',
        b'{"timestamp": "2024-02-28T21:00:00Z", "production_mw": "NaN", "region": "DE"}',
        b'{"timestamp": "2024-02-28T21:00:00Z", "production_mw": "5", "region": "DE"}',
        b'{"timestamp": "2024-02-28T21:00:00Z", "production_mw": -5, "region": "DE"}',
        b'{"timestamp": 1709154000, "production_mw": 5, "region": "DE"}',
        b'{"Timestamp": "2024-02-28T21:00:00Z", "production_mw": 5, "region": "DE"}',
        b'{"timestamp": "2024-02-28T21:00:00Z", "region": "DE"}',
        b'{"timestamp": "2024-02-28T21:00:00Z", "production_mw": 1e400, "region": "DE"}',
        b'{"timestamp": "2024-02-28T21:00:00Z", "production_mw": 1, "region": "DE",}',
    ]
)  # fmt: skip
moments = st.one_of(
    st.integers(0, 60).map(lambda n: START + timedelta(hours=n)),
    st.integers(0, 60 * 60).map(lambda n: START + timedelta(minutes=n)),
    st.integers(0, 3600 * 10**6).map(lambda n: START + timedelta(microseconds=n)),
)


def spelled(at: datetime) -> st.SearchStrategy[str]:
    offsets = st.sampled_from([timedelta(0), timedelta(hours=2), -timedelta(hours=9, minutes=30)])
    return offsets.map(lambda o: (at + o).replace(tzinfo=None).isoformat() + _offset(o))


def _offset(offset: timedelta) -> str:
    minutes = int(offset.total_seconds()) // 60
    return "Z" if minutes == 0 else f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


@st.composite
def solar_events(draw: st.DrawFn) -> tuple[Any, bytes]:
    at, region = draw(moments), draw(st.sampled_from(sorted(SITES)))
    mw = draw(st.one_of(st.integers(0, 5000), st.floats(0, 1e7), st.just(1e20)))
    event = {"timestamp": draw(spelled(at)), "production_mw": mw, "region": region}
    return ("s", region, at), json.dumps(event).encode()


@st.composite
def weather_events(draw: st.DrawFn) -> tuple[Any, bytes]:
    at, (latitude, longitude) = draw(moments), SITES[draw(st.sampled_from(["DE", "ES"]))]
    near = draw(st.sampled_from([0.0, 0.0, 0.001]))
    event = {
        "timestamp": draw(spelled(at)),
        "temperature_c": draw(st.none() | st.floats(-40, 50)),
        "cloud_cover_pct": draw(st.none() | st.integers(0, 100)),
        "solar_radiation_wm2": draw(st.none() | st.floats(0, 1200)),
        "latitude": latitude + near,
        "longitude": longitude,
    }
    return ("w", latitude + near, longitude, at), json.dumps(event).encode()


keyed_malformed = malformed.map(lambda raw: (("malformed",), raw))
streams = st.tuples(
    st.lists(st.one_of(solar_events(), solar_events(), solar_events(), keyed_malformed), min_size=1, max_size=60),
    st.lists(st.one_of(weather_events(), weather_events(), keyed_malformed), max_size=40),
)


def disordered(stream: list[tuple[Any, bytes]], rng: random.Random) -> list[bytes]:
    """Another order, each key's events in theirs, some repeated before their key's next revision."""
    by_key: dict[Any, list[bytes]] = {}
    for key, raw in stream:
        by_key.setdefault(key, []).append(raw)
    queues = [[raw for raw in queue for _ in range(rng.choice((1, 1, 1, 2, 3)))] for queue in by_key.values()]
    out = []
    while queues:
        queue = rng.choice(queues)
        out.append(queue.pop(0))
        if not queue:
            queues.remove(queue)
    return out


def in_batches(workspace: Workspace, solar: list[bytes], weather: list[bytes], rng: random.Random) -> None:
    cuts = rng.randint(1, 3)
    for n in range(cuts):
        workspace.publish(SOLAR, solar[n * len(solar) // cuts : (n + 1) * len(solar) // cuts])
        workspace.publish(WEATHER, weather[n * len(weather) // cuts : (n + 1) * len(weather) // cuts])
        workspace.refresh()


@given(streams, st.randoms(use_true_random=False))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_disorder_repetition_and_batches_change_nothing(
    make_workspace: Callable[[], Workspace], stream: Any, rng: random.Random
) -> None:
    solar, weather = stream
    workspace = make_workspace()
    in_batches(workspace, disordered(solar, rng), disordered(weather, rng), rng)
    expected = oracle.features_enriched([raw for _, raw in solar], [raw for _, raw in weather], workspace.regions())
    assert oracle.differences(workspace.features(), expected) == []


def test_a_large_dirty_stream_equals_the_definition(make_workspace: Callable[[], Workspace]) -> None:
    rng = random.Random(7)
    dirt = [b"", b"{", b"\xff", b"[1]", b'{"timestamp": "2024-02-28T21:00:00", "production_mw": 1, "region": "DE"}']
    solar, weather = [], []
    for n in range(6000):
        at = START + timedelta(minutes=15 * rng.randrange(2000))
        region = rng.choice(["DE", "ES", "FR", "nowhere"])
        event = {"timestamp": at.isoformat(), "production_mw": round(rng.random() * 900, 3), "region": region}
        solar.append(json.dumps(event).encode() if n % 20 else rng.choice(dirt))
    for _ in range(2500):
        at = START + timedelta(minutes=30 * rng.randrange(1000))
        latitude, longitude = rng.choice([SITES["DE"], SITES["ES"]])
        event = {
            "timestamp": at.isoformat(), "temperature_c": rng.uniform(-10, 35), "cloud_cover_pct": rng.randrange(101),
            "solar_radiation_wm2": rng.choice([None, rng.uniform(0, 900)]),
            "latitude": latitude, "longitude": longitude,
        }  # fmt: skip
        weather.append(json.dumps(event).encode())
    workspace = make_workspace()
    in_batches(workspace, solar, weather, rng)
    expected = oracle.features_enriched(solar, weather, workspace.regions())
    assert len(expected) > 1500
    assert oracle.differences(workspace.features(), expected) == []
    [[refused]] = workspace.rows("SELECT count(*) FROM solar_rejected")
    assert refused == 300
