"""What an expression depends on, and in which way."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.project.lineage.parts import NOTHING, By, Column, Deps, Frame, as_by, deps_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from featurectl.errors import ProjectError

__all__ = ["Scope", "Source", "is_aggregated", "value"]

# What aggregates besides those that run on every target.
_AGGREGATES = frozenset(
    [
        "count",
        "sum",
        "avg",
        "min",
        "max",
        "bool_and",
        "bool_or",
        "stddev_samp",
        "stddev_pop",
        "var_samp",
        "var_pop",
        "string_agg",
        "array_agg",
        "jsonb_agg",
        "jsonb_object_agg",
        "approx_count_distinct",
        "approx_percentile",
        "percentile_cont",
        "percentile_disc",
        "mode",
        "first_value",
        "last_value",
        "arg_min",
        "arg_max",
        "bit_and",
        "bit_or",
        "bit_xor",
        "every",
        "variance",
        "stddev",
        "sum0",
    ]
)
_KEEP_DOCUMENT = ("jsonb", "json", "varchar", "text", "char", "varbinary", "bytea")


@dataclass
class Source:
    """An item of FROM under its name. `joined`: what decides whether, and with which row, it stands in a result row."""

    name: str
    frame: Frame
    joined: Deps = NOTHING

    def get(self, column: str) -> Column | None:
        """A column by name."""
        found = self.frame.get(column)
        return None if found is None else found.also(self.joined)

    def columns(self) -> dict[str, Column]:
        """All columns, as `*` gives them."""
        return {name: column.also(self.joined) for name, column in self.frame.columns.items()}


@dataclass
class Scope:
    """Where an expression of one SELECT stands. `rows`: what decides which rows there are before SELECT."""

    run: Callable[[exp.Expression, Scope], Frame]
    fail: Callable[[exp.Expression, str, str | None], ProjectError]
    outer: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    rows: Deps = NOTHING
    windows: Mapping[str, exp.Expression] = field(default_factory=dict)

    def resolve(self, node: exp.Expression) -> Column:
        """The column that a name means. Raises ProjectError."""
        found = self._find(node.text("table"), node.name)
        if found is None and node.text("table") and not self._reads(node.text("table")):
            found = self._find("", node.text("table"))  # a field of a struct
            found = found.plain() if found is not None else None
        if found is not None:
            return found
        known = sorted({name for source in self.sources for name in source.frame.columns})
        near = difflib.get_close_matches(node.name, known, 1)
        hint = f"did you mean {near[0]}?" if near else None
        raise self.fail(node, f"nothing that is read here has the column {node.name!r}", hint)

    def _reads(self, name: str) -> bool:
        return any(s.name == name for s in self.sources) or (self.outer is not None and self.outer._reads(name))

    def _find(self, table: str, name: str) -> Column | None:
        named = [source for source in self.sources if table in ("", source.name)]
        found = [column for source in named if (column := source.get(name)) is not None]
        if found:
            return found[0] if len(found) == 1 else Column(deps_of(found))
        rows = [source for source in named if source.name == name] if not table else []
        if rows:  # a relation's name is its whole row
            return Column(deps_of(rows[0].columns().values()))
        return self.outer._find(table, name) if self.outer is not None else None


def value(node: exp.Expression | None, scope: Scope) -> Column:
    """What an expression depends on."""
    if node is None:
        return Column()
    rule = _RULES.get(type(node))
    return rule(node, scope) if rule is not None else _all_parts(node, scope)


def deps(node: exp.Expression | None, scope: Scope, by: By) -> Deps:
    """What an expression depends on where its result is used in this way."""
    return as_by(value(node, scope).deps, by)


def is_aggregated(item: exp.Expression, keys: list[exp.Expression] | None, scope: Scope) -> bool:
    """Whether an item of SELECT is computed from several rows; `keys` are GROUP BY's, None without one."""
    if keys is None:
        return any(_is_aggregate(node) for node in _outside_windows(item))
    known = {scope.resolve(key) for key in keys if isinstance(key, exp.Column)}
    for node in item.walk(prune=lambda inner: inner in keys or isinstance(inner, exp.Query | exp.Lambda)):
        if node in keys or isinstance(node, exp.Query | exp.Lambda):
            continue
        if _is_aggregate(node) or (isinstance(node, exp.Column) and not _is_key(node, known, scope)):
            return True
    return False


def _is_key(node: exp.Expression, known: set[Column], scope: Scope) -> bool:
    return isinstance(node.this, exp.Identifier) and scope.resolve(node) in known


def _outside_windows(item: exp.Expression) -> Iterator[exp.Expression]:
    """The nodes that belong to this SELECT, the calls of window functions left out, but not their arguments."""
    todo = [item]
    while todo:
        node = todo.pop()
        if isinstance(node, exp.Query):
            continue
        if isinstance(node, exp.Window):
            call = node.this.this if isinstance(node.this, exp.Filter) else node.this
            todo += list(call.iter_expressions())
            continue
        yield node
        todo += list(node.iter_expressions())


def _is_aggregate(node: object) -> bool:
    if isinstance(node, exp.WithinGroup):
        return True
    return isinstance(node, exp.Anonymous) and str(node.this).lower() in _AGGREGATES


def _all_parts(node: exp.Expression, scope: Scope) -> Column:
    return Column(deps_of(value(part, scope) for part in node.iter_expressions()))


def _column(node: exp.Expression, scope: Scope) -> Column:
    if isinstance(node.this, exp.Star):
        return Column(deps_of(c for s in scope.sources if s.name == node.text("table") for c in s.columns().values()))
    return scope.resolve(node)


def _same(node: exp.Expression, scope: Scope) -> Column:
    return value(node.this, scope)


def _cast(node: exp.Expression, scope: Scope) -> Column:
    inner = value(node.this, scope)
    kept = node.args["to"].sql(dialect="postgres").lower().startswith(_KEEP_DOCUMENT)
    return inner if kept else inner.plain()


def _case(node: exp.Expression, scope: Scope) -> Column:
    conditions = deps(node.this, scope, By.CONDITION)
    results = [node.args.get("default")]
    for branch in node.args["ifs"]:
        conditions |= deps(branch.this, scope, By.CONDITION)
        results.append(branch.args["true"])
    values = [value(part, scope) for part in results if part is not None and not isinstance(part, exp.Null)]
    documents = {part.document for part in values}
    return Column(deps_of(values) | conditions, documents.pop() if len(documents) == 1 else None)


def _call(node: exp.Expression, scope: Scope) -> Column:
    name = str(node.this).lower()
    first, *others = node.expressions or [None]
    if name == "convert_from":
        return value(first, scope)
    if name in ("jsonb_extract_path", "jsonb_extract_path_text") and all(_constant(o) is not None for o in others):
        return value(first, scope).field(*(str(_constant(other)) for other in others))
    return _all_parts(node, scope).plain()


def _constant(node: object) -> str | None:
    return str(node.this) if isinstance(node, exp.Literal) else None


def _access(node: exp.Expression, scope: Scope) -> Column:
    """`->` and `->>` by a constant key or index; by anything else it may be any field."""
    key = _constant(node.expression)
    inner = value(node.this, scope)
    if key is None:
        return inner.plain().also(value(node.expression, scope).deps)
    return inner.field(key if node.expression.is_string else f"[{key}]")


def _access_path(node: exp.Expression, scope: Scope) -> Column:
    """`#>` and `#>>` by a constant path."""
    path = _constant(node.expression)
    inner = value(node.this, scope)
    if path is None or not path.startswith("{") or '"' in path:
        return inner.plain().also(value(node.expression, scope).deps)
    steps = [part.strip() for part in path.strip("{}").split(",")]
    return inner.field(*(f"[{step}]" if step.isdigit() else step for step in steps if step))


def _filter(node: exp.Expression, scope: Scope) -> Column:
    return value(node.this, scope).plain().also(deps(node.expression, scope, By.CONDITION))


def _window(node: exp.Expression, scope: Scope) -> Column:
    """A window function sees all rows of its partition, so what decides on rows decides on its value."""
    named = scope.windows.get(node.text("alias"))
    parts = [part for part in (node, named) if part is not None]
    partition = [key for part in parts for key in part.args.get("partition_by") or []]
    orders = [part.args.get("order") for part in parts]
    found = value(node.this, scope).deps | scope.rows
    found = found.union(*(deps(key, scope, By.PARTITION) for key in partition))
    return Column(found.union(*(deps(order, scope, By.ORDER) for order in orders)))


def _order(node: exp.Expression, scope: Scope) -> Column:
    """ORDER BY inside an aggregate."""
    found = value(node.this, scope).plain() if node.this is not None else Column()
    return found.also(NOTHING.union(*(deps(term.this, scope, By.ORDER) for term in node.expressions)))


def _within_group(node: exp.Expression, scope: Scope) -> Column:
    """`percentile_cont(…) WITHIN GROUP (ORDER BY x)` gives a value of x."""
    terms = node.expression.expressions
    return value(node.this, scope).plain().also(deps_of(value(term.this, scope) for term in terms))


def _query(node: exp.Expression, scope: Scope) -> Column:
    frame = scope.run(node, scope)
    return Column(deps_of(frame.columns.values()) | frame.rows)


def _exists(node: exp.Expression, scope: Scope) -> Column:
    return Column(scope.run(node.this, scope).rows)


_RULES: dict[type[exp.Expression], Callable[[exp.Expression, Scope], Column]] = {
    exp.Column: _column,
    exp.Paren: _same,
    exp.Alias: _same,
    exp.Cast: _cast,
    exp.Case: _case,
    exp.Anonymous: _call,
    exp.JSONExtract: _access,
    exp.JSONExtractScalar: _access,
    exp.JSONBExtract: _access_path,
    exp.JSONBExtractScalar: _access_path,
    exp.Filter: _filter,
    exp.Window: _window,
    exp.Order: _order,
    exp.WithinGroup: _within_group,
    exp.Subquery: _query,
    exp.Select: _query,
    exp.Union: _query,
    exp.Except: _query,
    exp.Intersect: _query,
    exp.Values: _query,
    exp.Exists: _exists,
    exp.Lambda: lambda _node, _scope: Column(),  # it reads nothing but its own arguments
}
