"""Random graphs of views over a topic of events, and random batches of these: late, repeated, revised, malformed.

Ties are in no order, so every window is ordered by all that its value depends on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MIGRATION", "SHAPES", "TOPIC", "View", "batches", "files", "graphs"]

TOPIC = "events_raw"
MIGRATION = """
CREATE TABLE events_raw (data BYTEA) APPEND ONLY INCLUDE partition AS p INCLUDE offset AS o INCLUDE timestamp AS at
WITH (connector = 'kafka', topic = 'events_raw', {{ kafka_properties() }}) FORMAT PLAIN ENCODE BYTES;
CREATE TABLE labels (k VARCHAR PRIMARY KEY, g VARCHAR, n BIGINT);
INSERT INTO labels VALUES ('a', 'one', 1), ('b', 'one', 2), ('c', 'two', 3);
"""
EVENTS = """
SELECT
  o::bigint AS o,
  j ->> 'k' AS k,
  CASE WHEN (j ->> 't') LIKE '____-__-__T%' THEN (j ->> 't')::timestamptz END AS t,
  CASE WHEN jsonb_typeof(j -> 'x') = 'number' THEN (j ->> 'x')::bigint END AS x
FROM (SELECT o, convert_from(data, 'utf8')::jsonb AS j FROM events_raw) AS parsed
"""
_HOUR = "INTERVAL '1 hour'"

# How a view is made of {a} and {b}.
SHAPES = {
    "same": "SELECT k, t, x FROM {a}",
    "some": "SELECT k, t + INTERVAL '30 minutes' AS t, x * 2 AS x FROM {a} WHERE x > 20",
    "last": (
        "SELECT k, t, x FROM (SELECT k, t, x, row_number() OVER (PARTITION BY k, t ORDER BY x DESC) AS n FROM {a}) AS r"
        " WHERE n = 1"
    ),
    "hourly": "SELECT k, date_trunc('hour', t) AS t, sum(x)::bigint AS x FROM {a} GROUP BY k, date_trunc('hour', t)",
    "daily": "SELECT max(k) AS k, date_trunc('day', t, 'Europe/Berlin') AS t, count(*) AS x FROM {a} GROUP BY 2",
    "tumble": f"SELECT k, window_end AS t, max(x) AS x FROM TUMBLE({{a}}, t, {_HOUR}) GROUP BY k, window_end",
    "hop": (
        f"SELECT k, window_end - {_HOUR} AS t, sum(x)::bigint AS x FROM HOP({{a}}, t, {_HOUR}, INTERVAL '3 hours')"
        " GROUP BY k, window_end"
    ),
    "range": (
        "SELECT k, t, sum(x) OVER (PARTITION BY k ORDER BY t RANGE BETWEEN INTERVAL '2 hours' PRECEDING AND"
        " CURRENT ROW)::bigint AS x FROM {a}"
    ),
    "around": (
        "SELECT k, t, count(x) OVER (PARTITION BY k ORDER BY t DESC RANGE BETWEEN INTERVAL '1 hour' PRECEDING AND"
        " INTERVAL '3 hours' FOLLOWING) AS x FROM {a}"
    ),
    "running": "SELECT k, t, sum(x) OVER (PARTITION BY k ORDER BY t, x)::bigint AS x FROM {a}",
    "backwards": "SELECT k, t, count(*) OVER (PARTITION BY k ORDER BY t DESC, x) AS x FROM {a}",
    "lag": "SELECT k, t, lag(x) OVER (PARTITION BY k ORDER BY t, x) AS x FROM {a}",
    "lead": "SELECT k, t, lead(x) OVER (PARTITION BY k ORDER BY t, x) AS x FROM {a}",
    "rows": (
        "SELECT k, t, sum(x) OVER (PARTITION BY k ORDER BY t, x ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)::bigint AS x"
        " FROM {a}"
    ),
    "two frames": (
        "SELECT k, t, (count(*) OVER (PARTITION BY k ORDER BY t RANGE BETWEEN INTERVAL '1 hour' PRECEDING AND"
        " CURRENT ROW) + count(*) OVER (PARTITION BY k, t))::bigint AS x FROM {a}"
    ),
    "left": "SELECT a.k, a.t, b.x FROM {a} AS a LEFT JOIN {b} AS b ON b.k = a.k AND b.t = a.t",
    "inner": "SELECT b.k, a.t, a.x + b.x AS x FROM {a} AS a JOIN {b} AS b USING (k, t)",
    "full": ("SELECT k, t, coalesce(a.x, 0) - coalesce(b.x, 0) AS x FROM {a} AS a FULL JOIN {b} AS b USING (k, t)"),
    "earlier": (
        "SELECT a.k, a.t, b.x FROM {a} AS a LEFT JOIN {b} AS b ON a.k = b.k AND b.t = a.t - INTERVAL '2 hours'"
    ),
    "near": (
        "SELECT a.k, a.t, sum(b.x)::bigint AS x FROM {a} AS a JOIN {b} AS b ON b.k = a.k"
        " AND b.t BETWEEN a.t - INTERVAL '2 hours' AND a.t GROUP BY a.k, a.t"
    ),
    "asof": "SELECT a.k, a.t, b.x FROM {a} AS a ASOF LEFT JOIN (SELECT k, t, max(x) AS x FROM {b} GROUP BY k, t) AS b"
    " ON a.k = b.k AND a.t >= b.t",
    "others": "SELECT a.k, a.t, b.x FROM {a} AS a JOIN {b} AS b ON a.t = b.t AND a.x < b.x",
    "labelled": "SELECT l.g AS k, a.t, a.x + l.n AS x FROM {a} AS a JOIN labels AS l ON l.k = a.k",
    "grouped labels": (
        "SELECT l.g AS k, a.t, sum(a.x)::bigint AS x FROM {a} AS a JOIN labels AS l ON l.k = a.k GROUP BY l.g, a.t"
    ),
    "both": "SELECT k, t, x FROM {a} UNION ALL SELECT k, t - INTERVAL '1 hour', -x FROM {b}",
    "either": "SELECT k, t, x FROM {a} UNION SELECT k, t, x FROM {b}",
    "distinct": "SELECT DISTINCT k, t, x % 3 AS x FROM {a}",
    "one each": "SELECT k, max(t) AS t, sum(x)::bigint AS x FROM {a} GROUP BY k",
    "total": "SELECT max(k) AS k, max(t) AS t, count(*) AS x FROM {a}",
    "share": "SELECT a.k, a.t, a.x - s.x AS x FROM {a} AS a CROSS JOIN (SELECT max(x) AS x FROM {b}) AS s",
    "known": "SELECT k, t, x FROM {a} WHERE k IN (SELECT k FROM {b} WHERE x > 30)",
    "with": (
        "WITH means AS (SELECT k, date_trunc('hour', t) AS h, sum(x)::bigint AS x FROM {a} GROUP BY 1, 2)"
        " SELECT b.k, b.t, m.x FROM {b} AS b LEFT JOIN means AS m ON m.k = b.k AND m.h = date_trunc('hour', b.t)"
    ),
}


@dataclass(frozen=True)
class View:
    """A shape and the places of the views that it reads among those before it; -1 is the view of the events.

    `told`: its metadata names entity and event time.
    """

    shape: str
    a: int
    b: int
    told: bool = True


def files(graph: Sequence[View]) -> dict[str, str]:
    """The project's files, with views v0, v1, … ."""
    found = {
        "featurectl.toml": 'name = "graph"\n',
        "migrations/0001_events.sql": MIGRATION,
        "sql/events.sql": f"/*\ndescription: Events.\n*/{EVENTS}",
    }
    for place, view in enumerate(graph):
        names = {key: "events" if at < 0 else f"v{at}" for key, at in (("a", view.a), ("b", view.b))}
        keys = "entity: k\nevent_time: t\n" if view.told else ""
        found[f"sql/v{place}.sql"] = f"/*\ndescription: {view.shape}.\n{keys}*/\n{SHAPES[view.shape].format(**names)}\n"
    return found


@st.composite
def graphs(draw: st.DrawFn, most: int = 7) -> tuple[View, ...]:
    """Views, each of which reads the events or views before it."""
    found: list[View] = []
    for place in range(draw(st.integers(1, most))):
        below = st.integers(-1, place - 1)
        found.append(View(draw(st.sampled_from(sorted(SHAPES))), draw(below), draw(below), draw(st.booleans())))
    return tuple(found)


_START = datetime(2024, 3, 30, 20, tzinfo=UTC)
_malformed = st.sampled_from([b"", b"{", b"[]", b"\xff", b'{"k": "a"}', b'{"t": "x", "x": 1}', b'{"k": "b", "x": 9}'])


@st.composite
def _events(draw: st.DrawFn) -> bytes:
    at = _START + timedelta(minutes=15 * draw(st.integers(0, 160)))
    event = {"k": draw(st.sampled_from(["a", "b", "c", "d"])), "t": at.isoformat(), "x": draw(st.integers(0, 60))}
    return json.dumps(event).encode()


def batches() -> st.SearchStrategy[tuple[tuple[bytes, ...], ...]]:
    """Batches of events, the first of them larger."""
    event = st.one_of(_events(), _events(), _events(), _events(), _malformed)
    first = st.lists(event, min_size=5, max_size=40).map(tuple)
    rest = st.lists(st.lists(event, min_size=1, max_size=6).map(tuple), min_size=1, max_size=4)
    return st.tuples(first, rest).map(lambda found: (found[0], *found[1]))
