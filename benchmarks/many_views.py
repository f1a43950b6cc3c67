"""A generated project of many views in layers, for featurectl and, with the same queries, for SQLMesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Shape", "change_leaf", "write_featurectl", "write_sqlmesh"]

_RAW = """\
CREATE TABLE raw_events (data BYTEA) APPEND ONLY
INCLUDE partition AS log_partition INCLUDE offset AS log_offset INCLUDE timestamp AS ingested_at
WITH (connector = 'kafka', topic = 'raw_events', properties.bootstrap.server = '{{ kafka_bootstrap_servers }}')
FORMAT PLAIN ENCODE BYTES;
"""
_MACRO = """\
{% macro day_of(at) -%}
date_trunc('day', {{ at }}, 'UTC')
{%- endmacro %}

{% macro mean(value) -%}
CASE WHEN count({{ value }}) > 0 THEN avg({{ value }}::numeric)::double precision END
{%- endmacro %}
"""
_HEAD = """\
/*
description: View {number} of layer {layer}.
entity: key
event_time: hour
grain: 1 hour
tags: [layer_{layer}]
*/
"""
_BOTTOM = """\
WITH documents AS (
  SELECT
    log_partition,
    log_offset::bigint AS log_offset,
    convert_from(data, 'utf8')::jsonb AS j
  FROM raw_events
),
events AS (
  SELECT
    log_partition,
    log_offset,
    j ->> 'key' AS key,
    (j ->> 'at')::timestamptz AS at,
    (j ->> 'x{number}')::double precision AS x,
    (j ->> 'y{number}')::double precision AS y
  FROM documents
  WHERE jsonb_typeof(j) = 'object'
)
SELECT
  key,
  date_trunc('hour', at, 'UTC') AS hour,
  {mean_x} AS x, -- mean of the hour
  {mean_y} AS y, -- mean of the hour
  count(*) AS readings
FROM events
WHERE x >= {number} OR y >= {number}
GROUP BY key, date_trunc('hour', at, 'UTC')
"""
_UPPER = """\
WITH joined AS (
  SELECT
    a.key,
    a.hour,
    a.x,
    b.y,
    coalesce(a.x, 0) + coalesce(b.y, 0) AS total
  FROM {left} AS a
  LEFT JOIN {right} AS b ON b.key = a.key AND b.hour = a.hour
),
ranked AS (
  SELECT
    key, hour, x, y, total,
    row_number() OVER (PARTITION BY key, {day} ORDER BY total DESC, hour) AS place
  FROM joined
  WHERE total >= {number}
)
SELECT
  key,
  hour,
  x * 1.0{number} AS x, -- scaled
  y, -- as it is below
  CASE WHEN place = 1 THEN total END AS top, -- the day's largest
  extract(hour FROM hour AT TIME ZONE 'UTC')::int AS hour_of_day,
  place <= 3 AS is_among_first
FROM ranked
WHERE place <= 100
"""


@dataclass(frozen=True)
class Shape:
    """How many views, in how many layers; each above the first reads two of the layer below."""

    views: int
    layers: int

    @property
    def width(self) -> int:
        """Views in a layer."""
        return self.views // self.layers

    def name(self, layer: int, number: int) -> str:
        """A view's name; numbers go round."""
        return f"layer_{layer}_{number % self.width:03}"

    def leaf(self) -> tuple[int, int]:
        """A view that no other reads."""
        return self.layers, self.width // 2

    def query(self, layer: int, number: int) -> str:
        """A view's query, 25 lines of it, in featurectl's dialect."""
        if layer == 1:
            return _BOTTOM.format(number=number, mean_x="{{ mean('x') }}", mean_y="{{ mean('y') }}")
        left, right = self.name(layer - 1, number), self.name(layer - 1, number + 1)
        return _UPPER.format(number=number, left=left, right=right, day="{{ day_of('hour') }}")


def write_featurectl(root: Path, shape: Shape) -> None:
    """The project as featurectl reads it."""
    (root / "migrations").mkdir(parents=True)
    (root / "sql" / "macros").mkdir(parents=True)
    (root / "migrations" / "0001_raw.sql").write_text(_RAW)
    (root / "sql" / "macros" / "means.jinja").write_text(_MACRO)
    for layer in range(1, shape.layers + 1):
        folder = root / "sql" / f"layer_{layer}"
        folder.mkdir()
        for number in range(shape.width):
            text = _HEAD.format(layer=layer, number=number) + shape.query(layer, number)
            (folder / f"{shape.name(layer, number)}.sql").write_text(text)


def write_sqlmesh(root: Path, shape: Shape) -> None:
    """The same shape as SQLMesh reads it: its own headers, DuckDB's dialect, one seed-like view of no rows below."""
    (root / "config.yaml").write_text(
        "gateways:\n  local:\n    connection:\n      type: duckdb\n      database: db.duckdb\n"
        "default_gateway: local\nmodel_defaults:\n  dialect: duckdb\n  start: 2024-01-01\n"
    )
    for layer in range(1, shape.layers + 1):
        folder = root / "models" / f"layer_{layer}"
        folder.mkdir(parents=True)
        for number in range(shape.width):
            name = shape.name(layer, number)
            head = (
                f"MODEL (\n  name many.{name},\n  kind FULL,\n  description 'View {number} of layer {layer}.'\n);\n\n"
            )
            (folder / f"{name}.sql").write_text(head + _sqlmesh_query(shape, layer, number))


def _sqlmesh_query(shape: Shape, layer: int, number: int) -> str:
    """The query in DuckDB's dialect, macros written out, as SQLMesh's own macros have another language."""
    mean = "CASE WHEN count({0}) > 0 THEN avg({0}::numeric)::double END"
    text = shape.query(layer, number)
    text = text.replace("{{ mean('x') }}", mean.format("x")).replace("{{ mean('y') }}", mean.format("y"))
    text = text.replace("{{ day_of('hour') }}", "date_trunc('day', hour)")
    text = text.replace("convert_from(data, 'utf8')::jsonb", "data::json").replace(
        "jsonb_typeof(j)", "lower(json_type(j))"
    )
    text = text.replace("  FROM raw_events\n", "  FROM (SELECT 0 AS log_partition, '0' AS log_offset, '{}' AS data)\n")
    text = text.replace(", 'UTC')", ")")
    # Its optimizer puts an output column in place of the input column of the same name in WHERE.
    text = text.replace("WHERE x >=", "WHERE events.x >=").replace("OR y >=", "OR events.y >=")
    for below in (number, number + 1):
        name = shape.name(layer - 1, below)
        text = text.replace(f" {name} AS", f" many.{name} AS")
    return text


def change_leaf(root: Path, shape: Shape, folder: str, suffix: str = ".sql") -> str:
    """Change the meaning of one view that no other reads; answers its name."""
    layer, number = shape.leaf()
    name = shape.name(layer, number)
    path = root / folder / f"layer_{layer}" / f"{name}{suffix}"
    text = path.read_text()
    assert text.count("place <= 100") == 1
    path.write_text(text.replace("place <= 100", "place <= 99"))
    return name
