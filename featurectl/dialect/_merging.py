"""`SELECT *` over a join with USING or NATURAL: first the merged columns, the last name of the alphabet leading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from featurectl.dialect._context import Context

__all__ = ["merged"]


def merged(ctx: Context, select: exp.Expression, items: list[exp.Expression]) -> list[exp.Expression]:
    """The items of a SELECT, with `*` written out where the join merges columns."""
    joins = select.args.get("joins") or []
    merging = [part for part in joins if part.args.get("using") or part.args.get("method") == "NATURAL"]
    if not merging or not any(isinstance(item, exp.Star) for item in items):
        return items
    hint = "name the columns"
    names = list(ctx.scope.sources)
    left, right = (ctx.scope.sources[name] for name in names) if len(names) == 2 else (None, None)
    if len(joins) > 1 or left is None or right is None or any("?" in name for name in names):
        raise ctx.unsupported(select, "SELECT * over this join with USING or NATURAL", hint)
    using = [column.name for column in merging[0].args.get("using") or []] or [name for name in left if name in right]
    using.sort(reverse=True)  # whatever the order in which they are written or stand
    rest = [[name for name in side if name not in using] for side in (left, right)]
    written = [
        *(_alias(_both(name, names, str(merging[0].args.get("side") or "")), name) for name in using),
        *(_column(name, names[0]) for name in rest[0]),
        *(_column(name, names[1]) for name in rest[1]),
    ]
    found: list[exp.Expression] = []
    for item in items:
        if not isinstance(item, exp.Star):
            found.append(item)
            continue
        ctx.check(item, frozenset({"except_"}))
        left_out = {column.name for column in item.args.get("except_") or []}
        found += [each.copy() for each in written if each.alias_or_name not in left_out]
    return found


def _both(name: str, sides: list[str], side: str) -> exp.Expression:
    """The side that keeps its rows tells a merged column; a full join takes what there is."""
    if side == "FULL":
        return exp.Anonymous(this="coalesce", expressions=[_column(name, sides[0]), _column(name, sides[1])])
    return _column(name, sides[side == "RIGHT"])


def _column(name: str, table: str) -> exp.Expression:
    return exp.column(name, table=table, quoted=True)


def _alias(value: exp.Expression, name: str) -> exp.Expression:
    return exp.Alias(this=value, alias=exp.to_identifier(name, quoted=True))
