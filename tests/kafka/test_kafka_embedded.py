"""The whole path with Kafka as the log: producers, the broker, `featurectl run`, the tables; and all of them killed."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from featurectl.log import MAX_EVENT_BYTES, Event
from tests import oracle
from tests.kafka.producing import Producing
from tests.workspace import ROOT, SOLAR, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kafka_service import KafkaServer

REGIONS = ("DE", "ES", "FR", "IT")
COUNTS = f"SELECT count(*), count(DISTINCT log_partition || ':' || log_offset) FROM {SOLAR}"
DEADLINE_S = 60


@pytest.fixture
def workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kafka_dsn: str, kafka_topic: Callable[..., str]
) -> Workspace:
    """This repository's project with its topics on the test broker, applied. Commands see the same settings."""
    monkeypatch.setenv("FEATURECTL_LOG", "kafka")
    monkeypatch.setenv("FEATURECTL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_dsn)
    monkeypatch.setenv("KAFKA_TOPIC_SOLAR", kafka_topic(3, **{"max.message.bytes": str(30 << 20)}))
    monkeypatch.setenv("KAFKA_TOPIC_WEATHER", kafka_topic())
    made = Workspace(tmp_path / "home")
    made.apply()
    return made


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A command in the background; killed at the end, if it is still there."""
    process = subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run_command() -> Any:
    return running("-m", "featurectl", "run", "--interval", "0.02")


def solar_event(n: int) -> Event:
    region = REGIONS[n % 4]
    if n % 10 == 0:
        return Event(b"broken", region)
    at = f"2024-06-{1 + n % 7:02d}T{n % 24:02d}:{n % 60:02d}:00Z"
    document = {"timestamp": at, "production_mw": n, "region": region}
    return Event(json.dumps(document).encode(), region)


def batch_from(start: int, count: int = 8) -> list[Event]:
    return [solar_event(n) for n in range(start, start + count)]


def require_everything_once(workspace: Workspace, count: int) -> None:
    workspace.refresh()
    assert workspace.rows(COUNTS) == [(count, count)]
    published = [solar_event(n).value for n in range(count)]
    expected = oracle.features_enriched(published, [], workspace.regions())
    assert oracle.differences(workspace.features(), expected) == []


def test_run_killed_at_any_moment_loses_and_doubles_nothing(workspace: Workspace) -> None:
    rng = random.Random(5)
    with Producing(workspace.log, workspace.settings.topic("solar"), batch_from, pause=0.02) as producing:
        for _ in range(3):
            with run_command() as process:
                line = process.stdout.readline()  # after its first refresh, somewhere within the next ones
                assert f"{SOLAR} +" in line
                producing.wait_for(producing.acknowledged + rng.randrange(100))
                process.send_signal(signal.SIGKILL)
        require_everything_once(workspace, producing.stop())


def test_a_killed_broker_comes_back_while_producing_and_while_run_follows(
    workspace: Workspace, kafka_to_stop: KafkaServer
) -> None:
    with Producing(workspace.log, workspace.settings.topic("solar"), batch_from, pause=0.02) as producing:
        with run_command() as process:
            assert f"{SOLAR} +" in process.stdout.readline()
            kafka_to_stop.kill()
            before = producing.acknowledged
            kafka_to_stop.start()
            producing.wait_for(before + 50)
            count = producing.stop()
            deadline = time.monotonic() + DEADLINE_S
            while workspace.rows(COUNTS)[0][0] < count:  # each turn is a query, and `run` says a line each refresh
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline
        assert workspace.refresh() == 0, "run brought in everything"
        require_everything_once(workspace, count)


def test_large_messages_and_tombstones_of_other_producers(
    workspace: Workspace, kafka_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    from confluent_kafka import Producer

    event = json.loads(solar_event(1).value)
    producer = Producer({"bootstrap.servers": kafka_dsn, "message.max.bytes": 30 << 20, "log_level": 0})
    topic = workspace.settings.topic("solar")
    sizes = (5_000_000, 20_000_000)
    for size in sizes:
        producer.produce(topic, json.dumps({**event, "note": "\t\u00e9" * (size // 4)}, ensure_ascii=False).encode())
        producer.flush()
    producer.produce(topic, None, b"tombstone")
    producer.produce(topic, solar_event(1).value)
    producer.flush()
    assert workspace.refresh() == 4
    lengths = [length for (length,) in workspace.rows(f"SELECT octet_length(data) FROM {SOLAR} ORDER BY 1")]
    assert lengths[0] == 0
    assert lengths[2] == MAX_EVENT_BYTES, "only the beginning of what is too large"
    assert lengths[3] > 5_000_000
    assert "is too large, only its beginning is read" in caplog.text
    assert workspace.rows("SELECT count(*) FROM solar_events") == [(4,)]
    assert workspace.rows("SELECT count(*) FROM solar_rejected") == [(2,)], "the tombstone and the one cut short"


def test_retention_before_the_first_refresh_does_not_stop_it(workspace: Workspace, kafka_dsn: str) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    topic = workspace.settings.topic("solar")
    with workspace.log.writer(topic) as writer:
        writer.append(batch_from(0, 50))
    ends = workspace.log.end_offsets(topic)
    admin = AdminClient({"bootstrap.servers": kafka_dsn, "log_level": 0})
    for done in admin.delete_records([TopicPartition(topic, *end) for end in ends.items()]).values():
        done.result()
    assert workspace.refresh() == 0
    assert not workspace.engine.has_news(), "offsets without an event are passed, not waited for"
    with workspace.log.writer(topic) as writer:
        writer.append(batch_from(50, 30))
    assert workspace.refresh() == 30


def test_kafka_that_is_gone_is_one_line_and_a_hint(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("KAFKA_TIMEOUT", "1")
    with running("-m", "featurectl", "run", "--once") as process:
        output, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, output) == (1, "")
    problem, hint = errors.splitlines()
    assert "Kafka at 127.0.0.1:1: cannot find topic" in problem
    assert "no answer within 1 s" in problem
    assert "KAFKA_BOOTSTRAP_SERVERS" in hint


def test_an_outage_longer_than_the_timeout_is_a_warning_to_run_and_it_goes_on(
    workspace: Workspace, kafka_to_stop: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_TIMEOUT", "1")
    topic = workspace.settings.topic("solar")
    with run_command() as process:
        assert "Following the log" in process.stderr.readline()
        kafka_to_stop.kill()
        warning = process.stderr.readline()
        assert re.match(
            r"\d\d:\d\d:\d\d warning: Kafka at .*no answer within 1 s.*; trying again \(is it running", warning
        )
        kafka_to_stop.start()
        assert "It answers again." in process.stderr.readline()
        with workspace.log.writer(topic) as writer:
            writer.append(batch_from(0))
        assert f"{SOLAR} +" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (0, "Stopped.\n")


def test_what_does_not_pass_by_itself_ends_run(workspace: Workspace, kafka_dsn: str) -> None:
    from confluent_kafka.admin import AdminClient

    topic = workspace.settings.topic("solar")
    with workspace.log.writer(topic) as writer:
        writer.append(batch_from(0, 50))
    workspace.refresh()
    admin = AdminClient({"bootstrap.servers": kafka_dsn, "log_level": 0})
    admin.delete_topics([topic])[topic].result()
    with workspace.log.writer(workspace.settings.topic("weather")) as writer:
        writer.append([Event(b"{}")])
    with run_command() as process:
        _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    assert "it does not exist, but it was read up to offset" in errors
    assert "hint: the topic was made anew or cut" in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_producer_with_everything_acknowledged(workspace: Workspace, number: int) -> None:
    topic = workspace.settings.topic("solar")
    words = ("solar", "--mode", "stream", "--interval", "0.01")
    with running("-c", "from producers.cli import main; main()", *words) as process:
        deadline = time.monotonic() + DEADLINE_S
        while not sum(workspace.log.end_offsets(topic).values()):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
        process.send_signal(number)
        output, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (0, "")
    count = sum(workspace.log.end_offsets(topic).values())
    assert output.startswith(f"{count:,} events published to {topic}"), output
