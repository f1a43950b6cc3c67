"""Lineage of this repository's project, of the one that `init` makes, and of SQL that hides where values come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from featurectl.errors import ProjectError, UsageError
from featurectl.project import load_project
from featurectl.project.lineage import ROWS, LineageGraph, Ref
from featurectl.services.starting import create_project
from featurectl.services.tracing import trace_impact, trace_lineage
from featurectl.settings import load_settings
from tests.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from featurectl.project import Project

TABLES = """CREATE TABLE raw (data BYTEA) APPEND ONLY
INCLUDE partition AS log_partition INCLUDE offset AS log_offset INCLUDE timestamp AS ingested_at
WITH (connector = 'kafka', topic = 'raw', properties.bootstrap.server = '{{ kafka_bootstrap_servers }}')
FORMAT PLAIN ENCODE BYTES;
CREATE TABLE t (id INT PRIMARY KEY, k INT, a INT, b INT, at TIMESTAMPTZ);
CREATE TABLE u (k INT, d INT, doc JSONB);
ALTER TABLE u ADD COLUMN late INT;
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Project]:
    """Load a project of the given views, by name."""

    def make(**views: str) -> Project:
        files = {"migrations/0001_tables.sql": TABLES, **{f"sql/{name}.sql": sql for name, sql in views.items()}}
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return load_project(load_settings(tmp_path))

    return make


@pytest.fixture(scope="module")
def this_project() -> Project:
    return load_project(load_settings(ROOT))


def direct(project: Project, column: str) -> dict[str, set[str]]:
    """What a column of a view reads itself, by way."""
    graph = LineageGraph(project)
    found: dict[str, set[str]] = {}
    for ref, by in graph.dependencies(graph.find(column)):
        found.setdefault(str(by), set()).add(graph.name(ref))
    return found


def inputs(project: Project, column: str) -> dict[str, tuple[str, ...]]:
    return {found.name: found.by for found in trace_lineage(project, column).inputs}


# column of the view v; its query; what it reads, by way
CASES = [
    ("x", "SELECT a + b AS x FROM t", {"value": {"t.a", "t.b"}}),
    ("a", "SELECT * FROM t", {"value": {"t.a"}}),
    ("a", "SELECT q.* EXCEPT (b) FROM (SELECT * FROM t) AS q", {"value": {"t.a"}}),
    ("x", "WITH w AS (SELECT a AS b, b AS a FROM t) SELECT w.a AS x FROM w", {"value": {"t.b"}}),
    ("x", "WITH t AS (SELECT d AS a FROM u) SELECT a AS x FROM t", {"value": {"u.d"}}),
    ("y", "WITH w(y) AS (SELECT a FROM t) SELECT y FROM w", {"value": {"t.a"}}),
    ("x", "SELECT CASE WHEN a > 1 THEN b END AS x FROM t", {"condition": {"t.a"}, "value": {"t.b"}}),
    ("a", "SELECT a FROM t WHERE b > 1", {"value": {"t.a"}}),
    ("*", "SELECT a FROM t WHERE b > 1", {"filter": {"t.b"}, "rows": {"t.*"}}),
    ("n", "SELECT count(*) AS n FROM t WHERE b > 1", {"filter": {"t.b"}, "rows": {"t.*"}}),
    ("n", "SELECT k, sum(a) AS n FROM t GROUP BY k", {"value": {"t.a"}, "group": {"t.k"}, "rows": {"t.*"}}),
    ("k", "SELECT k, sum(a) AS n FROM t GROUP BY 1", {"value": {"t.k"}}),
    ("k", "SELECT t.k, sum(a) AS n FROM t GROUP BY k", {"value": {"t.k"}}),
    ("g", "SELECT a + 1 AS g, count(*) AS n FROM t GROUP BY g", {"value": {"t.a"}}),
    ("n", "SELECT sum(a) FILTER (WHERE b > 1) AS n FROM t", {"value": {"t.a"}, "condition": {"t.b"}, "rows": {"t.*"}}),
    ("d", "SELECT d FROM t JOIN u ON u.k = t.k", {"value": {"u.d"}, "join": {"t.k", "u.k"}}),
    ("a", "SELECT a, d FROM t LEFT JOIN u USING (k)", {"value": {"t.a"}}),
    ("a", "SELECT a, d FROM t FULL JOIN u ON u.k = t.k", {"value": {"t.a"}, "join": {"t.k", "u.k"}}),
    ("k", "SELECT k FROM t JOIN u USING (k)", {"value": {"t.k", "u.k"}, "join": {"t.k", "u.k"}}),
    (
        "r",
        "SELECT row_number() OVER (PARTITION BY k ORDER BY at DESC) AS r FROM t",
        {"partition": {"t.k"}, "order": {"t.at"}, "rows": {"t.*"}},
    ),
    (
        "r",
        "SELECT max(a) OVER w AS r FROM t WINDOW w AS (PARTITION BY k ORDER BY at)",
        {"value": {"t.a"}, "partition": {"t.k"}, "order": {"t.at"}, "rows": {"t.*"}},
    ),
    (
        "a",
        "SELECT DISTINCT ON (k) k, a FROM t ORDER BY k, at DESC",
        {"value": {"t.a"}, "partition": {"t.k"}, "order": {"t.k", "t.at"}},
    ),
    ("window_end", "SELECT window_end, a FROM TUMBLE(t, at, INTERVAL '1 hour')", {"value": {"t.at"}}),
    (
        "m",
        "SELECT window_end, sum(h.a) AS m FROM HOP(t, at, INTERVAL '1 hour', INTERVAL '1 day') AS h"
        " GROUP BY window_end",
        {"value": {"t.a"}, "group": {"t.at"}, "window": {"t.at"}, "rows": {"t.*"}},
    ),
    ("x", "SELECT a AS x FROM t UNION ALL SELECT d FROM u", {"value": {"t.a", "u.d"}}),
    ("*", "SELECT a FROM t UNION SELECT d FROM u", {"distinct": {"t.a", "u.d"}, "rows": {"t.*", "u.*"}}),
    ("*", "SELECT a FROM t ORDER BY b LIMIT 3", {"order": {"t.b"}, "rows": {"t.*"}}),
    (
        "x",
        "SELECT (SELECT max(d) FROM u WHERE u.k = t.k) AS x FROM t",
        {"value": {"u.d"}, "filter": {"u.k", "t.k"}, "rows": {"u.*"}},
    ),
    (
        "*",
        "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k = t.k)",
        {"filter": {"u.k", "t.k", "u.*"}, "rows": {"t.*"}},
    ),
    ("x", "SELECT late AS x FROM u", {"value": {"u.late"}}),
    ("x", "SELECT doc -> 'p' ->> 'q' AS x FROM u", {"value": {"u.doc.p.q"}}),
    ("x", "SELECT doc #>> '{p,q}' AS x FROM u", {"value": {"u.doc.p.q"}}),
    ("x", "SELECT (j ->> 'p')::int AS x FROM (SELECT convert_from(data, 'utf8')::jsonb AS j FROM raw) AS e",
     {"value": {"raw.p"}}),
    ("x", "SELECT (convert_from(data, 'utf8')::jsonb -> 'p' -> 0) AS x FROM raw", {"value": {"raw.p.[0]"}}),
    ("x", "SELECT octet_length(data) AS x FROM raw", {"value": {"raw.data"}}),
    ("x", "SELECT convert_from(data, 'utf8')::jsonb ->> 'log_offset' AS x FROM raw",
     {"value": {"raw.data.log_offset"}}),
    ("v", "SELECT e.v FROM t, LATERAL generate_series(1, t.a) AS e(v)", {"value": {"t.a"}}),
    ("x", "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) AS x FROM t", {"value": {"t.a"}, "rows": {"t.*"}}),
    ("x", "SELECT array_transform(ARRAY[a], |e| e + 1) AS x FROM t GROUP BY a", {"value": {"t.a"}}),
    ("x", "SELECT array_transform(ARRAY[a, b], |e| e + 1) AS x FROM t", {"value": {"t.a", "t.b"}}),
    ("x", "SELECT string_agg(b::varchar, ',' ORDER BY a) AS x FROM t",
     {"value": {"t.b"}, "order": {"t.a"}, "rows": {"t.*"}}),
]  # fmt: skip


@pytest.mark.parametrize(("column", "sql", "expected"), CASES, ids=lambda part: part if isinstance(part, str) else "")
def test_what_a_column_reads(
    load: Callable[..., Project], column: str, sql: str, expected: dict[str, set[str]]
) -> None:
    assert direct(load(v=sql), f"v.{column}") == expected


def test_a_document_is_followed_through_views(load: Callable[..., Project]) -> None:
    project = load(
        parsed="SELECT log_offset, convert_from(data, 'utf8')::jsonb AS j FROM raw",
        deeper="SELECT j -> 'p' AS p, log_offset FROM parsed",
        leaf="SELECT p ->> 'q' AS q, p ->> 'r' AS r FROM deeper",
    )
    assert inputs(project, "leaf.q") == {"raw.*": ("rows",), "raw.p.q": ("value",)}
    reached = {found.name for found in trace_impact(project, "raw.p.q").affected if found.by[0] == "value"}
    assert reached == {"parsed.j", "deeper.p", "leaf.q"}  # not leaf.r


def test_stars_through_views_follow_what_stands_below(load: Callable[..., Project]) -> None:
    project = load(one="SELECT * FROM t", two="SELECT o.*, u.d FROM one AS o JOIN u ON u.k = o.k")
    assert inputs(project, "two.b") == {"t.*": ("rows",), "t.b": ("value",), "t.k": ("join",), "u.*": ("rows",),
                                        "u.k": ("join",)}  # fmt: skip


def test_the_way_that_is_nearest_counts(load: Callable[..., Project]) -> None:
    project = load(one="SELECT k, a, b FROM t WHERE b > 1", two="SELECT k, sum(a) AS s FROM one GROUP BY k")
    assert inputs(project, "two.s") == {
        "t.*": ("rows",), "t.a": ("value",), "t.b": ("filter",), "t.k": ("group",),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "line", "message", "hint"),
    [
        ("SELECT\n  nope\nFROM t", 2, "has the column 'nope'", None),
        ("SELECT t.ad FROM t", 1, "has the column 'ad'", "did you mean a?"),
    ],
)
def test_a_query_that_names_nothing(
    load: Callable[..., Project], sql: str, line: int, message: str, hint: str | None
) -> None:
    with pytest.raises(ProjectError, match=message) as caught:
        trace_lineage(load(v=sql), "v.*")
    assert (caught.value.file, caught.value.line) == ("sql/v.sql", line)
    assert hint is None or caught.value.hint == hint


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("features_enrichd.production_mw", "no view or table", "did you mean features_enriched"),
        ("features_enriched.production_m", "the view features_enriched has no column", "production_mw"),
        ("solar_production_raw.productionmw", "the table solar_production_raw has no column", "production_mw"),
        ("features_enriched", "is a view, not a column", "such as features_enriched.region"),
        ("regions.zzz", "has no column", "it has: region, latitude, longitude, time_zone"),
    ],
)
def test_an_unknown_name_is_answered_with_near_ones(this_project: Project, name: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        trace_lineage(this_project, name)
    assert hint in (caught.value.hint or "")


def test_a_feature_of_this_project_up_to_the_field(this_project: Project) -> None:
    found = inputs(this_project, "features_enriched.production_ma_24h")
    computed = {name for name, by in found.items() if by[0] == "value"}
    assert computed == {"solar_production_raw.production_mw"}
    assert "join" in found["solar_production_raw.region"] and "group" in found["solar_production_raw.timestamp"]
    assert "window" in found["solar_production_raw.timestamp"]
    assert "filter" in found["solar_production_raw.log_offset"]  # which revision counts
    assert {"regions.latitude", "weather_raw.temperature_c"} <= set(found)  # they join rows, and could double them


def test_every_column_of_every_view_comes_from_tables(this_project: Project) -> None:
    graph = LineageGraph(this_project)
    for view in this_project.views:
        for column in graph.columns(view):
            tables = {ref.relation for ref in graph.upstream(Ref(view, column)).reached} - set(this_project.views)
            assert tables & set(this_project.source_tables), f"{view}.{column}"


def test_a_field_of_this_project_down_to_the_features(this_project: Project) -> None:
    affected = {found.name: found.by for found in trace_impact(this_project, "weather_raw.temperature_c").affected}
    by_value = {name for name, by in affected.items() if by[0] == "value" and name.startswith("features_enriched.")}
    assert by_value == {"features_enriched.temperature_c", "features_enriched.temperature_ma_24h"}
    assert "condition" in affected["weather_events.latitude"]  # a message with a bad field is refused as a whole
    assert not any(name.startswith("solar_hourly") for name in affected)


def test_up_and_down_agree(this_project: Project) -> None:
    """What lineage finds upwards, impact finds downwards, in the same ways."""
    graph = LineageGraph(this_project)
    field = graph.find("solar_production_raw.production_mw")
    impact = graph.impact(field).reached
    for view in this_project.views:
        for column in (*graph.columns(view), ROWS):
            found = graph.upstream(Ref(view, column)).reached
            up = {by for ref, ways in found.items() if ref.touches(field) for by in ways}
            down = impact.get(Ref(view, column), frozenset())
            # Upwards a column's own rows count as well; downwards they are an entry of their own.
            assert down == up if column == ROWS else down <= up <= down | impact.get(Ref(view, ROWS), frozenset())


def test_the_project_that_init_makes(tmp_path: Path) -> None:
    create_project(tmp_path / "clicks")
    project = load_project(load_settings(tmp_path / "clicks"))
    found = inputs(project, "features_enriched.clicks_24h")
    assert {name for name, by in found.items() if by[0] == "value"} == {"clicks_raw.clicks"}
    assert found["clicks_raw.user_id"][0] == "condition" or "join" in found["clicks_raw.user_id"]
    down = {f.name for f in trace_impact(project, "clicks_raw.clicks").affected if f.by[0] == "value"}
    assert {"features_enriched.clicks", "features_enriched.clicks_24h", "features_enriched.clicks_lag_1h"} <= down
