"""`doctor` on RisingWave: what is well, what is bound to limits, what cannot be reached, within the timeouts."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

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
    assert findings(settings)["risingwave"].remedy == "at least 99.1 is needed"


def test_a_clock_that_is_off(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time
    monkeypatch.setattr(diagnosing.time, "time", lambda: now() + 3600)
    assert findings(settings)["clock"].level == "error"


def test_a_server_and_a_broker_that_never_answer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_CONNECT_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        started = time.monotonic()
        update = {
            "risingwave_host": "127.0.0.1",
            "risingwave_port": port,
            "kafka_bootstrap_servers": f"127.0.0.1:{port}",
        }
        found = findings(settings.model_copy(update=update))
    assert time.monotonic() - started < 15
    assert (found["risingwave"].level, "no answer within 1 s" in found["risingwave"].message) == ("error", True)
    assert (found["log"].level, "no answer within 1 s" in found["log"].message) == ("error", True)
    assert "\n" not in found["risingwave"].message + found["log"].message
