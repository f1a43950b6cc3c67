"""Connections to Kafka: their configuration, questions within a timeout, and Kafka's errors as ours."""

from __future__ import annotations

import logging
import re
import time
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from featurectl.errors import LogError, LogUnavailable, MissingExtra, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import ModuleType

    from confluent_kafka import Consumer, KafkaError, Producer
    from confluent_kafka.admin import AdminClient

    from featurectl.settings import Settings

__all__ = ["KafkaClient", "kafka_library"]

T = TypeVar("T")

# A broker's answer may be as large as the largest message that somebody allowed on a topic.
_ANSWER_BYTES = 1 << 30
_FIRST_WAIT_S = 1.0
_PAUSE_S = 0.1

_REACH = "is it running? check KAFKA_BOOTSTRAP_SERVERS and KAFKA_SECURITY_PROTOCOL; KAFKA_TIMEOUT is how long to wait"
_LOGIN = "check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM"
_GRANT = "let Kafka's administrator grant it to the user of KAFKA_SASL_USERNAME"
_SSL = "check KAFKA_SSL_CA_LOCATION and the other KAFKA_SSL_* settings"
_SIZE = "raise the topic's max.message.bytes, or send a reference to large data"
_REPLICAS = "KAFKA_REPLICATION must not be more than there are brokers"

_HINTS = {
    "_TRANSPORT": _REACH,
    "_TIMED_OUT": _REACH,
    "_ALL_BROKERS_DOWN": _REACH,
    "_RESOLVE": _REACH,
    "_MSG_TIMED_OUT": "when Kafka is back, send them again; KAFKA_DELIVERY_TIMEOUT is how long to wait for it",
    "_AUTHENTICATION": _LOGIN,
    "SASL_AUTHENTICATION_FAILED": _LOGIN,
    "_SSL": _SSL,
    "TOPIC_AUTHORIZATION_FAILED": _GRANT,
    "CLUSTER_AUTHORIZATION_FAILED": _GRANT,
    "GROUP_AUTHORIZATION_FAILED": _GRANT,
    "MSG_SIZE_TOO_LARGE": _SIZE,
    "_MSG_SIZE_TOO_LARGE": _SIZE,
    "INVALID_REPLICATION_FACTOR": _REPLICAS,
    "NOT_ENOUGH_REPLICAS": "brokers are missing that the topic's min.insync.replicas needs",
    "INVALID_TOPIC_EXCEPTION": "letters, digits, '.', '_' and '-', at most 249 of them",
    "UNKNOWN_TOPIC_OR_PART": "it was removed; create it, or let a producer do so",
    "_INVALID_ARG": "check the KAFKA_* settings",
}
# What ends by itself, when a broker is back or a leader is chosen. All else is said at once.
_PASSING = {
    "_TRANSPORT",
    "_TIMED_OUT",
    "_ALL_BROKERS_DOWN",
    "_RESOLVE",
    "_UNKNOWN_PARTITION",
    "_LEADER_NOT_AVAILABLE",
    "LEADER_NOT_AVAILABLE",
    "NOT_LEADER_FOR_PARTITION",
    "BROKER_NOT_AVAILABLE",
    "REPLICA_NOT_AVAILABLE",
    "REQUEST_TIMED_OUT",
    "NETWORK_EXCEPTION",
    "COORDINATOR_NOT_AVAILABLE",
    "COORDINATOR_LOAD_IN_PROGRESS",
    "FENCED_LEADER_EPOCH",
    "UNKNOWN_LEADER_EPOCH",
    "OFFSET_NOT_AVAILABLE",
}
# Reported in the background while the question itself only ever times out.
_HOPELESS = {"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "_SSL"}


def kafka_library() -> ModuleType:
    """The module confluent_kafka. Raises MissingExtra."""
    try:
        import confluent_kafka.admin
    except ImportError:
        raise MissingExtra(
            "the event log over Kafka needs confluent-kafka", hint="pip install 'featurectl[kafka]'"
        ) from None
    return confluent_kafka


class KafkaClient:
    """Makes connections that share one configuration, and puts questions to one of its own."""

    def __init__(self, settings: Settings) -> None:
        self.servers = settings.kafka_bootstrap_servers
        self.timeout = settings.kafka_timeout
        self.delivery_timeout = settings.kafka_delivery_timeout
        self._settings = settings
        self._trouble: KafkaError | None = None

    def consumer(self) -> Consumer:
        """A consumer that reads where it is told to, joins no group and commits nothing."""
        options = {
            "group.id": self._settings.kafka_consumer_group,
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "max.partition.fetch.bytes": 4 << 20,
            "queued.max.messages.kbytes": 32 << 10,
            "receive.message.max.bytes": _ANSWER_BYTES,
        }
        with self.errors("connect"):
            made: Consumer = kafka_library().Consumer(self._config(options))
            return made

    def producer(self, options: Mapping[str, Any]) -> Producer:
        """A producer with these options on top of the common ones."""
        with self.errors("connect"):
            made: Producer = kafka_library().Producer(self._config(options))
            return made

    def admin(self) -> AdminClient:
        """A client that creates topics."""
        with self.errors("connect"):
            made: AdminClient = kafka_library().admin.AdminClient(self._config({}))
            return made

    def ask(self, doing: str, question: Callable[[Consumer, float], T]) -> T:
        """The answer to a question that takes a consumer and how many seconds to wait.

        Put again while the reason is one that passes. Raises LogError after the timeout, or at once.
        """
        exception = kafka_library().KafkaException
        deadline, wait = time.monotonic() + self.timeout, _FIRST_WAIT_S
        self._trouble = None
        while True:
            left = deadline - time.monotonic()
            try:
                return question(self._asking, max(min(wait, left), _PAUSE_S))
            except exception as error:
                reason: KafkaError = error.args[0]
            self._asking.poll(_PAUSE_S)  # hands over what was reported in the background
            if self.is_hopeless(reason) or time.monotonic() + _PAUSE_S > deadline:
                raise self.error(doing, reason)
            wait *= 2

    def is_hopeless(self, reason: KafkaError) -> bool:
        """Whether waiting cannot help, by this reason or by what was reported in the background."""
        background = self._trouble is not None and self._trouble.name() in _HOPELESS
        return background or not (reason.name() in _PASSING or reason.retriable())

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Kafka's exceptions inside become LogError."""
        try:
            yield
        except kafka_library().KafkaException as error:
            raise self.error(doing, error.args[0]) from error

    def error(self, doing: str, reason: KafkaError) -> LogError:
        """The reason on one line, better than Kafka's own where the background knows a better one.

        LogUnavailable for what may end by itself.
        """
        name, text = reason.name(), _plain(reason.str())
        passes = name in _PASSING
        if passes:
            text = f"no answer within {self.timeout:g} s"
            if self._trouble is not None:
                name, said = self._trouble.name(), _plain(self._trouble.str())
                passes = name not in _HOPELESS
                text = f"{text} ({said})" if passes else said
        kind = LogUnavailable if passes else LogError
        return kind(f"Kafka at {self.servers}: cannot {doing}: {text}", hint=_HINTS.get(name))

    @cached_property
    def _asking(self) -> Consumer:
        return self.consumer()

    def _config(self, options: Mapping[str, Any]) -> dict[str, Any]:
        milliseconds = max(10, int(self.timeout * 1000))
        return {
            "bootstrap.servers": self.servers,
            "client.id": "featurectl",
            "socket.timeout.ms": milliseconds,
            "socket.connection.setup.timeout.ms": max(1000, milliseconds),
            "socket.keepalive.enable": True,
            "reconnect.backoff.max.ms": 1000,
            # Reasons come as errors; librdkafka's own lines would go to standard error, the fatal ones always.
            "log_level": 0,
            "logger": _silent_logger(),
            "error_cb": self.report,
            **_security(self._settings),
            **options,
        }

    def report(self, error: KafkaError) -> None:
        """Take a reason that came in the background; the next error names it."""
        # "All brokers are down" says less than what came before it.
        known = self._trouble is not None and self._trouble.name()
        if error.name() in _HOPELESS or (known not in _HOPELESS and error.name() != "_ALL_BROKERS_DOWN"):
            self._trouble = error


def _security(settings: Settings) -> dict[str, str]:
    """Never printed: holds passwords. Raises SettingsError."""
    if settings.kafka_security_protocol.startswith("SASL") and settings.kafka_sasl_mechanism is None:
        raise SettingsError(
            f"KAFKA_SECURITY_PROTOCOL={settings.kafka_security_protocol} needs KAFKA_SASL_MECHANISM",
            hint="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512: Kafka's administrator knows",
        )
    password, key_password = settings.kafka_sasl_password, settings.kafka_ssl_key_password
    values: dict[str, str | None] = {
        "security.protocol": settings.kafka_security_protocol,
        "sasl.mechanism": settings.kafka_sasl_mechanism,
        "sasl.username": settings.kafka_sasl_username,
        "sasl.password": None if password is None else password.get_secret_value(),
        "ssl.ca.location": _path(settings, "kafka_ssl_ca_location"),
        "ssl.certificate.location": _path(settings, "kafka_ssl_certificate_location"),
        "ssl.key.location": _path(settings, "kafka_ssl_key_location"),
        "ssl.key.password": None if key_password is None else key_password.get_secret_value(),
    }
    return {name: value for name, value in values.items() if value is not None}


def _path(settings: Settings, field: str) -> str | None:
    """A file by its setting, relative to the project. Raises SettingsError, as librdkafka would not name it."""
    path: Path | None = getattr(settings, field)
    if path is None:
        return None
    found = settings.project_dir / path
    if not found.exists():
        raise SettingsError(f"{field.upper()}: there is no file {path}")
    return str(found)


def _silent_logger() -> logging.Logger:
    logger = logging.getLogger("featurectl.librdkafka")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger


def _plain(text: str) -> str:
    """Without whose error it is in front and the state of the connection behind."""
    text = re.sub(r"^(?:\S+/(?:bootstrap|\d+)|Broker|Local): ", "", text)
    return re.sub(r" \(after \d+ms in state \w+.*\)$", "", text)
