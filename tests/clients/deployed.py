"""A copy of the project on the risingwave target, in a database and with topics of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg2.extensions import parse_dsn

from featurectl.engines import open_engine
from featurectl.log import open_log
from featurectl.project import load_project
from featurectl.services.applying import apply
from featurectl.settings import load_settings
from tests.workspace import SOLAR

if TYPE_CHECKING:
    from pathlib import Path

    from featurectl.log import Event
    from featurectl.services.applying import ApplyResult
    from tests.clients.reader import Reader


class Deployed:
    def __init__(self, folder: Path, dsn: str, kafka: str, topics: dict[str, str], reader: Reader) -> None:
        server = parse_dsn(dsn)
        self.folder = folder
        self.reader = reader
        self.settings = load_settings(
            folder,
            target="risingwave",
            log="kafka",
            home=folder / "home",
            topics=topics,
            vars={"reader": reader.user, "reader_password": reader.password, "database": reader.database},
            kafka_bootstrap_servers=kafka,
            risingwave_kafka_bootstrap_servers=kafka,
            risingwave_host=server["host"],
            risingwave_port=int(server["port"]),
            risingwave_database=server["dbname"],
            risingwave_user=server["user"],
            risingwave_password=server.get("password"),
        )
        self.topics = {SOLAR: topics["solar"]}
        self.log = open_log(self.settings)
        self.engine = open_engine(self.settings, self.log)

    def apply(self, *select: str) -> ApplyResult:
        return apply(load_project(self.settings), self.engine, select)

    def publish(self, topic: str, events: list[Event]) -> None:
        with self.log.writer(self.topics[topic]) as writer:
            writer.append(events)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.engine.query(sql) as result:
            return result.all()
