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
        found: set[str] = set()
        todo = [view]
        while todo:
            for name in self._read_by.get(todo.pop(), ()):
                if name not in found:
                    found.add(name)
                    todo.append(name)
        return tuple(sorted(found, key=self._places.__getitem__))

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self._project.views)}

    @cached_property
    def _read_by(self) -> dict[str, list[str]]:
        """The project's views that read a relation, by its name."""
        found: dict[str, list[str]] = {}
        for view in self._project.views.values():
            for name in view.references:
                found.setdefault(name, []).append(view.name)
        return found

    @cached_property
    def _live_readers(self) -> dict[str, list[str]]:
        """The views whose live version reads a relation, by its name."""
        found: dict[str, list[str]] = {}
        for version in self._state.versions:
            if self._state.live.get(version.view) == version.number:
                for name in version.inputs.values():
                    found.setdefault(name, []).append(version.view)
        return found

    def readers(self, version: Version, selected: AbstractSet[str]) -> tuple[Reader, ...]:
        """Who goes on reading the version. `selected` views are built anew and are none of them."""
        state, name = self._state, version.name
        shown = {version.view} if state.live.get(version.view) == version.number else set()
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
            Reader("view", view, name, name)
            for view in self._live_readers.get(name, ())
            if view not in selected and view in self._project.views
        ]
        return tuple(found)
