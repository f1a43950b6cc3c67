"""The rule about what a refresh costs on the embedded target. It asks what the view is of, not the query alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.project.lint.checking import Hit
from featurectl.project.lint.scopes import line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from featurectl.dialect import Query
    from featurectl.project.lint.scopes import Relation, Types

__all__ = ["computed_whole"]


def computed_whole(
    query: Query, known: Mapping[str, Relation], columns: Types | None, entity: Sequence[str], event_time: str | None
) -> Iterator[Hit]:
    """RW209, as far as the columns are known."""
    from featurectl.dialect.reach import reach_of

    kinds = _kinds(columns)
    schema = {name: _kinds(relation.columns) for name, relation in known.items()}
    read = {name: kinds for name, kinds in schema.items() if kinds is not None}
    if kinds is None or len(read) < len(set(query.references)):
        return
    tables = {name for name, relation in known.items() if relation.kind == "table"}
    reach = reach_of(query, read, kinds, entity=entity, event_time=event_time, tables=tables)
    if reach.why_whole is not None:
        yield Hit(
            "RW209", line(query.tree), f"computed whole whenever {reach.why_whole.replace(': ', ' changes: ', 1)}"
        )


def _kinds(columns: Types | None) -> dict[str, str] | None:
    """A type that is not known is none that could be a time."""
    return None if columns is None else {name: kind or "" for name, kind in columns.items()}
