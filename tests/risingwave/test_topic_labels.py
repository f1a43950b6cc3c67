"""Labels out of a topic that RisingWave has read from Kafka: the same rows as on the embedded engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from featurectl.errors import UnsupportedOnEngine
from featurectl.log import Event, open_log
from featurectl.settings import load_settings
from tests.risingwave.databases import database
from tests.risingwave.project import SmallProject
from tests.training.test_topic_labels import EVENTS, FILES, LAST_REVISIONS, WORDS
from tests.training.test_training_sets import manifest, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


RAW = "migrations/0001_raw.sql"


@pytest.fixture
def meters(
    tmp_path: Path, risingwave_dsn: str, kafka_dsn: str, kafka_topic: Callable[..., str]
) -> Iterator[SmallProject]:
    topic = kafka_topic(partitions=1)
    files = {name: text.replace("'nothing'", f"'{kafka_topic(partitions=1)}'") for name, text in FILES.items()}
    files[RAW] = files[RAW].replace("\nINCLUDE offset", "\nINCLUDE partition INCLUDE offset")
    with database(risingwave_dsn) as dsn:
        project = SmallProject(tmp_path / "project", dsn, files)
        project.environment |= {"KAFKA_BOOTSTRAP_SERVERS": kafka_dsn, "KAFKA_TOPIC_METERS": topic}
        settings = load_settings(project.folder, log="kafka", kafka_bootstrap_servers=kafka_dsn)
        with open_log(settings).writer(topic) as writer:
            writer.append([Event(message) for message in EVENTS])
        for words in (("apply",), ("run", "--once")):
            code, said, errors = project.run(*words)
            assert code == 0, said + errors
        yield project


def test_the_last_revision_of_each_time_counts(meters: SmallProject, tmp_path: Path) -> None:
    out = tmp_path / "train.parquet"
    code, said, errors = meters.run(*WORDS, "--label", "meters.mw", "--horizon", "1h", "--out", str(out))
    assert code == 0, said + errors
    assert rows(out, "place, event_timestamp, mw_in_1h") == LAST_REVISIONS
    assert "meters_raw: 3 of 6 rows found an event, of 5 out of 12" in said
    assert manifest(out)["views"]["meters_raw"]["topic"] == meters.environment["KAFKA_TOPIC_METERS"]


def test_a_source_table_needs_its_place_in_the_log(tmp_path: Path, risingwave_dsn: str) -> None:
    with database(risingwave_dsn) as dsn:
        project = SmallProject(tmp_path / "project", dsn, FILES)
        with pytest.raises(UnsupportedOnEngine, match="empty_raw without INCLUDE partition is not") as caught:
            project.apply()
        assert (caught.value.file, caught.value.hint) == (RAW, "add: INCLUDE partition AS log_partition")
        assert project.sql("SELECT name FROM rw_catalog.rw_tables WHERE name LIKE '%_raw'") == []
