"""DuckDB's side: a node for ready text, and the generator that prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.generators.duckdb import DuckDBGenerator

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Sql", "call", "quoted", "sql", "to_duckdb"]


class Sql(exp.Expression):
    """DuckDB text with places for expressions: `Sql(this="abs({0})", expressions=[x])`."""

    arg_types: ClassVar = {"this": True, "expressions": False}


def sql(template: str, *parts: exp.Expression) -> Sql:
    """A fragment of DuckDB SQL; `{0}`, `{1}` … stand for the parts, other braces are doubled."""
    return Sql(this=template, expressions=list(parts))


def call(name: str, *parts: exp.Expression) -> Sql:
    """A call of a DuckDB function."""
    places = ", ".join(f"{{{index}}}" for index in range(len(parts)))
    return sql(f"{name}({places})", *parts)


def quoted(text: str) -> str:
    """A string literal, its braces safe in a template."""
    escaped = text.replace("'", "''").replace("{", "{{").replace("}", "}}")
    return f"'{escaped}'"


def _print_fragment(generator: Any, node: exp.Expression) -> str:
    parts = [generator.sql(part) for part in node.expressions]
    return str(node.this).format(*parts)


def _print_ordered(generator: Any, node: exp.Expression) -> str:
    direction = " DESC" if node.args.get("desc") else ""
    nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
    return f"{generator.sql(node, 'this')}{direction} NULLS {nulls}"


class _Generator(DuckDBGenerator):
    TRANSFORMS: ClassVar[dict[Any, Callable[..., str]]] = {
        **DuckDBGenerator.TRANSFORMS,
        Sql: _print_fragment,
        exp.Ordered: _print_ordered,
    }


class _Output(DuckDB):
    Generator = _Generator


_OUTPUT = _Output()


def to_duckdb(tree: exp.Expression) -> str:
    """Prints a translated tree."""
    return _OUTPUT.generate(tree, pretty=True, comments=False, normalize_functions=False, copy=False)
