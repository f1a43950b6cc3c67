"""What stands in FROM: relations, subqueries, joins, TUMBLE and HOP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._casts import interval_parts, spelled
from featurectl.dialect._output import sql
from featurectl.dialect._times import as_instant, as_utc

if TYPE_CHECKING:
    from featurectl.dialect._context import Columns, Context
    from featurectl.dialect._types import Type

__all__ = ["WindowCall", "columns_of", "join", "relation", "window_call"]

Source = tuple[exp.Expression, str, "Columns | None"]

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
    if not isinstance(node, exp.Table):
        raise ctx.unsupported(node, f"{type(node).key.upper()} in FROM")
    ctx.check(node, frozenset({"this", "db", "alias"}))
    window = window_call(ctx, node)
    if window is not None:
        return _windowed(ctx, node, window)
    if not isinstance(node.this, exp.Identifier):
        raise ctx.unsupported(node, f"{node.this.name or type(node.this).key} in FROM")
    columns = columns_of(ctx, node.text("db"), node.name)
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
    return dict(zip([*names, *list(columns)[len(names) :]], types, strict=True))


def _subquery(ctx: Context, node: exp.Expression) -> Source:
    ctx.check(node, frozenset({"this", "alias"}))
    inner, columns = ctx.query(ctx, node.this)
    node.set("this", inner)
    return node, node.alias, _renamed(ctx, node, columns)


def _values(ctx: Context, node: exp.Expression) -> Source:
    alias = node.args.get("alias")
    if alias is None or not alias.args.get("columns"):
        raise ctx.unsupported(node, "VALUES without column names", "write (VALUES …) AS t(a, b)")
    inner, columns = ctx.query(ctx, node)
    return inner, node.alias, _renamed(ctx, node, columns)


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


def join(ctx: Context, node: exp.Expression) -> Source:
    """The right side of a join; its condition is translated once all sides are known."""
    ctx.check(node, frozenset({"this", "on", "using", "side", "kind"}))
    if str(node.args.get("kind") or "").upper() not in _KINDS:
        raise ctx.unsupported(node, f"{node.args['kind']} JOIN")
    source, name, columns = relation(ctx, node.this)
    node.set("this", source)
    return node, name, columns
