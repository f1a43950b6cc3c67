"""How far a change reaches, construct by construct. That it is enough is shown by tests/embedded."""

from __future__ import annotations

from fractions import Fraction

import pytest

from featurectl.dialect import parse_query
from featurectl.dialect.reach import InputReach, Reach, reach_of

EVENTS = {"k": "varchar", "t": "timestamptz", "x": "bigint", "raw": "bytea"}
SCHEMA = {"a": EVENTS, "b": EVENTS, "labels": {"k": "varchar", "g": "varchar"}}
COLUMNS = {"k": "varchar", "t": "timestamptz", "x": "bigint"}
HOUR = 3_600_000_000
JUST = Fraction(1, HOUR)  # what lies after a time lies a microsecond after it at least


def reach(sql: str) -> Reach:
    query = parse_query(sql)
    return reach_of(query, SCHEMA, COLUMNS, entity=("k",), event_time="t", tables={"labels"})


def told(sql: str) -> list[tuple[str, bool, tuple[Fraction | None, Fraction | None] | None]]:
    """Of each reading: the relation, whether the entity is known, the hours before and after; None for any time."""

    def hours(end: int | None) -> Fraction | None:
        return None if end is None else Fraction(end, HOUR)

    return [
        (i.relation, i.entity == ("k",), None if i.time is None else (hours(i.low), hours(i.high)))
        for i in reach(sql).inputs
    ]


FRAME = "SELECT k, t, sum(x) OVER (PARTITION BY k ORDER BY t {}) AS x FROM a"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT k, t, x FROM a WHERE x > 3", (0, 0)),
        ("SELECT k, t + INTERVAL '90 minutes' AS t, x FROM a", (1.5, 1.5)),
        ("SELECT k, t - INTERVAL '1 month' AS t, x FROM a", (-31 * 24, -28 * 24)),
        (
            "SELECT k, date_trunc('hour', t) AS t, count(*) AS x FROM a GROUP BY k, date_trunc('hour', t)",
            (-1 + JUST, 0),
        ),
        ("SELECT k, date_trunc('hour', t) AS t, count(*) AS x FROM a GROUP BY 1, 2", (-1 + JUST, 0)),
        ("SELECT k, t::date AS t, count(*) AS x FROM a GROUP BY k, t::date", (-24 + JUST, 0)),
        ("SELECT k, date_trunc('day', t, 'Asia/Tokyo') AS t, count(*) AS x FROM a GROUP BY 1, 2", (-39 + JUST, 0)),
        ("SELECT k, t AT TIME ZONE 'UTC' AS t, x FROM a", (0, 0)),
        ("SELECT k, t AT TIME ZONE 'Asia/Tokyo' AS t, x FROM a", (-15, 15)),
        (
            "SELECT k, window_end AS t, count(*) AS x FROM TUMBLE(a, t, INTERVAL '1 hour') GROUP BY k, window_end",
            (JUST, 1),
        ),
        (
            "SELECT k, window_start AS t, count(*) AS x FROM TUMBLE(a, t, INTERVAL '1 hour') GROUP BY k, window_start",
            (-1 + JUST, 0),
        ),
        (
            "SELECT k, window_end - INTERVAL '1 hour' AS t, count(*) AS x FROM HOP(a, t, INTERVAL '1 hour',"
            " INTERVAL '24 hours') GROUP BY k, window_end",
            (-1 + JUST, 23),
        ),
        (
            "SELECT k, window_end AS t, count(*) AS x FROM HOP(a, t, INTERVAL '1 hour', INTERVAL '24 hours') AS h"
            " GROUP BY h.k, window_end",
            (JUST, 24),
        ),
        (FRAME.format("RANGE BETWEEN INTERVAL '2 hours' PRECEDING AND CURRENT ROW"), (0, 2)),
        (FRAME.format("RANGE BETWEEN INTERVAL '5 hours' PRECEDING AND INTERVAL '2 hours' PRECEDING"), (0, 5)),
        (FRAME.format("RANGE BETWEEN CURRENT ROW AND INTERVAL '2 hours' FOLLOWING"), (-2, 0)),
        (FRAME.format("DESC RANGE BETWEEN INTERVAL '2 hours' PRECEDING AND CURRENT ROW"), (-2, 0)),
        (FRAME.format(""), (0, None)),
        (FRAME.format("ROWS BETWEEN 2 PRECEDING AND CURRENT ROW"), (0, None)),
        (FRAME.format("ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING"), None),
        (FRAME.format("RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"), None),
        ("SELECT k, t, lag(x) OVER (PARTITION BY k ORDER BY t) AS x FROM a", (0, None)),
        ("SELECT k, t, lead(x) OVER w AS x FROM a WINDOW w AS (PARTITION BY k ORDER BY t)", (None, 0)),
        ("SELECT k, t, rank() OVER (PARTITION BY k ORDER BY x) AS x FROM a", None),
        ("SELECT k, t, row_number() OVER (PARTITION BY k, t ORDER BY x) AS x FROM a", (0, 0)),
        ("SELECT DISTINCT ON (k, t) k, t, x FROM a ORDER BY k, t, x", (0, 0)),
        ("SELECT DISTINCT ON (k) k, t, x FROM a ORDER BY k, t, x", None),
        ("SELECT k, max(t) AS t, count(*) AS x FROM a GROUP BY k", None),
        ("WITH c AS (SELECT k AS y, t, x FROM a) SELECT y AS k, t, x FROM c", (0, 0)),
        ("SELECT * EXCEPT (raw) FROM a", (0, 0)),
    ],
)
def test_one_reading(sql: str, expected: tuple[float | None, float | None] | None) -> None:
    assert told(sql) == [("a", True, expected)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a.k, a.t, b.x FROM a LEFT JOIN b ON a.k = b.k AND a.t = b.t", [(True, (0, 0)), (True, (0, 0))]),
        ("SELECT b.k, b.t, b.x FROM a LEFT JOIN b ON a.k = b.k AND a.t = b.t", [(False, None), (False, None)]),
        ("SELECT b.k, a.t, b.x FROM a JOIN b ON a.k = b.k AND a.t = b.t", [(True, (0, 0)), (True, (0, 0))]),
        ("SELECT a.k, a.t, b.x FROM a, b WHERE a.k = b.k AND b.t = a.t - INTERVAL '1 hour'",
         [(True, (0, 0)), (True, (1, 1))]),
        ("SELECT k, t, a.x FROM a FULL JOIN b USING (k, t)", [(True, (0, 0)), (True, (0, 0))]),
        ("SELECT a.k, a.t, a.x FROM a FULL JOIN b ON a.k = b.k AND a.t = b.t", [(False, None), (False, None)]),
        ("SELECT a.k, a.t, b.x FROM a ASOF JOIN b ON a.k = b.k AND a.t >= b.t", [(True, (0, 0)), (True, (0, None))]),
        ("SELECT a.k, a.t, b.x FROM a JOIN b ON a.k = b.k AND b.t > a.t - INTERVAL '2 hours' AND b.t <= a.t",
         [(True, (0, 0)), (True, (0, 2 - JUST))]),
        ("SELECT a.k, a.t, b.x FROM a JOIN b ON a.k = b.k AND a.t < b.t + INTERVAL '2 hours' AND a.t > b.t",
         [(True, (0, 0)), (True, (JUST, 2 - JUST))]),
        ("SELECT a.k, a.t, b.x FROM a JOIN b ON a.t = b.t", [(True, (0, 0)), (False, (0, 0))]),
        ("SELECT a.k, a.t, s.x FROM a CROSS JOIN (SELECT max(x) AS x FROM b) AS s", [(True, (0, 0)), (False, None)]),
        ("SELECT k, t, x FROM a WHERE k IN (SELECT k FROM b)", [(True, (0, 0)), (False, None)]),
        ("SELECT k, t, x FROM a UNION SELECT k, t + INTERVAL '1 hour', x FROM b", [(True, (0, 0)), (True, (1, 1))]),
        ("SELECT a.k, a.t, a.x FROM a JOIN labels AS l ON l.k = a.k", [(True, (0, 0)), (True, None)]),
    ],
)  # fmt: skip
def test_two_readings(sql: str, expected: list[tuple[bool, tuple[float | None, float | None] | None]]) -> None:
    assert [rest for _, *rest in told(sql)] == [list(each) for each in expected]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT max(k) AS k, max(t) AS t, count(*) AS x FROM a", "a: an aggregate over all rows"),
        ("SELECT k, t, x FROM a ORDER BY x LIMIT 3", "a: LIMIT over all rows"),
        ("SELECT k, max(t) AS t, count(*) AS x FROM a GROUP BY ROLLUP (k)", "a: GROUP BY several sets of keys"),
        ("SELECT k, t, x FROM a WHERE x > (SELECT avg(x) FROM b)", "b: it is read by a subquery in an expression"),
        ("SELECT 'all' AS k, t, x FROM a GROUP BY t, x", None),
    ],
)
def test_what_is_computed_whole_and_why(sql: str, why: str | None) -> None:
    assert reach(sql).why_whole == why


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT k, t, x + 1 AS x FROM a WHERE x > 3", True),
        ("SELECT k, t, x FROM a UNION ALL SELECT k, t, x FROM b", True),
        ("SELECT a.k, t, x FROM a LEFT JOIN labels AS l ON l.k = a.k", True),
        ("SELECT a.k, t, x FROM labels AS l LEFT JOIN a ON l.k = a.k", False),
        ("SELECT k, t, x FROM a UNION SELECT k, t, x FROM b", False),
        ("SELECT DISTINCT k, t, x FROM a", False),
        ("SELECT a.k, a.t, a.x FROM a JOIN b ON a.k = b.k", False),
        ("SELECT k, t, x FROM a WHERE k IN (SELECT k FROM labels)", False),
        ("SELECT k, t, row_number() OVER (PARTITION BY k ORDER BY t) AS x FROM a", False),
        ("SELECT k, t, count(*) AS x FROM a GROUP BY k, t", False),
    ],
)
def test_what_is_made_row_by_row(sql: str, expected: bool) -> None:
    assert reach(sql).rowwise is expected


def test_entity_and_time_are_found_where_nobody_names_them() -> None:
    query = parse_query("SELECT k, date_trunc('hour', t) AS h, sum(x) AS x FROM a GROUP BY 1, 2")
    found = reach_of(query, SCHEMA, {"k": "varchar", "h": "timestamptz", "x": "numeric"})
    assert (found.entity, found.event_time) == (("k",), "h")
    assert found.inputs == (InputReach("a", ("k",), "t", 1 - HOUR, 0),)


def test_it_is_said_in_words() -> None:
    assert str(reach("SELECT k, t, x FROM a")) == "by row"
    assert str(reach(FRAME.format("RANGE BETWEEN INTERVAL '36 hours' PRECEDING AND CURRENT ROW"))) == (
        "partly: a reaches k from its time to 36 hours after its time"
    )
    hops = (
        "SELECT k, window_end AS t, count(*) AS x FROM HOP(a, t, INTERVAL '1 hour', INTERVAL '24 hours') GROUP BY 1, 2"
    )
    assert str(reach(hops)) == "partly: a reaches k from its time to 1 day after its time"
    hours = "SELECT k, date_trunc('hour', t) AS t, count(*) AS x FROM a GROUP BY 1, 2"
    assert str(reach(hours)) == "partly: a reaches k from 1 hour before its time to its time"
    assert str(reach("SELECT count(*) AS x FROM a")) == "whole, because of a: an aggregate over all rows"
