"""jsonb out of values: to_jsonb, jsonb_build_object, jsonb_build_array, and the text of what goes into them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._output import quoted, sql
from featurectl.dialect._types import INTEGERS, fields_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from featurectl.dialect._context import Context, Typed
    from featurectl.dialect._types import Type

__all__ = ["BUILDERS", "json_template"]

_SCALARS = {
    **dict.fromkeys((*INTEGERS, "varchar", "boolean", "unknown"), "to_json({0})"),
    "numeric": "to_json(CAST({0} AS DOUBLE))",
    "double": "rw_json_of_double({0})",
    "real": "rw_json_of_double(CAST({0} AS DOUBLE))",
    "bytea": "to_json('\\x' || lower(hex({0})))",
    "time": "to_json(rw_time_text({0}))",
    "interval": "to_json(rw_interval_text({0}))",
    "date": "to_json(CAST({0} AS VARCHAR))",
    "timestamp": "to_json(replace(rw_timestamp_text({0}), ' ', 'T'))",
    "timestamptz": "to_json(replace(rw_timestamptz_text({0}), ' ', 'T'))",
    "jsonb": "CAST({0} AS JSON)",
}


def json_template(ctx: Context, node: exp.Expression, of: Type) -> str:
    """What makes a JSON value of `{0}`; NULL stays NULL."""
    if of is not None and of.endswith("[]"):
        name = f"rw_x{of.count('[]')}"
        inner = json_template(ctx, node, of.removesuffix("[]")).replace("{0}", name)
        return f"to_json(list_transform({{0}}, lambda {name}: {inner}))"
    if of is not None and of.startswith("struct<"):
        return _of_struct(ctx, node, of)
    template = _SCALARS.get(str(of))
    if template is None:
        raise ctx.unsupported(node, f"jsonb of {of or 'a type that is not known'}")
    return template


def _of_struct(ctx: Context, node: exp.Expression, of: str) -> str:
    """RisingWave keeps the keys of an object sorted."""
    cells = []
    for name, kind in sorted(fields_of(of).items()):
        field = f"struct_extract({{0}}, {quoted(name)})"
        cells.append(f"{quoted(name)}, {json_template(ctx, node, kind).replace('{0}', field)}")
    return f"CASE WHEN {{0}} IS NOT NULL THEN json_object({', '.join(cells)}) END"


def _value(ctx: Context, node: exp.Expression) -> exp.Expression:
    """A member: NULL becomes JSON's null."""
    part, of = ctx(node)
    if isinstance(node, exp.Null):
        return sql("CAST('null' AS JSON)")
    return sql(f"coalesce({json_template(ctx, node, of)}, CAST('null' AS JSON))", part)


def _to_jsonb(ctx: Context, node: exp.Expression) -> Typed:
    if len(node.expressions) != 1:
        raise ctx.wrong(node, "to_jsonb takes one argument")
    return _value(ctx, node.expressions[0]), "jsonb"


def _object(ctx: Context, node: exp.Expression) -> Typed:
    keys, values = node.expressions[::2], node.expressions[1::2]
    if len(keys) != len(values):
        raise ctx.wrong(node, "jsonb_build_object takes keys and values in pairs")
    names = [ctx.constant(key, "a key of jsonb_build_object") for key in keys]
    if len(set(names)) < len(names):
        raise ctx.unsupported(node, "jsonb_build_object with a key twice")
    pairs = sorted(zip(names, values, strict=True), key=lambda pair: pair[0])
    parts = [_value(ctx, value) for _, value in pairs]
    cells = ", ".join(f"{quoted(name)}, {{{index}}}" for index, (name, _) in enumerate(pairs))
    return sql(f"json_object({cells})", *parts), "jsonb"


def _array(ctx: Context, node: exp.Expression) -> Typed:
    parts = [_value(ctx, value) for value in node.expressions]
    return sql(f"json_array({', '.join(f'{{{index}}}' for index in range(len(parts)))})", *parts), "jsonb"


BUILDERS: dict[str, Callable[[Context, exp.Expression], Typed]] = {
    "to_jsonb": _to_jsonb,
    "jsonb_build_object": _object,
    "jsonb_build_array": _array,
}
