"""Rules about what is read: joins and stars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.project.lint.scopes import conjuncts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from featurectl.project.lint.scopes import Scope, Source

__all__ = ["joins_without_equality", "stars", "unbounded_joins"]

_COMPARISONS = (exp.EQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.NullSafeEQ)


def joins_without_equality(scope: Scope) -> Iterator[tuple[exp.Expression, str]]:
    """RW104."""
    for join, left, right in _joins(scope):
        if right.lateral or join.args.get("using") or _is_natural(join):
            continue
        conditions = _conditions(scope, join)
        if not any(_is_equality(scope, part, left, right) for part in conditions):
            yield join, f"a join with {right.name or 'a subquery'} by no equality"


def unbounded_joins(scope: Scope) -> Iterator[tuple[exp.Expression, str]]:
    """RW205."""
    for join, left, right in _joins(scope):
        timed = [source for source in left if source.times]
        if not timed or not right.times or right.lateral or _is_natural(join):
            continue
        if str(join.args.get("method") or "").upper() == "ASOF" or join.this.args.get("version") is not None:
            continue
        if any(name.name in right.times for name in join.args.get("using") or ()):
            continue
        if not any(_bounds_time(scope, part, timed, right) for part in _conditions(scope, join)):
            yield join, f"a join with {right.name or 'a subquery'} without a condition on times"


def stars(scope: Scope) -> Iterator[tuple[exp.Expression, str]]:
    """RW206: stars of what another file defines; those of a CTE or subquery end at columns that stand here."""
    if isinstance(scope.select.parent, exp.Exists):
        return
    for item in scope.select.expressions:
        if not item.is_star:
            continue
        named = item.text("table")
        read = [s.name for s in scope.sources if s.stored and named in ("", s.name)]
        if read:
            yield item, f"SELECT {named + '.' if named else ''}* of {', '.join(read)}"


def _joins(scope: Scope) -> Iterator[tuple[exp.Expression, Sequence[Source], Source]]:
    """Each join, with the sources before it and the one that it adds."""
    for number, join in enumerate(scope.select.args.get("joins") or [], 1):
        yield join, scope.sources[:number], scope.sources[number]


def _is_natural(join: exp.Expression) -> bool:
    return str(join.args.get("method") or "").upper() == "NATURAL"


def _conditions(scope: Scope, join: exp.Expression) -> list[exp.Expression]:
    """What has to hold: ON, and for an inner join WHERE too."""
    clauses = [join.args.get("on")]
    if not join.args.get("side"):
        where = scope.select.args.get("where")
        clauses.append(where.this if where is not None else None)
    return [part for clause in clauses if clause is not None for part in conjuncts(clause)]


def _is_equality(scope: Scope, part: exp.Expression, left: Sequence[Source], right: Source) -> bool:
    """Whether one side of it is of `right` alone and the other of `left`; what is not known may be."""
    if not isinstance(part, exp.EQ | exp.NullSafeEQ):
        return False
    one, other = (_sources_of(scope, side) for side in (part.this, part.expression))
    if None in one | other:
        return True
    before = {source.name for source in left}
    ours = {right.name}
    return bool((one == ours and other and other <= before) or (other == ours and one and one <= before))


def _sources_of(scope: Scope, node: exp.Expression) -> set[str | None]:
    """The names of the sources of its columns, None for a column of which that is not known."""
    found: set[str | None] = set()
    for column in node.find_all(exp.Column):
        source = scope.source_of(column)
        found.add(source.name if source is not None else None)
    return found


def _bounds_time(scope: Scope, part: exp.Expression, left: Sequence[Source], right: Source) -> bool:
    """Whether it compares a time of `right` with one of `left`."""
    if not isinstance(part, _COMPARISONS):
        return False
    timed = set()
    for column in part.find_all(exp.Column):
        source = scope.source_of(column)
        if source is not None and column.name in source.times:
            timed.add(source.name)
    return right.name in timed and bool(timed & {source.name for source in left})
