"""`lint`: the project's views against the rules; what was found before is remembered by content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.project.lint import lint_project
from featurectl.services.selecting import select_views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featurectl.project import Project
    from featurectl.project.lint import LintReport
    from featurectl.settings import Settings

__all__ = ["lint"]


def lint(project: Project, settings: Settings, select: Sequence[str] = ()) -> LintReport:
    """What the rules find in the selected views; no engine is asked. Raises UsageError for a view that is not there."""
    return lint_project(project, settings.home_dir / "cache" / "lint.json", select_views(project, select))
