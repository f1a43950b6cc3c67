"""Plans and comparisons as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from featurectl.cli._render import print_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from featurectl.engines.comparing import ColumnComparison, VersionComparison
    from featurectl.services.planning import Change, Plan
    from featurectl.services.rehearsing import Rehearsed

__all__ = ["nothing_to_do", "print_changes", "print_comparison", "print_plan", "print_rehearsal"]

_SIGNS = {"create": "+", "rebuild": "~", "metadata": "=", "drop": "-", "migrate": ">", "reuse": " "}
_EFFECTS = {
    "additive": "additive: what was there stays as it is",
    "values": "values: the same columns, computed otherwise",
    "none": "none: the same columns and values",
}
_INDENT = " " * 11
_LONGEST = 160


def nothing_to_do(environment: str | None) -> str:
    """The sentence for an empty plan."""
    return f"Nothing to do: the project is applied{f' in {environment}' if environment else ''}."


def print_plan(plan: Plan, environment: str | None = None) -> None:
    """What differs, what it means, what it costs, what stays."""
    if plan.is_empty:
        click.echo(nothing_to_do(environment))
        return
    print_changes(plan)
    counts: dict[str, int] = {}
    for change in plan.changes:
        counts[change.action] = counts.get(change.action, 0) + 1
    summary = ", ".join(f"{count} to {action}" for action, count in counts.items() if action != "reuse")
    click.echo(_untouched(plan))
    if plan.reads:
        about = f", about {plan.seconds:.1f} s by past builds" if plan.seconds is not None else ""
        click.echo(f"To build: reads {plan.reads:,} rows{about}.")
    if plan.breaking:
        names = ", ".join(change.name for change in plan.breaking)
        step = "apply" if environment is None else "promoting"
        click.echo(f"BREAKING: {names}. {step} refuses this without --allow-breaking.")
    click.echo(f"Plan {plan.id}: {summary or 'versions to show'}, {_unchanged(plan)} unchanged. Nothing was written.")


def print_changes(plan: Plan) -> None:
    """Each change with what it means; what is unchanged is left out."""
    for change in plan.changes:
        if change.action == "reuse" and change.reason == "unchanged":
            continue
        versions = change.version or ""
        if change.replaces:
            versions = f"{change.replaces} → {change.version or 'gone'}"
        click.echo(
            f"{_SIGNS[change.action]} {change.action:<8} {change.name:<24} {versions:<28} {change.reason}".rstrip()
        )
        for line in _details(change):
            click.echo(f"{_INDENT}{line}")


def _details(change: Change) -> Iterator[str]:
    if change.effect == "breaking":
        yield f"BREAKING: {change.breaks}"
    elif change.replaces and change.effect in _EFFECTS:
        yield _EFFECTS[change.effect]
    signs = {"added": "+", "gone": "-", "retyped": "~"}
    yield from (f"{signs[column.change]} column {column}" for column in change.columns)
    for found in change.sql:
        if found.column and found.column in {column.name for column in change.columns}:
            continue
        yield found.place
        yield from (f"  - {line}" for line in _shortened(found.before))
        yield from (f"  + {line}" for line in _shortened(found.after))
    if change.downstream:
        yield f"read by {', '.join(change.downstream)}"
    for reader in change.readers:
        through = "" if reader.reads == reader.stays_on else f" (by {reader.reads})"
        yield f"{reader.kind} {reader.name}{through} stays on {reader.stays_on}"
    if change.reads is not None and change.replaces:
        about = f", about {change.seconds:.1f} s" if change.seconds is not None else ""
        rows = f"{change.rows:,} rows now, " if change.rows is not None else ""
        yield f"{rows}reads {change.reads:,} rows{about}"


def _shortened(text: str | None) -> Iterator[str]:
    if text is not None:
        yield text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _untouched(plan: Plan) -> str:
    parts = [
        _few(len(plan.untouched.views), "live version"),
        _few(len(plan.untouched.versions), "earlier version"),
        _few(len(plan.untouched.tables), "table"),
    ]
    return f"Not touched: {', '.join(part for part in parts if part) or 'nothing is there yet'}."


def _few(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}" if count else ""


def _unchanged(plan: Plan) -> int:
    return sum(change.action == "reuse" and change.reason == "unchanged" for change in plan.changes)


def print_rehearsal(plan: Plan, steps: Sequence[Rehearsed]) -> None:
    """The steps of a dry run."""
    for number, step in enumerate(steps, 1):
        click.echo(f"{number}/{len(steps)} {step.title}")
        for line in step.lines:
            click.echo(f"{_INDENT}{line}")
    click.echo(f"Plan {plan.id}: {len(steps)} steps. Nothing was done.")


def print_comparison(found: VersionComparison, *, brief: bool = False) -> None:
    """How two versions differ, column by column; `brief` leaves out what is equal."""
    rows = f"{found.old_rows:,} → {found.new_rows:,} rows"
    if found.shared is None:
        click.echo(f"{found.old} → {found.new}: {rows}; rows are not matched: {found.why_not}")
    else:
        only = f"{found.missing:,} only in the old, {found.extra:,} only in the new"
        click.echo(f"{found.old} → {found.new}: {rows}, {found.shared:,} in both by {', '.join(found.key)} ({only})")
    shown = [column for column in found.columns if not brief or _differs(column, found)]
    if shown:
        names = ("column", "differ", "NULL", "mean", "min", "max")
        print_rows(names, [[_cells(column, found) for column in shown]], "table")
    elif brief:
        click.echo("every cell is equal" if found.shared is not None else "no figure differs")


def _differs(column: ColumnComparison, found: VersionComparison) -> bool:
    if found.shared is None:
        return column.old != column.new
    return bool(column.differing)


def _cells(column: ColumnComparison, found: VersionComparison) -> tuple[str, ...]:
    old, new = column.old, column.new
    share = "" if column.differing is None or not found.shared else _percent(column.differing, found.shared)
    nulls = _pair(_percent(old.nulls, found.old_rows), _percent(new.nulls, found.new_rows))
    pairs = ((old.mean, new.mean), (old.least, new.least), (old.greatest, new.greatest))
    return (column.name, share, nulls, *(_pair(_figure(a), _figure(b)) for a, b in pairs))


def _percent(count: int, of: int) -> str:
    return f"{100 * count / of:.1f} %" if of else ""


def _figure(value: float | str | None) -> str:
    return f"{value:,.6g}" if isinstance(value, float | int) else value or ""


def _pair(old: str, new: str) -> str:
    return old if old == new else f"{old} → {new}"
