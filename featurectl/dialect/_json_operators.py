"""jsonb by operators: a path into it, its keys, what is joined to it or taken out; whether a text is JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._casts import cast_to
from featurectl.dialect._output import quoted, sql
from featurectl.dialect._types import INTEGERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from featurectl.dialect._context import Context, Rule, Typed
    from featurectl.dialect._types import Type

__all__ = ["JSON_FUNCTIONS", "JSON_OPERATORS", "concatenated", "is_json", "taken_out"]


def _document(ctx: Context, node: exp.Expression, given: exp.Expression) -> exp.Expression:
    value, of = ctx(given)
    if of == "unknown" and isinstance(given, exp.Literal):
        return cast_to(ctx, value, of, "jsonb")
    if of != "jsonb":
        raise ctx.unsupported(node, f"{type(node).key} of {of or 'a type that is not known'}", "cast it: x::jsonb")
    return value


def _keys_of(ctx: Context, node: exp.Expression, path: exp.Expression) -> list[str]:
    """The steps of '{a,b,1}' or ARRAY['a', 'b']."""
    if isinstance(path, exp.Array):
        return [ctx.constant(part, "a step of a path") for part in path.expressions]
    text = ctx.constant(path, "a path").strip()
    if not re.fullmatch(r"\{[^{}\"\\\\]*\}", text):
        raise ctx.unsupported(node, f"the path {text!r}")
    return [part.strip() for part in text[1:-1].split(",")] if text[1:-1].strip() else []


def _stepped(document: exp.Expression, keys: list[str], as_text: bool) -> Typed:
    for key in keys:
        is_place = re.fullmatch(r"-?\d{1,9}", key)
        step = (
            f"rw_json_step_at({{0}}, {quoted(key)}, {int(key)})" if is_place else f"rw_json_step({{0}}, {quoted(key)})"
        )
        document = sql(step, document)
    return (sql("rw_json_text({0})", document), "varchar") if as_text else (document, "jsonb")


def _path(ctx: Context, node: exp.Expression) -> Typed:
    """`j #> '{a,b}'` and `j #>> '{a,b}'`."""
    document = _document(ctx, node, node.this)
    return _stepped(document, _keys_of(ctx, node, node.expression), isinstance(node, exp.JSONBExtractScalar))


def _extract(as_text: bool) -> Callable[[Context, exp.Expression], Typed]:
    """jsonb_extract_path(j, 'a', 'b')."""

    def rule(ctx: Context, node: exp.Expression) -> Typed:
        document, *steps = node.expressions
        keys = [ctx.constant(step, "a step of a path") for step in steps]
        return _stepped(_document(ctx, node, document), keys, as_text)

    return rule


def _has(ctx: Context, node: exp.Expression) -> Typed:
    """`j ? 'key'`."""
    return sql(
        "CASE WHEN {1} IS NOT NULL THEN rw_json_has({0}, {1}) END",
        _document(ctx, node, node.this),
        ctx.sql(node.expression),
    ), "boolean"


def _has_some(ctx: Context, node: exp.Expression) -> Typed:
    """`j ?| keys` and `j ?& keys`."""
    document, (keys, of) = _document(ctx, node, node.this), ctx(node.expression)
    if of != "varchar[]":
        raise ctx.unsupported(node, f"keys that are {of}", "write ARRAY['a', 'b']")
    some = isinstance(node, exp.JSONBContainsAnyTopKeys)
    found = (
        f"len(list_filter({{1}}, lambda rw_k: rw_k IS NOT NULL AND {'' if some else 'NOT '}rw_json_has({{0}}, rw_k)))"
    )
    answer = f"{found} > 0" if some else f"{found} = 0"
    return sql(f"CASE WHEN {{0}} IS NOT NULL AND {{1}} IS NOT NULL THEN {answer} END", document, keys), "boolean"


def concatenated(ctx: Context, node: exp.Expression, left: Typed, right: Typed) -> Typed:
    """`a || b`: objects with the keys of both, else one array."""
    sides = []
    for given, (value, of) in ((node.this, left), (node.expression, right)):
        if of != "jsonb" and not isinstance(given, exp.Literal):
            raise ctx.unsupported(node, f"jsonb || {of}", "cast both to jsonb")
        sides.append(value if of == "jsonb" else cast_to(ctx, value, of, "jsonb"))
    return sql("rw_json_concat({0}, {1})", *sides), "jsonb"


def taken_out(ctx: Context, node: exp.Expression, document: exp.Expression, right: Typed) -> Typed:
    """`j - 'key'`, `j - ARRAY['a', 'b']`, `j - place`."""
    value, of = right
    if of in ("unknown", "varchar"):
        result = sql("CASE WHEN {1} IS NOT NULL THEN rw_json_without({0}, [{1}]) END", document, value)
    elif of == "varchar[]":
        result = sql("CASE WHEN {1} IS NOT NULL THEN rw_json_without({0}, {1}) END", document, value)
    elif of in INTEGERS:
        result = sql("CASE WHEN {1} IS NOT NULL THEN rw_json_without_place({0}, {1}) END", document, value)
    else:
        raise ctx.unsupported(node, f"jsonb - {of}")
    return ctx.or_fail(document, result, "taking out of jsonb"), "jsonb"


_KINDS = {
    "": "true",
    "VALUE": "true",
    "OBJECT": "json_type({0}) = 'OBJECT'",
    "ARRAY": "json_type({0}) = 'ARRAY'",
    "SCALAR": "json_type({0}) NOT IN ('OBJECT', 'ARRAY')",
}


def is_json(ctx: Context, node: exp.Expression) -> Typed:
    """`text IS JSON [VALUE | OBJECT | ARRAY | SCALAR]`."""
    value, of = ctx(node.this)
    wanted = node.expression
    kind = str(wanted.this or "").upper()
    if of not in ("varchar", "unknown") or kind not in _KINDS or wanted.args.get("unique") or wanted.args.get("with_"):
        raise ctx.unsupported(node, f"IS JSON {kind} of {of}")
    checked = f"coalesce(rw_d IS NOT NULL AND {_KINDS[kind].replace('{0}', 'rw_d')}, false)"
    inner = f"list_transform([rw_jsonb({{0}})], lambda rw_d: {checked})[1]"
    return sql(f"CASE WHEN {{0}} IS NOT NULL THEN {inner} END", value), "boolean"


def _array_element(ctx: Context, node: exp.Expression) -> Typed:
    document, place = node.expressions
    return ctx(exp.JSONExtract(this=document, expression=place))


def _by_containment(name: str) -> Rule:
    """`a @> b` and `a <@ b` of arrays."""

    def rule(ctx: Context, node: exp.Expression) -> Typed:
        types: list[Type] = [ctx(side.copy())[1] for side in (node.this, node.expression)]
        if not all(of is not None and of.endswith("[]") for of in types):
            raise ctx.unsupported(node, f"containment of {types[0]} and {types[1]}", "it is there for arrays")
        return ctx(exp.Anonymous(this=name, expressions=[node.this, node.expression]))

    return rule


_BINARY = frozenset({"this", "expression"})

JSON_OPERATORS: dict[type[exp.Expression], tuple[Rule, frozenset[str]]] = {
    exp.JSONBExtract: (_path, _BINARY),
    exp.JSONBExtractScalar: (_path, _BINARY),
    exp.JSONBContains: (_has, _BINARY),
    exp.JSONBContainsAnyTopKeys: (_has_some, _BINARY),
    exp.JSONBContainsAllTopKeys: (_has_some, _BINARY),
    exp.ArrayContainsAll: (_by_containment("array_contains"), _BINARY),
    exp.ArrayContainedBy: (_by_containment("array_contained"), _BINARY),
}

JSON_FUNCTIONS: dict[str, Callable[[Context, exp.Expression], Typed]] = {
    "jsonb_extract_path": _extract(as_text=False),
    "jsonb_extract_path_text": _extract(as_text=True),
    "jsonb_array_element": _array_element,
}
