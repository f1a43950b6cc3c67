"""The author's query with other relations behind its names, by places in the text.

The tree says where a relation is named; the text is what is sent: writing SQL from the tree would change it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._split import split_statements, tokens_of
from featurectl.engines.risingwave.sql import quote
from featurectl.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from featurectl.dialect import Query

__all__ = ["one_statement", "rebound_text"]

_WINDOWS = ("hop", "tumble")
_AS_OF = re.compile(r"\s*FOR\s+SYSTEM_TIME\s+AS\s+OF\s+", re.IGNORECASE)
_Edit = tuple[int, int, str]


def rebound_text(query: Query, relations: Mapping[str, str]) -> str:
    """The query's text reading `relations[name]` wherever it reads `name`; inside, each keeps the name it had.

    Raises ProjectError if a relation's place in the text is not known.
    """
    edits: list[_Edit] = []
    for table in _tables(query.tree, frozenset()):
        name = _relation_name(table)
        target = relations.get(name, name)
        if target != name:
            edits += _edits(query, table, name, target)
    text = query.text
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return one_statement(text)


def one_statement(text: str) -> str:
    """The only statement of a text, without what stands around it: comments, the semicolon."""
    [piece] = split_statements(text)
    return piece.text


def _edits(query: Query, table: exp.Table, name: str, target: str) -> Iterator[_Edit]:
    windowed = isinstance(table.this, exp.Anonymous)
    named: exp.Expression = table.this.expressions[0] if windowed else table
    spans = [_span(query, part, name) for part in named.parts]  # type: ignore[attr-defined]
    start, end = spans[0][0], spans[-1][1]
    yield start, end, quote(target)
    if windowed:
        yield from _qualifiers(query, table.this.expressions[1:], name, target)
    if not table.alias:
        behind = _closing(query.text, end) if windowed else _behind_as_of(query.text, end)
        yield behind, behind, f" AS {query.text[slice(*spans[-1])]}"


def _qualifiers(query: Query, arguments: list[exp.Expression], name: str, target: str) -> Iterator[_Edit]:
    """Inside the parentheses of HOP and TUMBLE a column is qualified by the relation's own name."""
    last = name.rpartition(".")[2]
    for column in (c for argument in arguments for c in argument.find_all(exp.Column)):
        qualifier = column.args.get("table")
        if qualifier is not None and qualifier.name == last:
            start, end = _span(query, qualifier, name)
            yield start, end, quote(target)


def _span(query: Query, identifier: exp.Expression, name: str) -> tuple[int, int]:
    meta = identifier.meta
    if "start" not in meta:
        raise ProjectError(f"cannot tell where {name} stands in the query", file=query.file)
    return int(meta["start"]), int(meta["end"]) + 1


def _closing(text: str, start: int) -> int:
    """The place behind the parenthesis that closes the one that was open at `start`."""
    depth = 1
    for kind, begin, end in tokens_of(text[start:], None, 1):
        if kind == "other":
            depth += {"(": 1, ")": -1}.get(text[start + begin : start + end], 0)
            if depth == 0:
                return start + end
    raise ProjectError("a parenthesis is not closed")


def _behind_as_of(text: str, end: int) -> int:
    """An alias comes after FOR SYSTEM_TIME AS OF PROCTIME()."""
    found = _AS_OF.match(text, end)
    if found is None:
        return end
    opened = text.find("(", found.end())
    return _closing(text, opened + 1) if opened >= 0 else end


def _tables(node: exp.Expression, ctes: frozenset[str]) -> Iterator[exp.Table]:
    """The tables that are no CTEs."""
    clause = node.args.get("with_")
    for cte in clause.expressions if clause is not None else []:
        yield from _tables(cte.this, ctes)
        ctes |= {cte.alias}
    if isinstance(node, exp.Table) and _relation_name(node) not in {"", *ctes}:
        yield node
    for part in node.iter_expressions():
        if part is not clause and isinstance(part, exp.Expression):
            yield from _tables(part, ctes)


def _relation_name(node: exp.Table) -> str:
    function = node.this
    if not isinstance(function, exp.Anonymous):
        return ".".join(part.name for part in node.parts)
    windowed = str(function.this).lower() in _WINDOWS and function.expressions
    target = function.expressions[0] if windowed else None
    return ".".join(part.name for part in target.parts) if isinstance(target, exp.Column) else ""
