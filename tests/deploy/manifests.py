"""What the deployment files say, read as their tools read them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from featurectl.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE = ROOT / "compose.yaml"
OVERLAYS = ("dev", "production")
OURS = ("apply", "solar", "weather")
SETTINGS = {str(field.validation_alias) for field in Settings.model_fields.values()}
Resource = dict[str, Any]


def compose_services() -> dict[str, Any]:
    """The services of compose.yaml, with variables at their defaults and `$$` as the container sees it."""
    text = re.sub(r"(?<!\$)\$\{\w+:-([^}]*)\}", r"\1", COMPOSE.read_text(encoding="utf-8")).replace("$$", "$")
    services: dict[str, Any] = yaml.safe_load(text)["services"]
    return services


def base() -> list[Resource]:
    """The resources of k8s/base as they are written."""
    files = [path for path in sorted((ROOT / "k8s" / "base").glob("*.yaml")) if path.stem != "kustomization"]
    return [resource for path in files for resource in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def render(overlay: str) -> list[Resource]:
    """The resources of an overlay; the test is skipped where nothing can render them."""
    tool = ["kubectl", "kustomize"] if shutil.which("kubectl") else ["kustomize", "build"]
    if not shutil.which(tool[0]):
        pytest.skip("kustomize: neither kubectl nor kustomize on PATH")
    folder = ROOT / "k8s" / "overlays" / overlay
    done = subprocess.run([*tool, str(folder)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def named(resources: list[Resource], kind: str) -> dict[str, Resource]:
    """The resources of a kind by name."""
    return {each["metadata"]["name"]: each for each in resources if each["kind"] == kind}


def workloads(resources: list[Resource]) -> dict[str, Resource]:
    """Pod templates' specs by the name of their Job or Deployment."""
    found = {**named(resources, "Job"), **named(resources, "Deployment")}
    return {name: each["spec"]["template"]["spec"] for name, each in found.items()}
