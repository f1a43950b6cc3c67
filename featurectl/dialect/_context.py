"""What a rule sees while an expression is translated: names and their types, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from featurectl.dialect._grammar import line_of
from featurectl.dialect._output import call, quoted, sql
from featurectl.errors import ProjectError, UnsupportedOnEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from sqlglot import exp

    from featurectl.dialect._statements import CreateFunction
    from featurectl.dialect._types import Type

    Columns: TypeAlias = dict[str, Type]
    Typed: TypeAlias = tuple[exp.Expression, Type]
    Rule: TypeAlias = Callable[["Context", exp.Expression], Typed]
    QueryRule: TypeAlias = Callable[["Context", exp.Expression], tuple[exp.Expression, Columns | None]]

__all__ = ["Context", "Scope"]


@dataclass(frozen=True)
class Scope:
    """The relations that a SELECT reads; None where their columns are not known.

    `qualified` are those that are read with their schema and under their own name.
    """

    sources: Mapping[str, Columns | None] = field(default_factory=dict)
    outer: Scope | None = None
    qualified: frozenset[str] = frozenset()

    def type_of(self, relation: str, column: str) -> Type:
        """The type of a column, None if it is not known."""
        found = [
            columns
            for name, columns in self.sources.items()
            if relation in ("", name) and (columns is None or column in columns)
        ]
        if not found:
            return self.outer.type_of(relation, column) if self.outer else None
        types = {None if columns is None else columns[column] for columns in found}
        return types.pop() if len(types) == 1 else None

    def within(self, name: str) -> Scope:
        """One relation alone."""
        return Scope({name: self.sources[name]})

    def has(self, relation: str, column: str) -> bool:
        """Whether the column may come from here, the outer queries left aside."""
        return any(
            columns is None or column in columns for name, columns in self.sources.items() if relation in ("", name)
        )


@dataclass(frozen=True)
class Context:
    """The state of one translation; a new one for each nested scope."""

    rules: Mapping[type[exp.Expression], tuple[Rule, frozenset[str]]]
    query: QueryRule
    schema: Mapping[str, Columns]
    in_view: bool
    file: str | None
    first_line: int
    scope: Scope = Scope()
    ctes: Mapping[str, Columns | None] = field(default_factory=dict)
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    has_arrows: bool = True
    functions: Mapping[str, CreateFunction] = field(default_factory=dict)

    def __call__(self, node: exp.Expression) -> Typed:
        """Translates an expression."""
        found = self.rules.get(type(node))
        if found is None:
            raise self.unsupported(node, f"{type(node).key.upper()} ({_excerpt(node)})")
        rule, known = found
        self.check(node, known)
        return rule(self, node)

    def sql(self, node: exp.Expression) -> exp.Expression:
        """Translates an expression whose type does not matter."""
        return self(node)[0]

    def constant(self, node: exp.Expression, what: str) -> str:
        """The text of an argument that has to be a literal."""
        if not node.args.get("is_string"):
            raise self.unsupported(node, f"{what} that is not a constant")
        return str(node.this)

    def check(self, node: exp.Expression, known: frozenset[str]) -> None:
        """Refuses a node with parts that no rule knows."""
        for name, value in node.args.items():
            if name not in known and value is not None and value is not False and value != []:
                raise self.unsupported(node, f"{name.strip('_').upper()} in {_excerpt(node)}")

    def within(self, scope: Scope) -> Context:
        """The context of an inner scope."""
        return self._with("scope", scope)

    def with_cte(self, name: str, columns: Columns | None) -> Context:
        """The context in which a CTE is known."""
        return self._with("ctes", {**self.ctes, name: columns})

    def _with(self, field_name: str, value: object) -> Context:
        """A copy with another field: a third of the time of `dataclasses.replace`."""
        other = object.__new__(Context)
        other.__dict__.update(self.__dict__)
        other.__dict__[field_name] = value
        return other

    def guarded(self, node: exp.Expression) -> exp.Expression:
        """In a view an expression that fails is NULL, and the ones around it go on."""
        return call("TRY", node) if self.in_view else node

    def or_fail(self, value: exp.Expression, result: exp.Expression, what: str) -> exp.Expression:
        """Outside a view a NULL that came of a value is an error."""
        return result if self.in_view else call("rw_checked", value, result, sql(quoted(f"{what} failed")))

    def unsupported(self, node: exp.Expression, construct: str, hint: str | None = None) -> UnsupportedOnEngine:
        """The error for what cannot be translated with the same meaning."""
        line = line_of(node, self.first_line)
        return UnsupportedOnEngine(construct, file=self.file, line=line, hint=hint)

    def wrong(self, node: exp.Expression, message: str, hint: str | None = None) -> ProjectError:
        """The error for what RisingWave would refuse too."""
        return ProjectError(message, file=self.file, line=line_of(node, self.first_line), hint=hint)


def _excerpt(node: exp.Expression) -> str:
    text = " ".join(node.sql(dialect="risingwave").split())
    return text if len(text) <= 60 else f"{text[:57]}…"
