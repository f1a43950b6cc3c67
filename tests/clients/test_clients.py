"""psql, JDBC, psycopg2, pandas and SQLAlchemy read features_enriched as a user who may do nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from tests.clients.conftest import HOURS
from tests.clients.reader import JDBC, MIGRATION, PSQL, SQLALCHEMY, Reader
from tests.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.deployed import Deployed

PGJDBC = "42.7.7"
DOWNLOAD_SECONDS = 120
QUERY = 'SELECT region, "timestamp", production_mw, is_weekend FROM features_enriched ORDER BY "timestamp"'
FIRST = ("DE", datetime(2024, 6, 1, tzinfo=UTC), 0.0, True)  # a Saturday


@pytest.fixture
def reader(risingwave_for_readers: Deployed) -> Reader:
    return risingwave_for_readers.reader


@pytest.fixture
def cursor(reader: Reader) -> Iterator[Any]:
    with closing(psycopg2.connect(reader.line(PSQL), password=reader.password)) as connection:
        connection.autocommit = True
        yield connection.cursor()


def test_psycopg2(cursor: Any) -> None:
    cursor.execute(QUERY)
    rows = cursor.fetchall()
    assert len(rows) == HOURS
    assert rows[0] == FIRST
    cursor.execute("SELECT production_mw FROM features_enriched WHERE region = %s LIMIT 1", ("nowhere",))
    assert cursor.fetchall() == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO regions (region) VALUES ('X')",
        "UPDATE regions SET latitude = 0",
        "DELETE FROM regions",
        "DELETE FROM features_enriched",
        "DROP VIEW features_enriched",
        "ALTER VIEW features_enriched RENAME TO mine",
        "CREATE TABLE mine (a int)",
        "CREATE VIEW mine AS SELECT * FROM features_enriched",
        "CREATE MATERIALIZED VIEW mine AS SELECT * FROM features_enriched",
        "CREATE SCHEMA mine",
        "SELECT * FROM solar_production_raw",
        "SELECT * FROM features_enriched_v1",
        "SELECT * FROM featurectl.ledger",
        "INSERT INTO featurectl.lock (turn, what) VALUES (1000000, 'taken')",
    ],
)
def test_nothing_else_is_allowed(cursor: Any, statement: str, risingwave_for_readers: Deployed) -> None:
    with pytest.raises(psycopg2.Error) as refused:
        cursor.execute(statement)
    print(statement, "->", str(refused.value))
    assert risingwave_for_readers.rows("SELECT count(*) FROM regions") == [(12,)]
    assert risingwave_for_readers.rows("SELECT count(*) FROM features_enriched") == [(HOURS,)]


def test_a_wrong_password_is_refused(reader: Reader) -> None:
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(reader.line(PSQL), password="wrong")


def test_psql(reader: Reader) -> None:
    if shutil.which("psql") is None:
        pytest.skip("psql: not on PATH")
    done = subprocess.run(
        ["psql", reader.line(PSQL), "--no-psqlrc", "--csv", "--command", QUERY],
        env={**os.environ, "PGPASSWORD": reader.password}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    head, *rows = done.stdout.splitlines()
    assert head == "region,timestamp,production_mw,is_weekend"
    assert len(rows) == HOURS
    assert rows[0] == "DE,2024-06-01 00:00:00+00:00,0,t"


def test_jdbc(reader: Reader, tmp_path: Path) -> None:
    driver = pgjdbc()
    source = Path(__file__).with_name("ReadFeatures.java")
    subprocess.run(["javac", "-d", str(tmp_path), str(source)], check=True, capture_output=True)
    done = subprocess.run(
        ["java", "-cp", os.pathsep.join([str(tmp_path), str(driver)]), "ReadFeatures", reader.line(JDBC), reader.user],
        env={**os.environ, "PGPASSWORD": reader.password}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *rows, last = done.stdout.splitlines()
    assert len(rows) == 7 * HOURS
    for time in range(7):
        mine = rows[time * HOURS : (time + 1) * HOURS]
        assert mine[0] == f"{time + 1} DE 2024-06-01T00:00:00Z 0.0 null 0 true"
        assert mine[25] == f"{time + 1} DE 2024-06-02T01:00:00Z 25.0 24.0 1 true"
    assert last.startswith("refused ")
    assert "ermission denied" in last


def pgjdbc() -> Path:
    """The driver, in the user's cache; from Maven Central if it is not there yet."""
    for program in ("java", "javac"):
        if shutil.which(program) is None:
            pytest.skip(f"jdbc: no {program} on PATH")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "featurectl-tests"
    jar = cache / f"postgresql-{PGJDBC}.jar"
    if not jar.exists():
        if shutil.which("mvn") is None:
            pytest.skip("jdbc: no mvn on PATH")
        artifact = f"-Dartifact=org.postgresql:postgresql:{PGJDBC}"
        goal = ["dependency:copy", artifact, f"-DoutputDirectory={cache}"]
        try:
            subprocess.run(
                ["mvn", "--quiet", "--batch-mode", *goal], check=True, timeout=DOWNLOAD_SECONDS, capture_output=True
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            pytest.skip(f"jdbc: mvn could not get the driver {PGJDBC}")
    return jar


def test_pandas_over_psycopg2(cursor: Any) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas: not installed")
    cursor.execute(QUERY)
    frame = pandas.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description])
    check_frame(frame)


def test_pandas_over_sqlalchemy(reader: Reader) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas: not installed")
    sqlalchemy = pytest.importorskip("sqlalchemy", reason="sqlalchemy: not installed")
    engine = sqlalchemy.create_engine(reader.line(SQLALCHEMY))
    try:
        check_frame(pandas.read_sql(QUERY, engine))
        some = sqlalchemy.text("SELECT * FROM features_enriched WHERE production_mw >= :least")
        assert len(pandas.read_sql(some, engine, params={"least": HOURS - 3})) == 3
        with pytest.raises(sqlalchemy.exc.DBAPIError), engine.begin() as connection:
            connection.execute(sqlalchemy.text("DELETE FROM regions"))
    finally:
        engine.dispose()


def check_frame(frame: Any) -> None:
    assert frame.shape == (HOURS, 4)
    assert tuple(frame.iloc[0]) == FIRST
    assert [kind.kind for kind in frame.dtypes[["timestamp", "production_mw", "is_weekend"]]] == ["M", "f", "b"]
    assert str(frame["timestamp"].dt.tz) == "UTC"


def test_the_reader_still_reads_after_a_cut_over(cursor: Any, risingwave_for_readers: Deployed) -> None:
    view = risingwave_for_readers.folder / "sql" / "solar" / "features_enriched.sql"
    text = view.read_text(encoding="utf-8")
    view.write_text(text.replace("p.region,\n", "p.region,\n  p.production_mw * 1000 AS kw,\n", 1), encoding="utf-8")
    result = risingwave_for_readers.apply("features_enriched")
    assert [version.name for version in result.built] == ["features_enriched_v2"]
    cursor.execute("SELECT max(kw) FROM features_enriched")
    assert cursor.fetchall() == [((HOURS - 1) * 1000.0,)]


def test_the_documentation_shows_these_lines() -> None:
    text = (ROOT / "docs" / "risingwave.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = Reader("localhost", "4567", "dev", "reader", "…")
    for template in (PSQL, JDBC, SQLALCHEMY):
        assert shown.line(template) in text
        assert shown.line(template) in readme
    for line in MIGRATION.replace("{{ vars.reader }}", "reader").replace("{{ vars.database }}", "dev").splitlines():
        assert line in text
