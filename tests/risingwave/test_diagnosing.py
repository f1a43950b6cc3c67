"""`doctor` on RisingWave: what is well, what is bound to limits, what cannot be reached, within the timeouts."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import psycopg2
import pytest

from featurectl.engines import open_engine
from featurectl.engines.risingwave import connection, diagnosing
from featurectl.log import open_log
from featurectl.services.diagnosing import diagnose

if TYPE_CHECKING:
    from featurectl.engines.base import Finding
    from featurectl.settings import Settings
    from tests.risingwave.project import SmallProject


def findings(settings: Settings) -> dict[str, Finding]:
    log = open_log(settings)
    return {f.check: f for f in diagnose(open_engine(settings, log), log, settings)}


@pytest.fixture
def settings(small_project: SmallProject) -> Settings:
    """A server that is well, and no broker."""
    update = {"kafka_bootstrap_servers": "127.0.0.1:1", "kafka_timeout": 1.0}
    return small_project.settings.model_copy(update=update)


def test_a_server_that_is_well_and_no_broker(settings: Settings) -> None:
    found = findings(settings)
    named = ("risingwave", "version", "builds", "licence", "time zone", "clock", "state", "disk")
    assert {name: found[name].level for name in named} == dict.fromkeys(named, "ok")
    assert "max_concurrent_creating_streaming_jobs" in found["builds"].message
    assert (found["log"].level, "KAFKA_BOOTSTRAP_SERVERS" in (found["log"].remedy or "")) == ("error", True)


def test_what_a_version_lacks(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        def rows(self, *_: object) -> list[tuple[str]]:
            return [("PostgreSQL 13.14.0-RisingWave-2.8.1 (x)",)]

    found = diagnosing._version(Old())  # type: ignore[arg-type]
    assert (found.level, found.remedy) == ("warning", "upgrade to 2.8.2")
    monkeypatch.setattr(connection, "MINIMUM_VERSION", (99, 1))
    assert findings(settings)["risingwave"].remedy == "at least 99.1 is needed: upgrade it"


def test_a_clock_that_is_off(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time
    monkeypatch.setattr(diagnosing.time, "time", lambda: now() + 3600)
    assert findings(settings)["clock"].level == "error"


def test_a_server_and_a_broker_that_never_answer(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        started = time.monotonic()
        update = {
            "risingwave_host": "127.0.0.1",
            "risingwave_port": port,
            "risingwave_timeout": 1.0,
            "kafka_bootstrap_servers": f"127.0.0.1:{port}",
        }
        found = findings(settings.model_copy(update=update))
    assert time.monotonic() - started < 15
    assert (found["risingwave"].level, "no answer within 1 s" in found["risingwave"].message) == ("error", True)
    assert (found["log"].level, "no answer within 1 s" in found["log"].message) == ("error", True)
    assert "\n" not in found["risingwave"].message + found["log"].message


def test_what_is_bound_to_a_licence(settings: Settings, small_project: SmallProject) -> None:
    try:
        small_project.sql("CREATE SECRET of_a_test WITH (backend = 'meta') AS 'x'")
    except psycopg2.Error as error:
        if "secret_store_private_key" not in str(error):
            raise
        pytest.skip("risingwave: the server has no key for secrets")
    try:
        found = findings(settings)["licence"]
    finally:
        small_project.sql("DROP SECRET of_a_test")
    assert (found.level, found.message) == ("warning", "bound to a licence: SecretManagement")
    assert "licence key" in (found.remedy or "")
    assert findings(settings)["licence"].level == "ok"


def test_a_view_made_in_another_time_zone(settings: Settings, small_project: SmallProject) -> None:
    small_project.apply()
    small_project.sql(
        "SET TIME ZONE 'Europe/Berlin'",
        "CREATE MATERIALIZED VIEW days AS"
        " SELECT date_trunc('day', '2024-01-01T00:00:00Z'::timestamptz) AS day, id FROM items",
    )
    found = findings(settings)["time zone"]
    assert (found.level, found.message) == ("warning", "not in UTC: days (Europe/Berlin)")
    assert "in a session in UTC" in (found.remedy or "")


def test_builds_that_fill_what_is_allowed(settings: Settings, small_project: SmallProject) -> None:
    small_project.apply()
    [[before]] = [row[1:2] for row in small_project.sql("SHOW PARAMETERS") if "creating_streaming_jobs" in row[0]]
    small_project.sql(
        "INSERT INTO items SELECT n, 'k', n FROM generate_series(10, 2000) AS g(n)",
        "FLUSH",
        "ALTER SYSTEM SET max_concurrent_creating_streaming_jobs TO 1",
        "SET background_ddl = true",
        "SET backfill_rate_limit = 1",
        "CREATE MATERIALIZED VIEW slow AS SELECT kind, max(value) AS total FROM items GROUP BY kind",
    )
    try:
        found = findings(settings)["builds"]
    finally:
        small_project.sql(
            "DROP MATERIALIZED VIEW slow", f"ALTER SYSTEM SET max_concurrent_creating_streaming_jobs TO {before}"
        )
    assert (found.level, found.message) == (
        "warning", "1 under way, max_concurrent_creating_streaming_jobs = 1",
    )  # fmt: skip
    assert "ALTER SYSTEM SET max_concurrent_creating_streaming_jobs" in (found.remedy or "")
    assert findings(settings)["builds"].level == "ok"
