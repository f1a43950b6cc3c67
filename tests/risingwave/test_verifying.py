"""`verify` on RisingWave and Kafka: equal while events arrive, without the log, and every injected fault is named."""

from __future__ import annotations

import random
import threading
import time
from contextlib import closing, contextmanager
from datetime import UTC
from typing import TYPE_CHECKING

import psycopg2
import pytest

from featurectl.engines import open_engine
from featurectl.errors import EngineError
from featurectl.log import open_log
from featurectl.services.releasing import rollback
from featurectl.services.verifying import Verification, verify
from tests.risingwave.test_features import solar_messages, weather_messages
from tests.workspace import SOLAR, WEATHER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.risingwave.workspace import ServerWorkspace

SOLAR_EVENTS, WEATHER_EVENTS = 6000, 1500


@pytest.fixture(scope="module")
def filled(risingwave_workspace: Callable[[], ServerWorkspace]) -> ServerWorkspace:
    workspace = risingwave_workspace()
    rng = random.Random(11)
    workspace.publish(SOLAR, list(solar_messages(SOLAR_EVENTS, rng)))
    workspace.publish(WEATHER, list(weather_messages(WEATHER_EVENTS, rng)))
    wait_for(workspace, SOLAR_EVENTS + WEATHER_EVENTS)
    return workspace


def wait_for(workspace: ServerWorkspace, events: int) -> None:
    deadline = time.monotonic() + 30
    while sum(source.rows for source in workspace.engine.inspect().sources) < events:
        assert time.monotonic() < deadline, "RisingWave does not ingest"


def verified(workspace: ServerWorkspace, *views: str) -> Verification:
    return verify(workspace.engine, workspace.settings, workspace.log, views)


@pytest.fixture
def showing(filled: ServerWorkspace) -> Callable[[str], AbstractContextManager[None]]:
    """A context in which the public view features_enriched is another query on the version."""
    settings = filled.settings
    where = {"host": settings.risingwave_host, "port": settings.risingwave_port, "user": settings.risingwave_user}

    @contextmanager
    def show(query: str) -> Iterator[None]:
        with closing(psycopg2.connect(**where, dbname=settings.risingwave_database)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("SET TIME ZONE 'UTC'")
            cursor.execute("ALTER VIEW features_enriched RENAME TO right_one")
            try:
                if query:
                    cursor.execute(f"CREATE VIEW features_enriched AS {query}")
                yield
            finally:
                if query:
                    cursor.execute("DROP VIEW features_enriched")
                cursor.execute("ALTER VIEW right_one RENAME TO features_enriched")

    return show


@contextmanager
def producing(workspace: ServerWorkspace, seed: int) -> Iterator[None]:
    """Events are written all the while."""
    stop = threading.Event()
    rng = random.Random(seed)

    def produce() -> None:
        while not stop.is_set():
            workspace.publish(SOLAR, list(solar_messages(200, rng)))

    producer = threading.Thread(target=produce)
    producer.start()
    try:
        yield
    finally:
        stop.set()
        producer.join()


def test_equal_while_events_arrive(filled: ServerWorkspace) -> None:
    with producing(filled, 12):
        found = verified(filled)
    assert [v.view for v in found.views if not v.comparison.is_equal] == []
    assert found.is_equal
    assert {v.view: v.comparison.served_rows for v in found.views}["features_enriched"] > 1000
    assert sum(part.rows for source in found.sources for part in source.partitions) >= SOLAR_EVENTS + WEATHER_EVENTS
    assert all(part.compared == part.rows for source in found.sources for part in source.partitions)


def test_a_changed_row_a_nan_and_a_lost_hour_are_named(
    filled: ServerWorkspace, showing: Callable[[str], AbstractContextManager[None]]
) -> None:
    [[first, second]] = filled.rows(
        'SELECT min("timestamp"), max("timestamp") FROM features_enriched WHERE region = \'DE\' AND production_mw > 0'
    )
    changed = f"region = 'DE' AND \"timestamp\" = '{first.isoformat()}'::timestamptz"
    query = (
        'SELECT region, "timestamp",'
        f" CASE WHEN {changed} THEN production_mw + 1 ELSE production_mw END AS production_mw,"
        f" CASE WHEN {changed} THEN 'NaN'::double precision ELSE production_ma_24h END AS production_ma_24h,"
        " hour_of_day FROM features_enriched_v1"
        f" WHERE NOT (region = 'DE' AND \"timestamp\" = '{second.isoformat()}'::timestamptz)"
    )
    with showing(query):
        [found] = verified(filled, "features_enriched").views
    result = found.comparison
    assert (result.missing, result.extra, result.differing_rows) == (1, 0, 1)
    assert dict(result.cells) == {"production_mw": 1, "production_ma_24h": 1}
    assert "temperature_c" in result.columns_missing
    lost, nan, moved = result.examples
    assert (lost.kind, lost.key["region"], lost.key["timestamp"].astimezone(UTC)) == ("missing", "DE", second)
    assert (nan.column, str(nan.served)) == ("production_ma_24h", "nan")
    assert (moved.column, moved.key["timestamp"].astimezone(UTC)) == ("production_mw", first)
    assert verified(filled, "features_enriched").is_equal


def test_a_public_view_that_is_gone_is_one_line(
    filled: ServerWorkspace, showing: Callable[[str], AbstractContextManager[None]]
) -> None:
    with showing(""), pytest.raises(EngineError, match="features_enriched is gone from RisingWave") as caught:
        verified(filled, "features_enriched")
    assert "CREATE VIEW features_enriched AS SELECT * FROM features_enriched_v1" in (caught.value.hint or "")


def test_neither_the_topics_old_records_nor_the_brokers_are_needed(filled: ServerWorkspace) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": filled.settings.kafka_bootstrap_servers, "log_level": 0})
    ends = filled.log.end_offsets(filled.settings.topics["solar"])
    before = [TopicPartition(filled.settings.topics["solar"], p, end // 2) for p, end in ends.items()]
    for done in admin.delete_records(before).values():
        done.result()
    found = verified(filled, "features_enriched")
    assert found.is_equal
    parts = next(source.partitions for source in found.sources if source.table == SOLAR)
    assert [part.log_first for part in parts] == [end // 2 for end in ends.values()]
    assert all(part.compared == part.rows - (part.log_first or 0) for part in parts)

    alone = filled.settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1", "kafka_timeout": 1.0})
    log = open_log(alone)
    found = verify(open_engine(alone, log), alone, log, ["solar_hourly"])
    assert found.is_equal
    assert "cannot find topic" in (found.sources[0].not_compared or "")


def test_equal_after_releases_while_events_arrive(filled: ServerWorkspace) -> None:
    filled.edit("sql/solar/production_windows.sql", "'hour', 24)", "'hour', 48)")
    before = sum(source.rows for source in filled.engine.inspect().sources)
    with producing(filled, 13):
        result = filled.apply()
    assert [v.name for v in result.built] == ["production_windows_v2", "features_enriched_v2"]
    found = verified(filled)
    assert [(v.view, v.comparison.differing_rows) for v in found.views if not v.comparison.is_equal] == []
    assert found.is_equal
    assert {v.version for v in found.views} >= {"production_windows_v2", "features_enriched_v2", "solar_hourly_v1"}
    assert sum(part.rows for source in found.sources for part in source.partitions) > before

    with producing(filled, 14):
        assert rollback(filled.engine, filled.settings.project_dir).release is not None
    found = verified(filled, "production_windows", "features_enriched")
    assert [v.version for v in found.views] == ["production_windows_v1", "features_enriched_v1"]
    assert found.is_equal
