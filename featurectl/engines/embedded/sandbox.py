"""A throw-away database in memory, with a project's tables and views, for unit tests of views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featurectl.engines.embedded.connect import connect, duckdb_errors, quote
from featurectl.engines.embedded.home import Home
from featurectl.engines.embedded.ingest import empty_query
from featurectl.engines.embedded.translation import SOURCE_TYPES, described, view_columns
from featurectl.errors import ProjectError
from featurectl.project.analysis import template_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from featurectl.engines.embedded.translation import Schema
    from featurectl.project import FeatureView, Migration, Project
    from featurectl.settings import Settings

__all__ = ["EmbeddedSandbox"]

# When a test's messages were ingested; only their order in the log matters to views.
_INGESTED = "TIMESTAMPTZ '2000-01-01 00:00:00+00'"


class EmbeddedSandbox:
    """Relations come into being in dependency order, from given rows or from the project."""

    def __init__(self, project: Project, settings: Settings) -> None:
        from featurectl.dialect import MACROS

        self._project = project
        self._schema: Schema = {}
        self._con = connect(None, settings, Home(settings.home_dir))
        with duckdb_errors("preparing a test"):
            for statement in MACROS:
                self._con.execute(statement)
            for migration in project.migrations:
                self._migrate(migration)

    def __enter__(self) -> EmbeddedSandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._con.close()

    @property
    def schema(self) -> Mapping[str, Mapping[str, str]]:
        """The columns of the relations that are there, with the dialect's types."""
        return self._schema

    def give_messages(self, source_table: str, messages: Sequence[bytes]) -> None:
        """Messages of a topic, in the order of the log."""
        columns = self._columns(source_table)
        roles = {"data": "?", "partition": "'0'", "offset": "?", "timestamp": _INGESTED, "key": "NULL"}
        values = ", ".join(roles[role] for role in columns)
        for offset, message in enumerate(messages):
            parameters = [{"data": message, "offset": str(offset)}[r] for r in columns if roles[r] == "?"]
            with duckdb_errors(f"giving messages to {source_table}"):
                self._con.execute(f"INSERT INTO {quote(source_table)} VALUES ({values})", parameters)

    def give_rows(self, relation: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of a table or view, instead of those that it would have; a missing column is NULL."""
        view = self._project.views.get(relation)
        with duckdb_errors(f"giving rows to {relation}"):
            if view is not None:
                self._create(view, " LIMIT 0")
            else:
                self._con.execute(f"DELETE FROM {quote(relation)}")
        self._insert(relation, relation, rows)

    def define(self, view_name: str) -> None:
        """The project's own view."""
        view = self._project.views[view_name]
        with duckdb_errors(view.file):
            self._create(view)

    def rows(self, view_name: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """The view's rows."""
        selected = ", ".join(quote(column) for column in columns)
        with duckdb_errors(f"reading {view_name}"):
            return self._con.execute(f"SELECT {selected} FROM {quote(view_name)} ORDER BY ALL").fetchall()

    def typed(self, view_name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        """Rows as written in a test, as values of the view's types. Raises ProjectError for one that cannot be."""
        selected = ", ".join(quote(column) for column in columns)
        with duckdb_errors(f"reading expected rows of {view_name}"):
            self._con.execute(
                f"CREATE OR REPLACE TEMP TABLE expected AS SELECT {selected} FROM {quote(view_name)} LIMIT 0"
            )
            self._insert("expected", view_name, rows)
            return self._con.execute(f"SELECT {selected} FROM expected ORDER BY ALL").fetchall()

    def columns(self, relation: str) -> list[str]:
        """The relation's columns, in order."""
        with duckdb_errors(f"reading {relation}"):
            return [row[0] for row in self._con.execute(f"DESCRIBE {quote(relation)}").fetchall()]

    def _insert(self, table: str, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        known = self.columns(table)
        for row in rows:
            unknown = sorted(set(row) - set(known))
            if unknown:
                raise ProjectError(f"{name} has no column {unknown[0]!r}", hint=f"it has: {', '.join(known)}")
            names = ", ".join(quote(column) for column in row)
            marks = ", ".join("?" for _ in row)
            with duckdb_errors(f"a row of {name}, {dict(row)}"):
                self._con.execute(f"INSERT INTO {quote(table)} ({names}) VALUES ({marks})", list(row.values()))

    def _create(self, view: FeatureView, suffix: str = "") -> None:
        from featurectl.dialect import translate_query

        with template_lines(view.rendered):
            translated = translate_query(view.query, schema=self._schema)
        # A table, as what it reads is complete: DuckDB would bind views upon views again for each that is made.
        # As a subquery: a LIMIT of ours must not meet an ORDER BY or LIMIT of the view's.
        self._con.execute(f"CREATE TABLE {quote(view.name)} AS SELECT * FROM ({translated}){suffix}")
        self._schema[view.name] = view_columns(view.query, self._schema, described(self._con, view.name))

    def _columns(self, source_table: str) -> dict[str, str]:
        table = self._project.source_tables[source_table]
        return {"data": table.data_column, **table.include}

    def _migrate(self, migration: Migration) -> None:
        from featurectl.dialect import AlterTable, CreateSourceTable, CreateTable, Dml, DropTable

        for statement in migration.statements:
            if isinstance(statement, CreateSourceTable):
                rows = empty_query(self._columns(statement.name))
                self._con.execute(f"CREATE TABLE {quote(statement.name)} AS {rows}")
                columns = self._columns(statement.name)
                self._schema[statement.name] = {name: SOURCE_TYPES[role] for role, name in columns.items()}
                continue
            if isinstance(statement, CreateTable | AlterTable | DropTable | Dml):
                self._con.execute(statement.duckdb_sql)
        for name in migration.creates:
            if name not in self._schema:
                self._schema[name] = described(self._con, name)
