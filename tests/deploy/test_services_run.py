"""What compose.yaml's services run, run as processes: the broker's settings, the producers, apply."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from featurectl.log.kafka import KafkaLog
from featurectl.settings import load_settings
from tests.deploy.manifests import ROOT, compose_services
from tests.kafka_service import _JAVA, KafkaServer, _jars
from tests.services import ServerMissing, _free_ports, _stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOPICS = {"KAFKA_TOPIC_SOLAR": "solar_production_raw", "KAFKA_TOPIC_WEATHER": "weather_raw"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it lies in the image."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("featurectl.toml", "migrations", "sql"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def java() -> list[str]:
    """Java with Kafka's classes; the test is skipped where they are not to be had."""
    try:
        return [*_JAVA, "-cp", f"{_jars()}/*"]
    except ServerMissing as missing:
        pytest.skip(f"kafka: no server: {missing}")


@pytest.fixture(scope="module")
def broker(java: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """A broker with compose.yaml's settings, on ports of its own; those by the port that they stand for."""
    folder = tmp_path_factory.mktemp("kafka")
    numbers = dict(zip(("9092", "9093", "30092"), _free_ports(3), strict=True))
    settings = dict(compose_services()["kafka"]["environment"])
    identity = settings.pop("CLUSTER_ID")
    settings["KAFKA_LOG_DIRS"] = str(folder / "data")
    # As the image makes them of its environment: KAFKA_NODE_ID is node.id.
    lines = [f"{name.removeprefix('KAFKA_').lower().replace('_', '.')}={value}\n" for name, value in settings.items()]
    text = re.sub(r"\b(30092|909[23])\b", lambda port: str(numbers[port[0]]), "".join(lines))
    properties = folder / "server.properties"
    # The network of the services is not there: this machine's loopback stands for the host `kafka` and for any address.
    properties.write_text(text.replace("//kafka:", "//127.0.0.1:").replace("//:", "//127.0.0.1:"), encoding="utf-8")
    subprocess.run(
        [*java, "kafka.tools.StorageTool", "format", "--cluster-id", identity, "--config", str(properties)],
        check=True, capture_output=True,
    )  # fmt: skip
    server = KafkaServer(f"127.0.0.1:{numbers['9092']}", None, [*java, "kafka.Kafka", str(properties)], folder)
    try:
        server.start()
        yield numbers
    finally:
        if server.process is not None:
            _stop(server.process)


def environment(service: str, **changes: str) -> dict[str, str]:
    """A service's environment, and of this process what has nothing to do with settings."""
    ours = re.compile("FEATURECTL_|KAFKA_|RISINGWAVE_")
    inherited = {name: value for name, value in os.environ.items() if not ours.match(name)}
    return {**inherited, **compose_services()[service].get("environment", {}), **changes}


def command(service: str) -> list[str]:
    program, *words = compose_services()[service]["command"]
    return [str(Path(sys.executable).parent / program), *words]


@contextmanager
def running(service: str, project: Path, settings: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command(service), cwd=project, env=environment(service, **settings),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def first_message(servers: str, topic: str) -> bytes:
    """The topic's first message, as soon as it is there."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": servers, "group.id": "looks", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topic, number, 0) for number in range(3)])
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            message = consumer.poll(1)
            if message is not None and message.error() is None:
                return bytes(message.value() or b"")
    finally:
        consumer.close()
    pytest.fail(f"nothing came to {topic}")


def test_the_broker_and_the_producers(broker: dict[str, int], project: Path, tmp_path: Path) -> None:
    servers = f"localhost:{broker['30092']}"  # as from the host: through the listener that is published
    settings = {"KAFKA_BOOTSTRAP_SERVERS": servers}
    with running("solar", project, settings) as solar, running("weather", project, settings) as weather:
        for process, topic in ((solar, TOPICS["KAFKA_TOPIC_SOLAR"]), (weather, TOPICS["KAFKA_TOPIC_WEATHER"])):
            assert first_message(servers, topic).startswith(b"{")
            process.terminate()
            out, err = process.communicate(timeout=90)
            assert process.returncode == 0, err
            assert re.fullmatch(rf"[\d,]+ events published to {topic}, stopped\n", out)
    log = KafkaLog(load_settings(tmp_path, log="kafka", kafka_bootstrap_servers=servers))
    assert all(len(log.end_offsets(topic)) == 3 for topic in TOPICS.values()), "made by whoever came first"


@pytest.fixture(scope="module")
def database(risingwave_dsn: str) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
    """A database of its own: rows by SQL."""
    import psycopg2
    from psycopg2.extensions import make_dsn, parse_dsn

    name = f"deploy_{os.getpid()}"
    with closing(psycopg2.connect(risingwave_dsn)) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {name} WITH barrier_interval_ms = 200")
        with closing(psycopg2.connect(make_dsn(risingwave_dsn, dbname=name))) as inside:
            inside.autocommit = True

            def rows(sql: str) -> list[tuple[Any, ...]]:
                cursor = inside.cursor()
                cursor.execute(sql)
                return cursor.fetchall()

            rows.__dict__.update(parse_dsn(risingwave_dsn), dbname=name)
            yield rows
        connection.cursor().execute(f"DROP DATABASE {name}")


def test_apply_and_apply_again(
    kafka_dsn: str,
    kafka_topic: Callable[..., str],
    database: Callable[[str], list[tuple[Any, ...]]],
    project: Path,
) -> None:
    place = vars(database)
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_dsn,
        "RISINGWAVE_KAFKA_BOOTSTRAP_SERVERS": kafka_dsn,
        "RISINGWAVE_HOST": place["host"],
        "RISINGWAVE_PORT": str(place["port"]),
        "RISINGWAVE_DATABASE": place["dbname"],
        **{name: kafka_topic() for name in TOPICS},  # which apply makes
    }
    for expected in ("Applied in ", "Nothing to do: the project is applied."):
        done = subprocess.run(
            command("apply"), cwd=project, env=environment("apply", **settings),
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert expected in done.stdout
    with running("solar", project, settings), running("weather", project, settings):
        deadline = time.monotonic() + 90
        while not (found := database("SELECT count(*) FROM features_enriched")[0][0]):
            assert time.monotonic() < deadline, "no feature came of the producers' events"
            time.sleep(0.2)
    assert found > 0
