"""What became visible on a RisingWave server, and when: no change lost, none twice, whoever is killed."""

from __future__ import annotations

import json
import random
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from featurectl.engines.risingwave.change_store import ChangeStore, Contents
from featurectl.engines.risingwave.subscriptions import read_subscriptions
from featurectl.errors import UsageError
from featurectl.services.releasing import rollback
from tests.killing import Killer
from tests.risingwave.project import SmallProject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

START = datetime(2024, 6, 1, tzinfo=UTC)
FILES = {
    "migrations/0001_readings.sql": """
CREATE TABLE readings (id int PRIMARY KEY, place varchar, at timestamptz, value numeric);
INSERT INTO readings VALUES (1, 'north', '2024-06-01T00:00:00Z', 1.5), (2, 'south', '2024-06-01T00:00:00Z', NULL);
""",
    "sql/hourly.sql": """/*
entity: place
event_time: at
*/
SELECT place, at, max(value) AS value, count(*) AS messages FROM readings GROUP BY place, at
""",
    "sql/every.sql": """/*
entity: place
event_time: at
*/
SELECT place, at, value, id FROM readings
""",
    "sql/silent.sql": """/*
entity: place
event_time: at
history: false
*/
SELECT place, at, value FROM readings
""",
}
HOURLY = "SELECT place, at, value, messages FROM hourly ORDER BY place, at"
# Of several rows of a place and time the history has the one with the largest values.
EVERY = (
    "SELECT place, at, value, id FROM (SELECT *, row_number() OVER (PARTITION BY place, at"
    " ORDER BY value DESC NULLS LAST, id DESC) AS n FROM every) AS e WHERE n = 1 ORDER BY place, at"
)
SILENT = "SELECT place FROM silent"


class Readings:
    """Somebody who writes, and somebody who reads."""

    def __init__(self, project: SmallProject) -> None:
        self.project = project
        self._random = random.Random(7)
        self._numbers = count(10)
        self._there = [1, 2]
        self.seen: list[tuple[datetime, int, dict[str, list[tuple[Any, ...]]]]] = []

    def change(self) -> None:
        """A few rows come, change, go."""
        statements = []
        for _ in range(self._random.randint(1, 4)):
            what = self._random.random()
            if what < 0.5 or not self._there:
                number = next(self._numbers)
                at = (START + timedelta(hours=self._random.randint(0, 4))).isoformat()
                place = self._random.choice(["north", "south", "it''s"])
                statements.append(f"INSERT INTO readings VALUES ({number}, '{place}', '{at}', {number}.25)")
                self._there.append(number)
            elif what < 0.8:
                value = self._random.choice(["NULL", str(self._random.randint(-5, 5))])
                number = self._random.choice(self._there)
                statements.append(f'UPDATE readings SET "value" = {value} WHERE id = {number}')
            else:
                number = self._there.pop(self._random.randrange(len(self._there)))
                statements.append(f"DELETE FROM readings WHERE id = {number}")
        self.project.sql(*statements, "FLUSH")

    def look(self) -> None:
        """What a reader finds now, and in which epoch."""
        [(epoch,)] = self.project.sql("SELECT (extract(epoch FROM now()) * 1000)::bigint")
        found = {"hourly": self.project.rows(HOURLY), "every": self.project.rows(EVERY)}
        self.seen.append((datetime.now(UTC), int(epoch), found))

    def remembered(self, at: datetime) -> dict[str, list[tuple[Any, ...]]]:
        """The same out of the history."""
        found = {}
        for name, sql in (("hourly", HOURLY), ("every", EVERY)):
            with self.project.engine.query(sql, as_of=at) as result:
                found[name] = [tuple(row) for row in result.all()]
        return found


def at_epoch(project: SmallProject, version: str, epoch: int) -> list[tuple[Any, ...]]:
    """A version's rows at an epoch: those with which its log began, and what came and went until then."""
    from featurectl.engines.risingwave.connection import Session

    store = ChangeStore(project.settings)
    session = Session(project.settings, "test")
    try:
        [found] = [s for name, s in read_subscriptions(session).items() if name == f"{version}__changes"]
    finally:
        session.close()
    contents = store.read(version, found.identity)
    assert contents is not None
    files = [part.file for part in contents.parts]
    columns = 'place, "at", value::DECIMAL(38, 10) AS value, messages'
    changes = f" UNION ALL SELECT {columns}, __delta FROM {store.scan(version, files)} WHERE __epoch <= {epoch}"
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        return con.execute(
            f'SELECT place, "at", value, messages FROM (SELECT {columns}, __delta FROM'
            f" {store.scan(version, [contents.base])}{changes if files else ''})"
            " GROUP BY ALL HAVING sum(__delta) > 0 ORDER BY ALL"
        ).fetchall()


def recorded(project: SmallProject, version: str) -> Contents | None:
    """What is kept of a version by now, of whatever subscription."""
    path = ChangeStore(project.settings).folder(version) / "contents.json"
    if not path.exists():
        return None
    return ChangeStore(project.settings).read(version, json.loads(path.read_text())["subscription"])


def wait_until(what: Callable[[], bool], meanwhile: Callable[[], None]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        meanwhile()


def subscriptions(project: SmallProject) -> list[str]:
    """The versions that have one."""
    rows = project.sql("SELECT name FROM rw_catalog.rw_subscriptions ORDER BY name")
    return [name.removesuffix("__changes") for (name,) in rows]


@pytest.fixture
def readings(tmp_path: Path, risingwave_dsn: str) -> Iterator[Readings]:
    from tests.risingwave.databases import database

    with database(risingwave_dsn) as dsn:
        project = SmallProject(tmp_path / "project", dsn, FILES)
        project.apply()
        yield Readings(project)


def test_what_a_reader_saw_over_a_cut_over_and_back(readings: Readings) -> None:
    project = readings.project
    for step in range(8):
        readings.change()
        if step == 3:
            project.edit("sql/hourly.sql", "max(value)", "min(value)")
            project.apply()
        if step == 5:
            rollback(project.engine, None)
        project.engine.record_changes()
        readings.look()
    for at, _, found in readings.seen[::2]:
        assert readings.remembered(at) == found, at
    assert {tuple(rows) for _, _, rows in readings.seen}  # the reader did see something
    live = [(at, found["hourly"]) for at, _, found in readings.seen if found["hourly"]]
    spine = project.folder / "spine.csv"
    lines = "\n".join(f'"{row[0]}",{at.isoformat()}' for at, rows in live for row in rows)
    spine.write_text(f"place,event_time\n{lines}\n")
    code, said, errors = project.run(
        "training-set", "--spine", str(spine), "--features", "hourly.value", "--known-at", "spine", "--no-record",
        "--out", str(project.folder / "train.parquet"),
    )  # fmt: skip
    assert code == 0, said + errors
    newest = [max((r for r in rows if r[0] == row[0]), key=lambda r: r[1])[2] for _, rows in live for row in rows]
    with duckdb.connect() as con:
        got = con.execute(f"SELECT value FROM read_parquet('{project.folder}/train.parquet')").fetchall()
    assert [value for (value,) in got] == newest
    manifest = json.loads((project.folder / "train.parquet.manifest.json").read_text())
    assert {"hourly_v1", "hourly_v2"} <= set(manifest["views"])
    kept = ChangeStore(project.settings).folder("hourly_v2")
    assert (kept.is_dir(), subscriptions(project)) == (True, ["every_v1", "hourly_v1", "hourly_v2"])
    assert project.engine.inspect().outsiders == ()
    code, said, errors = project.run("gc", "--keep", "0")
    assert code == 0, said + errors
    assert (kept.exists(), subscriptions(project)) == (False, ["every_v1", "hourly_v1"])
    with pytest.raises(UsageError, match="nothing is recorded of silent"), project.engine.query(SILENT, as_of=START):
        pass


@pytest.mark.slow
def test_a_collector_killed_anywhere_loses_and_doubles_nothing(readings: Readings) -> None:
    project = readings.project
    with Killer(project) as killer:
        for place in count():
            readings.change()
            readings.look()
            if killer.run("run", "--once", before=place).code >= 0:
                break
            readings.change()
            readings.look()
            killer.run("run", "--once", during=place)
        assert place > 3
    readings.change()
    readings.look()
    assert killer is not None and project.engine.record_changes() >= 1
    for _, epoch, found in readings.seen:
        assert at_epoch(project, "hourly_v1", epoch) == found["hourly"], epoch
    assert project.engine.record_changes() == 0


def test_who_follows_is_killed_again_and_again(readings: Readings) -> None:
    project = readings.project
    for _ in range(4):
        follower = project.start("run", "--interval", "50ms")
        try:
            known = recorded(project, "hourly_v1")
            wait_until(lambda known=known: recorded(project, "hourly_v1") != known, readings.change)
            for _ in range(3):  # while it is at work
                readings.change()
                readings.look()
        finally:
            follower.kill()
            follower.communicate()
    project.engine.record_changes()
    for _, epoch, found in readings.seen:
        assert at_epoch(project, "hourly_v1", epoch) == found["hourly"], epoch
    assert project.engine.record_changes() == 0


def test_changes_older_than_a_view_keeps_them_become_part_of_its_base(tmp_path: Path, risingwave_dsn: str) -> None:
    from tests.risingwave.databases import database

    files = {**FILES, "sql/hourly.sql": FILES["sql/hourly.sql"].replace("*/", "history: {keep: 2 seconds}\n*/", 1)}
    with database(risingwave_dsn) as dsn:
        readings = Readings(project := SmallProject(tmp_path / "project", dsn, files))
        project.apply()

        def change_and_record() -> None:
            readings.change()
            project.engine.record_changes()

        def base() -> str:
            contents = recorded(project, "hourly_v1")
            return contents.base if contents is not None else ""

        change_and_record()
        first = base()
        wait_until(lambda: base() != first, change_and_record)
        change_and_record()
        readings.look()
        folded = recorded(project, "hourly_v1")
        assert folded is not None
        assert folded.parts[0].first > readings.seen[-1][1] - 60_000
        [(at, epoch, found)] = readings.seen
        assert at_epoch(project, "hourly_v1", epoch) == found["hourly"]
        assert readings.remembered(at) == found


@pytest.mark.slow
def test_what_the_server_dropped_counts_by_rule(
    tmp_path: Path, risingwave_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.risingwave.databases import database

    monkeypatch.setenv("RISINGWAVE_HISTORY_DAYS", str(3 / 86_400))
    with database(risingwave_dsn) as dsn:
        readings = Readings(project := SmallProject(tmp_path / "project", dsn, FILES))
        project.apply()
        readings.change()
        project.engine.record_changes()
        readings.look()
        readings.change()
        project.engine.record_changes()  # until here everything is known
        readings.change()
        readings.look()
        lost = time.monotonic()
        while time.monotonic() < lost + 4:  # as long as the server keeps changes, and a little
            readings.change()
        readings.change()
        project.engine.record_changes()
        readings.look()
        (first, _, before), (in_between, _, _), (last, _, now) = readings.seen
        assert readings.remembered(last) == now
        assert readings.remembered(first) == before
        spine = project.folder / "spine.csv"
        spine.write_text(f"place,event_time\nnorth,{first.isoformat()}\nnorth,{in_between.isoformat()}\n")
        code, said, errors = project.run(
            "training-set", "--spine", str(spine), "--features", "hourly", "--known-at", "spine",
            "--out", str(project.folder / "train.parquet"),
        )  # fmt: skip
        assert code == 0, said + errors
        view = json.loads((project.folder / "train.parquet.manifest.json").read_text())["views"]["hourly_v1"]
        start, end = view["unobserved"][0]
        assert first < datetime.fromisoformat(start) <= in_between < datetime.fromisoformat(end)
        assert (view["rows_found"], view["by_rule"]) == (2, 2 - view["observed"])
        assert view["by_rule"] >= 1
        assert "were lost; rows of that time go by rule" in said
