"""`known then`: the state in which a reader saw each row, out of the recorded history."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

import featurectl
from featurectl.engines.base import FOREVER, BackfillChunk, Version
from featurectl.errors import UsageError
from featurectl.log import Event
from featurectl.services.refreshing import refresh_once
from featurectl.services.releasing import rollback
from featurectl.services.training.features import FeatureGroup
from featurectl.services.training.joining import join_group
from featurectl.services.training.spine import Spine
from tests.releases.conftest import embedded_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.releases.project import ReleaseProject

START = datetime(2024, 6, 1, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FILES = {
    "migrations/0001_readings.sql": """
CREATE TABLE readings_raw (data BYTEA) APPEND ONLY
INCLUDE partition AS log_partition INCLUDE offset AS log_offset INCLUDE timestamp AS ingested_at
WITH (connector = 'kafka', topic = 'readings_raw', properties.bootstrap.server = '{{ kafka_bootstrap_servers }}')
FORMAT PLAIN ENCODE BYTES;
""",
    "sql/readings.sql": """/*
entity: place
event_time: hour
available_after: 1 hour
*/
SELECT place, hour, value FROM (
  SELECT j ->> 'place' AS place, (j ->> 'hour')::timestamptz AS hour, (j ->> 'value')::int AS value,
    row_number() OVER (PARTITION BY j ->> 'place', j ->> 'hour' ORDER BY log_offset::bigint DESC) AS revision
  FROM (SELECT convert_from(data, 'utf8')::jsonb AS j, log_offset FROM readings_raw) AS messages
) AS revisions
WHERE revision = 1 AND value >= 0
""",
    "sql/pairs.sql": """/*
entity: place
event_time: hour
ttl: 5 hours
*/
SELECT a.place, a.hour, a.value + coalesce(b.value, 0) AS pair
FROM readings AS a
LEFT JOIN readings AS b ON b.place = a.place AND b.hour = a.hour - INTERVAL '1 hour'
""",
    "sql/silent.sql": """/*
entity: place
event_time: hour
history: false
*/
SELECT place, hour, value FROM readings
""",
}

BOTH = (
    "SELECT r.place, r.hour, r.value, p.pair FROM readings AS r LEFT JOIN pairs AS p ON p.place = r.place"
    " AND p.hour = r.hour ORDER BY r.place, r.hour"
)

# A state: entity, minute of the event, minute from which it is seen (None: ever), value (None: taken away).
State = tuple[str, int, int | None, int | None]
states = st.lists(
    st.tuples(st.sampled_from("AB"), st.integers(0, 8), st.none() | st.integers(0, 14), st.none() | st.integers(0, 9)),
    max_size=16,
    unique_by=lambda state: state[:3],
).map(lambda found: [s for s in found if not (s[2] is None and s[3] is None)])
asked = st.lists(st.tuples(st.sampled_from("AB"), st.integers(-1, 16)), min_size=1, max_size=8)


def seen(history: list[State], entity: str, at: int, late: int, ttl: int | None) -> tuple[int, int] | None:
    """The newest row that a reader at that minute found, and its value, by looking at every one."""
    latest: dict[int, tuple[int, int | None]] = {}
    for owner, happened, visible, value in history:
        since = -1000 if visible is None else visible
        if owner == entity and since <= at and happened + late <= at and since >= latest.get(happened, (-2000, 0))[0]:
            latest[happened] = (since, value)
    found = [(happened, value) for happened, (_, value) in latest.items() if value is not None]
    return max((f for f in found if ttl is None or f[0] >= at - ttl), default=None)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        yield con


@given(states, asked, st.integers(0, 2), st.none() | st.integers(0, 5))
def test_the_state_that_a_reader_saw(
    con: duckdb.DuckDBPyConnection, history: list[State], spine: list[tuple[str, int]], late: int, ttl: int | None
) -> None:
    for table in ("spine", "history", "joined"):
        con.execute(f"DROP TABLE IF EXISTS {table}")
    con.execute("CREATE TABLE spine (__row BIGINT, entity VARCHAR, asked TIMESTAMPTZ)")
    con.execute(
        "CREATE TABLE history (entity VARCHAR, hour TIMESTAMPTZ, value INTEGER, __visible BIGINT, __deleted BOOLEAN)"
    )
    for number, (entity, at) in enumerate(spine):
        con.execute("INSERT INTO spine VALUES (?, ?, ?)", [number, entity, START + at * MINUTE])
    for entity, happened, visible, value in history:
        since = FOREVER if visible is None else int((START + visible * MINUTE).timestamp() * 1_000_000)
        con.execute(
            "INSERT INTO history VALUES (?, ?, ?, ?, ?)",
            [entity, START + happened * MINUTE, value, since, value is None],
        )
    kinds = {"entity": "varchar", "hour": "timestamptz", "value": "integer"}
    version = Version("v", 1, "", "", "", "", "", {}, {}, columns=kinds)
    limit = None if ttl is None else ttl * MINUTE
    group = FeatureGroup(version, ("entity",), "hour", late * MINUTE, limit, {"value": "value"})
    join_group(con, "joined", group, "history", Spine({}, "asked", len(spine)), known_then=True)
    found = dict(con.execute("SELECT __row, value FROM joined").fetchall())
    for number, (entity, at) in enumerate(spine):
        expected = seen(history, entity, at, late, ttl)
        assert found.get(number) == (None if expected is None else expected[1])


@dataclass
class Simulation:
    """A project whose readers look after each change; what they got is kept by the time at which they looked."""

    project: ReleaseProject
    now: datetime
    looks: list[tuple[datetime, str, int | None, int | None]] = field(default_factory=list)
    whole: dict[datetime, list[tuple[Any, ...]]] = field(default_factory=dict)

    def arrive(self, *readings: tuple[str, int, int]) -> None:
        """Events: place, hours ago, value (-1 takes the reading away); then a refresh."""
        self.publish(*readings)
        refresh_once(self.project.engine)
        self.look()

    def publish(self, *readings: tuple[str, int, int]) -> None:
        """Events in the log."""
        with self.project.engine._log.writer("readings_raw") as writer:  # type: ignore[attr-defined]
            writer.append(
                Event(json.dumps({"place": p, "hour": (self.now - ago * HOUR).isoformat(), "value": v}).encode())
                for p, ago, v in readings
            )

    def look(self) -> None:
        """What a reader finds now by the rules of a training set."""
        at = datetime.now(UTC)
        self.whole[at] = self.project.rows(BOTH)
        for place in ("north", "south"):
            hour = "hour + INTERVAL '1 hour'"
            value = self._first(f"SELECT value FROM readings WHERE place = '{place}' AND {hour} <= '{at.isoformat()}'")
            alive = f"hour <= '{at.isoformat()}' AND hour >= '{(at - 5 * HOUR).isoformat()}'"
            pair = self._first(f"SELECT pair FROM pairs WHERE place = '{place}' AND {alive}")
            self.looks.append((at, place, value, pair))

    def _first(self, sql: str) -> int | None:
        rows = self.project.rows(f"{sql} ORDER BY hour DESC LIMIT 1")
        return rows[0][0] if rows else None

    def training_set(self, features: list[str]) -> featurectl.services.training.store.HistoricalFeatures:  # type: ignore[name-defined]
        spine = pandas.DataFrame(
            {"place": [p for _, p, *_ in self.looks], "event_timestamp": [t for t, *_ in self.looks]}
        )
        store = featurectl.FeatureStore(self.project.folder, self.project.settings.home)
        return store.get_historical_features(spine, features, known_then=True)

    def check(self) -> dict[str, Any]:
        """Every look again, out of the history; the manifest's word on the views."""
        made = self.training_set(["readings.value", "pairs.pair"])
        table = made.to_arrow()
        found = list(zip(table["value"].to_pylist(), table["pair"].to_pylist(), strict=True))
        assert found == [(value, pair) for _, _, value, pair in self.looks]
        for at, rows in self.whole.items():  # time travel finds all of it, not only the newest
            with self.project.engine.query(BOTH, as_of=at) as result:
                assert result.all() == rows
        return dict(made.manifest.views)


@pytest.fixture
def simulation(tmp_path: Path) -> Simulation:
    project = embedded_project(tmp_path, FILES)
    project.apply()
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return Simulation(project, now)


def test_late_revised_and_withdrawn_events_are_unseen_before_they_come(simulation: Simulation) -> None:
    simulation.arrive(("north", 5, 1), ("north", 4, 2))  # the base: nobody saw these come
    simulation.arrive(("south", 3, 10))
    simulation.arrive(("north", 3, 3), ("south", 4, 11))  # one on time, one late
    simulation.arrive(("north", 3, 30), ("north", 4, 20))  # revisions
    simulation.arrive(("north", 3, -1))  # taken away: the one before counts again
    simulation.arrive(("north", 3, -1))  # nothing new
    simulation.arrive(("north", 3, 300), ("north", 2, 5), ("north", 0, 9))
    told = simulation.check()
    assert told["readings_v1"]["observed"] == 11
    assert told["readings_v1"]["by_rule"] == 2  # north, in the first two looks


def test_across_a_release_and_a_rollback_each_reader_gets_the_version_of_the_time(simulation: Simulation) -> None:
    simulation.arrive(("north", 5, 1), ("south", 5, 2))
    simulation.arrive(("north", 4, 3))
    simulation.project.edit("sql/readings.sql", "::int AS value", "::int * 10 AS value")
    simulation.project.apply(accept_differences=True)
    simulation.look()
    simulation.arrive(("north", 3, 4), ("south", 3, 5))
    rollback(simulation.project.engine, simulation.project.folder, 1)
    simulation.look()
    simulation.arrive(("north", 3, 6))
    simulation.check()
    numbered = simulation.training_set(["readings@v2.value"]).to_df()["value"].tolist()
    assert numbered[-2:] == [60, 50]  # the version that nobody is shown goes on


def test_what_is_older_than_its_view_keeps_it_becomes_part_of_the_base(simulation: Simulation) -> None:
    project, chance = simulation.project, random.Random(3)
    project.edit("sql/readings.sql", "available_after", "history: {keep: 90 days}\navailable_after")
    project.apply()
    for _ in range(9):
        arriving = [(chance.choice(["north", "south"]), chance.randint(2, 5), chance.randint(-3, 9)) for _ in range(3)]
        simulation.arrive(*arriving)
    before = simulation.check()["readings_v1"]["observed"]
    forgotten = []
    for horizon in [at for at, *_ in simulation.looks][2:14:4]:
        with project.engine.write("gc", timedelta(0)) as writer:
            forgotten.append(writer.forget_changes(horizon + timedelta(days=90)))
        simulation.looks = [look for look in simulation.looks if look[0] >= horizon]
        simulation.whole = {at: rows for at, rows in simulation.whole.items() if at >= horizon}
        after = simulation.check()["readings_v1"]
    assert all(forgotten)
    assert 0 < after["observed"] < before
    simulation.arrive(("north", 3, 77))
    simulation.check()
    project.run("gc")
    simulation.check()


def test_while_a_view_is_dropped_nobody_saw_it(simulation: Simulation) -> None:
    project = simulation.project
    simulation.arrive(("north", 4, 1))
    text = (project.folder / "sql" / "pairs.sql").read_text(encoding="utf-8")
    (project.folder / "sql" / "pairs.sql").unlink()
    project.apply(allow_breaking=True)
    gone = datetime.now(UTC)
    with project.engine.query("SELECT value FROM readings", as_of=gone) as result:
        assert result.all() == [(1,)]
    project.write("sql/pairs.sql", text)
    project.apply()
    simulation.looks = [(at, "north", None, None) for at in (gone, datetime.now(UTC))]
    assert simulation.training_set(["pairs.pair"]).to_arrow()["pair"].to_pylist() == [None, 1]
    with pytest.raises(UsageError, match="nothing is recorded of pairs"), project.engine.query(BOTH, as_of=gone):
        pass


def test_a_commit_that_a_killed_writer_did_not_publish(simulation: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation.arrive(("north", 5, 1))
    simulation.arrive(("north", 4, 2))
    simulation.publish(("north", 4, 20), ("north", 3, 3))
    with monkeypatch.context() as patch:

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("featurectl.engines.embedded.writer.publish", killed)
        with pytest.raises(KeyboardInterrupt):
            refresh_once(simulation.project.engine)
    simulation.look()  # it is committed, and readers still have what was before
    with simulation.project.engine.write("test", timedelta(0)):
        pass  # who writes next publishes it
    simulation.look()
    assert [value for _, _, value, _ in simulation.looks[-4::2]] == [2, 3]
    simulation.check()


def backfilled(simulation: Simulation, ago: int, hours: int, *readings: tuple[str, int, int], topic: str) -> None:
    """What `backfill` does: the intent, the events, and what they were; then a refresh."""
    begins = simulation.now - ago * HOUR
    chunk = BackfillChunk("p", "o", "s", begins, begins + hours * HOUR, 0, 0)
    with simulation.project.engine.write("backfill", timedelta(0)) as writer:
        writer.intend_backfill(chunk, topic)
    simulation.publish(*readings)
    with simulation.project.engine.write("backfill", timedelta(0)) as writer:
        writer.record_backfill(replace(chunk, published=len(readings)), topic)
    refresh_once(simulation.project.engine)


def known(simulation: Simulation, place: str, *ago: int) -> list[int | None]:
    """What was known of a place so many hours ago."""
    simulation.looks = [(simulation.now - hours * HOUR, place, None, None) for hours in ago]
    found: list[int | None] = simulation.training_set(["readings.value"]).to_arrow()["value"].to_pylist()
    return found


def test_what_a_backfill_brings_goes_by_its_event_time(simulation: Simulation) -> None:
    simulation.arrive(("north", 2, 1))
    backfilled(simulation, 10, 4, ("south", 8, 7), topic="readings_raw")
    assert known(simulation, "south", 5, 4) == [7, 7]
    simulation.arrive(("south", 9, 50))  # late, and the backfill is over
    assert known(simulation, "south", 8) == [None]
    backfilled(simulation, 10, 4, topic="readings_raw")  # finds nothing to bring
    simulation.arrive(("east", 8, 60))
    backfilled(simulation, 10, 4, ("west", 8, 70), topic="another")
    assert (known(simulation, "east", 5), known(simulation, "west", 5)) == ([None], [None])


def test_a_refresh_between_a_backfills_events_and_its_end(simulation: Simulation) -> None:
    simulation.arrive(("north", 2, 1))
    begins = simulation.now - 10 * HOUR
    with simulation.project.engine.write("backfill", timedelta(0)) as writer:
        writer.intend_backfill(BackfillChunk("p", "o", "s", begins, begins + 4 * HOUR, 0, 0), "readings_raw")
    simulation.arrive(("south", 8, 7))
    assert known(simulation, "south", 5) == [7]


def test_what_was_taken_away_and_comes_back(simulation: Simulation) -> None:
    simulation.arrive(("north", 9, 1))
    simulation.arrive(("north", 9, -1))  # the view is empty now
    simulation.arrive(("north", 8, 2))
    simulation.check()
    backfilled(simulation, 10, 4, ("north", 9, 5), topic="readings_raw")
    simulation.look()
    simulation.check()


def test_history_begins_where_nothing_was_recorded(simulation: Simulation) -> None:
    simulation.project.edit("sql/readings.sql", "available_after", "history: false\navailable_after")
    simulation.project.apply()
    simulation.arrive(("north", 5, 1), ("south", 5, 2))
    simulation.project.edit("sql/readings.sql", "history: false\n", "")
    simulation.project.apply()
    simulation.looks.clear()
    simulation.whole.clear()
    simulation.arrive(("north", 4, 3))
    simulation.check()
    simulation.project.edit("sql/readings.sql", "available_after", "history: false\navailable_after")
    simulation.project.apply()
    simulation.arrive(("south", 4, 77))
    with pytest.raises(UsageError, match="no history of readings is recorded"):
        simulation.training_set(["readings.value"])


def test_made_again_after_a_release_it_is_the_same(simulation: Simulation, tmp_path: Path) -> None:
    simulation.arrive(("north", 5, 2))
    simulation.project.edit("sql/readings.sql", "::int AS value", "::int * 10 AS value")
    simulation.project.apply(accept_differences=True)
    simulation.look()
    spine, out = tmp_path / "spine.csv", tmp_path / "train.parquet"
    lines = [f"{place},{when.isoformat()}" for when, place, *_ in simulation.looks]
    spine.write_text("\n".join(["place,event_timestamp", *lines]) + "\n", encoding="utf-8")
    run = simulation.project.run
    run("training-set", "--spine", str(spine), "-f", "readings.value", "--known-at", "spine", "--out", str(out))
    with duckdb.connect() as con:
        assert con.execute(f"SELECT value FROM read_parquet('{out}') WHERE place = 'north'").fetchall() == [(2,), (20,)]
    run("gc", "--keep", "0")  # keeps what the training set was made of
    again = ("training-set", "--from-manifest", f"{out}.manifest.json", "--out", str(tmp_path / "again.parquet"))
    assert "the same, bit for bit" in run(*again)


def test_nothing_recorded_is_said(simulation: Simulation) -> None:
    simulation.arrive(("north", 2, 1))
    run, at = simulation.project.run, simulation.now.isoformat()
    assert "nothing is recorded of silent as of then" in run("query", "SELECT * FROM silent", "--as-of", at, code=2)
    assert "'soon' is no time" in run("query", "SELECT * FROM readings", "--as-of", "soon", code=2)
    assert "north" in run("query", "SELECT * FROM readings", "--as-of", at)
    assert "north" not in run("query", "SELECT * FROM readings", "--as-of", "2024-06-01")
    out = str(simulation.project.folder / "x.parquet")
    assert "--as-of prints rows" in run("query", "SELECT 1", "--as-of", at, "--out", out, code=2)
    with pytest.raises(UsageError, match="no history of silent is recorded"):
        simulation.training_set(["silent.value"])


def test_history_is_kept_compactly(simulation: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in range(13):
        simulation.arrive(("north", 2, value))
    # Replaced pieces lie there for some seconds, for readers that are about to open them: how many is the clock's.
    monkeypatch.setattr("featurectl.engines.embedded.snapshot._GRACE_SECONDS", 0.0)
    simulation.arrive(("north", 2, 13))
    with simulation.project.engine.write("test", timedelta(0)):
        pass  # a writer that opens the home clears away what was merged before anybody could read it
    pieces = simulation.project.settings.home_dir / "pieces"
    rows = simulation.project.rows(
        "SELECT relation, count(*), sum(row_count::bigint) FROM featurectl.pieces GROUP BY 1"
    )
    kept = {relation: (count, int(total)) for relation, count, total in rows}
    assert kept["readings_v1$changes"][1] == 13
    assert kept["readings_v1$changes"][0] <= 5
    assert kept["$moments"][1] == 13
    assert len(list((pieces / "readings_v1$changes").glob("*.parquet"))) == kept["readings_v1$changes"][0]
    assert not [name for name in kept if name.startswith("silent_v1$")]
