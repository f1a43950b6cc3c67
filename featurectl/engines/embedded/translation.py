"""From a version's text to the DuckDB query that computes it, reading the relations that this build reads."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from featurectl.dialect import Query
    from featurectl.engines.base import Version

__all__ = ["bind", "version_query"]


def version_query(version: Version) -> str:
    """DuckDB SQL for the version. Raises UnsupportedOnEngine, naming file and line."""
    return _translated(version.text, version.file, tuple(sorted(version.inputs.items())))


@lru_cache(maxsize=4096)
def _translated(text: str, file: str, inputs: tuple[tuple[str, str], ...]) -> str:
    from featurectl.dialect import parse_query, translate_query

    return translate_query(bind(parse_query(text, file=file), dict(inputs)))


def bind(query: Query, inputs: Mapping[str, str]) -> Query:
    """The query reading `inputs[name]` wherever it says `name`; in the query the relation keeps its name."""
    from sqlglot import exp

    tree = query.tree.copy()
    for table in list(tree.find_all(exp.Table)):
        target = inputs.get(table.name)
        if target is None or target == table.name or table.args.get("db") or not isinstance(table.this, exp.Identifier):
            continue
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=table.this.quoted)))
        table.set("this", exp.to_identifier(target, quoted=table.this.quoted))
    return replace(query, tree=tree)
