"""HOP with GROUP BY as a frame.

RisingWave keeps a moving aggregate cheaply as `HOP(…) GROUP BY key, window_end`; on DuckDB each row would be copied
into size / hop windows. Here a RANGE frame over the rows answers for every window whose newest hop has rows, with
one sort. The windows whose newest hop is empty lie behind gaps, and behind the last row: only the rows near a gap
are copied into those. Nothing is subtracted from running sums, so large values leave no residue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._aggregates import framed, is_aggregate
from featurectl.dialect._context import Scope
from featurectl.dialect._intervals import interval_parts, spelled
from featurectl.dialect._naming import output_name
from featurectl.dialect._output import sql
from featurectl.dialect._relations import columns_of, window_call
from featurectl.dialect._times import as_instant, as_utc

if TYPE_CHECKING:
    from featurectl.dialect._context import Columns, Context, Typed
    from featurectl.dialect._relations import WindowCall

__all__ = ["hop_as_frame"]

_BOUNDS = ("window_start", "window_end")
_ALIAS = "rw_hops"
_NULL_OF_NONE = ("avg", "sum", "min", "max")  # of no value, each is NULL


@dataclass
class _Shape:
    """A SELECT over HOP taken apart: what it groups by, what it aggregates, and the call itself."""

    call: WindowCall
    table: exp.Expression
    alias: str
    keys: list[exp.Expression]
    aggregates: list[exp.Expression]


def hop_as_frame(ctx: Context, node: exp.Expression) -> Columns | None:
    """Rewrites a SELECT over HOP in place if a frame means the same; answers the columns of its new source."""
    shape = _shape_of(ctx, node)
    if shape is None:
        return None
    columns = columns_of(ctx, shape.call.input.text("table"), shape.call.input.name)
    inner = ctx.within(Scope({shape.alias: columns}, ctx.scope))
    _name_projections(node)
    keys = [inner(key.copy()) for key in shape.keys]
    of = inner(shape.call.time.copy())[1]
    if of == "date":
        return None
    where = node.args.get("where")
    condition = inner.sql(where.this) if where is not None else None
    source, types = _source(inner, shape, keys, condition, of)
    _replace_parts(node, shape)
    having = node.args.get("having")
    node.set("where", exp.Where(this=having.this) if having is not None else None)
    node.set("having", None)
    node.set("group", None)
    node.args["from_"].set("this", source)
    return types


def _shape_of(ctx: Context, node: exp.Expression) -> _Shape | None:
    """The parts, or None where only the general translation will do."""
    first, group = node.args.get("from_"), node.args.get("group")
    call = window_call(ctx, first.this) if first is not None else None
    if first is None or call is None or group is None or node.args.get("joins") or node.args.get("distinct"):
        return None
    if call.name != "hop" or call.size == call.slide or any(item.is_star for item in node.expressions):
        return None
    if any(isinstance(part, exp.Query) for part in node.walk() if part is not node):
        return None
    alias = first.this.alias or call.input.name
    _unqualify(node, alias)
    grouped = [_by_ordinal(node, key) for key in group.expressions]
    keys = [key for key in grouped if not (_is_bound(key) or _is_shifted_bound(ctx, key))]
    _drop_guards(node)
    parts = [*node.expressions, *(node.args[name] for name in ("having", "order") if node.args.get(name))]
    aggregates = _distinct([found for part in parts for found in _aggregates(part)])
    shape = _Shape(call, first.this, alias, keys, aggregates)
    return shape if len(keys) < len(grouped) and _is_covered(node, shape, parts) else None


def _unqualify(node: exp.Expression, alias: str) -> None:
    """There is one relation, so `h.k` and `k` are the same key."""
    for column in node.find_all(exp.Column):
        if column.text("table") == alias:
            column.set("table", None)


def _drop_guards(node: exp.Expression) -> None:
    """`CASE WHEN count(x) > 0 THEN avg(x) END` as `avg(x)`: RisingWave needs the guard, DuckDB counts for nothing."""
    for case in [*node.find_all(exp.Case)]:
        branches = case.args["ifs"]
        if case.this is not None or case.args.get("default") is not None or len(branches) != 1:
            continue
        if case.find_ancestor(exp.Alias) is None:  # it gives its column the name
            continue
        guard, value = branches[0].this, branches[0].args["true"]
        inside = value
        while isinstance(inside, exp.Cast | exp.Paren):
            inside = inside.this
        if (
            isinstance(guard, exp.GT)
            and guard.expression == exp.Literal.number(0)
            and _name(guard.this) == "count"
            and _name(inside) in _NULL_OF_NONE
            and inside.expressions == guard.this.expressions
            and not isinstance(inside.expressions[0], exp.Star | exp.Distinct)
        ):
            case.replace(value)


def _name(call: exp.Expression) -> str:
    return str(call.this).lower() if isinstance(call, exp.Anonymous) else ""


def _by_ordinal(node: exp.Expression, key: exp.Expression) -> exp.Expression:
    """GROUP BY 1 and GROUP BY alias as the expression that is meant."""
    if isinstance(key, exp.Literal) and str(key.this).isdigit() and int(key.this) <= len(node.expressions):
        item = node.expressions[int(key.this) - 1]
        inner: exp.Expression = item.this if isinstance(item, exp.Alias) else item
        return inner
    return key


def _is_bound(node: exp.Expression) -> bool:
    return isinstance(node, exp.Column) and node.name in _BOUNDS


def _is_shifted_bound(ctx: Context, node: exp.Expression) -> bool:
    """A bound a fixed time earlier or later, such as the newest hour of a window: it tells windows apart as well."""
    if not isinstance(node, exp.Add | exp.Sub) or not isinstance(node.expression, exp.Interval):
        return False
    parts = interval_parts(ctx, node.expression)
    return _is_bound(node.this) and not parts["month"] and not parts["day"]


def _distinct(nodes: list[exp.Expression]) -> list[exp.Expression]:
    return list(dict.fromkeys(nodes))


def _aggregates(part: exp.Expression) -> list[exp.Expression]:
    """The aggregates in an expression, with their FILTER."""
    found: list[exp.Expression] = []
    stack = [part]
    while stack:
        at = stack.pop()
        if is_aggregate(at) or (isinstance(at, exp.Filter) and is_aggregate(at.this)):
            found.append(at)
        else:
            stack.extend(child for child in at.iter_expressions() if isinstance(child, exp.Expression))
    return found


def _is_covered(node: exp.Expression, shape: _Shape, parts: list[exp.Expression]) -> bool:
    """Whether everything is made of keys, window bounds and aggregates that a frame can compute."""
    where = node.args.get("where")
    if where is not None and any(_is_bound(column) for column in where.find_all(exp.Column)):
        return False
    for aggregate in shape.aggregates:
        inside = [part for part in aggregate.walk() if isinstance(part, exp.Expression)]
        if any(isinstance(part, exp.Distinct | exp.Order | exp.Query) or _is_bound(part) for part in inside):
            return False
    known = {*shape.keys, *shape.aggregates}
    names = {item.alias for item in node.expressions if isinstance(item, exp.Alias)}
    return all(_is_made_of(part, known, names) for part in parts)


def _is_made_of(node: exp.Expression, known: set[exp.Expression], names: set[str]) -> bool:
    if node in known or _is_bound(node):
        return True
    if isinstance(node, exp.Column):
        return isinstance(node.parent, exp.Ordered) and node.name in names
    if isinstance(node, exp.Window | exp.Query | exp.Star):
        return False
    children = [child for child in node.iter_expressions() if isinstance(child, exp.Expression)]
    return all(_is_made_of(child, known, names) for child in children)


def _name_projections(node: exp.Expression) -> None:
    named = [
        item if isinstance(item, exp.Alias) else exp.Alias(this=item, alias=exp.to_identifier(output_name(item)))
        for item in node.expressions
    ]
    node.set("expressions", named)


def _replace_parts(node: exp.Expression, shape: _Shape) -> None:
    """Keys and aggregates become columns of the new source."""
    names = {key: f"rw_k{index}" for index, key in enumerate(shape.keys)}
    names |= {aggregate: f"rw_a{index}" for index, aggregate in enumerate(shape.aggregates)}
    for part in [*node.expressions, *(node.args[name] for name in ("having", "order") if node.args.get(name))]:
        _replace_in(part, names)


def _replace_in(node: exp.Expression, names: dict[exp.Expression, str]) -> None:
    for child in [child for child in node.iter_expressions() if isinstance(child, exp.Expression)]:
        if child in names:
            child.replace(exp.column(names[child], table=_ALIAS))
        elif _is_bound(child):
            child.replace(exp.column(child.name, table=_ALIAS))
        else:
            _replace_in(child, names)


def _source(
    inner: Context, shape: _Shape, keys: list[Typed], condition: exp.Expression | None, of: str | None
) -> tuple[exp.Expression, Columns]:
    """The relation of all windows: keys, bounds, aggregates."""
    names = [f"rw_k{index}" for index in range(len(keys))]
    window = f"OVER ({_partition(names)}ORDER BY rw_hop {_range(shape.call)})"
    over = [framed(inner, aggregate.copy(), window) for aggregate in shape.aggregates]
    plain = [inner(aggregate.copy()) for aggregate in shape.aggregates]
    rows = _rows(shape, keys, condition, of)
    listed = "".join(f"{name}, " for name in names)
    values = "".join(f", rw_a{index}" for index in range(len(over)))
    start = as_instant(sql(f"(rw_hop - {_micros(shape.call.size - shape.call.slide)})"), of)
    end = as_instant(sql(f"(rw_hop + {_micros(shape.call.slide)})"), of)
    template = (
        "(WITH rw_rows AS ({0}), rw_framed AS MATERIALIZED ({1}) "
        f"SELECT {listed}{{3}} AS window_start, {{4}} AS window_end{values} FROM ("
        f"SELECT {listed}rw_hop{values} FROM rw_framed WHERE rw_next IS DISTINCT FROM rw_hop "
        f"UNION ALL {{2}})) AS {_ALIAS}"
    )
    framed_rows = _framed(shape, names, [part for part, _ in over])
    behind_gaps = _behind_gaps(shape, names, [part for part, _ in plain])
    types: Columns = {name: kind for name, (_, kind) in zip(names, keys, strict=True)}
    types |= dict.fromkeys(_BOUNDS, of)
    types |= {f"rw_a{index}": kind for index, (_, kind) in enumerate(over)}
    return sql(template, rows, framed_rows, behind_gaps, start, end), types


def _micros(count: int) -> str:
    return spelled(microsecond=count)


def _partition(names: list[str]) -> str:
    return f"PARTITION BY {', '.join(names)} " if names else ""


def _range(call: WindowCall) -> str:
    return f"RANGE BETWEEN {_micros(call.size - call.slide)} PRECEDING AND CURRENT ROW"


def _rows(shape: _Shape, keys: list[Typed], condition: exp.Expression | None, of: str | None) -> exp.Expression:
    """The input with its keys and the start of the hop in which each row lies."""
    bucket = shape.call.plain_bucket(as_utc(shape.call.time, of))
    parts = [shape.table, shape.call.time, bucket, *(key for key, _ in keys)]
    listed = "".join(f", {{{index + 3}}} AS rw_k{index}" for index in range(len(keys)))
    template = f"SELECT *, {{2}} AS rw_hop{listed} FROM {{0}} WHERE {{1}} IS NOT NULL"
    if condition is not None:
        template += f" AND ({{{len(parts)}}})"
        parts.append(condition)
    alias = exp.TableAlias(this=exp.to_identifier(shape.alias, quoted=True))
    target = shape.call.input
    parts[0] = exp.Table(this=target.this, db=target.args.get("table"), alias=alias)
    return sql(template, *parts)


def _framed(shape: _Shape, names: list[str], aggregates: list[exp.Expression]) -> exp.Expression:
    """Each row with the aggregates over its window, and the hop of the next row."""
    listed = "".join(f"{name}, " for name in names)
    values = "".join(f", {{{index}}} AS rw_a{index}" for index in range(len(aggregates)))
    following = f"lead(rw_hop) OVER ({_partition(names)}ORDER BY rw_hop) AS rw_next"
    return sql(f"SELECT {listed}rw_hop, {following}{values} FROM rw_rows AS {_quoted(shape.alias)}", *aggregates)


def _behind_gaps(shape: _Shape, names: list[str], aggregates: list[exp.Expression]) -> exp.Expression:
    """The windows whose newest hop is empty.

    Gaps and rows meet in blocks as long as a window: a row matters for the gaps of its own block and the next.
    """
    call, alias = shape.call, _quoted(shape.alias)
    hop, reach = _micros(call.slide), _micros(call.size - call.slide)
    block = f"epoch_us({{}}rw_hop) // {call.size}"
    own = block.format("")
    listed = "".join(f"{name}, " for name in names)
    same = "".join(f" AND {alias}.{name} IS NOT DISTINCT FROM rw_gap.{name}" for name in names)
    gaps = (
        f"SELECT {listed}rw_hop, rw_next, unnest([{own}, {own} + -1]) AS rw_block FROM rw_framed "
        f"WHERE rw_next IS NULL OR rw_next > rw_hop + {hop}"
    )
    first, last = f"rw_gap.rw_hop + {hop}", f"least(rw_gap.rw_next - {hop}, {alias}.rw_hop + {reach})"
    copies = (
        f"SELECT {alias}.*, unnest(generate_series({first}, {last}, {hop})) AS rw_window "
        f"FROM rw_rows AS {alias} JOIN ({gaps}) AS rw_gap ON {block.format(f'{alias}.')} = rw_gap.rw_block{same} "
        f"AND {alias}.rw_hop <= rw_gap.rw_hop AND {alias}.rw_hop > rw_gap.rw_hop - {reach}"
    )
    values = "".join(f", {{{index}}}" for index in range(len(aggregates)))
    template = f"SELECT {listed}rw_window{values} FROM ({copies}) AS {alias} GROUP BY {listed}rw_window"
    return sql(template, *aggregates)


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""').replace("{", "{{").replace("}", "}}")
    return f'"{escaped}"'
