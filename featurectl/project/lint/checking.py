"""One query against every rule. Pure; what it costs is why its results are kept by content."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from featurectl.project.lint import aggregates, relations, times, windows
from featurectl.project.lint.scopes import columns_of_query, line, scopes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlglot import exp

    from featurectl.dialect import Query
    from featurectl.project.lint.scopes import Relation, Scope, Types

    Check = Callable[[Scope], Iterable[tuple[exp.Expression, str]]]

__all__ = ["Hit", "check_query"]

_CHECKS: dict[str, Check] = {
    "RW101": windows.windows_without_partition,
    "RW102": windows.ranges_of_days,
    "RW103": aggregates.exact_percentiles,
    "RW104": relations.joins_without_equality,
    "RW105": windows.unknown_functions,
    "RW106": times.clocks_outside_filters,
    "RW201": windows.implicit_frames,
    "RW202": windows.rows_over_time,
    "RW203": times.session_dependent,
    "RW204": times.processing_times,
    "RW205": relations.unbounded_joins,
    "RW206": relations.stars,
    "RW207": aggregates.poisoned_by_nan,
    "RW208": windows.frames_without_values,
    "RW210": aggregates.percentiles_of_all_rows,
}
_OF_TRAINING = ("RW204",)


class Hit(NamedTuple):
    """A rule's code, the line of the text (from 1), and what stands there."""

    code: str
    line: int
    message: str


def check_query(query: Query, known: Mapping[str, Relation], *, trained: bool) -> tuple[set[Hit], Types | None]:
    """Every place that breaks a rule; and the output columns with their types, None for one that is not known.

    `trained`: a training set reads the query's rows, directly or through others.
    """
    scopes = list(scopes_of(query.tree, known))
    hits = {
        Hit(code, line(node), message)
        for scope in scopes
        for code, check in _CHECKS.items()
        if trained or code not in _OF_TRAINING
        for node, message in check(scope)
    }
    columns = {name: relation.columns for name, relation in known.items() if relation.columns is not None}
    found = columns_of_query(query.tree, columns, scopes[-1] if scopes else None)
    if found is None and query.columns is not None:
        return hits, dict.fromkeys(query.columns)
    return hits, found
