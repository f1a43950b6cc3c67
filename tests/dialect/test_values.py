"""The same query gives the same rows: what RisingWave answered is recorded, DuckDB has to answer it.

`values/NAME.sql` holds tables and queries, `values/NAME.json` RisingWave's rows. `make test-all` asks a real RisingWave
again; with FEATURECTL_UPDATE_VALUES=1 its answers are recorded.
"""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from featurectl.dialect import CreateTable, parse_ddl, parse_query, translate_query
from tests.dialect.conftest import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    import duckdb

    Tables: TypeAlias = Callable[["Values"], duckdb.DuckDBPyConnection]

FOLDER = Path(__file__).parent / "values"
UPDATE = os.environ.get("FEATURECTL_UPDATE_VALUES") == "1"


@dataclass(frozen=True)
class Values:
    """Tables, and queries on them by title."""

    name: str
    setup: str
    queries: dict[str, str]

    def recorded(self, engine: str = "") -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = json.loads((FOLDER / f"{self.name}{engine}.json").read_text("utf-8"))
        return found

    @property
    def in_view(self) -> bool:
        """Whether RisingWave takes the queries as views; what it does not take is asked."""
        return self.name != "questions"

    @property
    def schema(self) -> dict[str, dict[str, str]]:
        return {s.name: s.columns for s in parse_ddl(self.setup) if isinstance(s, CreateTable)}


def read_values(path: Path) -> Values:
    setup, *blocks = re.split(r"^-- query: ", path.read_text("utf-8"), flags=re.M)
    queries = {title: body.strip().rstrip(";") for title, _, body in (block.partition("\n") for block in blocks)}
    assert len(queries) == len(blocks), f"{path.name}: a title occurs twice"
    return Values(path.stem, setup, queries)


ALL = [read_values(path) for path in sorted(FOLDER.glob("*.sql"))]
SAME = [values for values in ALL if values.name != "deviations"]
DEVIATIONS = next(values for values in ALL if values.name == "deviations")


def plain(value: Any) -> Any:
    """A value as JSON can keep it; numbers to ten digits, whatever type holds them."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        number = float(f"{float(value):.10g}")
        return number if math.isfinite(number) else str(number)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    if isinstance(value, memoryview | bytes):
        return bytes(value).hex()
    if isinstance(value, list):
        return [plain(part) for part in value]
    return str(value)


def comparable(rows: list[tuple[Any, ...]]) -> list[str]:
    return sorted(json.dumps([plain(value) for value in row], ensure_ascii=False) for row in rows)


def on_duckdb(con: duckdb.DuckDBPyConnection, values: Values, query: str) -> list[str]:
    translated = translate_query(parse_query(query), in_view=values.in_view, schema=values.schema)
    return comparable(con.execute(translated).fetchall())


@pytest.fixture(scope="module")
def tables() -> Iterator[Callable[[Values], duckdb.DuckDBPyConnection]]:
    """A database for each file of values, filled once."""
    databases: dict[str, duckdb.DuckDBPyConnection] = {}

    def prepared(values: Values) -> duckdb.DuckDBPyConnection:
        if values.name not in databases:
            databases[values.name] = connect()
            for statement in parse_ddl(values.setup):
                databases[values.name].execute(statement.duckdb_sql)  # type: ignore[attr-defined]
        return databases[values.name]

    yield prepared
    for con in databases.values():
        con.close()


@pytest.mark.parametrize(("values", "title"), [(values, title) for values in SAME for title in values.queries])
def test_duckdb_answers_what_risingwave_answered(tables: Tables, values: Values, title: str) -> None:
    expected = [json.dumps(row, ensure_ascii=False) for row in values.recorded()[title]]
    assert on_duckdb(tables(values), values, values.queries[title]) == expected


@pytest.mark.parametrize("title", DEVIATIONS.queries)
def test_the_known_deviations_are_as_recorded(tables: Tables, title: str) -> None:
    here = [json.dumps(row, ensure_ascii=False) for row in DEVIATIONS.recorded(".duckdb")[title]]
    there = [json.dumps(row, ensure_ascii=False) for row in DEVIATIONS.recorded()[title]]
    assert on_duckdb(tables(DEVIATIONS), DEVIATIONS, DEVIATIONS.queries[title]) == here
    assert here != there


@pytest.mark.slow
@pytest.mark.risingwave
@pytest.mark.parametrize("values", ALL, ids=lambda values: values.name)
def test_risingwave_still_answers_so(risingwave: Callable[[str], list[tuple[Any, ...]]], values: Values) -> None:
    for statement in parse_ddl(values.setup):
        if isinstance(statement, CreateTable):
            risingwave(f"DROP TABLE IF EXISTS {statement.name} CASCADE")
        risingwave(statement.text)
    risingwave("FLUSH")
    answers = {}
    for title, query in values.queries.items():
        if not values.in_view:
            answers[title] = [json.loads(row) for row in comparable(risingwave(query))]
            continue
        risingwave(f"CREATE MATERIALIZED VIEW answers AS {query}")
        answers[title] = [json.loads(row) for row in comparable(risingwave("SELECT * FROM answers"))]
        risingwave("DROP MATERIALIZED VIEW answers")
    path = FOLDER / f"{values.name}.json"
    if UPDATE:
        lines = [f"{json.dumps(title)}: {json.dumps(rows, ensure_ascii=False)}" for title, rows in answers.items()]
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    assert answers == values.recorded()
