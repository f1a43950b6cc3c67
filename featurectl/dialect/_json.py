"""jsonb: access by key and by index.

DuckDB keeps a document's text as it came, so each access parses it, and of a key that occurs twice it finds the
first where RisingWave keeps the last. `share_documents` has each document parsed once for all the keys that a
SELECT takes from it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from sqlglot import exp

from featurectl.dialect._output import quoted, sql
from featurectl.dialect._walking import walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featurectl.dialect._context import Context, Rule, Scope, Typed

__all__ = ["JSON", "jsonb_typeof", "share_documents"]


class Piece(exp.Expression):
    """A key's value out of a document that is parsed once: `this` is the document, `pieces` the parsed column."""

    arg_types: ClassVar = {"this": True, "key": True, "pieces": True, "as_text": False}


def _path(key: str) -> str:
    """DuckDB's path to an object's key."""
    if '"' in key or "\\" in key:
        return "/" + key.replace("~", "~0").replace("/", "~1")
    return f'$."{key}"'


def _constant_key(node: exp.Expression) -> str | None:
    key = node.expression
    return str(key.name) if isinstance(key, exp.Literal) and key.is_string else None


def _access(ctx: Context, node: exp.Expression) -> Typed:
    document, of = ctx(node.this)
    if of not in (None, "jsonb"):
        raise ctx.wrong(node, f"-> on {of}", "cast it: x::jsonb")
    as_text = isinstance(node, exp.JSONExtractScalar)
    suffix = "_text" if as_text else ""
    result = "varchar" if as_text else "jsonb"
    name = _constant_key(node)
    if name is not None:
        return _once(document, f"rw_field{suffix}({{0}}, {quoted(name)}, {quoted(_path(name))})"), result
    part, kind = ctx(node.expression)
    if kind in ("int", "smallint"):
        return _once(document, f"rw_element{suffix}({{0}}, {{1}})", part), result
    raise ctx.unsupported(node, "-> with a key that is not a constant", "write the key as a literal")


def _once(document: exp.Expression, template: str, *parts: exp.Expression) -> exp.Expression:
    """A macro that names the document several times; one that is computed is bound to a name first."""
    if isinstance(document, exp.Column):
        return sql(template, document, *parts)
    inner = template.replace("{0}", "rw_document")
    return sql(f"list_transform([{{0}}], lambda rw_document: {inner})[1]", document, *parts)


def _piece(_: Context, node: exp.Expression) -> Typed:
    if node.args["as_text"]:
        return sql("rw_piece_text({0})", _field(node)), "varchar"
    key = node.args["key"]
    piece = f"rw_piece({{0}}, {{1}}, {quoted(key)}, {quoted(_path(key))})"
    return sql(piece, _field(node), node.this), "jsonb"


def _field(node: exp.Expression) -> exp.Expression:
    return exp.Dot(this=node.args["pieces"], expression=exp.to_identifier(node.args["key"], quoted=True))


def jsonb_typeof(ctx: Context, node: exp.Expression) -> Typed | None:
    """jsonb_typeof(j -> 'key') of a document that is parsed once already."""
    argument = node.expressions[0] if len(node.expressions) == 1 else None
    if isinstance(argument, Piece) and not argument.args["as_text"]:
        # a piece alone does not tell a null from a missing key
        kind = f"rw_piece_typeof({{0}}, {{1}}, {quoted(argument.args['key'])})"
        return sql(kind, _field(argument), argument.this), "varchar"
    return None


def share_documents(node: exp.Expression, scope: Scope) -> None:
    """Rewrites a SELECT so that a document from which it takes several keys is parsed once.

    The source that has the document also gives a struct of the pieces; each `j -> 'key'` becomes a `Piece`.
    """
    documents: dict[tuple[str, str], list[exp.Expression]] = {}
    for access in _accesses(node):
        source = _source_of(scope, access.this)
        if source is not None:
            documents.setdefault((source, access.this.name), []).append(access)
    for (source, column), accesses in documents.items():
        keys = list(dict.fromkeys(str(access.expression.name) for access in accesses))
        if len(accesses) > 1 and len({key.lower() for key in keys}) == len(keys):
            _share(node, source, column, accesses, keys)


_APART = (exp.Query, exp.From)


def _accesses(node: exp.Expression) -> Iterator[exp.Expression]:
    """The accesses by a constant key to a column, those of inner queries left out."""
    for part in walk(node, lambda inner: not isinstance(inner, _APART)):
        if isinstance(part, exp.JSONExtract | exp.JSONExtractScalar) and isinstance(part.this, exp.Column):
            key = _constant_key(part)
            if key and not set(key) & set('"\\'):
                yield part


def _source_of(scope: Scope, column: exp.Expression) -> str | None:
    """The one relation of this SELECT that has the column."""
    names = [name for name in scope.sources if scope.within(name).has(column.text("table"), column.name)]
    known = scope.type_of(column.text("table"), column.name)
    return names[0] if len(names) == 1 and known in (None, "jsonb") else None


def _share(node: exp.Expression, source: str, column: str, accesses: list[exp.Expression], keys: list[str]) -> None:
    place = _place_of(node, source)
    if place is None:
        return
    pieces = f"rw_{column}_pieces"
    for access in accesses:
        as_text = isinstance(access, exp.JSONExtractScalar)
        found = exp.column(pieces, table=source, quoted=True)
        access.replace(Piece(this=access.this, key=access.expression.name, pieces=found, as_text=as_text))
    template = f"(SELECT *, {_pieces(keys)} AS {{1}} FROM {{2}}) AS {{3}}"
    document = exp.column(column, table=source, quoted=True)
    alias, name = exp.to_identifier(source, quoted=True), exp.to_identifier(pieces, quoted=True)
    place.set("this", sql(template, document, name, place.this, alias))
    for star in [item for item in node.expressions if item.is_star and item.text("table") in ("", source)]:
        inner = star.this if isinstance(star, exp.Column) else star
        inner.set("except_", [*(inner.args.get("except_") or []), exp.Column(this=name.copy())])


def _place_of(node: exp.Expression, source: str) -> exp.Expression | None:
    """FROM or JOIN whose relation has this name."""
    first = node.args.get("from_")
    places = [*([first] if first is not None else []), *(node.args.get("joins") or [])]
    found = [place for place in places if place.this.alias_or_name == source]
    return found[0] if len(found) == 1 else None


def _pieces(keys: list[str]) -> str:
    """A struct of the keys' values; a document that may have a key twice takes the slow way."""
    shape = quoted(json.dumps(dict.fromkeys(keys, "JSON"), ensure_ascii=False))
    twice = " OR ".join(f"rw_maybe_twice({{0}}, {quoted(key)})" for key in keys)
    fields = ", ".join(f'"{_braced(key)}" := rw_last_field({{0}}, {quoted(key)})' for key in keys)
    return f"CASE WHEN {twice} THEN struct_pack({fields}) ELSE json_transform({{0}}, {shape}) END"


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


_BINARY = frozenset({"this", "expression"})

JSON: dict[type[exp.Expression], tuple[Rule, frozenset[str]]] = {
    exp.JSONExtract: (_access, _BINARY),
    exp.JSONExtractScalar: (_access, _BINARY),
    Piece: (_piece, frozenset({"this", "key", "pieces", "as_text"})),
}
