"""A spine without labels: every entity at every step of a range of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from featurectl.engines.embedded.connect import quote, text_literal
from featurectl.errors import SpineError, UsageError, did_you_mean
from featurectl.project.metadata import parse_duration
from featurectl.services.training.sql import exact_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import duckdb

    from featurectl.services.training.features import FeatureGroup

__all__ = ["TIME", "Grid", "grid_query", "require_known_entities"]

TIME = "event_timestamp"
_SOME = 10
_MOST_ROWS = 2_000_000_000


@dataclass(frozen=True)
class Grid:
    """Every entity at `start`, `start + every`, … before `end`.

    `every` None: the grain of the first view that has one. `entities`: values of a single entity column, or a file
    (Parquet, CSV) with all entity columns; None: every entity that the views have.
    """

    start: datetime
    end: datetime
    every: timedelta | None = None
    entities: tuple[str, ...] | Path | None = None


def grid_query(grid: Grid, groups: Sequence[FeatureGroup], scan: Callable[[FeatureGroup], str]) -> str:
    """DuckDB's query of the grid's rows, by entity and time, in `event_timestamp`.

    `scan` gives a view's rows as a FROM item.

    Raises:
        UsageError: an end that is not after the start, no step, or more rows than can be meant.
        SpineError: a file of entities that is not there.
    """
    every = grid.every or next((_grain(group) for group in groups if _grain(group)), None)
    if every is None:
        raise UsageError("how far apart the rows are is not said", hint="give --every, such as --every 1h")
    if not grid.start < grid.end:
        raise UsageError("the range ends before it begins", hint="--to is later than --from, and itself left out")
    steps = -((grid.start - grid.end) // every)
    if steps > _MOST_ROWS:
        raise UsageError(f"{steps:,} steps for each entity", hint="a larger --every")
    names = list(dict.fromkeys(name for group in groups for name in group.entity))
    micros = every // timedelta(microseconds=1)
    first = int((grid.start - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
    selected = ", ".join(quote(name) for name in names)
    return (
        f"SELECT {selected}, make_timestamptz({first} + n * {micros}) AS {TIME}"
        f" FROM ({_entities(grid, names, groups, scan)}) AS e, range({steps}) AS r(n) ORDER BY {selected}, n"
    )


def require_known_entities(
    con: duckdb.DuckDBPyConnection, grid: Grid, groups: Sequence[FeatureGroup], scan: Callable[[FeatureGroup], str]
) -> None:
    """Raise SpineError for a value of `entities` of which no view has a row, with the nearest that one has."""
    if not isinstance(grid.entities, tuple):
        return
    parts = [f"SELECT DISTINCT {quote(group.entity[0])}::VARCHAR FROM {scan(group)}" for group in groups]
    known = {value for (value,) in con.execute(" UNION ".join(parts)).fetchall() if value is not None}
    missing = [value for value in grid.entities if value not in known]
    if missing:
        some = f"known: {', '.join(sorted(known)[:_SOME])}{', …' if len(known) > _SOME else ''}"
        raise SpineError(
            f"no view has a row of {groups[0].entity[0]} {missing[0]!r}", hint=did_you_mean(missing[0], known, some)
        )


def _grain(group: FeatureGroup) -> timedelta | None:
    said = group.version.metadata.get("grain")
    return parse_duration(said) if said else None


def _entities(
    grid: Grid, names: Sequence[str], groups: Sequence[FeatureGroup], scan: Callable[[FeatureGroup], str]
) -> str:
    selected = ", ".join(quote(name) for name in names)
    if isinstance(grid.entities, Path):
        if not grid.entities.is_file():
            raise SpineError(f"there is no file {grid.entities}", hint="--entities takes values or a file")
        reader = "read_csv" if grid.entities.suffix == ".csv" else "read_parquet"
        return f"SELECT DISTINCT {selected} FROM {reader}({exact_path(grid.entities)}, hive_partitioning = false)"
    whole = [group for group in groups if set(group.entity) >= set(names)]
    if not whole:
        raise UsageError(
            f"no view has all of {', '.join(names)}", hint="give --entities FILE with these columns, or a spine"
        )
    if grid.entities is None:
        parts = [f"SELECT {selected} FROM {scan(group)} WHERE {quote(group.event_time)} IS NOT NULL" for group in whole]
        known = " AND ".join(f"{quote(name)} IS NOT NULL" for name in names)
        return f"SELECT DISTINCT {selected} FROM ({' UNION ALL '.join(parts)}) WHERE {known}"
    if len(names) != 1:
        raise UsageError(f"an entity is {' and '.join(names)} together", hint="give --entities a file with both")
    kind = whole[0].version.columns[names[0]]
    from featurectl.dialect._types import duckdb_type

    values = ", ".join(f"(CAST({text_literal(value)} AS {duckdb_type(kind)}))" for value in grid.entities)
    return f"SELECT DISTINCT {selected} FROM (VALUES {values}) AS v({selected})"
