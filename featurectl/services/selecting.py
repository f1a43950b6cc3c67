"""Which views are meant: live ones by name, and those of `--select`: `name`, `+name` (with all it reads), `name+`
(with all that reads it), `tag:clicks`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from featurectl.engines.base import State, Version
    from featurectl.project import Project

__all__ = ["choose_live", "select_views"]


def select_views(project: Project, patterns: Sequence[str]) -> frozenset[str] | None:
    """The views that any of the patterns names; None for no pattern. Raises UsageError for one that names none."""
    if not patterns:
        return None
    found: set[str] = set()
    for pattern in patterns:
        found |= _matching(project, pattern)
    return frozenset(found)


def _matching(project: Project, pattern: str) -> set[str]:
    if pattern.startswith("tag:"):
        tag = pattern.removeprefix("tag:")
        tagged = {view.name for view in project.views.values() if tag in view.metadata.tags}
        if not tagged:
            raise UsageError(f"no view has the tag {tag!r}", hint=_known_tags(project))
        return tagged
    name = pattern.removeprefix("+").removesuffix("+")
    if name not in project.views:
        raise UsageError(f"no view is named {name!r}", hint=did_you_mean(name, project.views, "featurectl list"))
    found = {name}
    if pattern.startswith("+"):
        found |= project.upstream(name) & set(project.views)
    if pattern.endswith("+"):
        found |= project.downstream(name)
    return found


def _known_tags(project: Project) -> str:
    tags = sorted({tag for view in project.views.values() for tag in view.metadata.tags})
    return f"tags: {', '.join(tags)}" if tags else "no view has a tag"


def choose_live(
    state: State, views: Sequence[str], unfit: Callable[[Version], UsageError | None] = lambda _: None
) -> list[Version]:
    """The live versions of these views, none named: of all that fit. What a version reads comes before it.

    `unfit` says why a version does not fit, None if it does. Raises UsageError: nothing is applied, no live view of
    that name, or one that does not fit.
    """
    if not state.live:
        raise UsageError("nothing is applied here yet", hint="run: featurectl apply")
    for name in views:
        if name not in state.live:
            hint = did_you_mean(name, state.live, f"live: {', '.join(sorted(state.live))}")
            raise UsageError(f"no view {name!r} is live", hint=hint)
    refusals = [(version, unfit(version)) for version in state.live_versions() if not views or version.view in views]
    for _, refusal in refusals if views else ():
        if refusal is not None:
            raise refusal
    return [version for version, refusal in refusals if refusal is None]
