"""`featurectl status` on RisingWave: lag by partition, refused messages, builds under way, and what is not there."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kafka_service import KafkaServer
    from tests.risingwave.on_kafka import KafkaProject
    from tests.risingwave.project import SmallProject

# A status asks Kafka for 3 seconds at most; the rest is for starting Python beside other tests.
QUICK_SECONDS = 15.0
REFUSED = (
    "/*\nrejects: raw\n*/\nSELECT log_partition, log_offset, ingested_at, data, 'too long' AS reason\n"
    "FROM raw WHERE length(convert_from(data, 'utf8')) > 3\n"
)
TIMES = (
    "/*\nentity: log_partition\nevent_time: at\n*/\n"
    "SELECT log_partition, log_offset, '2024-06-01T12:00:00Z'::timestamptz AS at FROM raw\n"
)


@pytest.fixture
def project(
    tmp_path: Path, risingwave_dsn: str, kafka_dsn: str, kafka_topic: Callable[..., str]
) -> Iterator[KafkaProject]:
    """Applied, with one message in partition 0 and two in partition 1, of which one is refused."""
    from tests.risingwave.databases import database
    from tests.risingwave.on_kafka import KafkaProject

    with database(risingwave_dsn) as dsn:
        made = KafkaProject(tmp_path / "project", dsn, kafka_dsn, kafka_topic(partitions=2))
        made.write("sql/raw_rejected.sql", REFUSED)
        made.write("sql/times.sql", TIMES)
        done = made.command("apply")
        assert done.returncode == 0, done.stderr
        send(kafka_dsn, made.topic, {0: [b"a"], 1: [b"b", b"long"]})
        assert made.command("run", "--once").returncode == 0
        yield made


def send(servers: str, topic: str, messages: dict[int, list[bytes]]) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": servers, "log_level": 0})
    for partition, values in messages.items():
        for value in values:
            producer.produce(topic, value, partition=partition)
    assert producer.flush(30) == 0


def rows(project: KafkaProject, **environment: str) -> dict[str, dict[str, Any]]:
    began = time.monotonic()
    done = project.command("status", "--output", "json", **environment)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < QUICK_SECONDS
    return {row["name"]: row for row in json.loads(done.stdout)}


def test_lag_refused_rows_and_freshness(project: KafkaProject, kafka_dsn: str) -> None:
    found = rows(project)
    raw = found["raw"]
    assert (raw["kind"], raw["rows"], raw["lag"], raw["rejected"]) == ("source table", 3, 0, 1)
    assert raw["lag_by_partition"] == {"0": 0, "1": 0}
    assert f"topic {project.topic}; next offset 0:1, 1:2" in raw["detail"]
    assert (found["raw_rejected"]["version"], found["raw_rejected"]["rows"]) == ("raw_rejected_v1", 1)
    assert (found["times"]["rows"], found["times"]["newest"]) == (3, "2024-06-01T12:00:00Z")
    assert found["times"]["freshness_seconds"] > 86400
    assert {row["kind"] for row in found.values()} == {"source table", "view"}

    project.sql("ALTER TABLE raw SET SOURCE_RATE_LIMIT = 0")  # RisingWave takes nothing more
    send(kafka_dsn, project.topic, {1: [b"c", b"d"]})
    raw = rows(project)["raw"]
    assert (raw["lag"], raw["lag_by_partition"]) == (2, {"0": 0, "1": 2})
    assert "behind 1:2" in raw["detail"]


def test_kafka_that_is_not_there_or_silent_does_not_make_it_fail(
    project: KafkaProject, kafka_to_stop: KafkaServer
) -> None:
    raw = rows(project, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")["raw"]
    assert (raw["rows"], raw["lag"], raw["rejected"]) == (3, None, 1)
    assert "lag unknown: Kafka at 127.0.0.1:1: cannot find topic" in raw["detail"]
    with kafka_to_stop.paused():
        found = rows(project, KAFKA_TIMEOUT="300")
    assert "no answer within 3 s" in found["raw"]["detail"]
    assert found["times"]["rows"] == 3
    table = project.command("status", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1").stdout
    assert "Connection refused" in table, "the reason is not cut off"


def test_a_topic_that_is_gone_and_one_that_was_made_anew(project: KafkaProject, kafka_dsn: str) -> None:
    from confluent_kafka.admin import AdminClient, NewTopic

    project.sql("ALTER TABLE raw SET SOURCE_RATE_LIMIT = 0")
    admin = AdminClient({"bootstrap.servers": kafka_dsn, "log_level": 0})
    admin.delete_topics([project.topic])[project.topic].result()
    raw = rows(project)["raw"]
    assert (raw["rows"], raw["lag"]) == (3, None)
    assert "lag unknown: the topic does not exist" in raw["detail"]
    admin.create_topics([NewTopic(project.topic, 2, 1)])[project.topic].result()
    raw = rows(project)["raw"]
    assert (raw["lag"], raw["lag_by_partition"]) == (None, {"0": -1, "1": -2})
    assert "read further than the topic reaches" in raw["detail"]


def test_a_view_that_is_gone_is_said_in_its_row(project: KafkaProject) -> None:
    project.sql("DROP VIEW raw_rejected")
    found = rows(project)
    assert found["raw"]["rejected"] is None
    assert "cannot be read: " in found["raw_rejected"]["detail"]
    assert "raw_rejected" in found["raw_rejected"]["detail"]
    assert found["times"]["rows"] == 3


def test_builds_under_way(small_project: SmallProject) -> None:
    from featurectl.services.status import status

    small_project.apply()
    small_project.sql(
        "INSERT INTO items SELECT n, 'k', n FROM generate_series(10, 2000) AS g(n)",
        "FLUSH",
        "SET background_ddl = true",
        "SET backfill_rate_limit = 1",
        "CREATE MATERIALIZED VIEW sums_v2 AS SELECT kind, max(value) AS total FROM items GROUP BY kind",
    )
    [build] = [row for row in status(small_project.engine) if row.kind == "build"]
    assert (build.name, build.rows) == ("sums_v2", None)
    assert "%" in build.detail
    assert ", for " in build.detail
    small_project.sql("DROP MATERIALIZED VIEW sums_v2")
    assert [row.kind for row in status(small_project.engine)] == ["view", "view", "view"]
