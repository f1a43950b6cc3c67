"""Functions that take a regular expression."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._output import quoted, sql
from featurectl.dialect._regexp import Pattern, translate_pattern

if TYPE_CHECKING:
    from featurectl.dialect._context import Context, Typed

__all__ = ["all_matches", "matches", "regexp_count", "regexp_match", "regexp_replace", "regexp_split"]


def _flags(ctx: Context, node: exp.Expression, given: list[exp.Expression], known: str) -> str:
    """The flags that count: of `i` and `c` the later one."""
    flags = "".join(ctx.constant(part, "regexp flags") for part in given)
    if len(given) > 1 or set(flags) - set(known) - {"c"}:
        raise ctx.unsupported(node, f"{node.this} with the flags {flags!r}")
    folds = flags.rfind("i") > flags.rfind("c")
    return ("i" if folds else "") + ("g" if "g" in flags else "")


def _arguments(ctx: Context, node: exp.Expression, known: str = "i") -> tuple[exp.Expression, Pattern]:
    text, pattern, *rest = node.expressions
    flags = _flags(ctx, node, rest, known)
    return ctx.sql(text), translate_pattern(ctx, node, ctx.constant(pattern, "a regular expression"), flags)


def _has_null(node: exp.Expression) -> bool:
    return any(isinstance(part, exp.Null) for part in node.expressions)


def regexp_match(ctx: Context, node: exp.Expression) -> Typed:
    """The groups of the first match as an array, or the whole match if there are none."""
    if _has_null(node):
        return sql("CAST(NULL AS VARCHAR[])"), "varchar[]"
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


def _takes_something(ctx: Context, node: exp.Expression, found: Pattern) -> Pattern:
    """A match of nothing is counted otherwise."""
    if found.width == 0:
        raise ctx.unsupported(node, f"{node.this} with an expression that matches nothing")
    return found


def all_matches(ctx: Context, node: exp.Expression) -> Typed:
    """regexp_matches: the list of what regexp_match would say of each match."""
    if _has_null(node):
        return sql("CAST(NULL AS VARCHAR[][])"), "varchar[][]"
    text, found = _arguments(ctx, node, "gi")
    whole = quoted(_takes_something(ctx, node, found).text)
    if not found.groups:
        return sql(f"list_transform(regexp_extract_all({{0}}, {whole}), lambda rw_m: [rw_m])", text), "varchar[][]"
    cells = []
    for index, group in enumerate(found.groups, 1):
        cell = f"regexp_extract_all({{0}}, {whole}, {index})[rw_i]"
        if not group.always and group.width == 0:
            raise ctx.unsupported(node, "a group that is optional and may be empty in regexp_matches")
        cells.append(cell if group.always else f"nullif({cell}, '')")
    places = f"generate_series(1, len(regexp_extract_all({{0}}, {whole})))"
    return sql(f"list_transform({places}, lambda rw_i: [{', '.join(cells)}])", text), "varchar[][]"


def regexp_count(ctx: Context, node: exp.Expression) -> Typed:
    """regexp_count(text, pattern[, start[, flags]]). Each search begins anew: a pattern must not tell a beginning."""
    text, pattern, *rest = node.expressions
    flags = _flags(ctx, node, rest[1:], "i")
    found = translate_pattern(ctx, node, ctx.constant(pattern, "a regular expression"), flags)
    if _takes_something(ctx, node, found).anchored:
        raise ctx.unsupported(node, "regexp_count of what is at the beginning")
    value = ctx.sql(text)
    if rest:
        value = sql(f"substr({{0}}, {_start(ctx, node, rest[0])})", value)
    return sql(f"CAST(len(regexp_extract_all({{0}}, {quoted(found.text)})) AS INTEGER)", value), "int"


def _start(ctx: Context, node: exp.Expression, given: exp.Expression) -> int:
    if not isinstance(given, exp.Literal) or not given.name.isdigit() or int(given.name) < 1:
        raise ctx.unsupported(node, f"{node.this} from a place that is not a constant")
    return int(given.name)


def regexp_split(ctx: Context, node: exp.Expression) -> Typed:
    """regexp_split_to_array(text, pattern)."""
    text, found = _arguments(ctx, node, "")
    split = f"string_split_regex({{0}}, {quoted(_takes_something(ctx, node, found).text)})"
    return sql(split, text), "varchar[]"


def _placed(ctx: Context, node: exp.Expression, rest: list[exp.Expression]) -> tuple[int, list[exp.Expression]]:
    """The start and the flags of regexp_replace(text, pattern, replacement[, start[, count]][, flags])."""
    numbers: list[exp.Expression] = [part for part in rest if isinstance(part, exp.Literal) and not part.is_string]
    flags = rest[len(numbers) :]
    if len(numbers) == 2 and numbers[1].name != "0":
        raise ctx.unsupported(node, "regexp_replace of one match by its number")
    if len(numbers) == 2:
        flags = [exp.Literal.string(f"{flags[0].name if flags else ''}g")]
    return _start(ctx, node, numbers[0]) if numbers else 1, flags


def regexp_replace(ctx: Context, node: exp.Expression) -> Typed:
    """regexp_replace(text, pattern, replacement[, start[, count]][, flags])."""
    text, pattern, replacement, *rest = node.expressions
    start, given = _placed(ctx, node, rest)
    flags = _flags(ctx, node, given, "gi")
    found = translate_pattern(ctx, node, ctx.constant(pattern, "a regular expression"), flags)
    new = ctx.constant(replacement, "a replacement")
    if "$" in new or re.search(r"\\(?![1-9])", new):
        raise ctx.unsupported(node, f"the replacement {new!r}", r"only \1 to \9 stand for groups")
    new = re.sub(r"\\([1-9])", lambda group: group[0] if int(group[1]) <= len(found.groups) else "", new)
    everywhere = ", 'g'" if "g" in flags else ""
    call = f"regexp_replace({{0}}, {quoted(found.text)}, {quoted(new)}{everywhere})"
    if start == 1:
        return sql(call, ctx.sql(text)), "varchar"
    if found.anchored or found.groups or (start == 2 and not everywhere):  # there RisingWave loses what is before
        raise ctx.unsupported(node, "regexp_replace of this expression from this place on")
    tail = call.replace("{0}", f"substr({{0}}, {start})")
    return sql(f"(substr({{0}}, 1, {start - 1}) || {tail})", ctx.sql(text)), "varchar"
