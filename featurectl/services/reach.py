"""Who a change reaches: the project's views above it, pins, and what others built on a version."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from featurectl.engines.base import State, Version
    from featurectl.project import Project

__all__ = ["Reach", "Reader"]


@dataclass(frozen=True)
class Reader:
    """Who reads a version and stays on it when the public name moves on.

    `kind`: "pin", "environment", "view" (of the project, not selected), or a server's word for somebody else's
    relation, such as "sink"; `reads` is what it names, `stays_on` the version behind that.
    """

    kind: str
    name: str
    reads: str
    stays_on: str


class Reach:
    """Readers of one project on one engine."""

    def __init__(self, project: Project, state: State) -> None:
        self._project = project
        self._state = state

    def downstream(self, view: str) -> tuple[str, ...]:
        """The project's views that read it, directly or through others, in dependency order."""
        found = {view}
        after = self._names[self._places[view] + 1 :]
        for name in after:
            if not found.isdisjoint(self._project.views[name].references):
                found.add(name)
        return tuple(name for name in after if name in found)

    @cached_property
    def _names(self) -> list[str]:
        return list(self._project.views)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self._names)}

    def readers(self, version: Version, selected: AbstractSet[str]) -> tuple[Reader, ...]:
        """Who goes on reading the version. `selected` views are built anew and are none of them."""
        state, name = self._state, version.name
        shown = {view for view, number in state.live.items() if f"{view}_v{number}" == name}
        found = [Reader("pin", pin.consumer, name, name) for pin in state.pins if pin.version == name]
        found += [
            Reader("environment", environment.name, name, name)
            for environment in state.environments.values()
            if environment.live.get(version.view) == version.number
        ]
        through = {o.name: o.reads for o in state.outsiders if o.reads in shown}
        found += [
            Reader(outsider.kind, outsider.name, through.get(outsider.name, name), name)
            for outsider in state.outsiders
            if outsider.reads == name
        ]
        found += [
            Reader("view", other.view, name, name)
            for other in state.versions
            if name in other.inputs.values() and state.live.get(other.view) == other.number
            if other.view not in selected and other.view in self._project.views
        ]
        return tuple(found)
