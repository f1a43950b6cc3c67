"""`OVER w … WINDOW w AS (…)`: each window is written out where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._walking import walk

if TYPE_CHECKING:
    from featurectl.dialect._context import Context

__all__ = ["name_windows", "windows_of"]

_PARTS = ("partition_by", "order", "spec")


def name_windows(ctx: Context, node: exp.Expression) -> None:
    """Replaces the names of windows in a SELECT by what they stand for, in place."""
    named = {window.name: window for window in node.args.get("windows") or []}
    if not named:
        return
    for use in windows_of(node):
        alias = use.args.get("alias")
        if alias is None:
            continue
        if any(use.args.get(part) for part in _PARTS):
            raise ctx.unsupported(use, f"a window that adds to {alias.name}", "write it out")
        if alias.name not in named:
            raise ctx.wrong(use, f"there is no window {alias.name}")
        for part in _PARTS:
            found = named[alias.name].args.get(part)
            use.set(part, [each.copy() for each in found] if isinstance(found, list) else found and found.copy())
        use.set("alias", None)
    node.set("windows", None)


def windows_of(node: exp.Expression) -> list[exp.Window]:
    """The calls with OVER of a SELECT, those of inner queries left out."""
    parts = walk(node, lambda inner: not isinstance(inner, exp.Query | exp.From | exp.Column))
    return [part for part in parts if isinstance(part, exp.Window) and part.args.get("over") is not None]
