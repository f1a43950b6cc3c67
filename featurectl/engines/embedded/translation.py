"""From a version's text to the DuckDB query that computes it, reading the relations that this build reads.

Some operators mean other things for other types, so the translation is told the columns of what a query reads.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from featurectl.engines.embedded.connect import quote
from featurectl.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import duckdb

    from featurectl.dialect import Query
    from featurectl.dialect.reach import Reach
    from featurectl.engines.base import State, Version

__all__ = [
    "SOURCE_TYPES",
    "Columns",
    "Schema",
    "binder_errors",
    "described",
    "schema_of",
    "version_query",
    "version_reach",
    "view_columns",
]

Columns = dict[str, str]
Schema = dict[str, Columns]

# The dialect's types of a source table's columns, by role.
SOURCE_TYPES = {
    "data": "bytea",
    "partition": "varchar",
    "offset": "varchar",
    "timestamp": "timestamptz",
    "key": "bytea",
}


def version_query(version: Version, schema: Schema) -> str:
    """DuckDB SQL for the version. Raises UnsupportedOnEngine, naming file and line."""
    read = {name: tuple(schema.get(name, {}).items()) for name in version.inputs.values()}
    inputs = tuple(sorted(version.inputs.items()))
    return _translated(version.text, version.file, inputs, tuple(sorted(read.items())))


def version_reach(version: Version, schema: Schema, tables: Collection[str]) -> Reach:
    """How far a change of each input reaches among the version's rows. `tables`: reference tables."""
    read = {name: tuple(schema.get(target, {}).items()) for name, target in version.inputs.items()}
    named = frozenset(name for name, target in version.inputs.items() if target in tables)
    entity, event_time = version.metadata.get("entity") or (), version.metadata.get("event_time")
    columns = tuple(version.columns.items())
    return _reach(version.text, version.file, tuple(sorted(read.items())), columns, tuple(entity), event_time, named)


@lru_cache(maxsize=4096)
def _reach(
    text: str,
    file: str,
    schema: tuple[tuple[str, tuple[tuple[str, str], ...]], ...],
    columns: tuple[tuple[str, str], ...],
    entity: tuple[str, ...],
    event_time: str | None,
    tables: frozenset[str],
) -> Reach:
    from featurectl.dialect import parse_query
    from featurectl.dialect.reach import reach_of

    read = {name: dict(kinds) for name, kinds in schema}
    query = parse_query(text, file=file)
    return reach_of(query, read, dict(columns), entity=entity, event_time=event_time, tables=tables)


def view_columns(query: Query, schema: Schema, stored: Columns) -> Columns:
    """A view's columns with the dialect's types; DuckDB's name for a type that the dialect does not know."""
    from featurectl.dialect import output_types

    known = output_types(query, schema=schema) or {}
    return {name: known.get(name) or kind for name, kind in stored.items()}


def described(con: duckdb.DuckDBPyConnection, relation: str) -> Columns:
    """A relation's columns and DuckDB's types."""
    return {name: kind for name, kind, *_ in con.execute(f"DESCRIBE {quote(relation)}").fetchall()}


@contextmanager
def binder_errors(version: Version) -> Iterator[None]:
    """DuckDB's word on a name that does not exist, with the line of the view's text on which that name stands."""
    import duckdb

    try:
        yield
    except duckdb.BinderException as error:
        first, *rest = str(error).removeprefix("Binder Error: ").splitlines()
        named = re.search(r'"([^"]+)"', first)
        line = None
        if named is not None:
            lines = version.text.split("\n")
            line = next((n for n, text in enumerate(lines, 1) if re.search(rf"\b{re.escape(named[1])}\b", text)), None)
        hint = next((text.strip() for text in rest if "andidate" in text), None)
        raise ProjectError(first, file=version.file, line=line, hint=hint) from error


def schema_of(con: duckdb.DuckDBPyConnection, state: State, sources: Schema, tables: list[str]) -> Schema:
    """The columns of every relation: source tables, tables of migrations, versions, public views, environments'."""
    schema: Schema = {name: dict(columns) for name, columns in sources.items()}
    schema |= {name: described(con, name) for name in tables}
    for version in state.versions:
        schema[version.name] = dict(version.columns)
        if state.live.get(version.view) == version.number:
            schema[version.view] = dict(version.columns)
        for environment in state.environments.values():
            if environment.live.get(version.view) == version.number:
                schema[f"{environment.name}.{version.view}"] = dict(version.columns)
    return schema


@lru_cache(maxsize=4096)
def _translated(
    text: str,
    file: str,
    inputs: tuple[tuple[str, str], ...],
    schema: tuple[tuple[str, tuple[tuple[str, str], ...]], ...],
) -> str:
    from featurectl.dialect import parse_query, reading, translate_query

    query = reading(parse_query(text, file=file), dict(inputs))
    return translate_query(query, schema={name: dict(columns) for name, columns in schema})
