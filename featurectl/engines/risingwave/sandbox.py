"""A throw-away schema on the server, with a project's tables and views, for unit tests of views.

What a test reads is materialized, plain views below it: in a plain view alone an expression that fails is an error,
in a materialized one it is NULL, and that is what production does.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from featurectl.engines.risingwave.catalog import Catalog
from featurectl.engines.risingwave.connection import Session
from featurectl.engines.risingwave.rebinding import one_statement
from featurectl.engines.risingwave.sql import quote, text_literal
from featurectl.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from featurectl.project import Migration, Project
    from featurectl.settings import Settings

__all__ = ["RisingWaveSandbox"]

_PREFIX = "featurectl_test_"
_LEFT_BEHIND_SECONDS = 3600
# When a test's messages were ingested; only their order in the log matters to views.
_INGESTED = "'2000-01-01 00:00:00+00:00'"
_TYPES = {
    "data": "bytea",
    "partition": "varchar",
    "offset": "varchar",
    "timestamp": "timestamptz",
    "key": "bytea",
}


class RisingWaveSandbox:
    """Relations come into being in dependency order, from given rows or from the project."""

    def __init__(self, project: Project, settings: Settings) -> None:
        self._project = project
        self._session = Session(settings, "test")
        self._schema = f"{_PREFIX}{int(time.time())}_{uuid.uuid4().hex[:8]}"
        self._catalog = Catalog(self._session, self._schema)
        self._remove_left_behind()
        self._run(f"CREATE SCHEMA {self._schema}", "preparing a test")
        self._run(f"SET search_path TO {self._schema}", "preparing a test")
        for migration in project.migrations:
            self._migrate(migration)

    def __enter__(self) -> RisingWaveSandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session.is_usable:
            self._run(f"DROP SCHEMA {self._schema} CASCADE", "cleaning up after a test")
        self._session.close()

    def give_messages(self, source_table: str, messages: Sequence[bytes]) -> None:
        """Messages of a topic, in the order of the log."""
        columns = self._source_columns(source_table)
        roles = {"partition": "'0'", "timestamp": _INGESTED, "key": "NULL"}
        rows = [
            [{**roles, "data": f"'\\x{message.hex()}'", "offset": f"'{offset}'"}[role] for role in columns]
            for offset, message in enumerate(messages)
        ]
        self._insert(source_table, [_TYPES[role] for role in columns], rows)

    def give_rows(self, relation: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of a table or view, instead of those that it would have; a missing column is NULL."""
        if relation in self._project.views:
            columns = self._columns_of_view(relation)
            definitions = ", ".join(f"{quote(name)} {_spelled(kind)}" for name, kind in columns.items())
            self._run(f"CREATE TABLE {quote(relation)} ({definitions})", f"giving rows to {relation}")
        else:
            columns = self._columns(relation)
            self._run(f"DELETE FROM {quote(relation)}", f"giving rows to {relation}")
        self._insert(relation, list(columns.values()), _literals(relation, list(columns), rows))

    def define(self, view_name: str) -> None:
        """The project's own view."""
        view = self._project.views[view_name]
        text = one_statement(view.text)
        self._run(f"CREATE VIEW {quote(view_name)} AS\n{text}", f"{view.file}: creating {view_name}")

    def rows(self, view_name: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """The view's rows."""
        selected = ", ".join(quote(column) for column in columns)
        stored = quote(f"{view_name}__rows")
        what = f"reading {view_name}"
        self._run("FLUSH", what)
        self._run(f"CREATE MATERIALIZED VIEW {stored} AS SELECT {selected} FROM {quote(view_name)}", what)
        return self._session.rows(f"SELECT {selected} FROM {stored}", what)

    def typed(self, view_name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        """Rows as written in a test, as values of the view's types. Raises ProjectError for one that cannot be."""
        kinds = self._columns(view_name)
        for row in rows:
            _check_columns(view_name, list(kinds), row)
        literals = _literals(view_name, list(columns), [{c: row.get(c) for c in columns} for row in rows])
        if not literals:
            return []
        selects = (", ".join(map(_cast, row, (kinds[c] for c in columns))) for row in literals)
        sql = " UNION ALL ".join(f"SELECT {select}" for select in selects)
        return self._session.rows(sql, f"reading expected rows of {view_name}")

    def columns(self, relation: str) -> list[str]:
        """The relation's columns, in order."""
        return list(self._columns(relation))

    def _columns(self, relation: str) -> dict[str, str]:
        found = self._catalog.find(relation)
        if found is None:
            raise ProjectError(f"there is no relation {relation}")
        return self._catalog.columns(found)

    def _columns_of_view(self, name: str) -> dict[str, str]:
        """The columns that the project's view would have."""
        text = one_statement(self._project.views[name].text)
        shape = f"{name}__shape"
        self._run(f"CREATE VIEW {quote(shape)} AS\n{text}", f"reading the columns of {name}")
        columns = self._columns(shape)
        self._run(f"DROP VIEW {quote(shape)}", f"reading the columns of {name}")
        return columns

    def _insert(self, table: str, kinds: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        values = ", ".join(f"({', '.join(map(_cast, row, kinds))})" for row in rows)
        if values:
            self._run(f"INSERT INTO {quote(table)} VALUES {values}", f"rows of {table}")

    def _source_columns(self, name: str) -> dict[str, str]:
        table = self._project.source_tables[name]
        return {"data": table.data_column, **table.include}

    def _migrate(self, migration: Migration) -> None:
        from featurectl.dialect import AlterTable, CreateSourceTable, CreateTable, Dml, DropTable

        for statement in migration.statements:
            if isinstance(statement, CreateSourceTable):
                columns = self._source_columns(statement.name)
                definitions = ", ".join(f"{quote(name)} {_TYPES[role]}" for role, name in columns.items())
                self._run(f"CREATE TABLE {quote(statement.name)} ({definitions}) APPEND ONLY", migration.file)
            elif isinstance(statement, CreateTable | AlterTable | DropTable | Dml):
                self._run(statement.text, migration.file)
                if isinstance(statement, Dml):
                    self._run("FLUSH", migration.file)

    def _remove_left_behind(self) -> None:
        """Schemas of tests that were killed."""
        rows = self._session.rows(
            f"SELECT name FROM rw_catalog.rw_schemas WHERE name LIKE '{_PREFIX}%'", "preparing a test"
        )
        for (name,) in rows:
            born = name.removeprefix(_PREFIX).partition("_")[0]
            if born.isdigit() and time.time() - int(born) > _LEFT_BEHIND_SECONDS:
                self._run(f"DROP SCHEMA {quote(name)} CASCADE", "preparing a test")

    def _run(self, sql: str, what: str) -> None:
        self._session.run(sql, what)


def _check_columns(name: str, known: Sequence[str], row: Mapping[str, Any]) -> None:
    unknown = sorted(set(row) - set(known))
    if unknown:
        raise ProjectError(f"{name} has no column {unknown[0]!r}", hint=f"it has: {', '.join(known)}")


def _literals(name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    for row in rows:
        _check_columns(name, columns, row)
    return [[_literal(row.get(column)) for column in columns] for row in rows]


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "'true'" if value else "'false'"
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    return text_literal(None if value is None else str(value))


def _cast(literal: str, kind: str) -> str:
    return f"{literal}::{_spelled(kind)}"


def _spelled(kind: str) -> str:
    """The type as RisingWave spells it."""
    return kind.replace("double", "double precision")
