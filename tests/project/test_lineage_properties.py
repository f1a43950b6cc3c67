"""Lineage leaves nothing out: what is not among a column's inputs cannot change it. Checked by running queries."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from featurectl.dialect import MACROS, parse_query, translate_query
from featurectl.project.lineage.parts import ROWS, Ref, stored
from featurectl.project.lineage.queries import Queries
from tests.project.random_queries import TABLES, RandomQuery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featurectl.project.lineage.parts import Frame

ROWS_OF_A_TABLE = 7
SCHEMA = {table: dict.fromkeys(columns, "int") for table, columns in TABLES.items()}


def frame_of(sql: str) -> Frame:
    def fail(_: Any, message: str, hint: str | None) -> Exception:
        return AssertionError(f"{message} ({hint}) in {sql}")

    queries = Queries(lambda name: stored(name, TABLES[name]), fail)  # type: ignore[arg-type]
    return queries(parse_query(sql).tree, {})


def inputs(frame: Frame, column: str) -> set[Ref]:
    return {ref for ref, _ in frame.columns[column].deps | frame.rows}


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        for macro in MACROS:
            con.execute(macro)
        yield con


def fill(con: duckdb.DuckDBPyConnection, seed: int, other: Ref | None = None) -> None:
    """The same rows for the same seed; those of one column drawn anew."""
    for table, columns in TABLES.items():
        values = {c: _values(f"{seed} {table} {c}{'!' if other == Ref(table, c) else ''}") for c in columns}
        values["id"] = list(range(ROWS_OF_A_TABLE))
        con.execute(f"CREATE OR REPLACE TABLE {table} ({', '.join(f'{c} INTEGER' for c in columns)})")
        rows = (", ".join("NULL" if v is None else str(v) for v in row) for row in zip(*values.values(), strict=True))
        con.execute(f"INSERT INTO {table} VALUES {', '.join(f'({row})' for row in rows)}")


def _values(seed: str) -> list[int | None]:
    draw = random.Random(seed)
    return [draw.choice([None, 0, 1, 1, 2, 3, 4]) for _ in range(ROWS_OF_A_TABLE)]


def results(con: duckdb.DuckDBPyConnection, translated: str) -> dict[str, list[str]]:
    """Each column's values, in no order."""
    cursor = con.execute(translated)
    names = [column[0] for column in cursor.description or []]
    rows = cursor.fetchall()
    return {name: sorted(repr(row[place]) for row in rows) for place, name in enumerate(names)}


@given(st.integers(0, 10**9))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_no_input_changes_nothing(con: duckdb.DuckDBPyConnection, seed: int) -> None:
    sql = RandomQuery(seed).sql()
    frame = frame_of(sql)
    translated = translate_query(parse_query(sql), schema=SCHEMA)
    fill(con, seed)
    before = results(con, translated)
    for table, columns in TABLES.items():
        for changed in columns[1:]:
            unrelated = [column for column in before if Ref(table, changed) not in inputs(frame, column)]
            if unrelated:
                fill(con, seed, Ref(table, changed))
                after = results(con, translated)
                for column in unrelated:
                    assert after[column] == before[column], f"{column} of {sql} reads {table}.{changed}"


@given(st.integers(0, 10**9))
@settings(max_examples=60, deadline=None)
def test_names_of_aliases_and_ctes_are_no_lineage(seed: int) -> None:
    one, other = RandomQuery(seed, "q").sql(), RandomQuery(seed, "other_").sql()
    assert frame_of(one) == frame_of(other)


@given(st.integers(0, 10**9))
@settings(max_examples=40, deadline=None)
def test_a_query_in_a_cte_or_a_subquery_has_the_same_lineage(seed: int) -> None:
    sql = RandomQuery(seed).sql()
    frame = frame_of(sql)
    assert frame_of(f"SELECT * FROM ({sql}) AS s") == frame
    assert frame_of(f"WITH w AS ({sql}) SELECT c0, w.c1, c2 FROM w") == frame
    assert frame_of(f"WITH w(x, y, z) AS ({sql}) SELECT x AS c0, y AS c1, z AS c2 FROM w") == frame


def test_inputs_that_matter_are_seen_to_matter(con: duckdb.DuckDBPyConnection) -> None:
    """The check above could fail: for most inputs that lineage names there are rows for which they matter."""
    named = mattered = 0
    for seed in range(40):
        sql = RandomQuery(seed).sql(2)
        frame = frame_of(sql)
        translated = translate_query(parse_query(sql), schema=SCHEMA)
        fill(con, seed)
        before = results(con, translated)
        for table, columns in TABLES.items():
            for changed in columns[1:]:
                fill(con, seed, Ref(table, changed))
                touched = [c for c in frame.columns if Ref(table, changed) in inputs(frame, c)]
                after = results(con, translated)
                named += len(touched)
                mattered += sum(after[c] != before[c] for c in touched)
    assert mattered > named / 2, f"{mattered} of {named}"


def test_rows_are_an_input_of_a_count() -> None:
    assert Ref("t", ROWS) in inputs(frame_of("SELECT count(*) AS n FROM t"), "n")
