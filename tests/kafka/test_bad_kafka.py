"""Kafka that is not there, does not answer, or refuses: one line with a hint, within the timeout."""

from __future__ import annotations

import socket
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from featurectl.errors import LogError, MissingExtra, SettingsError
from featurectl.log import Event
from featurectl.log.kafka import KafkaLog
from tests.kafka.conftest import events, publish
from tests.kafka.reading import values
from tests.kafka_service import USERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from featurectl.settings import Settings
    from tests.kafka_service import KafkaServer

TIMEOUT = 1.2
# A busy machine may be late; an error that never comes is later than this.
SLACK = 3.0


@contextmanager
def silent_listener() -> Iterator[str]:
    """Accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def nobody() -> Iterator[str]:
    """A port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    yield address


CALLS: dict[str, Callable[[KafkaLog], Any]] = {
    "topics": lambda log: log.topics(),
    "writer": lambda log: log.writer("t"),
    "chunks": lambda log: list(log.chunks("t", {0: 3})),
}


def failure(action: Callable[[], Any], within: float = TIMEOUT) -> LogError:
    """The error that an action ends with, in time, on one line and with a hint."""
    began = time.monotonic()
    with pytest.raises(LogError) as caught:
        action()
    assert time.monotonic() - began < within + SLACK
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("call", CALLS)
def test_nobody_listens(make_settings: Callable[..., Settings], call: str) -> None:
    with nobody() as servers:
        log = KafkaLog(make_settings(servers, kafka_timeout=TIMEOUT))
        error = failure(lambda: CALLS[call](log))
    assert str(error).startswith(f"Kafka at {servers}: cannot ")
    assert str(error).endswith("failed: Connection refused)")
    assert "KAFKA_BOOTSTRAP_SERVERS" in str(error.hint)


@pytest.mark.parametrize("call", ["topics", "writer"])
def test_a_server_that_accepts_and_never_answers(make_settings: Callable[..., Settings], call: str) -> None:
    with silent_listener() as servers:
        log = KafkaLog(make_settings(servers, kafka_timeout=TIMEOUT))
        error = failure(lambda: CALLS[call](log))
    assert "no answer within 1.2 s" in str(error)


def test_a_name_that_nobody_has(make_settings: Callable[..., Settings]) -> None:
    log = KafkaLog(make_settings("no-such-host.invalid:9092", kafka_timeout=TIMEOUT))
    assert "Failed to resolve 'no-such-host.invalid:9092'" in str(failure(log.topics))


def test_files_that_kafka_cannot_use(make_settings: Callable[..., Settings]) -> None:
    flags = {"kafka_security_protocol": "SSL", "kafka_ssl_ca_location": "ca.pem"}
    made = make_settings("127.0.0.1:1", **flags)
    with pytest.raises(SettingsError, match=r"KAFKA_SSL_CA_LOCATION: there is no file ca\.pem"):
        KafkaLog(made).topics()
    (made.project_dir / "ca.pem").write_text("no certificate")
    error = failure(KafkaLog(made).topics)
    assert "ssl.ca.location failed" in str(error)
    assert "KAFKA_" in str(error.hint)


def test_a_login_without_its_mechanism(make_settings: Callable[..., Settings]) -> None:
    with pytest.raises(SettingsError, match="SASL_SSL needs KAFKA_SASL_MECHANISM"):
        KafkaLog(make_settings("127.0.0.1:1", kafka_security_protocol="SASL_SSL")).topics()


def test_without_the_extra(make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    log = KafkaLog(make_settings("127.0.0.1:1"))
    with pytest.raises(MissingExtra) as caught:
        log.topics()
    assert "featurectl[kafka]" in str(caught.value.hint)


@pytest.fixture
def sasl_log(kafka_broker: KafkaServer, make_settings: Callable[..., Settings]) -> Callable[..., KafkaLog]:
    """A factory of logs that log in with a user and a password."""
    if kafka_broker.sasl_dsn is None:
        pytest.skip("kafka: the broker has no listener with a login")

    def make(user: str, password: str) -> KafkaLog:
        login = {"kafka_sasl_username": user, "kafka_sasl_password": password, "kafka_sasl_mechanism": "PLAIN"}
        return KafkaLog(make_settings(kafka_broker.sasl_dsn, kafka_security_protocol="SASL_PLAINTEXT", **login))

    return make


def test_a_login(sasl_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str]) -> None:
    log, topic = sasl_log("admin", USERS["admin"]), kafka_topic()
    publish(log, topic, events(10))
    assert len(values(log, topic)) == 10


def test_a_wrong_password_is_said_at_once_and_not_shown(sasl_log: Callable[..., KafkaLog]) -> None:
    log = sasl_log("admin", "not-the-password")
    error = failure(log.topics)
    assert "Authentication failed" in str(error)
    assert "KAFKA_SASL_PASSWORD" in str(error.hint)
    assert "not-the-password" not in f"{error!r} {error.hint} {log!r} {vars(log)}"


def test_a_user_who_may_do_nothing(sasl_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str]) -> None:
    log, topic = sasl_log("guest", USERS["guest"]), kafka_topic(1)
    for action in (lambda: log.writer(topic), lambda: list(log.read(topic)), lambda: log.end_offsets(topic)):
        error = failure(action)
        assert "Topic authorization failed" in str(error)
        assert "grant" in str(error.hint)


def test_a_user_who_may_only_read(
    sasl_log: Callable[..., KafkaLog],
    kafka_dsn: str,
    kafka_topic: Callable[..., str],
    make_log: Callable[..., KafkaLog],
) -> None:
    from confluent_kafka import admin

    topic = kafka_topic(1)
    publish(make_log(), topic, events(10))
    binding = admin.AclBinding(
        admin.ResourceType.TOPIC, topic, admin.ResourcePatternType.LITERAL, "User:guest", "*",
        admin.AclOperation.READ, admin.AclPermissionType.ALLOW,
    )  # fmt: skip
    client = admin.AdminClient({"bootstrap.servers": kafka_dsn, "log_level": 0})
    client.create_acls([binding])[binding].result()
    log = sasl_log("guest", USERS["guest"])
    assert len(values(log, topic)) == 10, "no right to a consumer group is needed"
    writer = log.writer(topic)
    writer.append([Event(b"no")])
    assert "authorization failed" in str(failure(writer.flush))
    failure(writer.close)
    assert len(values(log, topic)) == 10


def test_too_many_replicas(make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str]) -> None:
    log = make_log(kafka_replication=30)
    assert "KAFKA_REPLICATION" in str(failure(lambda: log.writer(kafka_topic())).hint)


def test_a_broker_that_stops_answering(
    kafka_to_stop: KafkaServer, make_log: Callable[..., KafkaLog], kafka_topic: Callable[..., str]
) -> None:
    log, topic = make_log(kafka_timeout=TIMEOUT, kafka_delivery_timeout=TIMEOUT), kafka_topic(1)
    publish(log, topic, events(10))
    writer = log.writer(topic)
    writer.append([Event(b"acknowledged")])
    writer.flush()
    reading = log.read(topic)
    next(reading)
    with kafka_to_stop.paused():
        writer.append([Event(b"perhaps")])
        error = failure(writer.flush)
        assert "1 of 2 events were not acknowledged" in str(error)
        assert str(failure(writer.close)) == str(error), "no later call may pass for an acknowledgement"
        for name in ("topics", "writer"):
            assert "no answer within 1.2 s" in str(failure(lambda name=name: CALLS[name](log)))
    assert len(log.topics()) >= 1, "the log goes on when the broker does"
    assert b"acknowledged" in values(log, topic)
