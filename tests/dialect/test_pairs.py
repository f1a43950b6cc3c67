"""RisingWave's SQL in, DuckDB's out: one pair of files for each rewriting, reviewed as a diff.

FEATURECTL_UPDATE_PAIRS=1 writes the DuckDB side anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from featurectl.dialect import parse_query, translate_query

if TYPE_CHECKING:
    import duckdb

FOLDER = Path(__file__).parent / "pairs"
SCHEMA = {
    "raw": {"data": "bytea", "log_partition": "varchar", "log_offset": "varchar"},
    "raw2": {"data": "varchar", "log_offset": "varchar"},
    "events": {
        "region": "varchar",
        "ts": "timestamptz",
        "mw": "double precision",
        "log_offset": "bigint",
        "reason": "varchar",
    },
}
TABLES = (
    "CREATE TABLE raw (data BLOB, log_partition VARCHAR, log_offset VARCHAR)",
    "CREATE TABLE raw2 (data VARCHAR, log_offset VARCHAR)",
    "CREATE TABLE events (region VARCHAR, ts TIMESTAMPTZ, mw DOUBLE, log_offset BIGINT, reason VARCHAR)",
)
NAMES = sorted(path.name.removesuffix(".rw.sql") for path in FOLDER.glob("*.rw.sql"))


@pytest.mark.parametrize("name", NAMES)
def test_translation(con: duckdb.DuckDBPyConnection, name: str) -> None:
    source = (FOLDER / f"{name}.rw.sql").read_text("utf-8")
    target = FOLDER / f"{name}.duckdb.sql"
    translated = translate_query(parse_query(source, file=f"{name}.sql"), schema=SCHEMA)
    if os.environ.get("FEATURECTL_UPDATE_PAIRS") == "1":
        target.write_text(translated + "\n", "utf-8")
    assert translated + "\n" == target.read_text("utf-8")
    for table in TABLES:
        con.execute(table)
    con.execute(f"CREATE VIEW translated AS {translated}")
    assert con.execute("SELECT * FROM translated").fetchall() is not None


def test_without_a_schema_views_still_translate_and_bind(con: duckdb.DuckDBPyConnection) -> None:
    for table in TABLES:
        con.execute(table)
    for name in ("parse_events", "last_revision", "hourly", "hop_mean", "hop_rows", "lag_by_join", "calendar"):
        query = parse_query((FOLDER / f"{name}.rw.sql").read_text("utf-8"))
        con.execute(f"CREATE VIEW {name} AS {translate_query(query)}")
        assert con.execute(f"SELECT count(*) FROM {name}").fetchone() == (0,)
