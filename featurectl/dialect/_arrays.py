"""Arrays: what joins, searches and shortens them. NULL arrays and mixed types of elements as RisingWave has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._context import Scope
from featurectl.dialect._output import sql
from featurectl.dialect._types import NUMBERS, duckdb_type, unify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from featurectl.dialect._context import Context, Typed
    from featurectl.dialect._types import Type

__all__ = ["ARRAYS", "joined", "sliced"]

_ORDERED = (*NUMBERS, "varchar", "date", "time", "timestamp", "timestamptz")


def _depth(of: Type) -> int:
    return (len(of) - len(of.rstrip("[]"))) // 2 if of else 0


def _base(of: Type) -> Type:
    return of.removesuffix("[]" * _depth(of)) if of else None


def _common(ctx: Context, node: exp.Expression, types: list[Type], depths: list[int]) -> str:
    """The type of an element at the bottom that all share."""
    if None in types:
        raise ctx.unsupported(node, "an array function of values whose types are not known", "cast them")
    base = unify(_base(of) for of in types)
    known = {of for of in map(_base, types) if of != "unknown"}
    if base in (None, "unknown") or (any(of.startswith("struct<") for of in known if of) and len(known) > 1):
        raise ctx.wrong(node, f"arrays of {', '.join(map(str, types))}", "cast them to one type")
    return str(base)


def _brought(typed: Typed, to: str) -> exp.Expression:
    part, of = typed
    return part if of == to else sql(f"CAST({{0}} AS {duckdb_type(to)})", part)


def joined(ctx: Context, node: exp.Expression, left: Typed, right: Typed) -> Typed:
    """`a || b`: two arrays, or an array and an element; a NULL array counts for nothing."""
    types = [left[1], right[1]]
    depths = [_depth(of) for of in types]
    base = _common(ctx, node, types, depths)
    top = max(depths)
    if abs(depths[0] - depths[1]) > 1 or (0 in depths and top > 1):
        raise ctx.wrong(node, f"{types[0]} || {types[1]}")
    of = base + "[]" * top
    parts = [
        _brought(side, base + "[]" * depth) if depth == top else sql("[{0}]", _brought(side, base + "[]" * depth))
        for side, depth in zip((left, right), depths, strict=True)
    ]
    both = "CASE WHEN {0} IS NULL THEN {1} WHEN {1} IS NULL THEN {0} ELSE list_concat({0}, {1}) END"
    return sql(both if depths[0] == depths[1] else "list_concat({0}, {1})", *parts), of


def _cat(ctx: Context, node: exp.Expression) -> Typed:
    left, right = _arguments(ctx, node, 2)
    return joined(ctx, node, left, right)


def _append(ctx: Context, node: exp.Expression) -> Typed:
    array, element = _arguments(ctx, node, 2)
    return _with_element(ctx, node, array, element, "list_concat({0}, [{1}])")


def _prepend(ctx: Context, node: exp.Expression) -> Typed:
    element, array = _arguments(ctx, node, 2)
    return _with_element(ctx, node, array, element, "list_concat([{1}], {0})")


def _with_element(ctx: Context, node: exp.Expression, array: Typed, element: Typed, template: str) -> Typed:
    depth = _depth(array[1])
    if not depth or _depth(element[1]) != depth - 1:
        raise ctx.wrong(node, f"{node.this} of {array[1]} and {element[1]}")
    base = _common(ctx, node, [array[1], element[1]], [])
    of = base + "[]" * depth
    return sql(template, _brought(array, of), _brought(element, of.removesuffix("[]"))), of


def _arguments(ctx: Context, node: exp.Expression, *counts: int) -> list[Typed]:
    if len(node.expressions) not in counts:
        raise ctx.wrong(node, f"{node.this} takes {' or '.join(map(str, counts))} arguments")
    return [ctx(argument) for argument in node.expressions]


def _searched(ctx: Context, node: exp.Expression) -> tuple[exp.Expression, exp.Expression, str]:
    """The array and the element that is looked for, of one type."""
    array, element = _arguments(ctx, node, 2)
    if not _depth(array[1]) or _depth(element[1]) != _depth(array[1]) - 1:
        raise ctx.unsupported(node, f"{node.this}({array[1]}, {element[1]})")
    base = _common(ctx, node, [array[1], element[1]], [])
    of = base + "[]" * _depth(array[1])
    return _brought(array, of), _brought(element, of.removesuffix("[]")), of


_EQUAL = "rw_x IS NOT DISTINCT FROM {1}"


def _position(ctx: Context, node: exp.Expression) -> Typed:
    array, element, _ = _searched(ctx, node)
    place = f"list_position(list_transform({{0}}, lambda rw_x: {_EQUAL}), true)"
    return sql(f"CAST(nullif({place}, 0) AS INTEGER)", array, element), "int"


def _positions(ctx: Context, node: exp.Expression) -> Typed:
    array, element, _ = _searched(ctx, node)
    found = f"list_filter(generate_series(1, len({{0}})), lambda rw_i: ({{0}})[rw_i] {_EQUAL[5:]})"
    return sql(f"CASE WHEN len({{0}}) > 0 THEN CAST({found} AS INTEGER[]) END", array, element), "int[]"


def _remove(ctx: Context, node: exp.Expression) -> Typed:
    array, element, of = _searched(ctx, node)
    return sql("list_filter({0}, lambda rw_x: rw_x IS DISTINCT FROM {1})", array, element), of


def _replace(ctx: Context, node: exp.Expression) -> Typed:
    array, old, new = _arguments(ctx, node, 3)
    base = _common(ctx, node, [array[1], old[1], new[1]], [])
    of = f"{base}[]"
    if _depth(array[1]) != 1 or _depth(old[1]) or _depth(new[1]):
        raise ctx.unsupported(node, f"array_replace of {array[1]}")
    parts = [_brought(array, of), _brought(old, base), _brought(new, base)]
    return sql(f"list_transform({{0}}, lambda rw_x: CASE WHEN {_EQUAL} THEN {{2}} ELSE rw_x END)", *parts), of


def _of_one(template: str, returns: str = "", ordered: bool = False) -> Callable[[Context, exp.Expression], Typed]:
    """A function of one array; it returns its type, `=` an element, or a type by name."""

    def rule(ctx: Context, node: exp.Expression) -> Typed:
        ((array, of),) = _arguments(ctx, node, 1)
        if not _depth(of) or (ordered and (_depth(of) > 1 or _base(of) not in _ORDERED)):
            raise ctx.unsupported(node, f"the function {node.this}({of})")
        returned = {"": of, "=": str(of).removesuffix("[]")}.get(returns, returns)
        return sql(template, array), returned

    return rule


def _length(ctx: Context, node: exp.Expression) -> Typed:
    (array, of), *dimension = _arguments(ctx, node, 1, 2)
    if not _depth(of) or (dimension and not (node.expressions[1].name == "1")):
        raise ctx.unsupported(node, f"{node.this}({of}) in this dimension")
    flat = str(node.this).lower() == "cardinality" and _depth(of) > 1
    if flat and _depth(of) > 2:
        raise ctx.unsupported(node, f"cardinality({of})")
    return sql(f"CAST(len({'flatten({0})' if flat else '{0}'}) AS INTEGER)", array), "int"


def _sum(ctx: Context, node: exp.Expression) -> Typed:
    ((array, of),) = _arguments(ctx, node, 1)
    returned = {"smallint": "bigint", "int": "bigint", "bigint": "numeric"}.get(str(_base(of)), _base(of))
    if _depth(of) != 1 or returned not in NUMBERS:
        raise ctx.unsupported(node, f"the function array_sum({of})")
    return sql(f"CAST(list_sum({{0}}) AS {duckdb_type(str(returned))})", array), returned


_TEXTS = {"varchar": "{0}", **dict.fromkeys(("smallint", "int", "bigint", "date"), "CAST({0} AS VARCHAR)")}


def _to_string(ctx: Context, node: exp.Expression) -> Typed:
    (array, of), *rest = _arguments(ctx, node, 2, 3)
    if not isinstance(node.expressions[1], exp.Literal):
        raise ctx.unsupported(node, f"{node.this} with a separator that is not a constant")
    text = _TEXTS.get(str(_base(of)))
    if _depth(of) != 1 or text is None:
        raise ctx.unsupported(node, f"the function {node.this}({of}, …)")
    element = text.replace("{0}", "rw_x")
    shown = f"coalesce({element}, {{2}})" if len(rest) == 2 else element
    kept = "{0}" if len(rest) == 2 else "list_filter({0}, lambda rw_x: rw_x IS NOT NULL)"
    parts = [array, *(part for part, _ in rest)]
    given = "{0} IS NOT NULL AND {1} IS NOT NULL"
    joined_text = f"coalesce(array_to_string(list_transform({kept}, lambda rw_x: {shown}), {{1}}), '')"
    return sql(f"CASE WHEN {given} THEN {joined_text} END", *parts), "varchar"


def _from_string(ctx: Context, node: exp.Expression) -> Typed:
    (text, _), (separator, _), *null = _arguments(ctx, node, 2, 3)
    split = (
        "CASE WHEN {0} = '' THEN CAST([] AS VARCHAR[]) WHEN {1} IS NULL THEN string_split({0}, '') "
        "WHEN {1} = '' THEN [{0}] ELSE string_split({0}, {1}) END"
    )
    result = sql(f"CASE WHEN {{0}} IS NOT NULL THEN {split} END", text, separator)
    if null:
        result = sql("list_transform({0}, lambda rw_x: nullif(rw_x, {1}))", result, null[0][0])
    return result, "varchar[]"


def _dimensions(ctx: Context, node: exp.Expression) -> Typed:
    ((_, of),) = _arguments(ctx, node, 1)
    if not _depth(of):
        raise ctx.unsupported(node, f"{node.this}({of})")
    return sql(str(_depth(of))), "int"


def _trimmed(ctx: Context, node: exp.Expression) -> Typed:
    """trim_array(array, n): without its last n."""
    (array, of), (count, _) = _arguments(ctx, node, 2)
    if not _depth(of):
        raise ctx.unsupported(node, f"trim_array({of}, …)")
    cut = "list_slice({0}, 1, len({0}) - {1})"
    empty = f"CAST([] AS {duckdb_type(str(of))})"
    kept = f"CASE WHEN {{1}} = len({{0}}) THEN {empty} WHEN {{1}} BETWEEN 0 AND len({{0}}) THEN {cut} END"
    return ctx.or_fail(array, sql(kept, array, count), "trim_array"), of


def _flattened(ctx: Context, node: exp.Expression) -> Typed:
    ((array, of),) = _arguments(ctx, node, 1)
    if _depth(of) < 2:
        raise ctx.unsupported(node, f"array_flatten({of})")
    return sql("flatten({0})", array), str(of).removesuffix("[]")


_DISTINCT = "list_filter({0}, lambda rw_x, rw_i: rw_first_place({0}, rw_x) = rw_i)"


def _transformed(ctx: Context, node: exp.Expression) -> Typed:
    """array_transform(array, |x| x + 1)."""
    if len(node.expressions) != 2 or not isinstance(node.expressions[1], exp.Lambda):
        raise ctx.unsupported(node, "array_transform without |x| …")
    array, of = ctx(node.expressions[0])
    function = node.expressions[1]
    if not _depth(of) or len(function.expressions) != 1 or function.find(exp.Query):
        raise ctx.unsupported(node, f"array_transform({of}, …)", "cast the array")
    name = function.expressions[0].name
    known = {name, *(each.name for around in _lambdas_around(node) for each in around.expressions)}
    known |= {each.name for inner in function.this.find_all(exp.Lambda) for each in inner.expressions}
    known |= {column.name for column in function.this.find_all(exp.Column) if column.name.startswith("rw_each_")}
    others = [column for column in function.this.find_all(exp.Column) if column.name not in known]
    if others:
        raise ctx.wrong(node, f"{others[0].sql()} within |{name}|", "RisingWave knows the names between | | there only")
    bound = f"rw_each_{len(list(_lambdas_around(node)))}_{name}"
    body = function.this.transform(
        lambda part: exp.column(bound) if isinstance(part, exp.Column) and part.sql() == name else part
    )
    if any(name in [each.name for each in inner.expressions] for inner in function.this.find_all(exp.Lambda)):
        raise ctx.unsupported(node, f"|{name}| within |{name}|")
    inside = ctx.within(Scope({"": {bound: str(of).removesuffix("[]")}}, ctx.scope))
    value, kind = inside(body)
    if kind is None:
        raise ctx.unsupported(node, "array_transform to a type that is not known", "cast it")
    kind = "varchar" if kind == "unknown" else kind
    return sql(f"list_transform({{0}}, lambda {bound}: {{1}})", array, value), f"{kind}[]"


def _lambdas_around(node: exp.Expression) -> Iterator[exp.Expression]:
    at = node.parent
    while at is not None:
        if isinstance(at, exp.Lambda):
            yield at
        at = at.parent


def _bound(ctx: Context, node: exp.Expression) -> Typed:
    """array_lower and array_upper in the first dimension."""
    (array, of), _ = _arguments(ctx, node, 2)
    if not _depth(of) or node.expressions[1].name != "1":
        raise ctx.unsupported(node, f"{node.this}({of}) in this dimension")
    lower = str(node.this).lower() == "array_lower"
    return sql("1" if lower else "CAST(len({0}) AS INTEGER)", array), "int"  # 1, of a NULL too


def _contained(ctx: Context, node: exp.Expression) -> Typed:
    """Whether one array has all that another has; what is NULL in the other is left aside."""
    left, right = _arguments(ctx, node, 2)
    base = _common(ctx, node, [left[1], right[1]], [])
    if _depth(left[1]) != 1 or _depth(right[1]) != 1:
        raise ctx.unsupported(node, f"{node.this} of {left[1]} and {right[1]}")
    parts = [_brought(left, f"{base}[]"), _brought(right, f"{base}[]")]
    large, small = ("{0}", "{1}") if str(node.this).lower() == "array_contains" else ("{1}", "{0}")
    has_null = f"len(list_filter({large}, lambda rw_y: rw_y IS NULL)) > 0"
    has = f"CASE WHEN rw_x IS NULL THEN {has_null} ELSE coalesce(list_contains({large}, rw_x), false) END"
    every = f"len(list_filter({small}, lambda rw_x: NOT {has})) = 0"
    return sql(f"CASE WHEN {{0}} IS NOT NULL AND {{1}} IS NOT NULL THEN {every} END", *parts), "boolean"


def sliced(ctx: Context, array: Typed, low: exp.Expression | None, high: exp.Expression | None) -> Typed:
    """`a[2:3]`."""
    first = ctx.sql(low) if low is not None else sql("1")
    last = ctx.sql(high) if high is not None else sql("len({0})", array[0])
    cut = "CASE WHEN {1} > {2} THEN CAST([] AS {of}) ELSE list_slice({0}, greatest({1}, 1), {2}) END"
    template = f"CASE WHEN {{0}} IS NOT NULL THEN {cut} END"
    return sql(template.replace("{of}", duckdb_type(str(array[1]))), array[0], first, last), array[1]


ARRAYS: dict[str, Callable[[Context, exp.Expression], Typed]] = {
    "array_cat": _cat,
    "array_append": _append,
    "array_prepend": _prepend,
    "array_position": _position,
    "array_positions": _positions,
    "array_remove": _remove,
    "array_replace": _replace,
    "array_length": _length,
    "cardinality": _length,
    "array_contains": _contained,
    "array_contained": _contained,
    "array_ndims": _dimensions,
    "array_lower": _bound,
    "array_upper": _bound,
    "array_transform": _transformed,
    "array_distinct": _of_one(_DISTINCT),
    "array_flatten": _flattened,
    "trim_array": _trimmed,
    "array_sum": _sum,
    "array_max": _of_one("list_max({0})", "=", ordered=True),
    "array_min": _of_one("list_min({0})", "=", ordered=True),
    "array_sort": _of_one("list_sort({0}, 'ASC', 'NULLS LAST')", ordered=True),
    "array_to_string": _to_string,
    "array_join": _to_string,
    "string_to_array": _from_string,
}
