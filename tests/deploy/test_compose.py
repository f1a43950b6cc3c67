"""compose.yaml: by the Compose specification, and in agreement with the settings' defaults."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from featurectl.settings import Settings, load_settings
from tests import kafka_service, services
from tests.deploy.manifests import COMPOSE, OURS, ROOT, SETTINGS, compose_services

DEFAULTS = Settings.model_construct()


def test_it_is_what_the_specification_allows() -> None:
    # Dumped again: the parser does not know YAML's merge keys, which Compose does.
    text = yaml.safe_dump(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")))
    assert set(PyCompose.from_yaml(text).service_names()) == set(compose_services())
    with pytest.raises(ValueError, match="helthcheck"):
        PyCompose.from_yaml(text.replace("healthcheck:", "helthcheck:", 1))


def test_docker_compose_accepts_it_where_it_is_installed() -> None:
    asked = ["docker", "compose", "version"]
    if not shutil.which("docker") or subprocess.run(asked, capture_output=True, check=False).returncode:
        pytest.skip("docker compose: not installed")
    done = subprocess.run(
        ["docker", "compose", "--file", str(COMPOSE), "config", "--quiet"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", compose_services())
def test_each_service_is_pinned_restarted_and_waits_for_what_can_be_waited_for(name: str) -> None:
    all_of_them = compose_services()
    service = all_of_them[name]
    assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])
    assert service["restart"] in ("unless-stopped", "on-failure")
    for other, how in service.get("depends_on", {}).items():
        assert how["condition"] == "service_healthy"
        assert "healthcheck" in all_of_them[other]


def test_what_runs_for_ever_has_a_health_check() -> None:
    lasting = {name for name, service in compose_services().items() if service["restart"] == "unless-stopped"}
    assert lasting == {name for name, service in compose_services().items() if "healthcheck" in service}
    assert {"kafka", "risingwave", "solar", "weather"} == lasting


def test_the_images_are_those_that_the_tests_run() -> None:
    found = compose_services()
    assert found["risingwave"]["image"] == services.IMAGE
    assert found["kafka"]["image"] == kafka_service.IMAGE


def test_the_defaults_work_from_the_host() -> None:
    found = compose_services()
    host, port = DEFAULTS.kafka_bootstrap_servers.split(":")
    assert found["kafka"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f"HOST://{host}:{port}" in found["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    inner = found["apply"]["environment"]["RISINGWAVE_PORT"]
    assert found["risingwave"]["ports"] == [f"127.0.0.1:{DEFAULTS.risingwave_port}:{inner}"]
    assert found["risingwave"]["command"][-1] == f"0.0.0.0:{inner}"


@pytest.mark.parametrize("name", OURS)
def test_our_services_settings_are_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = compose_services()[name]
    assert set(service["environment"]) <= SETTINGS
    for variable, value in service["environment"].items():
        monkeypatch.setenv(variable, value)
    settings = load_settings(ROOT)
    assert (settings.target, settings.log, settings.risingwave_host) == ("risingwave", "kafka", "risingwave")
    listeners = compose_services()["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"INNER://{settings.engine_kafka_bootstrap_servers}" in listeners.split(",")
    assert settings.kafka_bootstrap_servers == settings.engine_kafka_bootstrap_servers


@pytest.mark.parametrize("name", ["solar", "weather"])
def test_a_producer_is_given_the_time_to_deliver(name: str) -> None:
    assert int(compose_services()[name]["stop_grace_period"].removesuffix("s")) > DEFAULTS.kafka_delivery_timeout


def test_no_secret_is_in_it() -> None:
    def names(part: Any) -> list[str]:
        if isinstance(part, dict):
            return [*map(str, part), *(name for value in part.values() for name in names(value))]
        return [name for value in part for name in names(value)] if isinstance(part, list) else []

    assert [name for name in names(compose_services()) if re.search("(?i)password|secret|token", name)] == []
