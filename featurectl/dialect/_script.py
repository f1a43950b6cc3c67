"""A script as RisingWave takes it: migrations' statements, and views, indexes, sinks and sources beside them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from featurectl.dialect._context import Context
from featurectl.dialect._cursor import Cursor
from featurectl.dialect._ddl import statement_of
from featurectl.dialect._expressions import RULES
from featurectl.dialect._queries import query
from featurectl.dialect._query import parse_query
from featurectl.dialect._split import Piece, split_statements
from featurectl.dialect._sql_functions import create_function
from featurectl.dialect._statements import CreateIndex, CreateSink, CreateTable, CreateView, DropTable, Statement
from featurectl.dialect._tables import create_relation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from featurectl.dialect._context import Columns

__all__ = ["script_of"]

_HEAD = re.compile(r"(CREATE|DROP)\s+(OR\s+REPLACE\s+)?(\w+)(\s+\w+)?", re.I)
_EMIT = re.compile(r"\s+EMIT\s+ON\s+WINDOW\s+CLOSE\s*$", re.I)


def script_of(
    sql: str, file: str | None, first_line: int, tables: Mapping[str, CreateTable], schema: Mapping[str, dict[str, str]]
) -> tuple[Statement, ...]:
    """Parses a script. `tables` and `schema` are what is there before it."""
    known, columns = dict(tables), dict(schema)
    found = []
    for piece in split_statements(sql, file=file, first_line=first_line):
        statement = _statement(piece, file, known, columns)
        if isinstance(statement, CreateTable):
            known[statement.name] = statement
            columns[statement.name] = statement.columns
        found.append(statement)
    return tuple(found)


def _statement(
    piece: Piece, file: str | None, tables: Mapping[str, CreateTable], schema: Mapping[str, dict[str, str]]
) -> Statement:
    head = _HEAD.match(piece.text)
    verb, kind = (head[1].upper(), head[3].upper()) if head else ("", "")
    cursor = Cursor(piece, file)
    if verb == "CREATE" and kind in ("TABLE", "SOURCE", "FUNCTION"):
        columns: dict[str, Columns] = {name: dict(table.columns) for name, table in tables.items()}
        columns |= {name: dict(types) for name, types in schema.items()}
        create = create_function if kind == "FUNCTION" else create_relation
        return create(cursor, lambda line: Context(RULES, query, columns, False, file, line))
    if verb == "CREATE" and kind in ("MATERIALIZED", "VIEW"):
        return _view(cursor)
    if verb == "CREATE" and kind in ("INDEX", "UNIQUE"):
        return _index(cursor)
    if verb == "CREATE" and kind == "SINK":
        return _sink(cursor)
    if verb == "DROP" and kind in ("TABLE", "SOURCE", "MATERIALIZED", "VIEW", "INDEX", "SINK"):
        return _drop(cursor)
    return statement_of(piece, file, tables, schema)


def _view(cursor: Cursor) -> CreateView:
    cursor.expect("CREATE")
    cursor.take("OR REPLACE")
    materialized = cursor.take("MATERIALIZED")
    cursor.expect("VIEW")
    exists = cursor.take("IF NOT EXISTS")
    name = cursor.dotted()
    columns = tuple(cursor.names()) if cursor.peek() == "(" else ()
    if cursor.take("WITH ("):
        cursor.options()
    cursor.expect("AS")
    text, line = cursor.text(cursor.position), cursor.line
    closing = _EMIT.search(text)
    inner = parse_query(text[: closing.start()] if closing else text, file=cursor.file, first_line=line)
    piece = cursor.piece
    return CreateView(piece.text, piece.line, name, inner, materialized, columns, closing is not None, exists)


def _index(cursor: Cursor) -> CreateIndex:
    cursor.expect("CREATE")
    cursor.take("UNIQUE")
    cursor.expect("INDEX")
    cursor.take("IF NOT EXISTS")
    name = "" if cursor.peek() == "ON" else cursor.dotted()
    cursor.expect("ON")
    return CreateIndex(cursor.piece.text, cursor.piece.line, name, cursor.dotted())


def _sink(cursor: Cursor) -> CreateSink:
    cursor.expect("CREATE SINK")
    cursor.take("IF NOT EXISTS")
    name = cursor.dotted()
    into = None
    if cursor.take("INTO"):
        into = cursor.dotted()
        if cursor.peek() == "(":
            cursor.names()
    if cursor.take("FROM"):
        reads: tuple[str, ...] = (cursor.dotted(),)
    else:
        cursor.expect("AS")
        line, text = cursor.line, cursor.until("WITH") if cursor.peek() != "WITH" else cursor.until("FORMAT")
        reads = parse_query(text, file=cursor.file, first_line=line).references
    options = cursor.options() if cursor.take("WITH (") else {}
    return CreateSink(cursor.piece.text, cursor.piece.line, name, reads, into, options)


def _drop(cursor: Cursor) -> DropTable:
    cursor.expect("DROP")
    kind = cursor.peek()
    cursor.take("MATERIALIZED")
    cursor.next()
    exists = cursor.take("IF EXISTS")
    name = cursor.dotted()
    if cursor.peek() not in ("", "CASCADE"):
        raise cursor.unsupported(f"{cursor.peek()} in DROP")
    relation = {"TABLE": "TABLE", "MATERIALIZED": "VIEW", "VIEW": "VIEW"}.get(kind)
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))
    text = f"DROP {relation} {'IF EXISTS ' if exists else ''}{quoted}" if relation else ""
    return DropTable(cursor.piece.text, cursor.piece.line, name, text, kind)
