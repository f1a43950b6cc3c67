"""Rules about times: the session's zone, the clock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featurectl.project.lint.scopes import Scope

__all__ = ["clocks_outside_filters", "processing_times", "session_dependent"]

_OFFSET = re.compile(r"(z|utc|gmt|[+-]\d{1,2}(:?\d{2})?)\s*$", re.IGNORECASE)
_CLOCK_TIME = re.compile(r"\d:\d\d")
_FIXED = ("epoch", "microsecond", "microseconds", "millisecond", "milliseconds", "second", "minute")
_ZONELESS = ("timestamp", "date", "time", "varchar")
_UNKNOWN_CLOCKS: dict[type[exp.Expression], str] = {
    exp.CurrentDate: "CURRENT_DATE",
    exp.CurrentTime: "CURRENT_TIME",
    exp.Localtime: "LOCALTIME",
    exp.Localtimestamp: "LOCALTIMESTAMP",
}
# Those that casts name most: printing a type takes longer than all that is asked about it.
_PLAIN = {
    exp.DType.TIMESTAMPTZ: "timestamptz",
    exp.DType.TEXT: "varchar",
    exp.DType.VARCHAR: "varchar",
    exp.DType.DOUBLE: "double precision",
    exp.DType.BIGINT: "bigint",
    exp.DType.INT: "int",
    exp.DType.DECIMAL: "decimal",
}
_FILTERS = ("where", "having")


def session_dependent(scope: Scope) -> Iterator[tuple[exp.Expression, str]]:
    """RW203."""
    for node in scope.nodes(exp.Cast):
        yield from ((node, what) for what in (_of_cast(scope, node),) if what)
    for node in scope.calls("date_trunc", "date_part", "to_char"):
        yield from ((node, what) for what in (_of_call(scope, node),) if what)
    for node in scope.nodes(exp.Extract):
        if node.name.lower() not in _FIXED and scope.type_of(node.expression) == "timestamptz":
            yield node, f"EXTRACT({node.name.upper()} FROM timestamptz)"


def clocks_outside_filters(scope: Scope) -> Iterator[tuple[exp.Expression, str]]:
    """RW106."""
    for node in scope.nodes(*_UNKNOWN_CLOCKS):
        yield node, _UNKNOWN_CLOCKS[type(node)]
    for node in scope.calls("proctime"):
        if not isinstance(node.parent, exp.Version):
            yield node, "PROCTIME() as a value"
    for node in _clocks(scope):
        if not _is_in_filter(node):
            yield node, "NOW() as a value"


def processing_times(scope: Scope) -> Iterator[tuple[exp.Expression, str]]:
    """RW204, for a view that training reads."""
    for node in _clocks(scope):
        if _is_in_filter(node):
            yield node, "a filter by NOW()"
    for node in scope.calls("proctime"):
        if isinstance(node.parent, exp.Version):
            yield node, "a join as of PROCTIME()"


def _clocks(scope: Scope) -> Iterator[exp.Expression]:
    yield from scope.calls("now")
    yield from scope.nodes(exp.CurrentTimestamp)


def _is_in_filter(node: exp.Expression) -> bool:
    at: Any = node
    while at is not None and not isinstance(at, exp.Query):
        if isinstance(at, exp.Join) or at.arg_key in _FILTERS:
            return True
        at = at.parent
    return False


def _of_cast(scope: Scope, node: exp.Expression) -> str | None:
    """What of a cast depends on the session, None if nothing does."""
    target = _type_name(node.to)  # type: ignore[attr-defined]
    literal = node.this if isinstance(node.this, exp.Literal) and node.this.is_string else None
    if literal is not None:
        bare = target == "timestamptz" and not (_CLOCK_TIME.search(literal.name) and _OFFSET.search(literal.name))
        return f"'{literal.name}'::timestamptz without an offset" if bare else None
    if target != "timestamptz" and target not in _ZONELESS:
        return None
    of = scope.type_of(node.this)
    if target == "timestamptz" and of in ("timestamp", "date"):
        return f"a cast of {of} to timestamptz"
    return f"a cast of timestamptz to {target}" if of == "timestamptz" and target in _ZONELESS else None


def _of_call(scope: Scope, node: exp.Expression) -> str | None:
    name, arguments = str(node.this).lower(), node.expressions
    if len(arguments) != 2:
        return None  # date_trunc('day', t, 'UTC') says its zone
    value = arguments[0] if name == "to_char" else arguments[1]
    field = arguments[0].name.lower()
    if (name != "to_char" and field in _FIXED) or scope.type_of(value) != "timestamptz":
        return None
    return f"{name} of timestamptz" if name == "to_char" else f"{name}('{field}', timestamptz)"


def _type_name(of: exp.Expression) -> str:
    if not of.expressions and of.this in _PLAIN:
        return _PLAIN[of.this]
    name = of.sql(dialect="risingwave").lower()
    return {"timestamp with time zone": "timestamptz", "text": "varchar", "character varying": "varchar"}.get(
        name, name
    )
