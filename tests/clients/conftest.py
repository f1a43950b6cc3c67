"""The project itself on the risingwave target, with a migration that makes a reader: applied once for this folder."""

from __future__ import annotations

import secrets
import shutil
import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from featurectl.log import Event
from tests.clients.reader import MIGRATION, Reader
from tests.workspace import ROOT, SOLAR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.clients.deployed import Deployed

HOURS = 30
PATIENCE_SECONDS = 60


@pytest.fixture(scope="package")
def risingwave_for_readers(
    risingwave_dsn: str, kafka_dsn: str, kafka_topic: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """The project, applied, with some hours of one region in features_enriched."""
    from tests.clients.deployed import Deployed

    folder = tmp_path_factory.mktemp("readers")
    for name in ("sql", "migrations"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "migrations" / "9000_reader.sql").write_text(MIGRATION, encoding="utf-8")
    tag = uuid.uuid4().hex[:12]
    server = parse_dsn(risingwave_dsn)
    database, user = f"test_{tag}", f"reader_{tag}"
    reader = Reader(server["host"], server["port"], database, user, secrets.token_urlsafe(16))
    with closing(psycopg2.connect(risingwave_dsn)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"CREATE DATABASE {database} WITH barrier_interval_ms = 200")
        try:
            topics = {"solar": kafka_topic(1), "weather": kafka_topic(1)}
            deployed = Deployed(folder, make_dsn(risingwave_dsn, dbname=database), kafka_dsn, topics, reader)
            deployed.apply("features_enriched")
            _fill(deployed)
            yield deployed
        finally:
            cursor.execute(f"DROP DATABASE {database}")
            cursor.execute(f"DROP USER IF EXISTS {user}")


def _fill(deployed: Deployed) -> None:
    messages = [
        f'{{"timestamp": "2024-06-0{1 + h // 24}T{h % 24:02}:00:00Z", "production_mw": {h}, "region": "DE"}}'
        for h in range(HOURS)
    ]
    deployed.publish(SOLAR, [Event(message.encode(), "DE") for message in messages])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while deployed.rows("SELECT count(*), count(production_lag_1h) FROM features_enriched") != [(HOURS, HOURS - 1)]:
        assert time.monotonic() < deadline, "the events do not come"
        time.sleep(0.05)
