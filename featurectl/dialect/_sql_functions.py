"""CREATE FUNCTION … LANGUAGE SQL: each call is written out as the expression that it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from featurectl.dialect._casts import type_of
from featurectl.dialect._grammar import fold_identifiers, parse_one
from featurectl.dialect._statements import CreateFunction
from featurectl.dialect._types import data_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from featurectl.dialect._context import Context, Typed
    from featurectl.dialect._cursor import Cursor

__all__ = ["called", "create_function"]


def create_function(cursor: Cursor, context: Callable[[int], Context]) -> CreateFunction:
    """CREATE FUNCTION name(a type, …) RETURNS type LANGUAGE SQL AS '…' or $$…$$.

    Raises:
        UnsupportedOnEngine: another language, or a body that is more than one expression.
    """
    cursor.expect("CREATE FUNCTION")
    name = cursor.dotted()
    cursor.expect("(")
    parameters: dict[str, str] = {}
    while not cursor.take(")"):
        text = cursor.until(",")
        head, _, rest = text.partition(" ")
        of = _type(context(cursor.line), rest or head)
        parameters[head.lower() if rest else f"${len(parameters) + 1}"] = of
        cursor.take(",")
    cursor.expect("RETURNS")
    returns = _type(context(cursor.line), cursor.until("LANGUAGE", "AS", "RETURN"))
    cursor.expect("LANGUAGE SQL", "a function that is not LANGUAGE SQL")
    cursor.expect("AS")
    body = _unquoted(cursor.text(cursor.position))
    _expression(context(cursor.line), body)
    return CreateFunction(cursor.piece.text, cursor.piece.line, name, parameters, returns, body)


def _type(ctx: Context, text: str) -> str:
    tree = parse_one(f"SELECT CAST(NULL AS {text})", file=ctx.file, first_line=ctx.first_line).expressions[0]
    return type_of(ctx, tree, tree.args["to"])


def _unquoted(text: str) -> str:
    if text.startswith("$"):
        mark = text[: text.index("$", 1) + 1]
        return text.removeprefix(mark).removesuffix(mark)
    return text[1:-1].replace("''", "'")


def _expression(ctx: Context, body: str) -> exp.Expression:
    """The one expression of `SELECT …`."""
    tree = parse_one(body, file=ctx.file, first_line=ctx.first_line)
    fold_identifiers(tree)
    more = {name for name, value in tree.args.items() if value} - {"expressions", "kind"}
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1 or more:
        raise ctx.unsupported(tree, "a function that is more than one expression")
    found: exp.Expression = tree.expressions[0].unalias()
    return found


def called(ctx: Context, node: exp.Expression, function: CreateFunction) -> Typed:
    """A call, with its arguments cast to the parameters' types and put where the parameters stand."""
    if len(node.expressions) != len(function.parameters):
        raise ctx.wrong(node, f"{function.name} takes {len(function.parameters)} arguments")
    given = {
        name: exp.Cast(this=exp.Paren(this=argument), to=data_type(of))
        for (name, of), argument in zip(function.parameters.items(), node.expressions, strict=True)
    }
    body = _expression(ctx, function.body)

    def replaced(part: exp.Expression) -> exp.Expression:
        name = f"${part.name}" if isinstance(part, exp.Parameter) else part.name
        is_parameter = isinstance(part, exp.Parameter) or (isinstance(part, exp.Column) and not part.text("table"))
        return given[name].copy() if is_parameter and name in given else part

    return ctx(exp.Cast(this=exp.Paren(this=body.transform(replaced)), to=data_type(function.returns)))
