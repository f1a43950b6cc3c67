"""This repository's project on RisingWave and Kafka, in a database and on topics of its own."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from psycopg2.extensions import parse_dsn

from featurectl.engines import open_engine
from featurectl.log import Event, open_log
from featurectl.settings import load_settings
from tests.workspace import ROOT, Workspace

if TYPE_CHECKING:
    from pathlib import Path


class ServerWorkspace(Workspace):
    def __init__(self, folder: Path, dsn: str, brokers: str, topics: dict[str, str]) -> None:
        project = folder / "project"
        for part in ("sql", "migrations"):
            shutil.copytree(ROOT / part, project / part)
        server = parse_dsn(dsn)
        self.settings = load_settings(
            project,
            home=folder / "home",
            target="risingwave",
            risingwave_host=server["host"],
            risingwave_port=server["port"],
            risingwave_database=server["dbname"],
            risingwave_user=server["user"],
            kafka_bootstrap_servers=brokers,
            topics=topics,
        )
        self.log = open_log(self.settings)
        self.engine = open_engine(self.settings, self.log)

    def publish(self, topic: str, messages: list[bytes]) -> None:
        """`topic` is the source table's name; a region's or a site's events have its key."""
        name = self.settings.topics[topic.partition("_")[0]]
        with self.log.writer(name) as writer:
            writer.append(Event(message, _key(message)) for message in messages)

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.settings.project_dir / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")


def _key(message: bytes) -> str:
    try:
        event = json.loads(message)
    except ValueError:
        return "broken"
    if not isinstance(event, dict):
        return "broken"
    return str(event.get("region") or event.get("latitude"))
