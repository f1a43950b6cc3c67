"""How many rows a build reads, and how long it may take: from what past builds of this engine took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from featurectl.engines.base import State, Version

__all__ = ["Estimate", "Estimates"]


@dataclass(frozen=True)
class Estimate:
    """`rows`: of the version that is replaced; `reads`: rows of what the build reads; `seconds`: of its last build,
    or as other builds took for as many rows. None for what nothing is known of."""

    rows: int | None
    reads: int
    seconds: float | None


class Estimates:
    """Estimates of one plan, from the ledger alone."""

    def __init__(self, state: State) -> None:
        self._rows: dict[str, int] = {source.table: source.rows for source in state.sources}
        self._rows |= {version.name: version.rows for version in state.versions if version.rows is not None}
        built = [v for v in state.versions if v.build_seconds is not None]
        self._least = min((v.build_seconds or 0.0 for v in built), default=None)
        reads = sum(self._read(v.inputs.values()) for v in built)
        beyond = sum((v.build_seconds or 0.0) - (self._least or 0.0) for v in built)
        self._seconds_a_row = beyond / reads if reads else 0.0

    def of(self, inputs: Mapping[str, str], current: Version | None, replaced: Mapping[str, str]) -> Estimate:
        """Of a build of `inputs`; `replaced` says which version a new one comes instead of: it has about its rows."""
        reads = self._read(replaced.get(relation, relation) for relation in inputs.values())
        if current is not None and current.build_seconds is not None:
            return Estimate(current.rows, reads, current.build_seconds)
        if self._least is None:
            return Estimate(None, reads, None)
        return Estimate(None, reads, self._least + self._seconds_a_row * reads)

    def _read(self, relations: Iterable[str]) -> int:
        return sum(self._rows.get(relation, 0) for relation in relations)
