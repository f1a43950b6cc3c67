"""What INSERT does with its rows: casts to the table's types, and keys that are there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._casts import cast_to
from featurectl.dialect._output import sql
from featurectl.dialect._types import NUMBERS

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
        found = exp.Cast(this=node.copy(), to=exp.DataType.build(_spelled(to), dialect="risingwave"))
        node.replace(found)
        return found
    return sql("{0}", cast_to(ctx, node, of, to)) if of != to else node


def _spelled(to: str) -> str:
    return {"double": "double precision", "jsonb": "JSONB"}.get(to, to)


def conflicting(table: CreateTable, names: list[str], source: str) -> str:
    """The rows of an INSERT into a table with a key: one row for each key, and what it does to the one before."""
    listed = ", ".join(map(_quoted, names))
    key = ", ".join(map(_quoted, table.primary_key))
    first = table.on_conflict == "nothing"
    versions = "".join(f"{_quoted(name)} {'ASC' if first else 'DESC'} NULLS LAST, " for name in table.version_columns)
    order = f"{versions}rw_n {'ASC' if first else 'DESC'}"
    kept = [_kept(table, name, order) for name in names]
    group = f"GROUP BY {key}" if set(table.primary_key) <= set(names) else ""
    rows = (
        f"SELECT {', '.join(kept)}\nFROM (\n  SELECT *, row_number() OVER () AS rw_n\n  FROM (\n{source}\n  ) "
        f"AS rw_given ({listed})\n)\n{group}"
    )
    return f"{rows}\nON CONFLICT ({key}) {_action(table, names)}" if group else source


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
