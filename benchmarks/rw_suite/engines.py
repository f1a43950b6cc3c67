"""What runs a record: featurectl's translation, or plain sqlglot's, both on DuckDB."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import duckdb

from featurectl.dialect import (
    MACROS,
    AlterTable,
    CreateFunction,
    CreateIndex,
    CreateSink,
    CreateSource,
    CreateSourceTable,
    CreateTable,
    CreateView,
    Dml,
    DropTable,
    EngineOnly,
    Query,
    Statement,
    output_types,
    parse_query,
    parse_script,
    translate_query,
)
from featurectl.errors import FeaturectlError, UnsupportedOnEngine

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Answer", "Engine", "Featurectl", "Sqlglot"]

_ZONE = re.compile(r"SET\s+(TIME\s*ZONE|TIMEZONE)\s*(=|TO)?\s*['\"]?([\w/+]+)", re.I)
_TRANSACTION = re.compile(r"\s*(BEGIN|START\s+TRANSACTION)", re.I)
_STRICT = re.compile(r"\s*SET\s+batch_expr_strict_mode\s*(?:=|TO)\s*(\w+)", re.I)
_PATH = re.compile(r"\s*(SET\s+search_path\b|USE\b)", re.I)
_OURS = re.compile(r"^\s*(BEGIN|START\s+TRANSACTION|COMMIT|END|WAIT|RECOVER|EXPLAIN|DESCRIBE|SHOW|ANALYZE)\b", re.I)
# What a statement was about, so that what reads it is refused if the statement was.
_TARGET = re.compile(
    r"\s*(?:CREATE\s+(?:OR\s+REPLACE\s+)?(?:MATERIALIZED\s+)?(?:VIEW|TABLE|SOURCE)|INSERT\s+INTO|UPDATE|"
    r"DELETE\s+FROM|ALTER\s+(?:MATERIALIZED\s+)?(?:VIEW|TABLE|SOURCE)|CREATE\s+SINK\s+\w+\s+INTO)\s+"
    r"(?:IF\s+NOT\s+EXISTS\s+)?([\w.\"]+)(?:\s+(?:SWAP\s+WITH|RENAME\s+TO)\s+([\w.\"]+))?",
    re.I,
)


@dataclass(frozen=True)
class Answer:
    """Rows with RisingWave's types of their columns, as far as they are known."""

    rows: list[tuple[Any, ...]]
    columns: list[str]
    types: list[str | None]


class Engine(Protocol):
    """Statements and queries in RisingWave's SQL. A refusal is a FeaturectlError, anything else a crash."""

    def run(self, sql: str) -> None:
        """A statement."""

    def ask(self, sql: str) -> Answer:
        """A query."""


def _connect() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET threads = 1")
    return con


def _fetch(con: duckdb.DuckDBPyConnection, sql: str, types: list[str | None] | None) -> Answer:
    con.execute(sql)
    described = con.description or []
    intervals = [index for index, column in enumerate(described) if str(column[1]) == "INTERVAL"]
    if intervals:  # Python's timedelta has no months
        names = [f"c{index}" for index in range(len(described))]
        cells = [f"rw_shown({name})" if index in intervals else name for index, name in enumerate(names)]
        con.execute(f"SELECT {', '.join(cells)} FROM ({sql}) AS t ({', '.join(names)})")
    rows = con.fetchall()
    columns = [str(column[0]) for column in described]
    return Answer(rows, columns, types if types and len(types) == len(columns) else [None] * len(columns))


_PARSED: dict[tuple[str, str], tuple[Statement, ...]] = {}
_SHOWN = "CREATE MACRO rw_shown(i) AS CAST(i AS VARCHAR)"  # '1 year 2 months 3 days 04:05:06'


@dataclass
class Featurectl:
    """Views stay views, tables are tables; what is refused poisons the relation until it is dropped."""

    con: duckdb.DuckDBPyConnection = field(default_factory=_connect)
    schema: dict[str, dict[str, str]] = field(default_factory=dict)
    tables: dict[str, CreateTable] = field(default_factory=dict)
    reads: dict[str, tuple[str, ...]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    functions: dict[str, CreateFunction] = field(default_factory=dict)
    zone: str = "UTC"
    outside: str = ""
    strict: bool = True

    def __post_init__(self) -> None:
        self.con.execute(_SHOWN)
        for macro in MACROS:
            self.con.execute(macro)
        self.con.execute("CREATE OR REPLACE MACRO rw_shown(i) AS rw_interval_text(i)")

    def run(self, sql: str) -> None:
        if _TRANSACTION.match(sql) or _PATH.match(sql):
            self.outside = "a transaction" if _TRANSACTION.match(sql) else "a search path"
        strict = _STRICT.match(sql)
        if strict:
            self.strict = strict[1].lower() != "false"
        zone = _ZONE.match(sql)
        if zone:
            self.zone = zone[3].upper()
        if _OURS.match(sql) or re.match(r"\s*(SET|FLUSH|ALTER\s+SYSTEM)\b", sql, re.I):
            return
        try:
            for statement in self._parsed(sql):
                self._execute(statement)
        except Exception as error:
            self._poison(sql, f"{type(error).__name__}: {error}")
            raise

    def _parsed(self, sql: str) -> tuple[Statement, ...]:
        """Some files insert the same many rows."""
        if len(sql) < 20_000:
            return parse_script(sql, tables=self.tables, schema=self.schema)
        key = (sql, repr(self.tables))
        if key not in _PARSED:
            _PARSED[key] = parse_script(sql, tables=self.tables, schema=self.schema)
        return _PARSED[key]

    def _execute(self, statement: object) -> None:
        if isinstance(statement, CreateTable):
            if statement.watermarks:
                raise UnsupportedOnEngine("WATERMARK FOR on a table")
            self._sql(statement.duckdb_sql, statement.name)
            self.tables[statement.name] = statement
            self._known(statement.name, statement.columns, ())
        elif isinstance(statement, CreateView):
            self._view(statement)
        elif isinstance(statement, CreateFunction):
            self.functions[statement.name] = statement
        elif isinstance(statement, DropTable):
            self._drop(statement)
        elif isinstance(statement, Dml):
            self._check([statement.table])
            self._sql(statement.duckdb_sql, statement.table)
        elif isinstance(statement, AlterTable):
            self.con.execute(statement.duckdb_sql)
            self.schema[statement.name].update(statement.added)
            for name in statement.dropped:
                self.schema[statement.name].pop(name, None)
            table = self.tables[statement.name]
            self.tables[statement.name] = replace(table, columns=dict(self.schema[statement.name]))
        elif isinstance(statement, CreateSink) and statement.into:
            raise UnsupportedOnEngine("CREATE SINK … INTO")
        elif isinstance(statement, CreateSource | CreateSourceTable):
            raise UnsupportedOnEngine("a source in a replay")
        else:
            assert isinstance(statement, EngineOnly | CreateIndex | CreateSink), type(statement)
            if isinstance(statement, CreateIndex) and statement.name:
                self._index(statement)

    def _index(self, statement: CreateIndex) -> None:
        """An index that is read as a relation: what it is in the replay."""
        self.refused[statement.name] = "an index read as a relation"

    def _sql(self, sql: str, relation: str) -> None:
        if "." in relation:
            schema = relation.rpartition(".")[0]
            self.con.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        self.con.execute(sql)

    def _known(self, name: str, columns: dict[str, str], reads: tuple[str, ...]) -> None:
        self.schema[name], self.reads[name] = dict(columns), reads
        self.refused.pop(name, None)

    def _view(self, statement: CreateView) -> None:
        if statement.emit_on_window_close:
            raise UnsupportedOnEngine("EMIT ON WINDOW CLOSE")
        query = statement.query
        self._check(query.references)
        translated = translate_query(query, schema=self.schema, keys=self._keys(), functions=self.functions)
        types = output_types(query, schema=self.schema, functions=self.functions)
        quoted = '"."'.join(statement.name.split("."))
        names = f" ({', '.join(statement.columns)})" if statement.columns else ""
        exists = "IF NOT EXISTS " if statement.if_not_exists else ""
        self._sql(f'CREATE VIEW {exists}"{quoted}"{names} AS {translated}', statement.name)
        described = self.con.execute(f'DESCRIBE "{quoted}"').fetchall()
        known = list(types.values()) if types and len(types) == len(described) else [None] * len(described)
        if query.columns is None and not names:  # what `*` stands for is settled when the view is made
            listed = ", ".join('"' + str(row[0]) + '"' for row in described)
            self.con.execute(f'CREATE OR REPLACE VIEW "{quoted}" AS SELECT {listed} FROM ({translated})')
        columns = {str(row[0]): of or str(row[1]) for row, of in zip(described, known, strict=True)}
        self._known(statement.name, columns, query.references)

    def _drop(self, statement: DropTable) -> None:
        for name in [statement.name, *(other for other, read in self.reads.items() if statement.name in read)]:
            self.refused.pop(name, None)
        if statement.duckdb_sql and statement.name in self.schema:
            self.con.execute(statement.duckdb_sql)
            del self.schema[statement.name]
            self.tables.pop(statement.name, None)

    def _poison(self, sql: str, reason: str) -> None:
        target = _TARGET.match(sql)
        if target:
            for spelled in filter(None, (target[1], target[2])):
                name = spelled.replace('"', "") if '"' in spelled else spelled.lower()
                self.refused.setdefault(name, reason.splitlines()[0])

    def _check(self, names: tuple[str, ...] | list[str]) -> None:
        for name in names:
            if name in self.refused:
                raise UnsupportedOnEngine(f"{name} ← {self.refused[name]}")
            self._check(self.reads.get(name, ()))

    def _keys(self) -> dict[str, tuple[str, ...]]:
        return {name: table.primary_key for name, table in self.tables.items() if table.primary_key}

    def ask(self, sql: str) -> Answer:
        if self.outside:
            raise UnsupportedOnEngine(self.outside)
        query: Query = parse_query(sql)
        self._check(query.references)
        known: dict[str, Any] = {"schema": self.schema, "functions": self.functions, "in_view": not self.strict}
        translated = translate_query(query, keys=self._keys(), **known)
        types = output_types(query, **known)
        if self.zone != "UTC" and re.search(r"time|date|to_char", f"{sql} {types}", re.I):
            raise UnsupportedOnEngine(f"the session time zone {self.zone}")
        return _fetch(self.con, translated, list(types.values()) if types else None)


class Sqlglot:
    """sqlglot's own translation of everything, as it comes."""

    def __init__(self) -> None:
        self.con = _connect()
        self.con.execute(_SHOWN)

    def run(self, sql: str) -> None:
        if re.match(r"\s*(SET|FLUSH|WAIT|RECOVER|CREATE\s+(UNIQUE\s+)?INDEX|CREATE\s+SINK)\b", sql, re.I):
            return
        plain = re.sub(r"\bMATERIALIZED\s+VIEW\b", "VIEW", sql, flags=re.I)
        for text in self._transpiled(plain):
            self.con.execute(text)

    def ask(self, sql: str) -> Answer:
        (text,) = self._transpiled(sql)
        return _fetch(self.con, text, None)

    def _transpiled(self, sql: str) -> list[str]:
        import sqlglot

        try:
            return sqlglot.transpile(sql, read="risingwave", write="duckdb")
        except sqlglot.errors.SqlglotError as error:
            raise FeaturectlError(str(error)) from error
