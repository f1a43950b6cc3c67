"""The engines that the contract is held against: this repository's project, with some sites more, on each of them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.risingwave.workspace import ServerWorkspace
from tests.workspace import ROOT, SOLAR, WEATHER, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

    import pytest

EMBEDDED, EMBEDDED_ON_KAFKA, RISINGWAVE = "embedded, files", "embedded, Kafka", "RisingWave, Kafka"
ENGINES = (EMBEDDED, EMBEDDED_ON_KAFKA, RISINGWAVE)

# Behaviours that an engine lacks, each with the reason: (name of the test, engine). They fail strictly.
GAPS: dict[tuple[str, str], str] = {}

# Regions of the cases' own: no two cases share a site, but for the twins.
SITES = {f"site {n:02}": (-60.0 + n, 100.0 + n) for n in range(24)}
TWINS = {"twin a": (-70.5, 33.25), "twin b": (-70.504, 33.2541)}


class KafkaWorkspace(Workspace):
    """The embedded engine reading Kafka; events are published as for RisingWave."""

    publish = ServerWorkspace.publish  # type: ignore[assignment]


def add_sites(project: Path) -> None:
    """A migration more, which gives the cases regions."""
    rows = ",\n  ".join(f"('{name}', {at[0]}, {at[1]}, 'UTC')" for name, at in {**SITES, **TWINS}.items())
    text = f"INSERT INTO regions (region, latitude, longitude, time_zone) VALUES\n  {rows};\n"
    (project / "migrations" / "0099_sites_of_the_cases.sql").write_text(text, encoding="utf-8")


def serve(engine: str, folder: Path, request: pytest.FixtureRequest, stack: ExitStack) -> Workspace:
    """The project on that engine, applied; servers come from the fixtures, or skip."""
    project = folder / "project"
    if engine == EMBEDDED:
        workspace = Workspace(folder / "home", _copied(project), topics={"solar": SOLAR, "weather": WEATHER})
    else:
        brokers: str = request.getfixturevalue("kafka_dsn")
        make_topic: Callable[..., str] = request.getfixturevalue("kafka_topic")
        topics = {"solar": make_topic(partitions=3), "weather": make_topic(partitions=3)}
        if engine == EMBEDDED_ON_KAFKA:
            workspace = KafkaWorkspace(
                folder / "home", _copied(project), log="kafka", kafka_bootstrap_servers=brokers, topics=topics
            )
        else:
            workspace = _on_risingwave(request.getfixturevalue("risingwave_dsn"), folder, brokers, topics, stack)
    workspace.apply()
    return workspace


def _on_risingwave(server: str, folder: Path, brokers: str, topics: dict[str, str], stack: ExitStack) -> Workspace:
    from tests.risingwave.databases import database

    workspace = ServerWorkspace(folder, stack.enter_context(database(server)), brokers, topics)
    add_sites(workspace.settings.project_dir)
    return workspace


def _copied(project: Path) -> Path:
    for part in ("sql", "migrations"):
        shutil.copytree(ROOT / part, project / part)
    add_sites(project)
    return project
