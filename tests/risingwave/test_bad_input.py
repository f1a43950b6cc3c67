"""What can be wrong with RisingWave, Kafka and what is in them, by the commands themselves: one line and a hint, in
time, and nothing half-applied."""

from __future__ import annotations

import json
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.risingwave.old_server import says_its_version
from tests.risingwave.on_kafka import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.risingwave.on_kafka import KafkaProject

COMMANDS = ("plan", "apply", "status", "run --once", "query", "verify")
# Above the timeout that is set: starting Python beside other tests.
SLACK_SECONDS = 12.0


@contextmanager
def kafka_project(
    folder: Path, risingwave_dsn: str, kafka_dsn: str, kafka_topic: Callable[..., str]
) -> Iterator[KafkaProject]:
    from tests.risingwave.databases import database
    from tests.risingwave.on_kafka import KafkaProject

    with database(risingwave_dsn) as dsn:
        topic = kafka_topic(partitions=1, **{"max.message.bytes": str(30 << 20)})
        yield KafkaProject(folder / "project", dsn, kafka_dsn, topic)


@pytest.fixture
def project(
    tmp_path: Path, risingwave_dsn: str, kafka_dsn: str, kafka_topic: Callable[..., str]
) -> Iterator[KafkaProject]:
    """A project on a database and a topic of its own; nothing is applied."""
    with kafka_project(tmp_path, risingwave_dsn, kafka_dsn, kafka_topic) as made:
        yield made


@pytest.fixture
def lone(tmp_path: Path) -> KafkaProject:
    """The same without any server."""
    from tests.risingwave.on_kafka import KafkaProject

    return KafkaProject(tmp_path / "project", "host=127.0.0.1 port=1 dbname=dev user=root", "127.0.0.1:1", "t")


@pytest.fixture(scope="module")
def applied(
    tmp_path_factory: pytest.TempPathFactory, risingwave_dsn: str, kafka_dsn: str, kafka_topic: Callable[..., str]
) -> Iterator[KafkaProject]:
    """One that is applied; each test leaves it well, but the last."""
    with kafka_project(tmp_path_factory.mktemp("applied"), risingwave_dsn, kafka_dsn, kafka_topic) as made:
        done = made.command("apply")
        assert done.returncode == 0, done.stderr
        yield made


def delete_topic(servers: str, topic: str) -> None:
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    admin.delete_topics([topic])[topic].result()
    deadline = time.monotonic() + 30
    while topic in admin.list_topics(timeout=10).topics:
        assert time.monotonic() < deadline, "the topic stays"


@pytest.fixture
def silent_port() -> Iterator[str]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


@pytest.mark.parametrize("command", COMMANDS)
def test_risingwave_that_is_not_there(lone: KafkaProject, command: str) -> None:
    done = (lone.command if command == "apply" else lone.here)(*command.split())
    refused(done, "127.0.0.1:1: Connection refused", "RISINGWAVE_HOST and RISINGWAVE_PORT")


@pytest.mark.parametrize("command", ["apply", "status", "query"])
def test_risingwave_that_never_answers(lone: KafkaProject, silent_port: str, command: str) -> None:
    began = time.monotonic()
    done = lone.here(command, RISINGWAVE_PORT=silent_port, RISINGWAVE_TIMEOUT="0.5")
    refused(done, "no answer within 0.5 s", "RISINGWAVE_TIMEOUT")
    assert time.monotonic() - began < 0.5 + SLACK_SECONDS


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("PostgreSQL 13.14.0-RisingWave-2.5.2 (x)", " is 2.5"),
        ("PostgreSQL 16.4 on x86_64-pc-linux-gnu", "is no RisingWave: PostgreSQL 16.4"),
    ],
)
def test_a_server_that_is_too_old_or_another(lone: KafkaProject, version: str, reason: str) -> None:
    hint = "at least 2.6 is needed" if "RisingWave" in version else "RISINGWAVE_HOST and RISINGWAVE_PORT"
    with says_its_version(version) as port:
        for command in ("apply", "status"):
            refused(lone.here(command, RISINGWAVE_PORT=str(port)), reason, hint)


def test_a_wrong_database_user_or_password(project: KafkaProject) -> None:
    refused(project.here("apply", RISINGWAVE_DATABASE="nowhere"), "nowhere", "RISINGWAVE_DATABASE")
    refused(project.here("apply", RISINGWAVE_USER="nobody"), "nobody", "RISINGWAVE_USER")
    database = project.environment["RISINGWAVE_DATABASE"]
    user = f"locked_{database}"
    project.sql(f"CREATE USER {user} WITH PASSWORD 'right-one'", f"GRANT CONNECT ON DATABASE {database} TO {user}")
    try:
        for password in ("wrong-one", ""):
            done = project.here("apply", RISINGWAVE_USER=user, RISINGWAVE_PASSWORD=password)
            refused(done, "cannot connect to RisingWave", "RISINGWAVE_PASSWORD")
            assert "wrong-one" not in done.stderr
    finally:
        project.sql(f"REVOKE CONNECT ON DATABASE {database} FROM {user}", f"DROP USER {user}")
    assert project.relations() == set()


def test_a_user_without_rights(project: KafkaProject) -> None:
    database = project.environment["RISINGWAVE_DATABASE"]
    user = f"little_{database}"
    project.sql(f"CREATE USER {user} WITH NOSUPERUSER NOCREATEDB", f"GRANT CONNECT ON DATABASE {database} TO {user}")
    try:
        refused(project.here("apply", RISINGWAVE_USER=user), "ermission denied", "privilege")
        assert project.relations() == set()
        assert project.here("apply").returncode == 0, "somebody with rights goes on"
        for command in (("query", "SELECT * FROM texts"), ("apply",), ("status",), ("run", "--once"), ("verify",)):
            refused(project.here(*command, RISINGWAVE_USER=user), "ermission denied", "privilege")
    finally:
        project.sql(f"REVOKE CONNECT ON DATABASE {database} FROM {user}", f"DROP USER {user}")


def test_a_view_that_is_gone(applied: KafkaProject) -> None:
    again = "CREATE VIEW texts AS SELECT * FROM texts_v1"
    applied.sql("DROP VIEW texts")
    refused(applied.here("query", "SELECT * FROM texts"), "texts", "featurectl status")
    refused(applied.here("verify"), "texts is gone from RisingWave", again)
    done = applied.here("status", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert "cannot be read" in {row["name"]: row["detail"] for row in json.loads(done.stdout)}["texts"]
    applied.sql(again)
    assert applied.here("query", "SELECT count(*) FROM texts").returncode == 0


def test_a_message_of_5_mb(applied: KafkaProject, kafka_dsn: str, tmp_path: Path) -> None:
    from confluent_kafka import Producer

    line = json.dumps({"note": "x" * 5_000_000}).encode()
    producer = Producer({"bootstrap.servers": kafka_dsn, "message.max.bytes": 30 << 20, "log_level": 0})
    for message in (b"before", line, b"after"):
        producer.produce(applied.topic, message)
    assert producer.flush(30) == 0
    done = applied.here("run", "--once")
    assert done.returncode == 0, done.stderr
    done = applied.here("query", "SELECT length(text) AS n FROM texts ORDER BY n", "-o", "csv")
    assert done.stdout.split() == ["n", "5", "6", str(len(line))], done.stderr
    done = applied.here("verify")
    assert "equal: 3 rows of 1 views" in done.stdout, done.stdout + done.stderr

    (tmp_path / "large.ndjson").write_bytes(b"small\n" + line + b"\n")
    words = ("replay", applied.topic, str(tmp_path / "large.ndjson"), "--raw", "--project", str(applied.folder))
    done = applied.command(*words, program="producers")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"1 events published to {applied.topic}, 1 rejected")
    assert '"reason": "too large"' in done.stderr


def test_a_broker_that_never_answers(applied: KafkaProject, project: KafkaProject, silent_port: str) -> None:
    servers = f"127.0.0.1:{silent_port}"
    for one, command in ((applied, ("run", "--once")), (project, ("apply",))):
        began = time.monotonic()
        done = one.command(*command, KAFKA_BOOTSTRAP_SERVERS=servers, KAFKA_TIMEOUT="1")
        refused(done, f"Kafka at {servers}: cannot find topic {one.topic}: no answer within 1 s", "KAFKA_TIMEOUT")
        assert time.monotonic() - began < 1 + SLACK_SECONDS
    assert project.relations() == set()

    began = time.monotonic()
    done = project.command("apply", RISINGWAVE_KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{silent_port}")
    refused(done, "migrations/0001_source_tables.sql:1: ", "RISINGWAVE_KAFKA_BOOTSTRAP_SERVERS")
    assert time.monotonic() - began < 30 + SLACK_SECONDS
    assert project.relations() == set()


def test_a_topic_that_is_gone_and_a_version_that_is_to_be_built_on(applied: KafkaProject, kafka_dsn: str) -> None:
    assert applied.here("run", "--once").returncode == 0
    done = applied.here("doctor")
    assert f"ok       topic {applied.topic}: 1 partitions, 4 events; all read" in done.stdout
    assert done.returncode == 0, done.stdout
    delete_topic(kafka_dsn, applied.topic)
    done = applied.here("doctor", "-o", "json")
    found = {row["check"]: row for row in json.loads(done.stdout)}[f"topic {applied.topic}"]
    assert (found["level"], found["message"]) == ("error", "is gone; raw has 4 events of it")
    assert done.returncode == 1
    refused(applied.here("run", "--once"), f"topic {applied.topic}, which raw has read, is gone", "restore it")

    applied.write("sql/lengths.sql", "SELECT log_offset, length(text) AS length FROM texts\n")
    applied.sql("DROP VIEW texts", "DROP MATERIALIZED VIEW texts_v1")
    refused(applied.command("apply"), "texts_v1", "featurectl status")
    assert "lengths" not in applied.relations(), "nothing is shown that could not be built"
