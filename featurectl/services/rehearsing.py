"""`apply --dry-run`: the steps that apply would walk, each with what it would do; nothing is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurectl.services.comparing import key_of
from featurectl.services.planning import Build, Compare, CutOver, Migrate, Preview

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featurectl.services.planning import Change, Plan, Step

__all__ = ["Rehearsed", "rehearse"]


@dataclass(frozen=True)
class Rehearsed:
    """One step: the title that its progress has, and what it would do, a line each."""

    title: str
    lines: tuple[str, ...]


def rehearse(plan: Plan) -> list[Rehearsed]:
    """Every step of the plan, in the order in which apply takes them."""
    changes = {change.version: change for change in plan.changes}
    return [Rehearsed(step.title, tuple(_lines(step, changes, plan))) for step in plan.steps]


def _lines(step: Step, changes: dict[str | None, Change], plan: Plan) -> Iterator[str]:
    match step:
        case Migrate(migration):
            yield f"{migration.file}: {len(migration.statements)} statements"
        case Build(version, view):
            change = changes[version.name]
            yield f"{view.file}, {_work(change)}"
            yield from (f"check {check}" for check in view.metadata.checks)
        case Compare(old, _, view, same):
            key = key_of(view.metadata.model_dump(mode="json"))
            yield f"rows by {', '.join(key)}" if key else "without a key: rows, NULLs, means and ranges only"
            if same:
                yield f"has to stay as it is: {_all_or_named(same, len(old.columns))}"
        case CutOver(live, metadata) | Preview(live=live, metadata=metadata):
            yield from (f"{c.name} → {c.version}" for c in plan.changes if c.name in live and _moves(c))
            yield from (f"{c.name} → gone" for c in plan.changes if c.action == "drop")
            yield from (f"{name}: description only" for name in metadata)


def _moves(change: Change) -> bool:
    return change.action in ("create", "rebuild") or (change.action == "reuse" and change.reason != "unchanged")


def _work(change: Change) -> str:
    reads = f"reads {change.reads:,} rows" if change.reads is not None else "reads nothing that is known"
    return reads if change.seconds is None else f"{reads}, about {change.seconds:.1f} s"


def _all_or_named(same: tuple[str, ...], count: int) -> str:
    return "every column" if len(same) == count else ", ".join(same)
