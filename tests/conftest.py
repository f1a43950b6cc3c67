"""Fixtures that more than one folder of tests uses, and what a run says about servers it did not have."""

from __future__ import annotations

import itertools
import re
import uuid
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.kafka_service import KafkaServer, kafka_server
from tests.services import ServerMissing, risingwave_server
from tests.sharing import SERVERS, STRAYS, share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Two cores, often with a server beside: how long one example takes says nothing. The rest of the profile stays.
_PROFILE = settings.get_current_profile_name()
settings.register_profile(_PROFILE, settings.get_profile(_PROFILE), deadline=None)
settings.load_profile(_PROFILE)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A factory: the path of a recorded file or folder, by its name under ../shared/data."""

    def find(name: str) -> Path:
        path = ROOT.parent / "shared" / "data" / name
        if not path.exists():
            pytest.skip(f"shared data: ../shared/data/{name} is not here")
        return path

    return find


@pytest.fixture(scope="session")
def risingwave_dsn() -> Iterator[str]:
    """A RisingWave server that takes statements; the test is skipped where none can be had."""
    with ExitStack() as stack:
        try:
            dsn = stack.enter_context(risingwave_server())
        except ServerMissing as missing:
            pytest.skip(f"risingwave: no server: {missing}")
        yield dsn


@pytest.fixture
def risingwave_schema(risingwave_dsn: str) -> Iterator[Callable[[], str]]:
    """A factory: the name of a new empty schema, dropped with all in it after the test."""
    import psycopg2

    connection = psycopg2.connect(risingwave_dsn)
    connection.autocommit = True
    made: list[str] = []

    def make() -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {name}")
        made.append(name)
        return name

    yield make
    with connection.cursor() as cursor:
        for name in made:
            cursor.execute(f"DROP SCHEMA {name} CASCADE")
    connection.close()


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[KafkaServer]:
    """A Kafka broker; the test is skipped where none can be had."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(kafka_server())
        except ServerMissing as missing:
            pytest.skip(f"kafka: no server: {missing}")
        yield server


@pytest.fixture(scope="session")
def kafka_dsn(kafka_broker: KafkaServer) -> str:
    """The bootstrap servers of a Kafka broker, for anybody without a login."""
    return kafka_broker.dsn


@pytest.fixture
def kafka_to_stop(kafka_broker: KafkaServer) -> Iterator[KafkaServer]:
    """The Kafka broker, if it was started here; running again after the test."""
    if not kafka_broker.ours:
        pytest.skip("kafka: the broker is not ours to stop")
    yield kafka_broker
    if not kafka_broker.runs:
        kafka_broker.start()


@pytest.fixture(scope="session")
def kafka_topic(kafka_dsn: str) -> Iterator[Callable[..., str]]:
    """A factory: a topic's name that nobody has; with `partitions` the topic itself. Removed at the end."""
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": kafka_dsn, "log_level": 0})
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    numbers = itertools.count()

    def make(partitions: int = 0, **config: str) -> str:
        name = f"{prefix}-{next(numbers)}"
        if partitions:
            admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result()
        return name

    yield make
    ours = [name for name in admin.list_topics(timeout=10).topics if name.startswith(prefix)]
    for done in admin.delete_topics(ours).values() if ours else ():
        done.result()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test's marker follows from its fixtures: `-m "not risingwave"` leaves out what needs that server.

    The tests of a server come first, since they take longest.
    """
    for item in items:
        for server in SERVERS:
            if any(name.startswith(f"{server}_") for name in getattr(item, "fixturenames", ())):
                item.add_marker(server)
    config.stash[STRAYS] = [
        item.nodeid
        for item in items
        if any(map(item.get_closest_marker, SERVERS)) and share(item.nodeid) not in SERVERS
    ]
    items.sort(key=lambda item: [share(item.nodeid) != server for server in SERVERS])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where processes run the tests side by side, each server is started by one of them."""
    from tests.sharing import ByServer

    return ByServer(config, log)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line for each server that was missing, so that a skipped suite is not taken for a passed one."""
    reasons = Counter(
        match.groups()
        for report in terminalreporter.stats.get("skipped", [])
        if (match := re.search(r"Skipped: (\w+): (no server: .*)", str(report.longrepr[-1])))
    )
    for (server, reason), count in sorted(reasons.items()):
        terminalreporter.write_line(f"{server}: {count} tests skipped, {reason}")
