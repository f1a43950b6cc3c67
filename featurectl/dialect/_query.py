"""A query as others see it: its text, what it reads, what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from featurectl.errors import ProjectError, UnsupportedOnEngine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlglot import exp

    from featurectl.dialect._statements import CreateFunction, CreateTable, Statement

    Schema = Mapping[str, Mapping[str, str]]

__all__ = [
    "Difference",
    "Query",
    "differences",
    "only_adds",
    "output_types",
    "parse_ddl",
    "parse_query",
    "reading",
    "translate",
    "translate_query",
]


_EMIT = re.compile(r"(EMIT\s+ON\s+WINDOW\s+CLOSE)[\s;]*$", re.I)


@dataclass(frozen=True)
class Query:
    """One parsed query in RisingWave's dialect.

    Attributes:
        text: The author's text.
        tree: The parsed tree; for analysis only, what goes to RisingWave is the text.
        file: Where the text comes from.
        first_line: The line in the file on which the text begins.
        meant: The tree as the author wrote it, if `tree` is not that.
    """

    text: str
    tree: exp.Expression = field(repr=False, compare=False)
    file: str | None = None
    first_line: int = 1
    meant: exp.Expression | None = field(default=None, repr=False, compare=False)

    @cached_property
    def references(self) -> tuple[str, ...]:
        """The relations that it reads, in order of appearance, CTEs left out."""
        from featurectl.dialect._meaning import references_of

        return references_of(self.meant or self.tree)

    @cached_property
    def columns(self) -> tuple[str, ...] | None:
        """The names of its output columns; None where they depend on a `*`."""
        from featurectl.dialect._meaning import columns_of

        return columns_of(self.meant or self.tree)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of what it means; format, comments and aliases of tables do not change it."""
        from featurectl.dialect._meaning import fingerprint_of

        return fingerprint_of(self.meant or self.tree)


@dataclass(frozen=True)
class Difference:
    """One place at which two queries mean different things; `before` or `after` is None where there was nothing.

    `column` names the output column whose expression it is; None for what concerns rows, such as WHERE, and for
    everything inside a CTE, a subquery or one side of a UNION.
    """

    place: str
    before: str | None
    after: str | None
    column: str | None = None


def parse_query(sql: str, *, file: str | None = None, first_line: int = 1) -> Query:
    """Parses one SELECT, WITH, UNION or VALUES.

    Raises:
        ProjectError: a syntax error, several statements, or a statement that is no query.
    """
    from sqlglot import exp

    from featurectl.dialect._grammar import fold_identifiers, parse_one

    closing = _EMIT.search(sql) if sql.rstrip(" \n\t\r;")[-5:].lower() == "close" else None
    if closing:
        line = first_line + sql.count("\n", 0, closing.start(1))
        hint = "leave it out: a view answers with what is known now, and a late event revises its window"
        raise UnsupportedOnEngine("EMIT ON WINDOW CLOSE", file=file, line=line, hint=hint)
    tree = parse_one(sql, file=file, first_line=first_line)
    if not isinstance(tree, exp.Query | exp.Values):
        what = tree.name if isinstance(tree, exp.Command) else type(tree).key
        raise ProjectError(f"a query expected, not {what.upper()}", file=file, line=first_line)
    fold_identifiers(tree)
    return Query(sql, tree, file=file, first_line=first_line)


def translate_query(
    query: Query,
    *,
    in_view: bool = True,
    schema: Schema | None = None,
    keys: Mapping[str, Sequence[str]] | None = None,
    functions: Mapping[str, CreateFunction] | None = None,
) -> str:
    """The query in DuckDB's SQL, with RisingWave's meaning. It relies on `MACROS`.

    Args:
        query: The parsed query.
        in_view: In a view an expression that fails is NULL; else it is an error.
        schema: The columns of the relations that it reads and their types, as far as they are known:
            some operators mean other things for other types.
        keys: The primary keys of relations, as far as they are known: an ASOF join takes the row with the smallest
            key of those that are equally near, and with no key known the row whose values are the smallest.
        functions: What CREATE FUNCTION … LANGUAGE SQL made, by name.

    Raises:
        UnsupportedOnEngine: a construct that is not known to mean the same on DuckDB.
        ProjectError: a construct that RisingWave would refuse too.
    """
    from featurectl.dialect._output import to_duckdb
    from featurectl.dialect._translation import translated

    return to_duckdb(translated(query, in_view=in_view, schema=schema or {}, keys=keys, functions=functions)[0])


def output_types(
    query: Query,
    *,
    in_view: bool = True,
    schema: Schema | None = None,
    functions: Mapping[str, CreateFunction] | None = None,
) -> dict[str, str | None] | None:
    """The output columns with RisingWave's types, None for a type that is not known.

    Answers None if the columns themselves depend on a relation that is not in the schema.
    """
    from featurectl.dialect._translation import translated

    return translated(query, in_view=in_view, schema=schema or {}, functions=functions, runs=False)[1]


def differences(old: Query, new: Query) -> tuple[Difference, ...]:
    """Where the two mean different things, only what changed; nothing exactly if their fingerprints are equal."""
    from featurectl.dialect._difference import differences as found

    return found(old, new)


def only_adds(old: Query, new: Query) -> bool:
    """Whether the new query gives the old one's rows with the old columns as they were, and more columns.

    A LEFT JOIN that came along is taken for one that finds at most one row.
    """
    from featurectl.dialect._difference import only_adds as adds

    return adds(old, new)


def translate(sql: str, to: str = "duckdb") -> str:
    """Translates a query of RisingWave's dialect as a view means it."""
    if to == "risingwave":
        return sql
    if to != "duckdb":
        raise ValueError(f"to must be 'duckdb' or 'risingwave', not {to!r}")
    return translate_query(parse_query(sql))


def reading(query: Query, relations: Mapping[str, str]) -> Query:
    """The query reading `relations[name]` wherever it reads `name`; inside, each keeps the name it had."""
    from featurectl.dialect._meaning import rebound

    return replace(query, tree=rebound(query.tree, relations), meant=query.meant or query.tree)


def parse_ddl(sql: str, *, file: str | None = None, first_line: int = 1) -> tuple[Statement, ...]:
    """Splits a migration into statements and parses each.

    Raises:
        UnsupportedOnEngine: a statement or a clause that the embedded engine does not know.
        ProjectError: a syntax error.
    """
    from featurectl.dialect._ddl import statements_of

    return statements_of(sql, file, first_line)


def parse_script(
    sql: str,
    *,
    file: str | None = None,
    first_line: int = 1,
    tables: Mapping[str, CreateTable] | None = None,
    schema: Schema | None = None,
) -> tuple[Statement, ...]:
    """Parses what RisingWave takes beyond migrations: views, sources, indexes and sinks too.

    Args:
        sql: Statements with semicolons.
        file: For errors.
        first_line: For errors.
        tables: The tables that are there already, by name: what an INSERT does depends on their keys.
        schema: The columns of all relations that are there already.

    Raises:
        UnsupportedOnEngine: a statement or a clause that is not known.
        ProjectError: a syntax error.
    """
    from featurectl.dialect._script import script_of

    known = {name: dict(columns) for name, columns in (schema or {}).items()}
    return script_of(sql, file, first_line, tables or {}, known)
