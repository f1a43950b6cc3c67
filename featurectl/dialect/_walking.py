"""Going through a tree where every rule and every SELECT does it: sqlglot's generators take three times as long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["children", "holds_queries", "walk"]

_LEAVES = frozenset((exp.Identifier, exp.Literal))  # half of all nodes


def children(node: exp.Expression) -> list[exp.Expression]:
    """The expressions directly below, in order of appearance."""
    if type(node) in _LEAVES:
        return []
    found: list[exp.Expression] = []
    for value in node.args.values():
        if isinstance(value, list):
            found += [each for each in value if isinstance(each, exp.Expression)]
        elif isinstance(value, exp.Expression):
            found.append(value)
    return found


def holds_queries(node: exp.Expression) -> bool:
    """Whether a query can be somewhere inside: not in the name of a column, as most nodes are."""
    kind = type(node)
    return kind not in _LEAVES and not (kind is exp.Column and type(node.args.get("this")) is exp.Identifier)


def walk(node: exp.Expression, enters: Callable[[exp.Expression], bool] = lambda _: True) -> Iterator[exp.Expression]:
    """A node and all below it, level by level, but nothing inside what `enters` is false of below it."""
    level = [node]
    while level:
        yield from level
        level = [part for at in level if at is node or enters(at) for part in children(at)]
