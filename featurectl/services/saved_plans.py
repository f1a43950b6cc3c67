"""Plans in files: what was looked at is what is applied, or nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featurectl.errors import PlanMoved, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from featurectl.services.planning import Plan

__all__ = ["SavedPlan", "load_plan", "save_plan"]


@dataclass(frozen=True)
class SavedPlan:
    """A plan that was saved: for which project, engine and environment it was made, and with which selection."""

    id: str
    target: str
    project: str
    engine: str
    select: tuple[str, ...]
    file: str
    environment: str | None = None

    def check(self, plan: Plan, target: str) -> None:
        """Raise PlanMoved unless the plan, made just now, is the one that was saved."""
        if target != self.target:
            moved = f"it was made for the target {self.target}, this is {target}"
        elif plan.project != self.project:
            moved = "the project was changed since"
        elif plan.engine != self.engine:
            moved = "the engine was changed since: by another apply, a pin, or somebody's relation on a version"
        elif plan.id != self.id:
            other = f", or {self.environment} was changed since" if self.environment else ""
            moved = f"another featurectl made it{other}"
        else:
            return
        raise PlanMoved(
            f"{self.file}: the plan {self.id} does not hold any more: {moved}",
            hint=f"look again: featurectl plan --out {self.file}",
        )


def save_plan(plan: Plan, path: Path, target: str, select: Sequence[str] = (), environment: str | None = None) -> None:
    """Write a plan, with what it was made for. Raises UsageError where the file cannot be written."""
    content = {"target": target, "select": list(select), "environment": environment, **plan.as_json()}
    try:
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def load_plan(path: Path) -> SavedPlan:
    """Read a saved plan. Raises UsageError for a file that is none."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        parts = {name: str(content[key]) for name, key in _KEYS.items()}
        select = tuple(map(str, content["select"]))
        environment = content["environment"]
        if environment is not None and not isinstance(environment, str):
            raise TypeError("environment")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path} is no saved plan", hint=f"save one with: featurectl plan --out {path}") from error
    return SavedPlan(**parts, select=select, file=str(path), environment=environment)


_KEYS = {"id": "plan", "target": "target", "project": "project", "engine": "engine"}
