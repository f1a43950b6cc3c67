"""The SELECTs of a query as rules see them: what each reads, and the types of its columns as far as they are known."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect import Query, output_types
from featurectl.dialect._grammar import line_of
from featurectl.dialect._types import rw_type
from featurectl.dialect._walking import children
from featurectl.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Types = Mapping[str, str | None]

__all__ = ["TEMPORAL", "Relation", "Scope", "Source", "columns_of_query", "conjuncts", "is_there", "line", "scopes_of"]

TEMPORAL = ("date", "timestamp", "timestamptz")
_UNKNOWN = "?"  # no type has this name
_WINDOWS = ("tumble", "hop")
_INNER = (exp.Query, exp.Values, exp.With)


@dataclass(frozen=True)
class Relation:
    """What a query may read. `columns` is None where they are not known; `event_time` names one of them.

    `kind` is "view", "source table" or "table" (of a migration: what it holds is bounded by who writes it).
    """

    kind: str
    columns: Types | None = None
    event_time: str | None = None


@dataclass(frozen=True)
class Source:
    """An item of FROM. `times` are its columns that hold a time; `stored`: its columns come from another file."""

    name: str
    node: exp.Expression
    columns: Types | None
    times: frozenset[str]
    stored: bool
    lateral: bool = False


@dataclass(frozen=True)
class Scope:
    """One SELECT. `sources` are in the order of FROM; the joins of `select` belong to all but the first."""

    select: exp.Select
    sources: tuple[Source, ...] = ()
    schema: Mapping[str, Types] = field(default_factory=dict)

    def nodes(self, *kinds: type[exp.Expression]) -> Iterator[exp.Expression]:
        """Nodes of these kinds that belong to this SELECT and to no query inside it."""
        for kind in self._own:
            if issubclass(kind, kinds):
                yield from self._own[kind]

    @cached_property
    def _own(self) -> Mapping[type[exp.Expression], list[exp.Expression]]:
        """All of them by their class: every rule asks, so the tree is walked once."""
        found: dict[type[exp.Expression], list[exp.Expression]] = {}
        todo: list[exp.Expression] = [self.select]
        while todo:
            node = todo.pop()
            found.setdefault(type(node), []).append(node)
            todo += [part for part in reversed(children(node)) if not isinstance(part, _INNER)]
        return found

    def calls(self, *names: str) -> Iterator[exp.Expression]:
        """Calls of functions by name."""
        return (node for node in self.nodes(exp.Anonymous) if str(node.this).lower() in names)

    def type_of(self, node: exp.Expression) -> str | None:
        """The type of an expression over this SELECT's sources; None if it is not known."""
        if isinstance(node, exp.Column) and not node.is_star:
            source = self.source_of(node)
            if source is not None and source.columns is not None and node.name in source.columns:
                return source.columns[node.name]
        known = {source.name: source.columns for source in self.sources if source.columns is not None}
        tables = [exp.Table(this=exp.to_identifier(source.name, quoted=True)) for source in self.sources]
        probe = exp.Select(expressions=[exp.Alias(this=node.copy(), alias=exp.to_identifier("probe"))])
        if tables:
            probe.set("from_", exp.From(this=tables[0]))
            probe.set("joins", [exp.Join(this=table) for table in tables[1:]])
        found = _typed(probe, known)
        return None if found is None else found.get("probe")

    def source_of(self, column: exp.Expression) -> Source | None:
        """The source that a column comes from; None if that is not known."""
        named = column.text("table")
        fits = [s for s in self.sources if (s.name == named if named else column.name in (s.columns or ()))]
        return fits[0] if len(fits) == 1 else None


def line(node: exp.Expression) -> int:
    """The line of the text (from 1) on which a node stands."""
    return line_of(node, 1)


def conjuncts(node: exp.Expression) -> Iterator[exp.Expression]:
    """The parts of a condition that all have to hold."""
    if isinstance(node, exp.Paren):
        yield from conjuncts(node.this)
    elif isinstance(node, exp.And):
        yield from conjuncts(node.this)
        yield from conjuncts(node.expression)
    else:
        yield node


def columns_of_query(tree: exp.Expression, schema: Mapping[str, Types], scope: Scope | None = None) -> Types | None:
    """The output columns and their types; None where they are not known. `scope`: the tree's own, if it was made."""
    if scope is None or scope.select is not tree or "with_" not in tree.args:
        return _typed(tree, schema)
    # The scope knows what the CTEs give: they need not be gone through again.
    parts = dict(tree.args)
    del tree.args["with_"]
    try:
        return _typed(tree, scope.schema)
    finally:
        tree.args.clear()
        tree.args.update(parts)


def _typed(tree: exp.Expression, schema: Mapping[str, Types]) -> Types | None:
    known = {name: {c: of or _UNKNOWN for c, of in columns.items()} for name, columns in schema.items()}
    try:
        return output_types(Query("", tree), schema=known)
    except ProjectError:
        return None  # what the embedded engine cannot run has no types here: rules that need them say nothing


def scopes_of(tree: exp.Expression, relations: Mapping[str, Relation]) -> Iterator[Scope]:
    """Every SELECT, the inner ones first."""
    schema = {name: relation.columns for name, relation in relations.items() if relation.columns is not None}
    yield from _Walk(relations)(tree, schema, frozenset())


@dataclass(frozen=True)
class _Walk:
    relations: Mapping[str, Relation]

    def __call__(self, node: exp.Expression, schema: Mapping[str, Types], ctes: frozenset[str]) -> Iterator[Scope]:
        clause = node.args.get("with_")
        for cte in clause.expressions if clause is not None else []:
            yield from self(cte.this, schema, ctes)
            columns = _renamed(cte, _typed(cte.this, schema))
            ctes |= {cte.alias}
            schema = {name: of for name, of in schema.items() if name != cte.alias}
            schema = schema if columns is None else {**schema, cte.alias: columns}
        for query in _queries_in(node):
            yield from self(query, schema, ctes)
        if isinstance(node, exp.Select):
            yield Scope(node, tuple(self._sources(node, schema, ctes)), schema)

    def _sources(self, select: exp.Select, schema: Mapping[str, Types], ctes: frozenset[str]) -> Iterator[Source]:
        first = select.args.get("from_")
        items = [first.this] if first is not None else []
        for item in [*items, *(join.this for join in select.args.get("joins") or [])]:
            yield self._source(item, schema, ctes)

    def _source(self, item: exp.Expression, schema: Mapping[str, Types], ctes: frozenset[str]) -> Source:
        named = _relation_named(item)
        columns = _columns_of_item(item, schema)
        relation = self.relations.get(named) if named and named not in ctes else None
        times = {name for name, of in (columns or {}).items() if of in TEMPORAL}
        if relation is not None and relation.event_time is not None:
            times.add(relation.event_time)
        if relation is not None and relation.kind == "table":
            times.clear()
        stored = bool(named) and named not in ctes
        call = item.this if isinstance(item, exp.Table) else item
        is_function = isinstance(call, exp.Unnest) or (
            isinstance(call, exp.Anonymous) and call.name.lower() not in _WINDOWS
        )
        lateral = isinstance(item, exp.Lateral) or (is_function and call.find(exp.Column) is not None)
        return Source(item.alias or named, item, columns, frozenset(times), stored, lateral)


def _columns_of_item(item: exp.Expression, schema: Mapping[str, Types]) -> Types | None:
    """The columns of an item of FROM."""
    if _is_plain(item):
        known = schema.get(item.name)
        return known and {name: rw_type(of or _UNKNOWN) for name, of in known.items()}
    return _typed(exp.Select(expressions=[exp.Star()], from_=exp.From(this=item.copy())), schema)


def _is_plain(item: exp.Expression) -> bool:
    """Whether it is a relation under its name or another, and nothing more."""
    if not (isinstance(item, exp.Table) and isinstance(item.this, exp.Identifier)):
        return False
    alias = item.args.get("alias")
    renames = alias is not None and alias.args.get("columns")
    return not renames and {key for key, value in item.args.items() if value} <= {"this", "alias"}


def _relation_named(item: exp.Expression) -> str:
    """The name of the relation that an item of FROM reads, HOP and TUMBLE looked through."""
    if not isinstance(item, exp.Table):
        return ""
    function = item.this
    if isinstance(function, exp.Anonymous):
        target = function.expressions[0] if function.expressions else None
        return str(target.name) if isinstance(target, exp.Column) else ""
    return str(item.name)


def _queries_in(node: exp.Expression) -> Iterator[exp.Expression]:
    """The queries directly inside a node, CTEs left out."""
    for part in children(node):
        if isinstance(part, exp.With):
            continue
        if isinstance(part, exp.Query) and not isinstance(part, exp.Table):
            yield part
        else:
            yield from _queries_in(part)


def _renamed(cte: exp.Expression, columns: Types | None) -> Types | None:
    names = [column.name for column in cte.args["alias"].args.get("columns") or []]
    return dict(zip(names, columns.values(), strict=False)) if names and columns is not None else columns


def is_there(scope: Scope, argument: exp.Expression) -> bool:
    """Whether a value is never NULL: a literal, coalesce with one, or what WHERE compares or says."""
    if isinstance(argument, exp.Literal):
        return True
    if isinstance(argument, exp.Anonymous) and str(argument.this).lower() == "coalesce":
        return any(isinstance(part, exp.Literal) for part in argument.expressions)
    where = scope.select.args.get("where")
    held = conjuncts(where.this) if where is not None else []
    return any(
        argument in (part.this, part.args.get("expression"))
        if isinstance(part, exp.EQ | exp.NEQ | exp.LT | exp.LTE | exp.GT | exp.GTE | exp.Between)
        else isinstance(part, exp.Not) and isinstance(part.this, exp.Is) and part.this.this == argument
        for part in held
    )
