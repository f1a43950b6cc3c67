"""What readers get: types, status, the newest rows, files, refusals to write, backfills, and parity at the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from featurectl.errors import FeaturectlError
from featurectl.services.backfilling import Coverage, backfill
from featurectl.services.reading import describe, query
from featurectl.services.status import status
from featurectl.services.verifying import verify
from tests import oracle
from tests.contract.case import COLUMNS
from tests.workspace import SOLAR

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.case import Case

_BEFORE_ALL = datetime(2000, 6, 1, tzinfo=UTC)
TYPES = {
    "region": "varchar", "timestamp": "timestamptz", "production_mw": "double", "temperature_c": "double",
    "cloud_cover_pct": "double", "solar_radiation_wm2": "double", "latitude": "double", "longitude": "double",
    "production_ma_24h": "double", "temperature_ma_24h": "double", "cloud_cover_ma_24h": "double",
    "production_lag_1h": "double", "production_lag_24h": "double", "hour_of_day": "int", "day_of_week": "int",
    "is_weekend": "boolean",
}  # fmt: skip


def test_columns_have_the_same_types(case: Case) -> None:
    """Columns, their order, types and descriptions are the same"""
    version, columns = describe(case.served.engine, "features_enriched")
    assert {name: kind for name, kind, _ in columns} == TYPES
    assert [name for name, *_ in columns] == list(TYPES)
    assert {name: text for name, _, text in columns}["production_lag_1h"] == "MW, exactly 1 hour earlier"
    assert version.metadata["entity"] == ["region"]


def test_status_counts_and_dates(case: Case) -> None:
    """Status has every source table and view, with the rows and the newest event time that readers see"""
    case.publish(*case.hourly({0: 1}))
    rows = {row.name: row for row in status(case.served.engine)}
    for name in ("features_enriched", "solar_rejected", "solar_readings"):
        [[count]] = case.served.rows(f"SELECT count(*) FROM {name}")
        assert rows[name].rows == count
    [[newest]] = case.served.rows('SELECT max("timestamp") FROM features_enriched')
    assert rows["features_enriched"].newest == newest
    age = (datetime.now(UTC) - newest).total_seconds()
    assert rows["features_enriched"].freshness_seconds == pytest.approx(age, abs=60)
    [[raw]] = case.served.rows(f"SELECT count(*) FROM {SOLAR}")
    assert (rows[SOLAR].kind, rows[SOLAR].rows) == ("source table", raw)


def test_a_query_without_sql_gives_the_newest_rows(case: Case) -> None:
    """`featurectl query` without SQL gives the newest rows of features_enriched, newest first"""
    case.publish(*case.hourly({hour: hour for hour in range(12)}))
    with query(case.served.engine, None) as result:
        rows = result.dicts()
    assert list(rows[0]) == list(TYPES)
    times = [row["timestamp"] for row in rows]
    assert (len(times), times) == (10, sorted(times, reverse=True))
    [[newest]] = case.served.rows('SELECT max("timestamp") FROM features_enriched')
    assert times[0] == newest


NOT_READING = (
    "DELETE FROM regions", "DROP VIEW features_enriched", "INSERT INTO regions VALUES ('x', 1, 1, 'UTC')",
    "SELECT 1; SELECT 2", "CREATE TABLE t (i int)", "SELECT * FROM no_such_table", "SELECT no_such FROM regions",
    "SELEC",
)  # fmt: skip


def test_a_query_only_reads(case: Case) -> None:
    """A query that writes, that is several, or that cannot be answered is an error of ours, and changes nothing"""
    before = case.served.rows("SELECT count(*) FROM regions")
    for sql in NOT_READING:
        with pytest.raises(FeaturectlError):
            case.served.rows(sql)
    assert case.served.rows("SELECT count(*) FROM regions") == before


def test_parquet_has_the_values_and_types(case: Case, tmp_path: Path) -> None:
    """`query --out` writes Parquet with the values that a query shows, and the same types"""
    import duckdb

    case.publish(*case.hourly({hour: hour / 3 for hour in range(30)}), weather=[case.weather(case.at(1), 1 / 7, 50)])
    path = tmp_path / "features.parquet"
    sql = f"SELECT * FROM features_enriched WHERE region = '{case.region}' ORDER BY \"timestamp\""
    assert case.served.engine.export(sql, path) == len(case.served.rows(sql))
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    found = con.execute(f"SELECT * FROM '{path}'").fetchall()
    con.close()
    there = case.served.rows(sql)
    assert [row[2:] for row in found] == [row[2:] for row in there]
    assert [row[1].astimezone(UTC) for row in found] == [row[1] for row in there]


def test_a_backfill_brings_a_range_in_once(case: Case) -> None:
    """`backfill` brings a range in, a second call finds it done, `--force` repeats it without effect"""
    # Other cases' regions have nothing there, but count among the entities whose hours are missing.
    start, end = _BEFORE_ALL, _BEFORE_ALL + timedelta(days=3)
    here = (case.served.engine, case.served.settings, "solar", start, end)
    first = backfill(*here, source="simulated", regions=("DE",))
    assert first.published > 0
    assert Coverage(("DE",), 72, 0) in first.coverage
    mine = f"SELECT {COLUMNS} FROM features_enriched WHERE region = 'DE'"
    before = case.served.rows(mine)
    assert len(before) >= 72
    again = backfill(*here, source="simulated", regions=("DE",))
    assert (again.chunks, again.published) == (0, 0)
    forced = backfill(*here, source="simulated", regions=("DE",), force=True)
    assert forced.published == first.published
    assert oracle.differences(case.served.rows(mine), before) == []


def test_verify_finds_no_difference(case: Case) -> None:
    """`verify`: what was refreshed case by case is, in every row and cell of every view, what the raw events mean"""
    case.publish(*case.hourly({0: 1, 2: 3}))
    found = verify(case.served.engine, case.served.settings, case.served.log, ())
    assert [(v.view, dict(v.comparison.cells)) for v in found.views if not v.comparison.is_equal] == []
    assert found.is_equal
    assert len(found.views) == 11
