"""k8s/: rendered, valid by the schemas, hardened, and in agreement with the settings. No cluster is asked."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

import featurectl.cli
import producers.cli
from featurectl.settings import Settings, load_settings
from tests import services
from tests.deploy.manifests import OVERLAYS, ROOT, SETTINGS, Resource, base, named, render, workloads

KUBERNETES = "1.31"
DEFAULTS = Settings.model_construct()
# What the custom resource definitions call required, and what their operators need besides. Read from
# strimzi/strimzi-kafka-operator 8541da1, packaging/install/cluster-operator/04*-Crd-kafka*.yaml (served: v1), and
# risingwavelabs/risingwave-operator bd4b41a, config/crd/bases/risingwave.risingwavelabs.com_risingwaves.yaml.
CUSTOM: dict[tuple[str, str], tuple[str, ...]] = {
    ("kafka.strimzi.io/v1", "Kafka"): (
        "spec.kafka.listeners.*.name",
        "spec.kafka.listeners.*.port",
        "spec.kafka.listeners.*.type",
        "spec.kafka.listeners.*.tls",
        "spec.kafka.version",
    ),
    ("kafka.strimzi.io/v1", "KafkaNodePool"): (
        "metadata.labels.strimzi.io/cluster",
        "spec.replicas",
        "spec.roles",
        "spec.storage.type",
        "spec.storage.volumes.*.type",
        "spec.storage.volumes.*.size",
    ),
    ("risingwave.risingwavelabs.com/v1alpha1", "RisingWave"): (
        "spec.image",
        "spec.metaStore",
        "spec.stateStore",
        "spec.components",
    ),
}


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> list[Resource]:
    """An overlay's resources."""
    return render(request.param)


@pytest.fixture(scope="module")
def production() -> list[Resource]:
    return render("production")


def missing(part: Any, path: str) -> bool:
    """Whether a field is not there; `*` is every item of a list that must not be empty."""
    if not path:
        return part is None
    if isinstance(part, list):
        rest = path.removeprefix("*").removeprefix(".")
        return not part or any(missing(item, rest) for item in part)
    if not isinstance(part, dict):
        return True
    name = next((key for key in part if path == key or path.startswith(f"{key}.")), None)
    return name is None or missing(part[name], path[len(name) :].removeprefix("."))


def check(resource: Resource, *, whole: bool = True) -> None:
    required = CUSTOM.get((resource["apiVersion"], resource["kind"]))
    if required is None:
        kubernetes_validate.validate(resource, KUBERNETES, strict=True)
    elif whole:
        assert [path for path in required if missing(resource, path)] == [], resource["metadata"]["name"]


def test_the_base_is_valid_as_it_is_written() -> None:
    for resource in base():
        check(resource, whole=False)  # overlays say where RisingWave keeps its state
    assert {each["kind"] for each in base()} == {
        "Deployment",
        "Job",
        "Kafka",
        "KafkaNodePool",
        "RisingWave",
    }


def test_every_resource_is_valid(overlay: list[Resource]) -> None:
    for resource in overlay:
        check(resource)


def test_what_is_not_valid_is_found() -> None:
    [job] = named(base(), "Job").values()
    with pytest.raises(kubernetes_validate.ValidationError, match="restartpolicy"):
        job["spec"]["template"]["spec"]["restartpolicy"] = "Never"
        check(job)
    [kafka] = named(base(), "Kafka").values()
    del kafka["spec"]["kafka"]["listeners"][0]["tls"]
    with pytest.raises(AssertionError, match=r"listeners\.\*\.tls"):
        check(kafka)


def test_no_secret_is_in_it(overlay: list[Resource]) -> None:
    assert named(overlay, "Secret") == {}
    for settings in named(overlay, "ConfigMap").values():
        assert [name for name in settings["data"] if re.search("(?i)password|secret", name)] == []


def test_images_are_pinned(overlay: list[Resource]) -> None:
    images = [container["image"] for pod in workloads(overlay).values() for container in pod["containers"]]
    [risingwave] = named(overlay, "RisingWave").values()
    assert risingwave["spec"]["image"] == services.IMAGE
    assert all(re.search(r"featurectl:\d+\.\d+\.\d+$", image) for image in images)


def test_pods_are_not_root_and_may_do_little(overlay: list[Resource]) -> None:
    for pod in workloads(overlay).values():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        [container] = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]
        assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]


def test_a_pod_is_given_the_time_to_deliver(overlay: list[Resource]) -> None:
    [settings] = named(overlay, "ConfigMap").values()
    limit = max(float(settings["data"]["KAFKA_DELIVERY_TIMEOUT"]), DEFAULTS.kafka_delivery_timeout)
    assert all(pod["terminationGracePeriodSeconds"] > limit for pod in workloads(overlay).values())


def test_settings_are_settings_and_name_the_services_that_the_operators_make(
    overlay: list[Resource], monkeypatch: pytest.MonkeyPatch
) -> None:
    [config] = named(overlay, "ConfigMap").values()
    [kafka] = named(overlay, "Kafka").values()
    [risingwave] = named(overlay, "RisingWave").values()
    assert set(config["data"]) <= SETTINGS
    for name, value in config["data"].items():
        monkeypatch.setenv(name, value)
    settings = load_settings(ROOT)
    assert (settings.target, settings.log) == ("risingwave", "kafka")
    assert settings.risingwave_host == f"{risingwave['metadata']['name']}-frontend"
    assert settings.risingwave_port == 4567
    [listener] = kafka["spec"]["kafka"]["listeners"]
    bootstrap = f"{kafka['metadata']['name']}-kafka-bootstrap:{listener['port']}"
    assert settings.kafka_bootstrap_servers == settings.engine_kafka_bootstrap_servers == bootstrap
    for pod in workloads(overlay).values():
        assert pod["containers"][0]["envFrom"] == [{"configMapRef": {"name": config["metadata"]["name"]}}]


def test_commands_are_commands(overlay: list[Resource]) -> None:
    groups = {"featurectl": featurectl.cli.cli, "producers": producers.cli.cli}
    for pod in workloads(overlay).values():
        [container] = pod["containers"]
        words: list[str] = container["command"] + container.get("args", [])
        program, name = words[:2]
        group = groups[program]
        context = group.make_context(program, ["--help"], resilient_parsing=True)
        command = group.get_command(context, name)
        assert command is not None
        command.make_context(name, words[2:], parent=context)  # as the group does: a command keeps its --help


def test_the_job_tries_again_and_a_producer_is_alone(overlay: list[Resource]) -> None:
    [job] = named(overlay, "Job").values()
    assert job["spec"]["backoffLimit"] >= 10
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "OnFailure"
    for deployment in named(overlay, "Deployment").values():
        assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]) == (1, {"type": "Recreate"})
        assert {"readinessProbe", "livenessProbe"} <= set(deployment["spec"]["template"]["spec"]["containers"][0])


def test_production_survives_the_loss_of_one(production: list[Resource]) -> None:
    [kafka] = named(production, "Kafka").values()
    [nodes] = named(production, "KafkaNodePool").values()
    [risingwave] = named(production, "RisingWave").values()
    config = kafka["spec"]["kafka"]["config"]
    assert nodes["spec"]["replicas"] == 3
    assert {volume["type"] for volume in nodes["spec"]["storage"]["volumes"]} == {"persistent-claim"}
    factors = [name for name in config if name.endswith("replication.factor")]
    assert len(factors) == 3
    assert {config[name] for name in factors} == {3}
    assert {config[name] for name in config if name.endswith(("min.isr", "min.insync.replicas"))} == {2}
    [settings] = named(production, "ConfigMap").values()
    assert settings["data"]["KAFKA_REPLICATION"] == "3"
    parts = {name: part["nodeGroups"][0]["replicas"] for name, part in risingwave["spec"]["components"].items()}
    assert parts == {"meta": 3, "frontend": 3, "compute": 3, "compactor": 3}
    budgets = [budget["spec"] for budget in named(production, "PodDisruptionBudget").values()]
    assert {budget["selector"]["matchLabels"]["risingwave/component"] for budget in budgets} == set(parts)
    assert {budget["maxUnavailable"] for budget in budgets} == {1}


def test_production_refers_to_secrets_that_must_exist(production: list[Resource]) -> None:
    [password] = workloads(production)["featurectl-apply"]["containers"][0]["env"]
    assert password["name"] == "RISINGWAVE_PASSWORD"
    secret = {"name": "featurectl-risingwave", "key": "password", "optional": False}
    assert password["valueFrom"]["secretKeyRef"] == secret
    [risingwave] = named(production, "RisingWave").values()
    meta = risingwave["spec"]["metaStore"]["postgresql"]["credentials"]
    state = risingwave["spec"]["stateStore"]["s3"]["credentials"]
    document = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    named_there = {*meta.values(), *state.values(), secret["name"], secret["key"]}
    assert [name for name in named_there if f"`{name}`" not in document] == []


def probe(name: str) -> list[str]:
    command: list[str] = workloads(base())["producer-solar"]["containers"][0][name]["exec"]["command"]
    return [sys.executable if word == "python" else word for word in command]


def test_a_producer_is_ready_when_the_brokers_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        servers = f"127.0.0.1:{server.getsockname()[1]},other:1"
        environment = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": servers}
        assert subprocess.run(probe("readinessProbe"), env=environment, check=False).returncode == 0
    done = subprocess.run(probe("readinessProbe"), env=environment, check=False, capture_output=True)
    assert done.returncode == 1


@pytest.mark.skipif(not os.path.exists("/proc/1/stat"), reason="/proc: not on this system")
def test_a_producer_that_is_stopped_is_not_alive() -> None:
    waiting = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    command = [word.replace("/proc/1/", f"/proc/{waiting.pid}/") for word in probe("livenessProbe")]
    try:
        assert subprocess.run(command, check=False).returncode == 0
        waiting.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, waiting.pid, os.WSTOPPED | os.WNOWAIT)
        assert subprocess.run(command, check=False).returncode == 1
    finally:
        waiting.kill()
        waiting.communicate()
