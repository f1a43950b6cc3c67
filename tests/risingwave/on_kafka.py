"""A small project with one topic, and its commands run as processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from featurectl.cli import main
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


def refused(done: subprocess.CompletedProcess[str], reason: str, hint: str, code: int = 1) -> None:
    """One line with the reason, one with the hint, and the exit code."""
    assert done.returncode == code, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 2, done.stderr
    assert lines[0].startswith("error: ")
    assert reason in lines[0], lines[0]
    assert lines[1].startswith("hint: ")
    assert hint in lines[1], lines[1]


class KafkaProject(SmallProject):
    def __init__(self, folder: Path, dsn: str, brokers: str, topic: str) -> None:
        super().__init__(folder, dsn, FILES)
        self.topic = topic
        self.environment |= {"KAFKA_BOOTSTRAP_SERVERS": brokers, "KAFKA_TOPIC_EVENTS": topic}

    def command(self, *words: str, program: str = "featurectl", **environment: str) -> subprocess.CompletedProcess[str]:
        """`featurectl WORDS…` (or another program) with these settings over the project's own."""
        project = ("--project", str(self.folder)) if program == "featurectl" else ()
        return subprocess.run(
            [sys.executable, "-m", program, *project, *words],
            env=self._environment(environment),
            capture_output=True, text=True, check=False, timeout=90,
        )  # fmt: skip

    def here(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The same in this process, which is spared the start of another."""
        out, err = StringIO(), StringIO()
        with (
            patch.dict(os.environ, self._environment(environment), clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
            pytest.raises(SystemExit) as caught,
        ):
            main(["--project", str(self.folder), *words])
        assert isinstance(caught.value.code, int)
        return subprocess.CompletedProcess(list(words), caught.value.code, out.getvalue(), err.getvalue())

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        inherited = {n: v for n, v in os.environ.items() if not re.match("FEATURECTL_(?!TEST)|KAFKA_|RISINGWAVE_", n)}
        return {**inherited, **self.environment, **more}

    def relations(self) -> set[str]:
        """What is in the database, the ledger aside."""
        rows = self.sql(
            "SELECT r.name FROM rw_catalog.rw_relations AS r JOIN rw_catalog.rw_schemas AS s ON s.id = r.schema_id"
            " WHERE s.name = 'public'"
        )
        return {name for (name,) in rows}
