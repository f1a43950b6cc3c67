"""What INSERT does with its rows: casts to the table's types, and keys that are there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._casts import cast_to
from featurectl.dialect._output import sql
from featurectl.dialect._types import INTEGERS, NUMBERS, data_type
from featurectl.errors import UnsupportedOnEngine

if TYPE_CHECKING:
    from featurectl.dialect._context import Context
    from featurectl.dialect._statements import CreateTable
    from featurectl.dialect._types import Type

__all__ = ["assigned", "conflicting"]


def assigned(ctx: Context, node: exp.Expression, to: Type, of: Type = None) -> exp.Expression:
    """A value as the column takes it; in place where it stands in a tree."""
    if to is None or not (of or isinstance(node, exp.Literal | exp.Neg)):
        return node
    literal = node.this if isinstance(node, exp.Neg) else node
    if of is None and not (isinstance(literal, exp.Literal) and (to in NUMBERS or literal.is_string)):
        return node
    if of is None:
        if literal is node and _fits_as_it_is(literal, to):
            return node
        found = exp.Cast(this=node.copy(), to=data_type(to))
        node.replace(found)
        return found
    return sql("{0}", cast_to(ctx, node, of, to)) if of != to else node


def _fits_as_it_is(literal: exp.Expression, to: str) -> bool:
    """Whether DuckDB takes a literal for that column just so: large INSERTs are made of such."""
    if literal.args["is_string"]:
        return to == "varchar"
    if not str(literal.this).isdigit():
        return False
    return to in ("numeric", *INTEGERS) and len(literal.this) <= (4 if to == "smallint" else 9)


def conflicting(table: CreateTable, names: list[str], source: str) -> str:
    """The rows of an INSERT into a table with a key: one row for each key, and what it does to the one before."""
    listed = ", ".join(map(_quoted, names))
    key = ", ".join(map(_quoted, table.primary_key))
    first = table.on_conflict == "nothing"
    versions = "".join(f"{_quoted(name)} {'ASC' if first else 'DESC'} NULLS LAST, " for name in table.version_columns)
    order = f"{versions}rw_n {'ASC' if first else 'DESC'}"
    kept = [_kept(table, name, order) for name in names]
    group = f"GROUP BY {key}" if set(table.primary_key) <= set(names) else ""
    numbered = f"(\n  SELECT *, row_number() OVER () AS rw_n\n  FROM (\n{source}\n  ) AS rw_given ({listed})\n)"
    rising = _rising(table, names, key)
    given = f"(SELECT * FROM {numbered} {rising})" if rising else numbered
    rows = f"SELECT {', '.join(kept)}\nFROM {given}\n{group}"
    return f"{rows}\nON CONFLICT ({key}) {_action(table, names)}" if group else source


def _rising(table: CreateTable, names: list[str], key: str) -> str:
    """A row whose version is smaller than one before it counts for nothing, not even for what is NULL there."""
    if table.on_conflict != "not null" or not table.version_columns:
        return ""
    version = _quoted(table.version_columns[0])
    if len(table.version_columns) > 1 or table.version_columns[0] not in names:
        raise UnsupportedOnEngine("DO UPDATE IF NOT NULL with several version columns, or one that is not given")
    return f"QUALIFY {version} IS NOT DISTINCT FROM max({version}) OVER (PARTITION BY {key} ORDER BY rw_n)"


def _kept(table: CreateTable, name: str, order: str) -> str:
    column = _quoted(name)
    if name in table.primary_key:
        return column
    if table.on_conflict == "not null":
        return f"first({column} ORDER BY {column} IS NULL, {order}) AS {column}"
    return f"first({column} ORDER BY {order}) AS {column}"


def _action(table: CreateTable, names: list[str]) -> str:
    rest = [name for name in table.columns if name not in table.primary_key and name not in table.generated]
    if table.on_conflict == "nothing" or not rest:
        return "DO NOTHING"
    sets = ", ".join(f"{_quoted(name)} = {_newer(table, name, names)}" for name in rest)
    where = ""
    if table.version_columns:
        where = f" WHERE {_is_newer(table)}"
    return f"DO UPDATE SET {sets}{where}"


def _newer(table: CreateTable, name: str, names: list[str]) -> str:
    new = f"excluded.{_quoted(name)}"
    if table.on_conflict == "not null":
        return f"coalesce({new}, {_quoted(table.name)}.{_quoted(name)})"
    return new


def _is_newer(table: CreateTable) -> str:
    """A version that is not smaller, and not NULL."""
    terms, equal = [], ""
    for name in table.version_columns:
        new, old = f"excluded.{_quoted(name)}", f"{_quoted(table.name)}.{_quoted(name)}"
        last = name == table.version_columns[-1]
        terms.append(f"({equal}({old} IS NULL OR {new} {'>=' if last else '>'} {old}))")
        equal += f"{new} = {old} AND "
    return " OR ".join(terms)


def _quoted(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))
