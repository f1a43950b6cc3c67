"""ASOF joins: of several rows that are equally near RisingWave takes the one with the smallest key.

DuckDB takes any, so the right side is brought to one row for each place first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._output import sql

if TYPE_CHECKING:
    from featurectl.dialect._context import Context
    from featurectl.dialect._relations import Found

__all__ = ["asof"]

_NEAR = (exp.GT, exp.GTE, exp.LT, exp.LTE)


def asof(ctx: Context, node: exp.Expression, source: exp.Expression, name: str, found: Found) -> exp.Expression:
    """The right side of an ASOF join with one row for each place."""
    if str(node.args.get("side") or "") not in ("", "LEFT") or node.args.get("using"):
        raise ctx.unsupported(node, "an ASOF join that is neither INNER nor LEFT")
    inequalities, keys = [], []
    for term in _conjuncts(node.args.get("on")):
        if not isinstance(term, exp.EQ | exp.GT | exp.GTE | exp.LT | exp.LTE):
            raise ctx.unsupported(node, "an ASOF join with another condition than comparisons")
        keys.append(_right_column(ctx, term, name, found))
        if isinstance(term, _NEAR):
            inequalities.append(term)
    if len(inequalities) != 1:
        raise ctx.wrong(node, "an ASOF join takes exactly one inequality")
    parts = [exp.column(key.name, quoted=True) for key in keys]
    places = ", ".join(f"{{{index + 1}}}" for index in range(len(parts)))
    order = ", ".join(_quoted(column) for column in _stream_key(ctx, node)) or _quoted(name)
    chosen = f"row_number() OVER (PARTITION BY {places} ORDER BY {order}) = 1"
    return sql(f"(SELECT * FROM {{0}} QUALIFY {chosen}) AS {_quoted(name)}", source, *parts)


def _conjuncts(node: exp.Expression | None) -> list[exp.Expression]:
    if node is None:
        return []
    if isinstance(node, exp.Paren):
        return _conjuncts(node.this)
    if isinstance(node, exp.And):
        return [*_conjuncts(node.this), *_conjuncts(node.expression)]
    return [node]


def _right_column(ctx: Context, term: exp.Expression, name: str, found: Found) -> exp.Expression:
    """The column of the right side that a comparison names."""
    sides = [term.this, term.expression]
    right = [side for side in sides if _is_of(side, name, found)]
    if len(right) != 1 or not isinstance(right[0], exp.Column):
        raise ctx.unsupported(term, "an ASOF condition that does not compare a column of each side")
    return right[0]


def _is_of(node: exp.Expression, name: str, found: Found) -> bool:
    for column in node.find_all(exp.Column):
        table = column.text("table")
        owners = [other for other, known in found.items() if known is None or column.name in known]
        if table != name and (table or owners != [name]):
            return False
    return node.find(exp.Column) is not None


def _stream_key(ctx: Context, node: exp.Expression) -> tuple[str, ...]:
    """The key of the right relation; () if it is not known: then the whole row orders."""
    table = node.this
    if not isinstance(table, exp.Table):
        return ()
    return tuple(ctx.keys.get(".".join(part.name for part in table.parts), ()))


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""').replace("{", "{{").replace("}", "}}")
    return f'"{escaped}"'
