"""Migrations: a file of statements, each known by its kind or refused by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._assigning import assigned, conflicting
from featurectl.dialect._casts import type_of
from featurectl.dialect._context import Context, Scope
from featurectl.dialect._cursor import Cursor
from featurectl.dialect._expressions import RULES
from featurectl.dialect._grammar import fold_identifiers, parse_one
from featurectl.dialect._output import sql, to_duckdb
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
from featurectl.dialect._tables import create_relation
from featurectl.dialect._types import data_type, duckdb_type
from featurectl.errors import UnsupportedOnEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from featurectl.dialect._context import Columns
    from featurectl.dialect._types import Type

    Tables: TypeAlias = Mapping[str, CreateTable]

__all__ = ["statement_of", "statements_of"]

_ENGINE_ONLY = re.compile(
    r"(GRANT|REVOKE|(CREATE|ALTER|DROP)\s+USER|(CREATE|DROP)\s+(UNIQUE\s+)?INDEX|ALTER\s+DEFAULT\s+PRIVILEGES|SET"
    r"|COMMENT\s+ON|FLUSH)\b",
    re.I,
)
_KNOWN = re.compile(r"(CREATE\s+TABLE|INSERT|UPDATE|DELETE|ALTER\s+TABLE|DROP\s+TABLE)\b", re.I)


def statements_of(sql: str, file: str | None, first_line: int) -> tuple[Statement, ...]:
    """Parses a migration; into a table with a primary key that it creates, later rows go over earlier ones."""
    tables: dict[str, CreateTable] = {}
    found = []
    for piece in split_statements(sql, file=file, first_line=first_line):
        statement = statement_of(piece, file, tables, {})
        if isinstance(statement, CreateTable):
            tables[statement.name] = statement
        found.append(statement)
    return tuple(found)


def statement_of(
    piece: Piece, file: str | None, tables: Mapping[str, CreateTable], schema: Mapping[str, dict[str, str]]
) -> Statement:
    """One statement of a migration. `tables` and `schema` are what is known before it."""
    text = without_comments(piece.text).strip()
    if _ENGINE_ONLY.match(text):
        return EngineOnly(piece.text, piece.line)
    if not _KNOWN.match(text):
        head = " ".join(text.split()[:3])
        raise UnsupportedOnEngine(f"{head} … in a migration", file=file, line=piece.line)
    if is_source_table(text):
        return parse_source_table(piece, file)
    if text[:6].upper() == "CREATE":
        return _create(piece, file, _known(tables, schema))
    return _parsed(piece, file, tables, schema)


def _known(tables: Tables, schema: Mapping[str, dict[str, str]]) -> dict[str, Columns]:
    """The columns of all relations that are there."""
    known: dict[str, Columns] = {name: dict(table.columns) for name, table in tables.items()}
    return known | {name: dict(columns) for name, columns in schema.items()}


def _create(piece: Piece, file: str | None, known: Mapping[str, Columns]) -> Statement:
    made = create_relation(Cursor(piece, file), lambda line: Context(RULES, query, known, False, file, line))
    if not isinstance(made, CreateTable):
        raise UnsupportedOnEngine("a table with a connector in a migration", file=file, line=piece.line)
    if made.watermarks:
        hint = "a watermark drops late rows: those are kept here"
        raise UnsupportedOnEngine("WATERMARK FOR", file=file, line=piece.line, hint=hint)
    if "." in made.name:
        raise UnsupportedOnEngine("a schema in a table's name", file=file, line=piece.line)
    return made


def _parsed(piece: Piece, file: str | None, tables: Tables, schema: Mapping[str, dict[str, str]]) -> Statement:
    tree = parse_one(piece.text, file=file, first_line=piece.line)
    fold_identifiers(tree)
    ctx = Context(RULES, query, _known(tables, schema), in_view=False, file=file, first_line=piece.line)
    rule = _RULES.get(type(tree))
    if rule is None:
        raise ctx.unsupported(tree, f"{' '.join(piece.text.split()[:3])} … in a migration")
    return rule(ctx, tree, piece, tables)


_COLUMN = frozenset({"this", "kind", "constraints"})


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
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def _table_name(ctx: Context, node: exp.Expression) -> str:
    if not isinstance(node, exp.Table):
        raise ctx.unsupported(node, "this target")
    return ".".join(part.name for part in node.parts)


_INSERT = frozenset({"this", "expression"})


def _insert(ctx: Context, tree: exp.Expression, piece: Piece, tables: Tables) -> Statement:
    ctx.check(tree, _INSERT)
    target = tree.this
    table = _table_name(ctx, target.this if isinstance(target, exp.Schema) else target)
    names = [column.name for column in target.expressions] if isinstance(target, exp.Schema) else []
    rows = tree.expression
    kind = InsertValues if isinstance(rows, exp.Values) else Dml
    known = tables.get(table)
    if known is not None and not names:
        names = [name for name in known.columns if name not in known.generated]
        names = names[: _width(ctx, rows) or len(names)]
    types = [ctx.schema.get(table, {}).get(name) for name in names]
    source = to_duckdb(_rows(ctx, rows, types))
    listed = f" ({', '.join(map(_quoted, names))})" if names else ""
    text = conflicting(known, names, source) if known is not None and known.primary_key else source
    return kind(piece.text, piece.line, table, f"INSERT INTO {_quoted(table)}{listed}\n{text}")


def _width(ctx: Context, rows: exp.Expression) -> int | None:
    """How many columns the rows have: those that are left out take their defaults."""
    if isinstance(rows, exp.Values):
        return len(rows.expressions[0].expressions)
    columns = ctx.query(ctx, rows.copy())[1]
    return len(columns) if columns is not None else None


def _rows(ctx: Context, rows: exp.Expression, types: list[Type]) -> exp.Expression:
    """The rows, cast to the table's types as RisingWave casts them."""
    if isinstance(rows, exp.Values) and not any(str(of).startswith("struct<") for of in types):
        for row in rows.expressions:
            for cell, of in zip(row.expressions, types, strict=False):
                assigned(ctx, cell, of)
        return ctx.query(ctx, rows)[0]
    if isinstance(rows, exp.Values):
        for row in rows.expressions:
            for cell, of in zip(row.expressions, types, strict=False):
                if _is_row(cell) and of is not None:
                    cell.replace(exp.Cast(this=cell.copy(), to=data_type(of)))
    found, columns = ctx.query(ctx, rows)
    kinds = list(columns.values()) if columns is not None else []
    pairs = list(zip(kinds, types, strict=False))
    if all(of == to or of in (None, "unknown") or to is None for of, to in pairs):
        return found
    names = [f"c{index}" for index in range(len(kinds))]
    cells = [assigned(ctx, exp.column(name, quoted=True), to, of) for name, (of, to) in zip(names, pairs, strict=False)]
    places = ", ".join(f"{{{index + 1}}}" for index in range(len(cells)))
    return sql(f"SELECT {places} FROM ({{0}}) AS rw_rows ({', '.join(names)})", found, *cells)


def _is_row(node: exp.Expression) -> bool:
    return isinstance(node, exp.Tuple) or (isinstance(node, exp.Anonymous) and str(node.this).lower() == "row")


def _update(ctx: Context, tree: exp.Expression, piece: Piece, _: Tables) -> Statement:
    ctx.check(tree, frozenset({"this", "expressions", "where"}))
    table = _table_name(ctx, tree.this)
    ctx = ctx.within(Scope({table: ctx.schema.get(table)}))
    for assignment in tree.expressions:
        value = assignment.expression
        is_default = isinstance(value, exp.Column) and value.sql() == "default"
        assignment.set("expression", sql("DEFAULT") if is_default else ctx.sql(value))
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
    added, definitions, name = {}, [], _table_name(ctx, tree.this)
    for action in tree.args["actions"]:
        if isinstance(action, exp.Drop) and len(tree.args["actions"]) == 1:
            return _drop_column(ctx, action, piece, name)
        if not isinstance(action, exp.ColumnDef):
            raise ctx.unsupported(tree, "ALTER TABLE with another action than ADD COLUMN and DROP COLUMN")
        added[action.name], definition, is_key = _column(ctx, action)
        if is_key:
            raise ctx.wrong(tree, "a column that is added cannot be a primary key")
        definitions.append(definition)
    if len(definitions) != 1:
        raise ctx.unsupported(tree, "several columns in one ALTER TABLE", "write one statement for each")
    text = f"ALTER TABLE {_quoted(name)} ADD COLUMN {definitions[0]}"
    return AlterTable(piece.text, piece.line, name, added, text)


def _drop_column(ctx: Context, action: exp.Expression, piece: Piece, table: str) -> Statement:
    ctx.check(action, frozenset({"tables", "kind", "exists"}))
    named = action.args.get("tables") or []
    if str(action.args.get("kind")).upper() != "COLUMN" or len(named) != 1:
        raise ctx.unsupported(action, f"ALTER TABLE … DROP {action.args.get('kind')}")
    name = named[0].name
    exists = "IF EXISTS " if action.args.get("exists") else ""
    text = f"ALTER TABLE {_quoted(table)} DROP COLUMN {exists}{_quoted(name)}"
    return AlterTable(piece.text, piece.line, table, {}, text, (name,))


def _drop(ctx: Context, tree: exp.Expression, piece: Piece, _: Tables) -> Statement:
    ctx.check(tree, frozenset({"tables", "kind", "exists"}))
    tables = tree.args["tables"]
    if len(tables) != 1:
        raise ctx.unsupported(tree, "several tables in one DROP TABLE", "write one statement for each")
    name = _table_name(ctx, tables[0])
    exists = "IF EXISTS " if tree.args.get("exists") else ""
    return DropTable(piece.text, piece.line, name, f"DROP TABLE {exists}{_quoted(name)}")


_RULES: dict[type[exp.Expression], Callable[[Context, exp.Expression, Piece, Tables], Statement]] = {
    exp.Insert: _insert,
    exp.Update: _update,
    exp.Delete: _delete,
    exp.Alter: _alter,
    exp.Drop: _drop,
}
