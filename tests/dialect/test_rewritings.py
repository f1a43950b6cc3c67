"""The rewritings for speed mean what they replace: held against plain Python and against the plain translation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from featurectl.dialect import parse_query, translate_query
from tests.dialect.conftest import connect

SCHEMA = {"t": {"k": "varchar", "ts": "timestamptz", "x": "double", "o": "bigint", "y": "varchar"}}
START = datetime(1970, 1, 3, tzinfo=UTC)
CON = connect()
CON.execute("CREATE TABLE t (k VARCHAR, ts TIMESTAMPTZ, x DOUBLE, o BIGINT, y VARCHAR)")

keys = st.sampled_from(["a", "b", None])
times = st.one_of(st.none(), st.integers(-6000, 6000).map(lambda minute: START + timedelta(minutes=minute)))
numbers = st.sampled_from([None, 1.5, -2.25, 1e6, 3.0])
offsets = st.one_of(st.none(), st.integers(-5, 5), st.sampled_from([2**63 - 1, -(2**63)]))
texts = st.sampled_from([None, "p", "q"])
relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def fill(rows: list[tuple[Any, ...]]) -> None:
    CON.execute("DELETE FROM t")
    if rows:
        CON.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)


def hop_by_hand(rows: list[tuple[Any, ...]], slide: int, size: int, offset: int) -> dict[Any, list[float | None]]:
    """Every window with the values of its rows."""
    windows: dict[Any, list[float | None]] = {}
    for key, time, value, *_ in rows:
        if time is None:
            continue
        minute = int((time - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) // 60
        newest = (minute - offset) // slide * slide + offset
        for start in range(newest - size + slide, newest + 1, slide):
            windows.setdefault((key, start), []).append(value)
    return windows


@relaxed
@given(
    st.lists(st.tuples(keys, times, numbers, st.none(), st.none()), max_size=40),
    st.sampled_from([15, 60, 90]),
    st.sampled_from([2, 3, 24]),
    st.sampled_from([0, 7]),
    st.booleans(),
)
def test_hop_as_frame(rows: list[tuple[Any, ...]], slide: int, hops: int, offset: int, typed: bool) -> None:
    fill(rows)
    shift = f", INTERVAL '{offset} minutes'" if offset else ""
    query = parse_query(
        "SELECT k, (extract(epoch FROM window_start) / 60)::int AS start, avg(x) AS mean, count(*) AS n, "
        "count(x) FILTER (WHERE x > 0) AS above, max(x) - 1 AS high, window_end, "
        "CASE WHEN count(x) > 0 THEN avg(x) END AS guarded "
        f"FROM HOP(t, ts, INTERVAL '{slide} minutes', INTERVAL '{slide * hops} minutes'{shift}) AS h "
        "GROUP BY h.k, window_start, window_end"
    )
    translated = translate_query(query, schema=SCHEMA if typed else None)
    assert "rw_framed" in translated
    answers = {(key, start): rest for key, start, *rest in CON.execute(translated).fetchall()}
    expected = hop_by_hand(rows, slide, slide * hops, offset)
    assert answers.keys() == expected.keys()
    for (key, start), (mean, n, above, high, end, guarded) in answers.items():
        assert guarded == mean
        values = [value for value in expected[key, start] if value is not None]
        assert n == len(expected[key, start])
        assert above == sum(value > 0 for value in values)
        assert high == (max(values) - 1 if values else None)
        assert end.timestamp() == (start + slide * hops) * 60
        assert (mean is None) == (not values)
        assert mean is None or abs(mean - sum(values) / len(values)) <= 1e-12 * max(map(abs, values))


@pytest.mark.parametrize(
    ("item", "is_counted"),
    [
        ("CASE WHEN count(x) > 0 THEN avg(x) END AS m", False),
        ("(CASE WHEN count(h.x) > 0 THEN max(x)::numeric END)::double precision AS m", False),
        ("CASE WHEN count(x) > 1 THEN avg(x) END AS m", True),
        ("CASE WHEN count(y) > 0 THEN avg(x) END AS m", True),
        ("CASE WHEN count(x) > 0 THEN avg(x) ELSE 0 END AS m", True),
        ("CASE WHEN count(x) > 0 THEN avg(x) + 1 END AS m", True),
        ("CASE WHEN count(*) > 0 THEN sum(x) END AS m", True),
        ("CASE WHEN count(x) > 0 THEN string_agg(k, ',' ORDER BY k) END AS m", True),
        ("CASE WHEN count(x) > 0 THEN avg(x) END", True),  # the column is called `case`
    ],
)
def test_a_guard_against_no_values_is_not_counted(item: str, is_counted: bool) -> None:
    query = parse_query(
        f"SELECT k, window_end, {item} FROM HOP(t, ts, INTERVAL '1 hour', INTERVAL '3 hours') AS h"
        " GROUP BY k, window_end"
    )
    assert ("count(" in translate_query(query, schema=SCHEMA).lower()) == is_counted


def test_a_window_is_told_by_its_newest_hour_too() -> None:
    query = (
        "SELECT k, window_end - INTERVAL '15 minutes' AS newest, avg(x) AS mean, count(*) AS n "
        "FROM HOP(t, ts, INTERVAL '15 minutes', INTERVAL '1 hour') GROUP BY k, {}"
    )
    by_bound = translate_query(parse_query(query.format("window_end")), schema=SCHEMA)
    assert translate_query(parse_query(query.format("window_end - INTERVAL '15 minutes'")), schema=SCHEMA) == by_bound
    assert translate_query(parse_query(query.format("2")), schema=SCHEMA) == by_bound
    for several_are_one in ("window_end - INTERVAL '1 month'", "k || 'x'"):
        text = query.format(several_are_one).replace("window_end - INTERVAL '15 minutes' AS newest, ", "")
        assert "rw_framed" not in translate_query(parse_query(text), schema=SCHEMA)


@relaxed
@given(
    st.lists(st.tuples(keys, st.none(), numbers, offsets, texts), max_size=40, unique_by=lambda row: row[3]),
    st.sampled_from(["DESC", "ASC", "DESC NULLS LAST", "ASC NULLS FIRST"]),
)
def test_last_revision_as_aggregate(rows: list[tuple[Any, ...]], order: str) -> None:
    fill(rows)
    query = parse_query(
        "SELECT k, y, twice FROM (SELECT k, x * 2 AS twice, y, "
        f"row_number() OVER (PARTITION BY k ORDER BY o {order}) AS rn FROM t WHERE x IS NULL OR x < 100) AS r "
        "WHERE rn = 1 AND (y IS NULL OR y <> 'q')"
    )
    quick, plain = translate_query(query, schema=SCHEMA), translate_query(query)
    assert "row_number" not in quick and "row_number" in plain
    assert sorted(map(repr, CON.execute(quick).fetchall())) == sorted(map(repr, CON.execute(plain).fetchall()))


def test_values_of_the_chosen_row_stay_null() -> None:
    fill([("a", None, 1.0, 1, "old"), ("a", None, None, 2, None)])
    query = parse_query(
        "SELECT k, x, y FROM (SELECT k, x, y, row_number() OVER (PARTITION BY k ORDER BY o DESC) AS rn FROM t) AS r "
        "WHERE rn = 1"
    )
    assert CON.execute(translate_query(query, schema=SCHEMA)).fetchall() == [("a", None, None)]


json_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(-1e9, 1e9).map(lambda x: x + 0.0),
    st.text(max_size=6),
)
documents = st.dictionaries(st.sampled_from(["a", "A", "b c", "é", 'q"', "\\"]), json_scalars, max_size=5)


@settings(relaxed, max_examples=25)
@given(st.lists(st.tuples(documents, st.booleans()), min_size=1, max_size=8))
def test_keys_of_one_parse_are_those_of_many(drawn: list[tuple[dict[str, Any], bool]]) -> None:
    """Parsed once for several keys, or once for each: the same, and the same as Python's parser."""
    import json

    texts = [json.dumps(document, ensure_ascii=escaped) for document, escaped in drawn]
    fill([(str(index), None, None, None, text) for index, text in enumerate(texts)])
    pairs = {"a": "a", "b c": "b", "é": "e"}
    columns = ", ".join(
        f"jsonb_typeof(j -> '{key}') AS {name}t, j ->> '{key}' AS {name}x" for key, name in pairs.items()
    )
    together = parse_query(f"SELECT k, {columns} FROM (SELECT k, y::jsonb AS j FROM t) AS d")
    alone = parse_query(f"SELECT k, {columns.replace('j ', 'y::jsonb ')} FROM t")
    rows = sorted(CON.execute(translate_query(together, schema=SCHEMA)).fetchall())
    assert "json_transform" in translate_query(together, schema=SCHEMA)
    assert rows == sorted(CON.execute(translate_query(alone, schema=SCHEMA)).fetchall())
    for index, *found in rows:
        document = json.loads(texts[int(index)])
        for place, key in enumerate(pairs):
            kind, text = found[2 * place : 2 * place + 2]
            assert kind == json_typeof(document, key)
            if isinstance(document.get(key), str):
                assert text == document[key]
            elif isinstance(document.get(key), int | float) and not isinstance(document[key], bool):
                assert float(text) == document[key]
            else:
                assert text == {True: "true", False: "false"}.get(document.get(key))


def json_typeof(document: dict[str, Any], key: str) -> str | None:
    if key not in document:
        return None
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}
    return kinds[type(document[key])]
