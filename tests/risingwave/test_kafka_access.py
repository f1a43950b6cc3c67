"""How an apply reaches Kafka: topics that are missing are made, a login is given to RisingWave and shown to nobody."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.kafka_service import USERS
from tests.risingwave.on_kafka import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kafka_service import KafkaServer
    from tests.risingwave.on_kafka import KafkaProject

LOGIN = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_MECHANISM": "PLAIN",
    "KAFKA_SASL_USERNAME": "admin",
    "KAFKA_SASL_PASSWORD": USERS["admin"],
}


@pytest.fixture
def project(
    tmp_path: Path, risingwave_dsn: str, kafka_dsn: str, kafka_topic: Callable[..., str]
) -> Iterator[KafkaProject]:
    """A project whose topic does not exist yet, on a database of its own."""
    from tests.risingwave.databases import database
    from tests.risingwave.on_kafka import KafkaProject

    with database(risingwave_dsn) as dsn:
        yield KafkaProject(tmp_path / "project", dsn, kafka_dsn, kafka_topic())


def send(servers: str, topic: str, *messages: bytes) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": servers, "log_level": 0})
    for message in messages:
        producer.produce(topic, message)
    assert producer.flush(30) == 0


def partitions(servers: str, topic: str) -> int:
    from confluent_kafka.admin import AdminClient

    found = AdminClient({"bootstrap.servers": servers, "log_level": 0}).list_topics(topic, timeout=10).topics[topic]
    return 0 if found.error else len(found.partitions)


def test_a_missing_topic_is_made_before_the_migration_and_one_that_is_there_stays(
    project: KafkaProject, kafka_dsn: str
) -> None:
    assert project.command("plan").returncode == 0
    assert partitions(kafka_dsn, project.topic) == 0, "a plan makes nothing"
    done = project.command("apply", KAFKA_PARTITIONS="2")
    assert done.returncode == 0, done.stderr
    assert partitions(kafka_dsn, project.topic) == 2
    send(kafka_dsn, project.topic, b"a", b"b")
    done = project.command("apply", KAFKA_PARTITIONS="5")
    assert "Nothing to do" in done.stdout
    assert partitions(kafka_dsn, project.topic) == 2
    assert project.command("run", "--once").returncode == 0
    assert project.sql("SELECT text FROM texts ORDER BY text") == [("a",), ("b",)]


def test_kafka_that_cannot_be_reached_stops_the_apply_before_anything_is_made(project: KafkaProject) -> None:
    began = time.monotonic()
    done = project.command("apply", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1", KAFKA_TIMEOUT="2")
    refused(done, "Kafka at 127.0.0.1:1: cannot find topic", "KAFKA_BOOTSTRAP_SERVERS")
    assert time.monotonic() - began < 20
    assert project.relations() == set()
    assert project.command("apply").returncode == 0, "the next one goes on"


def test_brokers_that_only_risingwave_cannot_reach(project: KafkaProject) -> None:
    done = project.command("apply", RISINGWAVE_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    refused(done, "migrations/0001_source_tables.sql:1: ", "RISINGWAVE_KAFKA_BOOTSTRAP_SERVERS")
    assert project.relations() == set()
    assert project.command("apply").returncode == 0, "the next one goes on"


@pytest.fixture
def behind_a_login(project: KafkaProject, kafka_broker: KafkaServer) -> KafkaProject:
    """The same, with brokers that want a login."""
    if kafka_broker.sasl_dsn is None:
        pytest.skip("kafka: the broker has no listener with a login")
    project.environment |= {"KAFKA_BOOTSTRAP_SERVERS": kafka_broker.sasl_dsn, **LOGIN}
    return project


def test_a_login_reaches_risingwave_and_nothing_else(
    behind_a_login: KafkaProject, kafka_dsn: str, tmp_path: Path
) -> None:
    project = behind_a_login
    commands = ("plan", "apply", "run --once", "status", "status -o json", "plan -o json", "doctor", "list")
    said = []
    for command in commands:
        done = project.command(*command.split())
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        said.append(done.stdout + done.stderr)
        if command == "apply":
            send(kafka_dsn, project.topic, b"behind a login")
    assert project.sql("SELECT text FROM texts") == [("behind a login",)]
    kept = [
        str(row)
        for relation in ("ledger", "lock", "migrations", "versions", "releases", "steps")
        for row in project.sql(f"SELECT * FROM featurectl.{relation}")
    ]
    kept += [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) > 10
    assert [text for text in (*said, *kept) if USERS["admin"] in text] == []

    # What the document says of RisingWave: it keeps the password, and is told a new one like this.
    [[_, definition]] = project.sql("SHOW CREATE TABLE raw")
    assert USERS["admin"] in definition
    project.sql(f"ALTER TABLE raw CONNECTOR WITH (properties.sasl.password = '{USERS['admin']}')")
    send(kafka_dsn, project.topic, b"after")
    assert project.command("run", "--once").returncode == 0
    assert project.sql("SELECT count(*) FROM texts") == [(2,)]


def test_a_wrong_login_and_one_without_rights(behind_a_login: KafkaProject) -> None:
    project = behind_a_login
    done = project.command("apply", KAFKA_SASL_PASSWORD="of-nobody")
    refused(done, "Authentication failed", "KAFKA_SASL_PASSWORD")
    assert "of-nobody" not in done.stderr
    done = project.command("apply", KAFKA_SASL_USERNAME="guest", KAFKA_SASL_PASSWORD=USERS["guest"])
    refused(done, "authorization failed", "grant")
    assert project.relations() == set()


def test_a_login_that_only_risingwave_lacks(behind_a_login: KafkaProject, kafka_dsn: str) -> None:
    """We come in without one; what RisingWave is told is refused, and not shown."""
    project = behind_a_login
    migration = "migrations/0001_source_tables.sql"
    project.edit(migration, "{{ kafka_properties() }}", "{{ kafka_properties() | replace('admin', 'no''body') }}")
    done = project.command("apply")
    refused(done, f"{migration}:1: ", "RISINGWAVE_KAFKA_BOOTSTRAP_SERVERS")
    assert USERS["admin"] not in done.stderr
    assert project.relations() == set()
