"""From a parsed query to DuckDB's tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.dialect._context import Context
from featurectl.dialect._expressions import RULES
from featurectl.dialect._queries import query as translate
from featurectl.dialect._types import rw_type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from sqlglot import exp

    from featurectl.dialect._context import Columns
    from featurectl.dialect._query import Query

    Keys: TypeAlias = Mapping[str, Sequence[str]] | None

__all__ = ["translated"]


def translated(
    query: Query, *, in_view: bool, schema: Mapping[str, Mapping[str, str]], keys: Keys = None
) -> tuple[exp.Expression, Columns | None]:
    """A translated copy of the query's tree, and its output columns."""
    known = {relation: {column: rw_type(of) for column, of in columns.items()} for relation, columns in schema.items()}
    ctx = Context(RULES, translate, known, in_view, query.file, query.first_line, keys=keys or {})
    return translate(ctx, query.tree.copy())
