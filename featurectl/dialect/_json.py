"""jsonb: access by key and by index.

DuckDB keeps a document's text as it came, so each access parses it, and of a key that occurs twice it
finds the first where RisingWave keeps the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._output import quoted, sql

if TYPE_CHECKING:
    from featurectl.dialect._context import Context, Rule, Typed

__all__ = ["JSON", "json_path"]


def json_path(key: str) -> str:
    """DuckDB's path to an object's key."""
    if '"' in key or "\\" in key:
        return "/" + key.replace("~", "~0").replace("/", "~1")
    return f'$."{key}"'


def _access(ctx: Context, node: exp.Expression) -> Typed:
    document, of = ctx(node.this)
    if of not in (None, "jsonb"):
        raise ctx.wrong(node, f"-> on {of}", "cast it: x::jsonb")
    as_text = isinstance(node, exp.JSONExtractScalar)
    suffix = "_text" if as_text else ""
    key = node.expression
    result = "varchar" if as_text else "jsonb"
    if isinstance(key, exp.Literal) and key.is_string:
        path = json_path(key.name)
        return sql(f"rw_field{suffix}({{0}}, {quoted(key.name)}, {quoted(path)})", document), result
    part, kind = ctx(key)
    if kind in ("int", "smallint"):
        return sql(f"rw_element{suffix}({{0}}, {{1}})", document, part), result
    raise ctx.unsupported(node, "-> with a key that is not a constant", "write the key as a literal")


_BINARY = frozenset({"this", "expression"})

JSON: dict[type[exp.Expression], tuple[Rule, frozenset[str]]] = {
    exp.JSONExtract: (_access, _BINARY),
    exp.JSONExtractScalar: (_access, _BINARY),
}
