"""What stands in FROM: relations, subqueries, joins, TUMBLE and HOP."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._asof import asof
from featurectl.dialect._context import Scope
from featurectl.dialect._intervals import interval_parts, spelled
from featurectl.dialect._output import sql
from featurectl.dialect._table_functions import from_function
from featurectl.dialect._times import as_instant, as_utc

if TYPE_CHECKING:
    from featurectl.dialect._context import Columns, Context
    from featurectl.dialect._types import Type

__all__ = ["Found", "WindowCall", "columns_of", "conditions", "from_items", "relation", "window_call"]

Source = tuple[exp.Expression, str, "Columns | None"]
Found = dict[str, "Columns | None"]

_CATALOG = re.compile(r"(pg_|rw_|information_schema$)")
_MICROSECONDS = {"day": 86_400_000_000, "microsecond": 1}
_BUCKET_ORIGIN = 10_959 * 86_400_000_000  # DuckDB counts its buckets from 2000-01-03, RisingWave from 1970


class WindowCall:
    """TUMBLE(rel, time, size[, offset]) or HOP(rel, time, slide, size[, offset]), in microseconds."""

    def __init__(self, ctx: Context, node: exp.Expression) -> None:
        function = node.this
        self.name = str(function.this).lower()
        sizes = 1 if self.name == "tumble" else 2
        if len(function.expressions) not in (sizes + 2, sizes + 3):
            raise ctx.wrong(node, f"{self.name.upper()} takes {sizes + 2} or {sizes + 3} arguments")
        self.input, self.time, *rest = function.expressions
        micros = [_microseconds(ctx, part) for part in rest]
        if self.name == "hop" and not _divides(*(interval_parts(ctx, part) for part in rest[:2])):
            raise ctx.wrong(
                node, "HOP's window size has to be a multiple of its hop", "write both in hours, or in days"
            )
        self.offset = micros[sizes] if len(micros) > sizes else 0
        self.slide, self.size = micros[0], micros[sizes - 1]
        if self.slide <= 0 or self.size % self.slide:
            raise ctx.wrong(node, "HOP's window size has to be a multiple of its hop")

    def bucket(self, time: exp.Expression, of: Type) -> exp.Expression:
        """The start of the hop in which a time lies."""
        value = sql("CAST({0} AS TIMESTAMP)", time) if of == "date" else time
        return as_instant(self.plain_bucket(as_utc(value, of)), of)

    def plain_bucket(self, time: exp.Expression) -> exp.Expression:
        """The same for a time that is no instant."""
        shift = (self.offset - _BUCKET_ORIGIN) % self.slide
        return sql(f"time_bucket({_micros(self.slide)}, {{0}}, {_micros(shift)})", time)


def _divides(slide: dict[str, int], size: dict[str, int]) -> bool:
    """Days are no hours here: RisingWave wants each unit to be the same multiple."""
    pairs = [(slide[unit], size[unit]) for unit in size if slide[unit] or size[unit]]
    if not all(one and not whole % one for one, whole in pairs):
        return False
    return len({whole // one for one, whole in pairs}) == 1


def _microseconds(ctx: Context, node: exp.Expression) -> int:
    if not isinstance(node, exp.Interval):
        raise ctx.unsupported(node, "a window size that is not an INTERVAL literal")
    parts = interval_parts(ctx, node)
    if parts.pop("month"):
        raise ctx.unsupported(node, "a window of months", "months are no fixed time; use days")
    return sum(count * _MICROSECONDS[kind] for kind, count in parts.items())


def _micros(count: int) -> str:
    return spelled(microsecond=count)


def window_call(ctx: Context, node: exp.Expression) -> WindowCall | None:
    """The parsed call if this is TUMBLE or HOP."""
    function = node.this if isinstance(node, exp.Table) else None
    if isinstance(function, exp.Anonymous) and str(function.this).lower() in ("tumble", "hop"):
        return WindowCall(ctx, node)
    return None


def relation(ctx: Context, node: exp.Expression) -> Source:
    """A FROM item: its translation, its name, its columns."""
    if isinstance(node, exp.Subquery):
        return _subquery(ctx, node)
    if isinstance(node, exp.Values):
        return _values(ctx, node)
    if isinstance(node, exp.Lateral):
        return _lateral(ctx, node)
    rows = from_function(ctx, node)
    if rows is not None:
        return rows
    if not isinstance(node, exp.Table):
        raise ctx.unsupported(node, f"{type(node).key.upper()} in FROM")
    if node.args.get("version") is not None:
        hint = "join as of the event's time: ASOF JOIN … AND a.ts >= b.ts"
        raise ctx.unsupported(node, "FOR SYSTEM_TIME AS OF PROCTIME(), a join by processing time", hint)
    ctx.check(node, frozenset({"this", "db", "alias"}))
    window = window_call(ctx, node)
    if window is not None:
        return _windowed(ctx, node, window)
    if not isinstance(node.this, exp.Identifier):
        raise ctx.unsupported(node, f"{node.this.name or type(node.this).key} in FROM")
    columns = columns_of(ctx, node.text("db"), node.name)
    if columns is None and node.text("db") == "public":
        raise ctx.unsupported(node, "the schema public in a relation's name", "leave it out")
    if columns is None and _CATALOG.match(node.text("db") or node.name):
        raise ctx.unsupported(node, f"the catalog relation {node.text('db') or node.name}")
    return node, node.alias_or_name, _renamed(ctx, node, columns)


def columns_of(ctx: Context, schema: str, name: str) -> Columns | None:
    """The columns of a relation, as far as they are known."""
    if not schema and name in ctx.ctes:
        return ctx.ctes[name]
    return ctx.schema.get(f"{schema}.{name}" if schema else name)


def _renamed(ctx: Context, node: exp.Expression, columns: Columns | None) -> Columns | None:
    """`AS t(a, b)` renames the first columns."""
    alias = node.args.get("alias")
    names = [column.name for column in alias.args.get("columns") or []] if alias else []
    if not names:
        return columns
    if columns is None:
        return None
    types = list(columns.values())
    if len(names) > len(types):
        raise ctx.wrong(node, "more column names than columns")
    return dict(zip([*names, *list(columns)[len(names) :]], types, strict=True))


def _subquery(ctx: Context, node: exp.Expression) -> Source:
    ctx.check(node, frozenset({"this", "alias"}))
    inner, columns = ctx.query(ctx, node.this)
    node.set("this", inner)
    return node, node.alias, _renamed(ctx, node, columns)


def _lateral(ctx: Context, node: exp.Expression) -> Source:
    ctx.check(node, frozenset({"this", "alias"}))
    inner, columns = ctx.query(ctx, node.this.this) if isinstance(node.this, exp.Subquery) else (None, None)
    if inner is None:
        raise ctx.unsupported(node, "LATERAL without a subquery")
    node.this.set("this", inner)
    return node, node.alias, _renamed(ctx, node, columns)


def _values(ctx: Context, node: exp.Expression) -> Source:
    inner, columns = ctx.query(ctx, node)
    found = _renamed(ctx, node, columns)
    if found is not None and not (node.args.get("alias") and node.args["alias"].args.get("columns")):
        names = [exp.to_identifier(name, quoted=True) for name in found]
        node.set("alias", exp.TableAlias(this=exp.to_identifier(node.alias or "values", quoted=True), columns=names))
    return inner, node.alias, found


def _windowed(ctx: Context, node: exp.Expression, window: WindowCall) -> Source:
    """Rows with their windows: one for TUMBLE, size / hop for HOP, which drops rows without a time."""
    table = window.input
    columns = columns_of(ctx, table.text("table"), table.name)
    of = (columns or {}).get(window.time.name)
    inner = sql("{0}.{1}", *table.parts[:2]) if table.text("table") else table.this
    start = window.bucket(window.time, of)
    template = _tumbled(window) if window.name == "tumble" else _hopped(window)
    alias = node.args.get("alias") or exp.TableAlias(this=table.this.copy())
    source = sql(f"({template}) AS {{2}}", start, inner, alias, window.time)
    kind = "timestamp" if of == "date" else of
    found = None if columns is None else {**columns, "window_start": kind, "window_end": kind}
    return source, alias.name, found


def _tumbled(window: WindowCall) -> str:
    return f"SELECT *, {{0}} AS window_start, {{0}} + {_micros(window.size)} AS window_end FROM {{1}}"


def _hopped(window: WindowCall) -> str:
    first = f"{{0}} - {_micros(window.size - window.slide)}"
    starts = f"unnest(generate_series({first}, {{0}}, {_micros(window.slide)})) AS window_start"
    inner = f"SELECT *, {starts} FROM {{1}} WHERE {{3}} IS NOT NULL"
    return f"SELECT *, window_start + {_micros(window.size)} AS window_end FROM ({inner})"


_KINDS = ("", "INNER", "OUTER", "CROSS")
_METHODS = ("", "NATURAL", "ASOF")


def from_items(ctx: Context, first: exp.Expression, joins: list[exp.Expression], found: Found) -> exp.Expression:
    """Translates FROM with its joins in place; their conditions wait until all names are in `found`."""
    source = _item(ctx, first, found)
    for item in joins:
        _join(ctx, item, found)
    return source


def _item(ctx: Context, node: exp.Expression, found: Found) -> exp.Expression:
    scoped = ctx.within(Scope(dict(found), ctx.scope))
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table) and not node.args.get("alias"):
        return _nested(scoped, node, found)
    source, name, columns = relation(scoped, node)
    found[name or f"?{len(found)}"] = columns
    return source


def _nested(ctx: Context, node: exp.Expression, found: Found) -> exp.Expression:
    """`(a JOIN b ON …)`."""
    joins = node.this.args.pop("joins", None) or []
    inner: Found = {}
    source = from_items(ctx, node.this, joins, inner)
    conditions(ctx.within(Scope(inner, ctx.scope)), joins)
    found.update(inner)
    places = " ".join(f"{{{index + 1}}}" for index in range(len(joins)))
    return sql(f"({{0}} {places})", source, *joins)


def conditions(ctx: Context, joins: list[exp.Expression]) -> None:
    """Translates what joins are ON."""
    for item in joins:
        if item.args.get("on") is not None:
            item.set("on", ctx.sql(item.args["on"]))


def _join(ctx: Context, node: exp.Expression, found: Found) -> None:
    ctx.check(node, frozenset({"this", "on", "using", "side", "kind", "method"}))
    if str(node.args.get("kind") or "").upper() not in _KINDS:
        raise ctx.unsupported(node, f"{node.args['kind']} JOIN")
    method = str(node.args.get("method") or "").upper()
    if method not in _METHODS:
        raise ctx.unsupported(node, f"{method} JOIN")
    before = set(found)
    original = node.this.copy() if method == "ASOF" else node.this
    source = _item(ctx, node.this, found)
    if method == "ASOF":
        if not isinstance(source, exp.Table | exp.Subquery):
            raise ctx.unsupported(node, "an ASOF join with this right side")
        name = next(iter(set(found) - before))
        kept = source.copy()
        source = asof(ctx, exp.Join(**{**node.args, "this": original}), kept, name, found)
    node.set("this", source)
