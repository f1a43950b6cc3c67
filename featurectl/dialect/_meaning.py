"""What a query reads and what it means, whatever its spelling."""

from __future__ import annotations

import hashlib
import json
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from featurectl.dialect._naming import output_name
from featurectl.dialect._walking import children, holds_queries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["columns_of", "fingerprint_of", "rebound", "references_of"]

_WINDOWS = ("tumble", "hop")


def references_of(tree: exp.Expression) -> tuple[str, ...]:
    """The relations that a query reads, once each, in order of appearance."""
    return tuple(dict.fromkeys(relation_name(table) for table in read_tables(tree)))


def read_tables(tree: exp.Expression) -> list[exp.Table]:
    """The tables that are no CTEs, in order of appearance."""
    found: list[exp.Table] = []
    _read_tables(tree, frozenset(), found)
    return found


def _read_tables(node: exp.Expression, ctes: frozenset[str], found: list[exp.Table]) -> None:
    clause = node.args.get("with_")
    for cte in clause.expressions if clause is not None else []:
        _read_tables(cte.this, ctes, found)
        ctes |= {cte.alias}
    if isinstance(node, exp.Table):
        name = relation_name(node)
        if name and name not in ctes:
            found.append(node)
    for part in children(node):
        if part is not clause and holds_queries(part):
            _read_tables(part, ctes, found)


def rebound(tree: exp.Expression, relations: Mapping[str, str]) -> exp.Expression:
    """A copy that reads other relations under the names that it knows."""
    copy = tree.copy()
    for table in read_tables(copy):
        target = relations.get(relation_name(table))
        if target is None:
            continue
        if not table.alias:
            name = relation_name(table).rpartition(".")[2]
            table.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
        place = table.this.expressions[0] if isinstance(table.this, exp.Anonymous) else table
        for part in ("db", "table", "catalog"):
            place.set(part, None)
        place.set("this", exp.to_identifier(target, quoted=True))
    return copy


def relation_name(node: exp.Table) -> str:
    """The relation behind a table node, also as the first argument of a window function."""
    function = node.this
    if isinstance(function, exp.Anonymous):
        windowed = str(function.this).lower() in _WINDOWS and function.expressions
        target = function.expressions[0] if windowed else None
        if not isinstance(target, exp.Column):
            return ""
        return ".".join(part.name for part in target.parts)
    return ".".join(part.name for part in node.parts)


def columns_of(tree: exp.Expression) -> tuple[str, ...] | None:
    """The names of the output columns, None if they depend on a `*`."""
    select = tree
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if not isinstance(select, exp.Select) or any(item.is_star for item in select.expressions):
        return None
    return tuple(output_name(item) for item in select.expressions)


def fingerprint_of(tree: exp.Expression) -> str:
    """A hash of the query's meaning.

    Each CTE is put where it is used, aliases of relations are numbered, parentheses are in the shape
    of the tree already.
    """
    return _hash(_Form(count())(tree, {}, {}))


def _hash(form: Any) -> str:
    return hashlib.sha256(json.dumps(form, separators=(",", ":")).encode()).hexdigest()


class _Form:
    """The nested lists that stand for a tree."""

    def __init__(self, numbers: Iterator[int]) -> None:
        self.numbers = numbers

    def __call__(self, node: Any, ctes: Mapping[str, Any], names: Mapping[str, str]) -> Any:
        if type(node) is exp.Identifier:  # a third of all nodes; whether it was quoted is no meaning
            return ["name", node.name]
        if isinstance(node, list):
            return [self(part, ctes, names) for part in node]
        if not isinstance(node, exp.Expression):
            return node if isinstance(node, bool | int | None) else str(node)
        if isinstance(node, exp.Paren):
            return self(node.this, ctes, names)
        return self.expression(node, ctes, names)

    def expression(self, node: exp.Expression, ctes: Mapping[str, Any], names: Mapping[str, str]) -> Any:
        if isinstance(node, exp.Query):
            return self.query(node, ctes, names)
        if isinstance(node, exp.Table):
            return self.table(node, ctes, names)
        if isinstance(node, exp.Column):
            table = node.text("table")
            if table in names:
                return ["column", names[table], self(node.this, ctes, names)]
            if not table and node.name in names:
                return ["column or row", names[node.name], self(node.this, ctes, names)]
        return self.parts(node, ctes, names)

    def parts(self, node: Any, ctes: Mapping[str, Any], names: Mapping[str, str]) -> Any:
        """A node by its class and what it holds."""
        if isinstance(node, exp.TableAlias) and _is_source(node.parent) and node.name in names:
            return [names[node.name], [column.name for column in node.args.get("columns") or []]]
        args = [
            [key, self(value, ctes, names)]
            for key, value in sorted(node.args.items())
            if value is not None and value is not False and value != [] and key != "with_"
        ]
        if isinstance(node, exp.Anonymous):
            args = [[key, value.lower() if key == "this" else value] for key, value in args]
        return [type(node).key, *args]

    def query(self, node: exp.Expression, ctes: Mapping[str, Any], names: Mapping[str, str]) -> Any:
        clause = node.args.get("with_")
        for cte in clause.expressions if clause is not None else []:
            columns = [column.name for column in cte.args["alias"].args.get("columns") or []]
            # Its hash: one that is read twice by others that are read twice would double at each of them.
            ctes = {**ctes, cte.alias: ["cte", columns, _hash(_Form(count())(cte.this, ctes, {}))]}
        return self.parts(node, ctes, {**names, **self.aliases(node)})

    def aliases(self, node: exp.Expression) -> dict[str, str]:
        """Numbers for the relations of one SELECT, in the order in which they stand."""
        items = [node.args["from_"].this] if node.args.get("from_") else []
        items += [item.this for item in node.args.get("joins") or []]
        return {self.name_of(item): f"#{next(self.numbers)}" for item in items}

    def name_of(self, item: Any) -> str:
        function = item.this if isinstance(item, exp.Table) else None
        if isinstance(function, exp.Anonymous) and function.expressions and not item.alias:
            return str(function.expressions[0].name)
        return str(item.alias_or_name)

    def table(self, node: exp.Table, ctes: Mapping[str, Any], names: Mapping[str, str]) -> Any:
        alias = node.args.get("alias")
        columns = [column.name for column in alias.args.get("columns") or []] if alias else []
        known = ["table", names.get(self.name_of(node)), columns]
        if isinstance(node.this, exp.Identifier) and not node.text("db") and node.name in ctes:
            return [*known, ctes[node.name]]
        if isinstance(node.this, exp.Anonymous) and node.this.expressions:
            target, *rest = node.this.expressions
            inner = ctes.get(target.name) if isinstance(target, exp.Column) else None
            source = inner or self(target, ctes, {})
            return [*known, str(node.this.this).lower(), source, self(rest, ctes, names)]
        parts = {key: value for key, value in node.args.items() if key != "alias"}
        return [*known, [[key, self(value, ctes, names)] for key, value in sorted(parts.items()) if value]]


def _is_source(node: Any) -> bool:
    """Whether it is a query or VALUES that FROM or JOIN reads: in a list of columns an alias is an output name."""
    return isinstance(node, exp.Subquery | exp.Values) and isinstance(node.parent, exp.From | exp.Join)
