"""Functions that give rows: in FROM, and in the list of a SELECT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._casts import cast_to
from featurectl.dialect._intervals import interval_parts
from featurectl.dialect._output import sql
from featurectl.dialect._regexp_functions import all_matches
from featurectl.dialect._types import EXACT, INTEGERS, TEMPORAL, duckdb_type, fields_of, unify

if TYPE_CHECKING:
    from featurectl.dialect._context import Context, Typed

__all__ = ["ROWS", "from_function", "rows_of"]

_SERIES = ("generate_series", "range")
_OF_OBJECTS = {
    "jsonb_each": ("rw_json_members({0})", "struct<key:varchar,value:jsonb>"),
    "jsonb_each_text": (
        "list_transform(rw_json_members({0}), "
        "lambda rw_m: {{'key': rw_m.key, 'value': coalesce(rw_text_of(CAST(rw_m.value AS VARCHAR)), '')}})",
        "struct<key:varchar,value:varchar>",
    ),
    "jsonb_object_keys": ("list_transform(rw_json_members({0}), lambda rw_m: rw_m.key)", "varchar"),
    "jsonb_array_elements": ("rw_json_elements({0})", "jsonb"),
    "jsonb_array_elements_text": (
        "list_transform(rw_json_elements({0}), lambda rw_e: coalesce(rw_text_of(CAST(rw_e AS VARCHAR)), ''))",
        "varchar",
    ),
}
ROWS = (*_SERIES, "unnest", "generate_subscripts", "regexp_matches", *_OF_OBJECTS)


def rows_of(ctx: Context, name: str, node: exp.Expression, arguments: list[exp.Expression]) -> Typed:
    """The list whose elements are the rows, and the type of an element."""
    if name == "regexp_matches":
        rows, of = all_matches(ctx, exp.Anonymous(this=name, expressions=arguments))
        return rows, str(of).removesuffix("[]")
    if name in _OF_OBJECTS:
        return _of_object(ctx, name, node, arguments)
    if name == "generate_subscripts":
        return _subscripts(ctx, node, arguments)
    in_one_direction = len(arguments) < 3 or _is_one_way(ctx, arguments[2])
    typed = [ctx(argument) for argument in arguments]
    types = [of for _, of in typed]
    parts = [part for part, _ in typed]
    if not in_one_direction and "interval" in types[2:]:
        raise ctx.unsupported(node, f"{name} with a step that is no literal in one direction")
    if name == "unnest" and len(typed) == 1:
        of = types[0]
        if of is not None and not of.endswith("[]"):
            raise ctx.wrong(node, f"unnest of {of}")
        deep = bool(of and of.endswith("[][]"))
        return (sql("flatten({0})", parts[0]) if deep else parts[0]), of.replace("[]", "") if of else None
    if name in ("generate_series", "range") and len(typed) in (2, 3):
        return _series(ctx, name, node, parts, types)
    raise ctx.unsupported(node, f"{name}({', '.join(str(of or '?') for of in types)})")


def _of_object(ctx: Context, name: str, node: exp.Expression, arguments: list[exp.Expression]) -> Typed:
    """The members of a document; what has none is an error outside a view."""
    if len(arguments) != 1:
        raise ctx.wrong(node, f"{name} takes one argument")
    template, of = _OF_OBJECTS[name]
    value, kind = ctx(arguments[0])
    if kind == "unknown" and isinstance(arguments[0], exp.Literal):
        value, kind = cast_to(ctx, value, kind, "jsonb"), "jsonb"
    if kind != "jsonb":
        raise ctx.unsupported(node, f"{name}({kind or '?'})", "cast it: x::jsonb")
    return ctx.or_fail(value, sql(template, value), name), of


def _subscripts(ctx: Context, node: exp.Expression, arguments: list[exp.Expression]) -> Typed:
    """generate_subscripts(array, dimension[, reverse])."""
    array, of = ctx(arguments[0])
    dimension = _whole(arguments[1]) if len(arguments) in (2, 3) else None
    turned = arguments[2].this if len(arguments) == 3 and isinstance(arguments[2], exp.Boolean) else len(arguments) == 3
    if of is None or not of.endswith("[]") or dimension is None or not isinstance(turned, bool):
        raise ctx.unsupported(node, "generate_subscripts with this array or dimension")
    depth = (len(of) - len(of.rstrip("[]"))) // 2
    if not 1 <= dimension <= depth:
        return sql("CAST([] AS INTEGER[])"), "int"
    places = f"CAST(generate_series(1, len({{0}}{'[1]' * (dimension - 1)})) AS INTEGER[])"
    return sql(f"list_reverse({places})" if turned else places, array), "int"


def _whole(node: exp.Expression) -> int | None:
    sign = -1 if isinstance(node, exp.Neg) else 1
    text = (node.this if isinstance(node, exp.Neg) else node).name
    return sign * int(text) if text.isdigit() else None


def _is_one_way(ctx: Context, node: exp.Expression) -> bool:
    """Whether a step is an interval literal of which no part goes back while another goes on."""
    if not isinstance(node, exp.Interval | exp.Cast) or not isinstance(node.this, exp.Literal):
        return False
    literal = node if isinstance(node, exp.Interval) else exp.Interval(this=node.this)
    counts = interval_parts(ctx, literal).values() if node.this.is_string else []
    return not (min(counts, default=0) < 0 < max(counts, default=0))


# in whole numbers of 10 decimal places
_SPAN = "CAST(({1} - {0}) * 10000000000 AS HUGEINT)"
_STEP = "CAST({2} * 10000000000 AS HUGEINT)"
_NUMERIC_SERIES = {
    name: (
        f"CASE WHEN sign({_SPAN}) * sign({_STEP}) >= 0 THEN list_transform({name}(0, {count}), "
        "lambda rw_i: CAST({0} + rw_i * {2} AS DECIMAL(38, 10))) END"
    )
    for name, count in (
        ("generate_series", f"CAST({_SPAN} // {_STEP} AS BIGINT)"),
        ("range", f"CAST({_SPAN} // {_STEP} + CASE WHEN {_SPAN} % {_STEP} = 0 THEN 0 ELSE 1 END AS BIGINT)"),
    )
}


def _series(
    ctx: Context, name: str, node: exp.Expression, parts: list[exp.Expression], types: list[str | None]
) -> Typed:
    common = unify(types[:2])
    if common in INTEGERS and (len(types) == 2 or types[2] in INTEGERS):
        of = unify([common, *types[2:]])
        places = ", ".join(f"CAST({{{index}}} AS BIGINT)" for index in range(len(parts)))
        return sql(f"CAST({name}({places}) AS {duckdb_type(str(of))}[])", *parts), of
    if common in ("timestamp", "timestamptz") and len(types) == 3 and types[2] in ("interval", "unknown"):
        if common not in TEMPORAL or "unknown" in types:
            raise ctx.unsupported(node, f"{name} of texts", "cast its arguments")
        return sql(f"{name}({{0}}, {{1}}, {{2}})", *parts), common
    if common == "numeric" and set(types) <= {*EXACT}:
        return sql(_NUMERIC_SERIES[name], parts[0], parts[1], parts[2] if len(parts) == 3 else sql("1")), "numeric"
    raise ctx.unsupported(node, f"{name}({', '.join(str(of or '?') for of in types)})", "cast its arguments")


def from_function(ctx: Context, node: exp.Expression) -> tuple[exp.Expression, str, dict[str, str | None]] | None:
    """A FROM item that is such a function: its translation, its name, its columns."""
    if isinstance(node, exp.Unnest):
        ctx.check(node, frozenset({"expressions", "alias", "offset"}))
        name, arguments, ordinality = "unnest", node.expressions, node.args.get("offset")
    elif isinstance(node, exp.Table) and isinstance(node.this, exp.Anonymous):
        ctx.check(node, frozenset({"this", "alias", "ordinality"}))
        name, arguments, ordinality = str(node.this.this).lower(), node.this.expressions, node.args.get("ordinality")
    else:
        return None
    if name not in ROWS:
        return None
    steady = not any(part.find(exp.Column) for part in arguments)
    rows, of = rows_of(ctx, name, node, list(arguments))
    alias = node.args.get("alias")
    given = [column.name for column in alias.args.get("columns") or []] if alias else []
    if isinstance(ordinality, exp.Identifier) and given:
        given.append(ordinality.name)  # the parser takes the last name for that of the ordinality
    table = alias.name if alias and alias.name else name
    columns: dict[str, str | None] = {given[0] if given else table: of}
    if steady and not ordinality and name in _SERIES and of in INTEGERS:
        call = rows.expressions  # as a table it takes no memory
        places = ", ".join(f"CAST({{{index}}} AS BIGINT)" for index in range(len(call)))
        column = _quoted(next(iter(columns)))
        series = f"SELECT CAST({column} AS {duckdb_type(str(of))}) AS {column} FROM {name}({places}) AS rw_s({column})"
        return sql(f"({series}) AS {_quoted(table)}", *call), table, columns
    if name in ("jsonb_each", "jsonb_each_text") and not ordinality:
        fields = list(fields_of(str(of)).items())
        columns = dict(
            zip([*given, *[field for field, _ in fields][len(given) :]], (of for _, of in fields), strict=True)
        )
        cells = ", ".join(f"rw_s.{field} AS {_quoted(to)}" for (field, _), to in zip(fields, columns, strict=True))
        return sql(f"(SELECT {cells} FROM (SELECT unnest({{0}}) AS rw_s)) AS {_quoted(table)}", rows), table, columns
    body = f"unnest({{0}}) AS {_quoted(next(iter(columns)))}"
    if ordinality:
        number = given[1] if len(given) > 1 else "ordinality"
        columns[number] = "bigint"
        body = f"{body}, generate_subscripts({{0}}, 1) AS {_quoted(number)}"
    return sql(f"(SELECT {body}) AS {_quoted(table)}", rows), table, columns


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""').replace("{", "{{").replace("}", "}}")
    return f'"{escaped}"'
