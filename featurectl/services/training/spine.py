"""The spine: who and when, one row for each row of the training set, in the order given."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from featurectl.dialect._types import duckdb_type
from featurectl.engines.embedded.connect import quote, text_literal
from featurectl.errors import EngineError, MissingExtra, SpineError
from featurectl.services.training.sql import exact_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from featurectl.engines.base import Engine
    from featurectl.services.training.features import FeatureGroup

__all__ = ["OFFSET", "ROW", "SPINE", "Spine", "is_sql", "load_spine"]

SPINE, ROW = "spine", "__row"
_TIME_NAMES = ("event_timestamp", "event_time", "timestamp", "time")
_INSTANT = "TIMESTAMP WITH TIME ZONE"
# Of a text: the time of day and how far it is from UTC.
OFFSET = r"[Tt ].*([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)$"
_QUERY = re.compile(r"\s*(\(|--|/\*|(select|with|values)\b(?!\.))", re.I)
_LONGEST_PATH = 250
_EXAMPLE = "such as 2024-06-01T12:00:00Z"
# Types whose values can be equal to one another's.
_FAMILIES = (
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
    ("VARCHAR", "ENUM"),
    ("FLOAT", "DOUBLE"),
)


@dataclass(frozen=True)
class Spine:
    """The table `spine` of a connection: the given columns, and the place of each row (from 0) in `__row`.

    `time` names the column with each row's time; `columns` are those given, with DuckDB's types.
    """

    columns: Mapping[str, str]
    time: str
    rows: int


def load_spine(
    con: duckdb.DuckDBPyConnection,
    source: Any,
    folder: Path,
    engine: Engine,
    groups: Sequence[FeatureGroup],
    time: str | None = None,
) -> Spine:
    """Take the spine over into the connection.

    Args:
        con: Where the table `spine` is made.
        source: A file (Parquet, CSV), a query in the project's dialect, or a frame (pandas, Polars, Arrow).
        folder: Where a query's rows may be kept meanwhile.
        engine: Answers a query.
        groups: What is joined: their entities have to be there.
        time: The time's column; None: it is looked for by its name and type.

    Raises:
        SpineError: it cannot be read, has no rows, no time or naive ones, lacks an entity, or has one that is NULL
            or of a type that is never equal to the view's.
    """
    item, is_text = _item(con, source, folder, engine)
    given = _described(con, item)
    if ROW in {name.lower() for name in given}:
        raise SpineError(f"the spine has a column {ROW}, which is ours", hint="rename it")
    time = _time_column(given, groups, time)
    selected = "*"
    if is_text:  # a reader of CSV takes a time with an offset for one without
        item = item.removesuffix(")") + f", types = {{{text_literal(time)}: 'VARCHAR'}})"
        selected = f"* REPLACE ({_parsed(time)} AS {quote(time)})"
    else:
        _require_instants(time, given[time])
        if given[time] != _INSTANT:  # of nanoseconds: more than any view has
            selected = f"* REPLACE ({quote(time)}::TIMESTAMPTZ AS {quote(time)})"
    if is_text:
        _require_offsets(con, item, time)
    con.execute("SET preserve_insertion_order = true")
    try:
        _run(con, f"CREATE TABLE {SPINE} AS SELECT row_number() OVER () - 1 AS {ROW}, {selected} FROM {item}")
    finally:
        con.execute("SET preserve_insertion_order = false")
    columns = {name: kind for name, kind in _described(con, SPINE).items() if name != ROW}
    spine = Spine(columns, time, _count(con, "true"))
    _require_rows(con, spine)
    _require_entities(con, spine, groups)
    return spine


def is_sql(source: Any) -> bool:
    """Whether a text is a query and no file's name."""
    return isinstance(source, str) and _QUERY.match(source) is not None and not Path(source[:_LONGEST_PATH]).is_file()


def _item(con: duckdb.DuckDBPyConnection, source: Any, folder: Path, engine: Engine) -> tuple[str, bool]:
    """What stands in FROM, and whether it is a file of text."""
    if is_sql(source):
        path = folder / "asked.parquet"
        engine.export(source, path)
        return f"read_parquet({exact_path(path)})", False
    if not isinstance(source, str | Path):
        return _registered(con, source), False
    path = Path(source)
    if not path.is_file():
        raise SpineError(f"there is no file {path}", hint="a Parquet or CSV file, or a query that begins with SELECT")
    if path.stat().st_size == 0:
        raise SpineError(f"{path} is empty: 0 bytes", hint="write it again; a Parquet file is never that short")
    readers = {
        ".parquet": "read_parquet({}, hive_partitioning = false)",
        ".csv": "read_csv({}, header = true, hive_partitioning = false)",
    }
    if path.suffix.lower() not in readers:
        raise SpineError(f"{path} is neither .parquet nor .csv", hint="convert it, or give a data frame from Python")
    return readers[path.suffix.lower()].format(exact_path(path)), path.suffix.lower() == ".csv"


def _registered(con: duckdb.DuckDBPyConnection, frame: Any) -> str:
    try:
        con.register("given", frame)
    except (ImportError, duckdb.Error, TypeError, ValueError) as error:
        if find_spec("pyarrow") is None:
            raise MissingExtra(
                "this kind of frame is read through Arrow", hint="pip install 'featurectl[notebook]'"
            ) from error
        raise SpineError(
            f"no spine can be read from {type(frame).__name__}",
            hint="a pandas, Polars or Arrow table, a file's path, or a query",
        ) from error
    return "given"


def _run(con: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyConnection:
    try:
        return con.execute(sql)
    except duckdb.OutOfMemoryException:
        raise
    except (duckdb.IOException, duckdb.InvalidInputException, duckdb.ConversionException) as error:
        reason = str(error).splitlines()[0]
        raise SpineError(
            f"the spine cannot be read: {reason}", hint="is it whole, and of the kind it is named for?"
        ) from (error)


def _described(con: duckdb.DuckDBPyConnection, item: str) -> dict[str, str]:
    return {name: kind for name, kind, *_ in _run(con, f"DESCRIBE SELECT * FROM {item}").fetchall()}


def _time_column(given: Mapping[str, str], groups: Sequence[FeatureGroup], time: str | None) -> str:
    has = f"it has {', '.join(given)}"
    if time is not None:
        if time not in given:
            raise SpineError(f"the spine has no column {time!r}", hint=has)
        return time
    timed = [name for name, kind in given.items() if kind.startswith("TIMESTAMP")]
    names = [*_TIME_NAMES, *(group.event_time for group in groups)]
    found = next((name for name in names if name in given), timed[0] if len(timed) == 1 else None)
    if found is None:
        what = "no column that holds its times" if not timed else f"several times: {', '.join(timed)}"
        raise SpineError(f"the spine has {what}", hint=f"name it with --time COLUMN; {has}")
    return found


def _require_instants(time: str, kind: str) -> None:
    if kind == _INSTANT or kind.startswith("TIMESTAMPTZ"):
        return
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        raise SpineError(
            f"the spine's {time} has no time zone ({kind.lower()}): which instant a row means is not said",
            hint=f"in pandas: spine[{time!r}].dt.tz_localize('UTC'); in SQL: {time} AT TIME ZONE 'UTC'",
        )
    raise SpineError(f"the spine's {time} is no time but {kind.lower()}", hint="name the time with --time COLUMN")


def _parsed(time: str) -> str:
    name = f"{quote(time)}"
    return f"CASE WHEN regexp_matches({name}, {text_literal(OFFSET)}) THEN TRY_CAST({name} AS TIMESTAMPTZ) END"


def _require_offsets(con: duckdb.DuckDBPyConnection, item: str, time: str) -> None:
    name = quote(time)
    bad = _run(
        con, f"SELECT {name} FROM {item} WHERE {name} IS NOT NULL AND {_parsed(time)} IS NULL LIMIT 1"
    ).fetchone()
    if bad is not None:
        raise SpineError(f"the spine's {time} {bad[0]!r} is no time with an offset", hint=_EXAMPLE)


def _require_rows(con: duckdb.DuckDBPyConnection, spine: Spine) -> None:
    if not spine.rows:
        raise SpineError("the spine has no rows", hint="a training set has a row for each row of the spine")
    name = quote(spine.time)
    empty = _count(con, f"{name} IS NULL OR NOT isfinite({name})")
    if empty:
        raise SpineError(f"{empty:,} rows of the spine have no time in {spine.time}", hint="leave them out")


def _require_entities(con: duckdb.DuckDBPyConnection, spine: Spine, groups: Sequence[FeatureGroup]) -> None:
    for group in groups:
        kinds = _kinds(group)
        for column in group.entity:
            if column not in spine.columns:
                raise SpineError(
                    f"the spine has no {column}, by which {group.view} is joined",
                    hint=f"it has {', '.join(spine.columns)}: rename one",
                )
            mine, theirs = spine.columns[column], kinds[column]
            if _family(mine) != _family(theirs):
                raise SpineError(
                    f"the spine's {column} is {mine.lower()}, that of {group.view} is {theirs.lower()}: never equal",
                    hint="cast the spine's",
                )
            empty = _count(con, f"{quote(column)} IS NULL")
            if empty:
                raise SpineError(f"{empty:,} rows of the spine have no {column}", hint="leave them out")


def _kinds(group: FeatureGroup) -> dict[str, str]:
    return {column: duckdb_type(kind) for column, kind in group.version.columns.items()}


def _family(kind: str) -> str:
    word = kind.partition("(")[0]
    return next((family[0] for family in _FAMILIES if word in family), word)


def _count(con: duckdb.DuckDBPyConnection, condition: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {SPINE} WHERE {condition}").fetchone()
    if row is None:
        raise EngineError("the spine cannot be counted")
    return int(row[0])
