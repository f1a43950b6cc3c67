"""A small project with one topic, and its commands run as processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.risingwave.project import SmallProject

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "migrations/0001_source_tables.sql": """CREATE TABLE raw (data BYTEA) APPEND ONLY
INCLUDE partition AS log_partition
INCLUDE offset AS log_offset
INCLUDE timestamp AS ingested_at
WITH (
  connector = 'kafka',
  topic = '{{ topic("events") }}',
  {{ kafka_properties() }},
  scan.startup.mode = 'earliest'
) FORMAT PLAIN ENCODE BYTES;
""",
    "sql/texts.sql": "SELECT log_partition, log_offset, convert_from(data, 'utf8') AS text FROM raw\n",
}


class KafkaProject(SmallProject):
    def __init__(self, folder: Path, dsn: str, brokers: str, topic: str) -> None:
        super().__init__(folder, dsn, FILES)
        self.topic = topic
        self.environment |= {"KAFKA_BOOTSTRAP_SERVERS": brokers, "KAFKA_TOPIC_EVENTS": topic}

    def command(self, *words: str, seconds: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
        """`featurectl WORDS…` with these settings over the project's own."""
        inherited = {n: v for n, v in os.environ.items() if not re.match("FEATURECTL_(?!TEST)|KAFKA_|RISINGWAVE_", n)}
        return subprocess.run(
            [sys.executable, "-m", "featurectl", "--project", str(self.folder), *words],
            env={**inherited, **self.environment, **environment},
            capture_output=True, text=True, check=False, timeout=seconds,
        )  # fmt: skip

    def relations(self) -> set[str]:
        """What is in the database, the ledger aside."""
        rows = self.sql(
            "SELECT r.name FROM rw_catalog.rw_relations AS r JOIN rw_catalog.rw_schemas AS s ON s.id = r.schema_id"
            " WHERE s.name = 'public'"
        )
        return {name for (name,) in rows}
