"""CREATE TABLE and CREATE SOURCE, read by hand: sqlglot knows few of RisingWave's clauses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from featurectl.dialect._casts import type_of
from featurectl.dialect._context import Context, Scope
from featurectl.dialect._grammar import fold_identifiers, parse_one
from featurectl.dialect._output import to_duckdb
from featurectl.dialect._statements import CreateSource, CreateTable
from featurectl.dialect._types import duckdb_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlglot import exp

    from featurectl.dialect._context import Columns
    from featurectl.dialect._cursor import Cursor

__all__ = ["create_relation"]

_CONSTRAINTS = ("PRIMARY", "NOT", "NULL", "DEFAULT", "AS", "UNIQUE", "CHECK", "REFERENCES", ",")
_CONFLICTS = {
    "DO NOTHING": "nothing",
    "IGNORE": "nothing",
    "DO UPDATE FULL": "overwrite",
    "OVERWRITE": "overwrite",
    "DO UPDATE IF NOT NULL": "not null",
}
_INCLUDED = {
    "key": "bytea",
    "partition": "varchar",
    "offset": "varchar",
    "timestamp": "timestamptz",
    "payload": "jsonb",
    "header": "bytea",
}


@dataclass
class _Definition:
    columns: dict[str, str] = field(default_factory=dict)
    key: list[str] = field(default_factory=list)
    lines: dict[str, str] = field(default_factory=dict)
    defaults: list[str] = field(default_factory=list)
    generated: dict[str, str] = field(default_factory=dict)
    watermarks: dict[str, str] = field(default_factory=dict)
    include: dict[str, str] = field(default_factory=dict)
    append_only: bool = False
    conflict: str = "overwrite"
    versions: tuple[str, ...] = ()


def create_relation(cursor: Cursor, context: Callable[[int], Context]) -> CreateTable | CreateSource:
    """Parses the statement. `context` gives the context for an expression on a line.

    Raises:
        UnsupportedOnEngine: a clause or a type that is not known.
    """
    cursor.expect("CREATE")
    cursor.take("OR REPLACE")
    is_source = cursor.take("SOURCE")
    if not is_source:
        cursor.expect("TABLE")
    exists = cursor.take("IF NOT EXISTS")
    name = cursor.dotted()
    found = _Definition()
    if cursor.take("("):
        _items(cursor, context, found)
    _clauses(cursor, found)
    if not is_source and cursor.take("AS"):
        return _filled(cursor, context, name, found, exists)
    options, shape, encode = _connector(cursor, found)
    if not cursor.is_done:
        raise cursor.unsupported(f"{cursor.peek()} in CREATE {'SOURCE' if is_source else 'TABLE'}")
    if is_source or "connector" in options:
        return _source(cursor, name, found, options, shape, encode, not is_source)
    other = sorted(set(options) - {"appendonly"})
    if other:
        raise cursor.unsupported(f"the option {other[0]} of a table")
    if found.include:
        raise cursor.unsupported("INCLUDE without a connector")
    return _table(cursor, context, name, found, exists)


def _items(cursor: Cursor, context: Callable[[int], Context], found: _Definition) -> None:
    while not cursor.take(")"):
        if cursor.take("WATERMARK FOR"):
            name = cursor.name()
            cursor.expect("AS")
            found.watermarks[name] = cursor.until(",", "WITH")
            cursor.take("WITH TTL")
        elif cursor.take("PRIMARY KEY"):
            found.key += cursor.names()
        elif cursor.peek() in ("UNIQUE", "CHECK", "FOREIGN", "CONSTRAINT", "*"):
            raise cursor.unsupported(f"{cursor.peek()} in CREATE TABLE")
        else:
            _column(cursor, context, found)
        cursor.take(",")


def _column(cursor: Cursor, context: Callable[[int], Context], found: _Definition) -> None:
    line, name = cursor.line, cursor.name()
    text = cursor.until(*_CONSTRAINTS)
    of = _type(context(line), text) if text else ""
    found.columns[name] = of
    parts = []
    while cursor.peek() not in (",", ")", ""):
        if cursor.take("PRIMARY KEY"):
            found.key.append(name)
        elif cursor.take("NOT NULL"):
            parts.append("NOT NULL")
        elif cursor.take("DEFAULT"):
            parts.append(f"DEFAULT {_default(context(cursor.line), cursor.until(*_CONSTRAINTS))}")
            found.defaults.append(name)
        elif cursor.take("AS"):
            found.generated[name] = cursor.until(",")
        elif not cursor.take("NULL"):
            raise cursor.unsupported(f"{cursor.peek()} on the column {name}")
    found.lines[name] = " ".join(parts)


def _type(ctx: Context, text: str) -> str:
    tree = _expression(ctx, f"CAST(NULL AS {text})")
    return type_of(ctx, tree, tree.args["to"])


def _expression(ctx: Context, text: str) -> exp.Expression:
    tree = parse_one(f"SELECT {text}", file=ctx.file, first_line=ctx.first_line)
    fold_identifiers(tree)
    found: exp.Expression = tree.expressions[0]
    return found


def _default(ctx: Context, text: str) -> str:
    return to_duckdb(ctx.sql(_expression(ctx, text)))


def _clauses(cursor: Cursor, found: _Definition) -> None:
    while not cursor.is_done:
        if cursor.take("APPEND ONLY"):
            found.append_only = True
        elif cursor.take("ON CONFLICT"):
            words = next((words for words in _CONFLICTS if cursor.take(words)), None)
            if words is None:
                raise cursor.unsupported(f"ON CONFLICT {cursor.peek()}")
            found.conflict = _CONFLICTS[words]
        elif cursor.take("WITH VERSION COLUMN"):
            found.versions = tuple(cursor.names())
        elif cursor.take("INCLUDE"):
            _include(cursor, found)
        else:
            return


def _include(cursor: Cursor, found: _Definition) -> None:
    what = cursor.next().text.lower()
    if what not in _INCLUDED:
        raise cursor.unsupported(f"INCLUDE {what}")
    if cursor.peek() not in ("AS", "INCLUDE", "WITH", ""):
        raise cursor.unsupported(f"INCLUDE {what} {cursor.peek()}")
    name = cursor.name() if cursor.take("AS") else f"_rw_{what}"
    found.include[what] = name
    found.columns[name] = _INCLUDED[what]


def _connector(cursor: Cursor, found: _Definition) -> tuple[dict[str, str], str, str]:
    options = cursor.options() if cursor.take("WITH (") else {}
    _clauses(cursor, found)
    shape = encode = ""
    if cursor.take("FORMAT"):
        shape = cursor.next().text.lower()
        cursor.expect("ENCODE")
        encode = cursor.next().text.lower()
        if cursor.take("("):
            options |= cursor.options()
    return options, shape, encode


def _source(
    cursor: Cursor,
    name: str,
    found: _Definition,
    options: dict[str, str],
    shape: str,
    encode: str,
    keeps_rows: bool,
) -> CreateSource:
    piece = cursor.piece
    return CreateSource(
        piece.text,
        piece.line,
        name,
        found.columns,
        tuple(found.key),
        options,
        shape,
        encode,
        keeps_rows,
        found.include,
        found.generated,
        found.conflict,
        found.versions,
        found.append_only,
        found.watermarks,
    )


def _table(
    cursor: Cursor, context: Callable[[int], Context], name: str, found: _Definition, exists: bool
) -> CreateTable:
    ctx = context(cursor.piece.line)
    unknown = {*found.key, *found.versions} - set(found.columns)
    if unknown:
        raise ctx.wrong(_expression(ctx, "NULL"), f"there is no column {sorted(unknown)[0]}")
    lines = [f"{_quoted(column)} {_definition(ctx, name, found, column)}".rstrip() for column in found.columns]
    if found.key:
        lines.append(f"PRIMARY KEY ({', '.join(map(_quoted, found.key))})")
    body = ",\n".join(f"  {line}" for line in lines)
    head = f"CREATE TABLE {'IF NOT EXISTS ' if exists else ''}{_quoted(name)}"
    return CreateTable(
        cursor.piece.text,
        cursor.piece.line,
        name,
        found.columns,
        tuple(found.key),
        f"{head} (\n{body}\n)",
        found.generated,
        found.conflict,
        found.versions,
        found.append_only,
        found.watermarks,
    )


def _filled(
    cursor: Cursor, context: Callable[[int], Context], name: str, found: _Definition, exists: bool
) -> CreateTable:
    """CREATE TABLE … AS SELECT …: the columns' types are those of the query."""
    ctx = context(cursor.line)
    tree = parse_one(cursor.text(cursor.position), file=ctx.file, first_line=ctx.first_line)
    fold_identifiers(tree)
    if found.key or any(found.columns.values()):
        raise ctx.unsupported(tree, "CREATE TABLE AS with a key or with types")
    rows, columns = ctx.query(ctx, tree)
    if columns is None or None in columns.values():
        raise ctx.unsupported(tree, "CREATE TABLE AS of columns whose types are not known", "cast them")
    if len(found.columns) > len(columns):
        raise ctx.wrong(tree, "more column names than columns")
    names = [*found.columns, *list(columns)[len(found.columns) :]]
    types = {to: "varchar" if of == "unknown" else str(of) for to, of in zip(names, columns.values(), strict=True)}
    cells = ", ".join(f"CAST({_quoted(to)} AS {duckdb_type(of)}) AS {_quoted(to)}" for to, of in types.items())
    head = f"CREATE TABLE {'IF NOT EXISTS ' if exists else ''}{_quoted(name)} AS"
    body = f"SELECT {cells} FROM (\n{to_duckdb(rows)}\n) AS rw_rows ({', '.join(map(_quoted, types))})"
    piece = cursor.piece
    return CreateTable(piece.text, piece.line, name, types, (), f"{head}\n{body}", append_only=found.append_only)


def _definition(ctx: Context, table: str, found: _Definition, column: str) -> str:
    of = found.columns[column]
    if column not in found.generated:
        return f"{duckdb_type(of)} {found.lines[column]}"
    plain: Columns = {name: kind for name, kind in found.columns.items() if name not in found.generated}
    inner = ctx.within(Scope({table: plain}))
    value, kind = inner(_expression(ctx, found.generated[column]))
    of = of or kind or ""
    if not of:
        raise ctx.unsupported(_expression(ctx, "NULL"), f"the generated column {column} without a type")
    found.columns[column] = of
    return f"{duckdb_type(of)} GENERATED ALWAYS AS ({to_duckdb(value)}) VIRTUAL"


def _quoted(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))
