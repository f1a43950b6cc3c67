"""Two versions of a view side by side, in SQL that both engines run: what crosses the line is a few rows of figures.

Rows belong together by the view's key. The joins and groups behind it spill to disk on both engines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featurectl.dialect._types import FLOATS, INTEGERS, NUMBERS, TEMPORAL, rw_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from featurectl.engines.base import Version

__all__ = ["ColumnComparison", "ColumnFigures", "VersionComparison", "compare_versions"]

_RELATIVE, _ABSOLUTE = "0.000000001", "0.000000000001"
# Beyond, squares are no numbers any more. Written as text: RisingWave reads no number with an exponent's sign.
_LARGEST, _LEAST = (f"CAST('{sign}1e150' AS double precision)" for sign in ("", "-"))
_EXACT = (*INTEGERS, "boolean", "varchar", "date", "timestamp", "timestamptz", "bytea", "time")


@dataclass(frozen=True)
class ColumnFigures:
    """A column of one version. Least and greatest are numbers, or times as text; mean and deviation are of the
    numbers that are finite, for a boolean of 0 and 1. None where there is none."""

    nulls: int
    least: float | str | None = None
    greatest: float | str | None = None
    mean: float | None = None
    deviation: float | None = None


@dataclass(frozen=True)
class ColumnComparison:
    """A column that both versions have. `differing`: cells that differ in shared rows, None without a key."""

    name: str
    old: ColumnFigures
    new: ColumnFigures
    differing: int | None = None


@dataclass(frozen=True)
class VersionComparison:
    """Two versions. `shared`: rows of which both have the key; None where the key is not one: none is declared, a
    column of it is gone, or rows repeat it. `why_not` says which."""

    old: str
    new: str
    old_rows: int
    new_rows: int
    key: tuple[str, ...]
    shared: int | None
    columns: tuple[ColumnComparison, ...]
    why_not: str = ""

    @property
    def missing(self) -> int | None:
        """Rows of the old version of which the new one lacks the key."""
        return None if self.shared is None else self.old_rows - self.shared

    @property
    def extra(self) -> int | None:
        """Rows of the new version of which the old one lacks the key."""
        return None if self.shared is None else self.new_rows - self.shared


def compare_versions(
    run: Callable[[str], Sequence[tuple[Any, ...]]], old: Version, new: Version, key: Sequence[str]
) -> VersionComparison:
    """Compare two versions; `run` executes a query, all of them on the same moment."""
    names = [name for name in old.columns if name in new.columns]
    old_rows, before = _figures(run, old, names)
    new_rows, after = _figures(run, new, names)
    shared, differing, why_not = None, dict.fromkeys(names), _no_key(run, old, new, key)
    if not why_not:
        shared, differing = _differing(run, old, new, key, [name for name in names if name not in key])
    columns = tuple(
        ColumnComparison(name, before[name], after[name], 0 if shared is not None and name in key else differing[name])
        for name in names
    )
    return VersionComparison(old.name, new.name, old_rows, new_rows, tuple(key), shared, columns, why_not)


def _figures(run: Any, version: Version, names: Sequence[str]) -> tuple[int, dict[str, ColumnFigures]]:
    parts = ["count(*)"]
    for name in names:
        parts += _statistics(_quote(name), rw_type(version.columns[name]))
    [row] = run(f"SELECT {', '.join(parts)} FROM {_quote(version.name)}")
    rows, values = int(row[0]), list(row[1:])
    found = {}
    for place, name in enumerate(names):
        known, least, greatest, mean, deviation = values[5 * place : 5 * place + 5]
        found[name] = ColumnFigures(rows - int(known), least, greatest, mean, deviation)
    return rows, found


def _statistics(column: str, of: str | None) -> list[str]:
    """Five aggregates: how many are known, least, greatest, mean, deviation."""
    known, nothing = f"count({column})", "NULL"
    if of in TEMPORAL:
        bounds = [f"CAST({bound}({column}) AS varchar)" for bound in ("min", "max")]
        return [known, *bounds, nothing, nothing]
    if of not in NUMBERS and of != "boolean":
        return [known, nothing, nothing, nothing, nothing]
    number = f"CAST({column} AS int)" if of == "boolean" else column
    value = f"CAST({number} AS double precision)"
    where = f"FILTER (WHERE ({value} < {_LARGEST}) AND ({value} > {_LEAST}))"
    bounds = [f"min({value}) {where}", f"max({value}) {where}"]
    return [known, *bounds, f"avg({value}) {where}", f"stddev_pop({value}) {where}"]


def _no_key(run: Any, old: Version, new: Version, key: Sequence[str]) -> str:
    """Why rows cannot be matched; empty if they can."""
    if not key:
        return "no entity and event_time are declared"
    gone = [name for name in key if name not in old.columns or name not in new.columns]
    if gone:
        return f"{', '.join(gone)} of the key is not in both"
    keys = ", ".join(map(_quote, key))
    for version in (old, new):
        repeated = f"SELECT 1 FROM {_quote(version.name)} GROUP BY {keys} HAVING count(*) > 1 LIMIT 1"
        if run(repeated):
            return f"rows of {version.name} repeat {', '.join(key)}"
    return ""


def _differing(
    run: Any, old: Version, new: Version, key: Sequence[str], names: Sequence[str]
) -> tuple[int, dict[str, int | None]]:
    cells = [
        f"sum(CASE WHEN {_same(name, rw_type(old.columns[name]), rw_type(new.columns[name]))} THEN 0 ELSE 1 END)"
        for name in names
    ]
    on = " AND ".join(f"(o.{_quote(name)} IS NOT DISTINCT FROM n.{_quote(name)})" for name in key)
    [row] = run(
        f"SELECT {', '.join(['count(*)', *cells])} FROM {_quote(old.name)} AS o JOIN {_quote(new.name)} AS n ON {on}"
    )
    return int(row[0]), {name: int(count or 0) for name, count in zip(names, row[1:], strict=True)}


def _same(name: str, before: str | None, after: str | None) -> str:
    """Whether two cells are equal; numbers that were computed may be off by the last digits."""
    old, new = f"o.{_quote(name)}", f"n.{_quote(name)}"
    numbers = before in NUMBERS and after in NUMBERS
    if numbers and (before != after or before in FLOATS or before == "numeric"):
        left, right = f"CAST({old} AS double precision)", f"CAST({new} AS double precision)"
        off = f"abs({left} - {right})"
        near = f"({off} < {_RELATIVE} * greatest(abs({left}), abs({right})))"
        return f"({left} IS NOT DISTINCT FROM {right}) OR (coalesce({near} OR ({off} < {_ABSOLUTE}), false))"
    if before == after and before in _EXACT:
        return f"({old} IS NOT DISTINCT FROM {new})"
    return f"(CAST({old} AS varchar) IS NOT DISTINCT FROM CAST({new} AS varchar))"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
