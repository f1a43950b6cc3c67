"""Functions that take a regular expression."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from featurectl.dialect._output import quoted, sql
from featurectl.dialect._regexp import Pattern, translate_pattern

if TYPE_CHECKING:
    from sqlglot import exp

    from featurectl.dialect._context import Context, Typed

__all__ = ["matches", "regexp_match", "regexp_replace"]


def _flags(ctx: Context, node: exp.Expression, given: list[exp.Expression], known: str) -> str:
    flags = "".join(ctx.constant(part, "regexp flags") for part in given)
    if len(given) > 1 or set(flags) - set(known):
        raise ctx.unsupported(node, f"{node.this} with the flags {flags!r}")
    return flags


def _arguments(ctx: Context, node: exp.Expression) -> tuple[exp.Expression, Pattern]:
    text, pattern, *rest = node.expressions
    flags = _flags(ctx, node, rest, "i")
    return ctx.sql(text), translate_pattern(ctx, node, ctx.constant(pattern, "a regular expression"), flags)


def regexp_match(ctx: Context, node: exp.Expression) -> Typed:
    """The groups of the first match as an array, or the whole match if there are none."""
    text, found = _arguments(ctx, node)
    groups = ", ".join(_group(ctx, node, found, index) for index in range(1, len(found.groups) + 1))
    pieces = groups or f"regexp_extract({{0}}, {quoted(found.text)})"
    return sql(f"CASE WHEN regexp_matches({{0}}, {quoted(found.text)}) THEN [{pieces}] END", text), "varchar[]"


def matches(ctx: Context, node: exp.Expression) -> exp.Expression:
    """Whether regexp_match finds something: `regexp_match(…) IS NOT NULL` needs no groups."""
    text, found = _arguments(ctx, node)
    return sql(f"coalesce(regexp_matches({{0}}, {quoted(found.text)}), false)", text)


def _group(ctx: Context, node: exp.Expression, pattern: Pattern, index: int) -> str:
    """A group that took no part in the match is NULL in RisingWave and empty in DuckDB."""
    group = pattern.groups[index - 1]
    text = f"regexp_extract({{0}}, {quoted(pattern.text)}, {index})"
    if group.always:
        return text
    if group.width == 0:
        raise ctx.unsupported(node, "a group that is optional and may be empty in regexp_match")
    return f"nullif({text}, '')"


def regexp_replace(ctx: Context, node: exp.Expression) -> Typed:
    """regexp_replace(text, pattern, replacement[, flags])."""
    text, pattern, replacement, *rest = node.expressions
    flags = _flags(ctx, node, rest, "gi")
    found = translate_pattern(ctx, node, ctx.constant(pattern, "a regular expression"), flags)
    new = ctx.constant(replacement, "a replacement")
    if "$" in new or re.search(r"\\(?![1-9])", new):
        raise ctx.unsupported(node, f"the replacement {new!r}", r"only \1 to \9 stand for groups")
    new = re.sub(r"\\([1-9])", lambda group: group[0] if int(group[1]) <= len(found.groups) else "", new)
    everywhere = ", 'g'" if "g" in flags else ""
    return sql(f"regexp_replace({{0}}, {quoted(found.text)}, {quoted(new)}{everywhere})", ctx.sql(text)), "varchar"
