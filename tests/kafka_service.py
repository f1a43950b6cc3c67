"""A Kafka broker for tests: where one is found, how it is started, stopped and started again on the same data.

In this order: the servers that FEATURECTL_TEST_KAFKA names; Apache Kafka from Maven Central, in KRaft mode on free
loopback ports in a temporary directory; a container, if a Docker engine answers.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.guarding import guard, release
from tests.services import ServerMissing, _docker, _docker_answers, _free_ports, _stop, _tail

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVERS_VARIABLE = "FEATURECTL_TEST_KAFKA"
VERSION = "4.1.1"
ARTIFACT = f"org.apache.kafka:kafka_2.13:{VERSION}"
LOGGER = "org.slf4j:slf4j-simple:1.7.36"  # without it a broker that cannot start does not say why
IMAGE = f"apache/kafka:{VERSION}"
START_SECONDS = 60
DOWNLOAD_SECONDS = 300
# Users of the second listener, with their passwords: one who may do everything and one who may do nothing.
USERS = {"admin": "admin-secret", "guest": "guest-secret"}

_JAVA = (
    "java", "-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
)  # fmt: skip
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>featurectl.tests</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
{dependencies}
  </dependencies>
</project>
"""
_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


@dataclass
class KafkaServer:
    """A broker: `dsn` for anybody; `sasl_dsn` wants a login; both None of a process where it is not ours to stop."""

    dsn: str
    sasl_dsn: str | None = None
    command: list[str] = field(default_factory=list)
    folder: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def ours(self) -> bool:
        """Whether the broker may be stopped."""
        return self.process is not None

    @property
    def runs(self) -> bool:
        """Whether the broker that was started is there."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the broker on the data and the ports that it had; return when it answers."""
        assert self.folder is not None
        output = self.folder / "server.log"
        with output.open("ab") as stream:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT
            )
        guard(self.process)
        _wait_for_broker(self.dsn, seconds=START_SECONDS, server=self.process, output=output)

    def kill(self) -> None:
        """End the broker as a power cut ends it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        release(self.process)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The broker accepts connections in here, and answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextmanager
def kafka_server() -> Iterator[KafkaServer]:
    """A Kafka broker that answers. Raises ServerMissing if none is to be had."""
    given = os.environ.get(SERVERS_VARIABLE)
    if given:
        _wait_for_broker(given, seconds=10)
        yield KafkaServer(given)
        return
    try:
        jars = _jars()
    except ServerMissing as missing:
        if not _docker_answers():
            raise ServerMissing(f"{SERVERS_VARIABLE} is not set, {missing}, no Docker engine answers") from None
        with _container() as server:
            yield server
    else:
        with _process(jars) as server:
            yield server


def _jars() -> Path:
    """The folder of Kafka's jars, in the user's cache; from Maven Central if they are not there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    jars = cache / "featurectl-tests" / f"kafka-{VERSION}"
    if shutil.which("java") is None:
        raise ServerMissing("no java on PATH")
    if not jars.is_dir():
        if shutil.which("mvn") is None:
            raise ServerMissing("no mvn on PATH")
        jars.parent.mkdir(parents=True, exist_ok=True)
        _download(jars)
    return jars


def _download(jars: Path) -> None:
    dependencies = "".join(_DEPENDENCY.format(*each.split(":")) for each in (ARTIFACT, LOGGER))
    with tempfile.TemporaryDirectory(dir=jars.parent, prefix=".kafka-") as folder:
        (Path(folder) / "pom.xml").write_text(_POM.format(dependencies=dependencies), encoding="utf-8")
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=jars"]
        try:
            subprocess.run(
                ["mvn", "--quiet", "--batch-mode", *goal],
                cwd=folder, check=True, timeout=DOWNLOAD_SECONDS, capture_output=True,
            )  # fmt: skip
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            raise ServerMissing(f"mvn could not get {ARTIFACT}") from None
        # Another run may have been faster; whoever comes first names the folder.
        if not jars.is_dir():
            (Path(folder) / "jars").rename(jars)


@contextmanager
def _process(jars: Path) -> Iterator[KafkaServer]:
    with tempfile.TemporaryDirectory(prefix="kafka-") as name:
        folder = Path(name)
        plain, sasl, controller = _free_ports(3)
        properties = folder / "server.properties"
        properties.write_text(_properties(folder, plain, sasl, controller), encoding="utf-8")
        java = [*_JAVA, "-cp", f"{jars}/*"]
        identity = uuid.uuid4().hex[:22]
        subprocess.run(
            [*java, "kafka.tools.StorageTool", "format", "--cluster-id", identity, "--config", str(properties)],
            check=True, capture_output=True,
        )  # fmt: skip
        command = [*java, "kafka.Kafka", str(properties)]
        server = KafkaServer(f"127.0.0.1:{plain}", f"127.0.0.1:{sasl}", command, folder)
        try:
            server.start()
            yield server
        finally:
            if server.process is not None:
                server.process.send_signal(signal.SIGCONT)
                _stop(server.process)


def _properties(folder: Path, plain: int, sasl: int, controller: int) -> str:
    logins = " ".join(f'user_{name}="{password}"' for name, password in USERS.items())
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAIN://127.0.0.1:{plain},LOGIN://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}",
        "inter.broker.listener.name": "PLAIN",
        "listener.security.protocol.map": "PLAIN:PLAINTEXT,LOGIN:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        "listener.name.login.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.login.plain.sasl.jaas.config": f"{module} required {logins};",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS;User:admin",
        "log.dirs": folder / "data",
        "auto.create.topics.enable": "false",
        "offsets.topic.num.partitions": 1,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        # A broker that was killed comes back once its old session has expired.
        "broker.session.timeout.ms": 1000,
        "broker.heartbeat.interval.ms": 200,
        "num.network.threads": 2,
        "num.io.threads": 2,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _wait_for_broker(
    servers: str, *, seconds: float, server: subprocess.Popen[bytes] | None = None, output: Path | None = None
) -> None:
    """Return once a topic could be described. Raises RuntimeError with the last reason."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    deadline = time.monotonic() + seconds
    admin = AdminClient({"bootstrap.servers": servers, "reconnect.backoff.max.ms": 200, "log_level": 0})
    while True:
        try:
            if admin.list_topics(timeout=0.5).brokers:
                return
            reason = "no broker has registered"
        except KafkaException as error:
            reason = str(error)
        if server is not None and server.poll() is not None:
            raise RuntimeError(f"kafka ended with {server.returncode}: {_tail(output)}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"kafka did not answer in {seconds:.0f} s: {reason}")


@contextmanager
def _container() -> Iterator[KafkaServer]:
    [port] = _free_ports(1)
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    }
    words = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]
    container = _docker("run", "--detach", "--rm", "--publish", f"127.0.0.1:{port}:{port}", *words, IMAGE)
    try:
        _wait_for_broker(f"127.0.0.1:{port}", seconds=START_SECONDS)
        yield KafkaServer(f"127.0.0.1:{port}")
    finally:
        _docker("rm", "--force", container)
