"""Migrations: a file of statements, each known by its kind or refused by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._casts import type_of
from featurectl.dialect._context import Context, Scope
from featurectl.dialect._expressions import RULES
from featurectl.dialect._grammar import fold_identifiers, parse_one
from featurectl.dialect._output import to_duckdb
from featurectl.dialect._queries import query
from featurectl.dialect._source_tables import is_source_table, parse_source_table
from featurectl.dialect._split import Piece, split_statements, without_comments
from featurectl.dialect._statements import (
    AlterTable,
    CreateTable,
    Dml,
    DropTable,
    EngineOnly,
    InsertValues,
    Statement,
)
from featurectl.dialect._types import duckdb_type
from featurectl.errors import UnsupportedOnEngine

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from featurectl.dialect._context import Columns

    Tables: TypeAlias = dict[str, CreateTable]

__all__ = ["statements_of"]

_ENGINE_ONLY = re.compile(
    r"(GRANT|REVOKE|(CREATE|ALTER|DROP)\s+USER|ALTER\s+DEFAULT\s+PRIVILEGES|SET|COMMENT\s+ON|FLUSH)\b", re.I
)
_KNOWN = re.compile(r"(CREATE\s+TABLE|INSERT|UPDATE|DELETE|ALTER\s+TABLE|DROP\s+TABLE)\b", re.I)
_CONFLICT = re.compile(r"\b(ON\s+CONFLICT|WITH\s+VERSION\s+COLUMN|WATERMARK\s+FOR|APPEND\s+ONLY)\b", re.I)


def statements_of(sql: str, file: str | None, first_line: int) -> tuple[Statement, ...]:
    """Parses a migration; into a table with a primary key that it creates, later rows go over earlier ones."""
    tables: dict[str, CreateTable] = {}
    found = []
    for piece in split_statements(sql, file=file, first_line=first_line):
        statement = _statement(piece, file, tables)
        if isinstance(statement, CreateTable):
            tables[statement.name] = statement
        found.append(statement)
    return tuple(found)


def _statement(piece: Piece, file: str | None, tables: Tables) -> Statement:
    text = without_comments(piece.text).strip()
    if _ENGINE_ONLY.match(text):
        return EngineOnly(piece.text, piece.line)
    if not _KNOWN.match(text):
        head = " ".join(text.split()[:3])
        raise UnsupportedOnEngine(f"{head} … in a migration", file=file, line=piece.line)
    if is_source_table(text):
        return parse_source_table(piece, file)
    clause = _CONFLICT.search(text) if text[:6].upper() == "CREATE" else None
    if clause:
        raise UnsupportedOnEngine(" ".join(clause[0].upper().split()), file=file, line=piece.line)
    return _parsed(piece, file, tables)


def _parsed(piece: Piece, file: str | None, tables: Tables) -> Statement:
    tree = parse_one(piece.text, file=file, first_line=piece.line)
    fold_identifiers(tree)
    schema: dict[str, Columns] = {name: dict(table.columns) for name, table in tables.items()}
    ctx = Context(RULES, query, schema, in_view=False, file=file, first_line=piece.line)
    rule = _RULES.get(type(tree))
    if rule is None:
        raise ctx.unsupported(tree, f"{' '.join(piece.text.split()[:3])} … in a migration")
    return rule(ctx, tree, piece, tables)


_CREATE = frozenset({"this", "kind", "exists"})
_COLUMN = frozenset({"this", "kind", "constraints"})


def _create(ctx: Context, tree: exp.Expression, piece: Piece, _: Tables) -> Statement:
    ctx.check(tree, _CREATE)
    if tree.args["kind"] != "TABLE" or not isinstance(tree.this, exp.Schema):
        raise ctx.unsupported(tree, f"CREATE {tree.args['kind']} … AS in a migration")
    columns: dict[str, str] = {}
    key: list[str] = []
    lines = []
    for item in tree.this.expressions:
        if isinstance(item, exp.PrimaryKey):
            key = [column.name for column in item.expressions]
        elif isinstance(item, exp.ColumnDef):
            columns[item.name], definition, is_key = _column(ctx, item)
            key += [item.name] if is_key else []
            lines.append(definition)
        else:
            raise ctx.unsupported(item, f"{type(item).key.upper()} in CREATE TABLE")
    if key:
        lines.append(f"PRIMARY KEY ({', '.join(map(_quoted, key))})")
    exists = "IF NOT EXISTS " if tree.args.get("exists") else ""
    name = _table_name(ctx, tree.this.this)
    body = ",\n".join(f"  {line}" for line in lines)
    return CreateTable(
        piece.text, piece.line, name, columns, tuple(key), f"CREATE TABLE {exists}{_quoted(name)} (\n{body}\n)"
    )


def _column(ctx: Context, node: exp.Expression) -> tuple[str, str, bool]:
    """A column's type, its definition on DuckDB, whether it is the primary key."""
    ctx.check(node, _COLUMN)
    of = type_of(ctx, node, node.args["kind"])
    parts, is_key = [_quoted(node.name), duckdb_type(of)], False
    for constraint in node.args.get("constraints") or []:
        kind = constraint.args["kind"]
        if isinstance(kind, exp.PrimaryKeyColumnConstraint):
            is_key = True
        elif isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null"):
            parts.append("NOT NULL")
        elif isinstance(kind, exp.DefaultColumnConstraint):
            parts.append(f"DEFAULT {to_duckdb(ctx.sql(kind.this))}")
        else:
            raise ctx.unsupported(node, f"{type(kind).key} on the column {node.name}")
    return of, " ".join(parts), is_key


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _table_name(ctx: Context, node: exp.Expression) -> str:
    if not isinstance(node, exp.Table) or node.text("db"):
        raise ctx.unsupported(node, "a schema in a table's name")
    return node.name


_INSERT = frozenset({"this", "expression"})


def _insert(ctx: Context, tree: exp.Expression, piece: Piece, tables: Tables) -> Statement:
    ctx.check(tree, _INSERT)
    target = tree.this
    table = _table_name(ctx, target.this if isinstance(target, exp.Schema) else target)
    names = [_quoted(column.name) for column in target.expressions] if isinstance(target, exp.Schema) else []
    rows = tree.expression
    kind = InsertValues if isinstance(rows, exp.Values) else Dml
    source = to_duckdb(ctx.query(ctx, rows)[0])
    verb = "INSERT OR REPLACE" if table in tables and tables[table].primary_key else "INSERT"
    into = f"{_quoted(table)} ({', '.join(names)})" if names else _quoted(table)
    return kind(piece.text, piece.line, table, f"{verb} INTO {into}\n{source}")


def _update(ctx: Context, tree: exp.Expression, piece: Piece, _: Tables) -> Statement:
    ctx.check(tree, frozenset({"this", "expressions", "where"}))
    table = _table_name(ctx, tree.this)
    ctx = ctx.within(Scope({table: ctx.schema.get(table)}))
    for assignment in tree.expressions:
        assignment.set("expression", ctx.sql(assignment.expression))
    _where(ctx, tree)
    return Dml(piece.text, piece.line, table, to_duckdb(tree))


def _delete(ctx: Context, tree: exp.Expression, piece: Piece, _: Tables) -> Statement:
    ctx.check(tree, frozenset({"this", "where"}))
    table = _table_name(ctx, tree.this)
    _where(ctx.within(Scope({table: ctx.schema.get(table)})), tree)
    return Dml(piece.text, piece.line, table, to_duckdb(tree))


def _where(ctx: Context, tree: exp.Expression) -> None:
    where = tree.args.get("where")
    if where is not None:
        where.set("this", ctx.sql(where.this))


def _alter(ctx: Context, tree: exp.Expression, piece: Piece, _: Tables) -> Statement:
    ctx.check(tree, frozenset({"this", "kind", "actions"}))
    added, definitions = {}, []
    for action in tree.args["actions"]:
        if not isinstance(action, exp.ColumnDef):
            raise ctx.unsupported(tree, "ALTER TABLE with another action than ADD COLUMN")
        added[action.name], definition, is_key = _column(ctx, action)
        if is_key:
            raise ctx.wrong(tree, "a column that is added cannot be a primary key")
        definitions.append(definition)
    if len(definitions) != 1:
        raise ctx.unsupported(tree, "several columns in one ALTER TABLE", "write one statement for each")
    name = _table_name(ctx, tree.this)
    text = f"ALTER TABLE {_quoted(name)} ADD COLUMN {definitions[0]}"
    return AlterTable(piece.text, piece.line, name, added, text)


def _drop(ctx: Context, tree: exp.Expression, piece: Piece, _: Tables) -> Statement:
    ctx.check(tree, frozenset({"tables", "kind", "exists"}))
    tables = tree.args["tables"]
    if len(tables) != 1:
        raise ctx.unsupported(tree, "several tables in one DROP TABLE", "write one statement for each")
    name = _table_name(ctx, tables[0])
    exists = "IF EXISTS " if tree.args.get("exists") else ""
    return DropTable(piece.text, piece.line, name, f"DROP TABLE {exists}{_quoted(name)}")


_RULES: dict[type[exp.Expression], Callable[[Context, exp.Expression, Piece, Tables], Statement]] = {
    exp.Create: _create,
    exp.Insert: _insert,
    exp.Update: _update,
    exp.Delete: _delete,
    exp.Alter: _alter,
    exp.Drop: _drop,
}
