"""RisingWave's grammar, as a delta on sqlglot's.

sqlglot's own parsers already decide what a function means while they parse. Here they must not: a call
keeps its name and its arguments, so that our tables alone decide. JSON arrows keep their operands and
bind as weakly as in Postgres.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ClassVar

from sqlglot import exp
from sqlglot.dialects.risingwave import RisingWave
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers import risingwave as parser
from sqlglot.parsers.risingwave import RisingWaveParser
from sqlglot.tokenizer_core import TokenType

from featurectl.dialect._split import without_comments
from featurectl.errors import ProjectError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

__all__ = ["fold_identifiers", "line_of", "parse_one"]


# What it does not know it says there, and goes on. Here that becomes an error, so it need not be said twice.
logging.getLogger("sqlglot").addHandler(logging.NullHandler())


def _require_source(module: ModuleType) -> None:
    """Raise SettingsError where the parser is sqlglotc's: our grammar cannot be a delta on a compiled one."""
    if not str(module.__file__).endswith(".py"):
        raise SettingsError(
            "sqlglotc is installed: featurectl's grammar extends sqlglot's parser, which it cannot if that is compiled",
            hint="pip uninstall sqlglotc, or an environment of its own for featurectl",
        )


_require_source(parser)


_INTERVAL_UNITS = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")


def _arrow(kind: type[exp.Expression]) -> Callable[..., Any]:
    return lambda self, this, key: self.expression(kind(this=this, expression=key))


def _only(table: dict[Any, Any], *keys: Any) -> dict[Any, Any]:
    return {key: table[key] for key in keys}


class _Parser(RisingWaveParser):
    FUNCTIONS: ClassVar = {}
    LAMBDAS: ClassVar = {}  # `f(j -> 'a')` is a JSON arrow, not a lambda
    FUNCTION_PARSERS: ClassVar = _only(
        RisingWaveParser.FUNCTION_PARSERS, "CAST", "EXTRACT", "OVERLAY", "POSITION", "SUBSTRING", "TRIM"
    )
    NO_PAREN_FUNCTION_PARSERS: ClassVar = _only(RisingWaveParser.NO_PAREN_FUNCTION_PARSERS, "ANY", "CASE")
    COLUMN_OPERATORS: ClassVar = _only(RisingWaveParser.COLUMN_OPERATORS, TokenType.DOT, TokenType.DCOLON)
    JSON_OPERATORS: ClassVar = {
        TokenType.ARROW: _arrow(exp.JSONExtract),
        TokenType.DARROW: _arrow(exp.JSONExtractScalar),
        TokenType.HASH_ARROW: _arrow(exp.JSONBExtract),
        TokenType.DHASH_ARROW: _arrow(exp.JSONBExtractScalar),
        TokenType.PLACEHOLDER: _arrow(exp.JSONBContains),
    }

    def _parse_lambda(self, alias: bool = False) -> Any:
        """`|x| x + 1`."""
        if not self._match(TokenType.PIPE):
            return super()._parse_lambda(alias)
        names = self._parse_csv(self._parse_id_var)
        if not self._match(TokenType.PIPE):
            self.raise_error("Expecting |")
        return self.expression(exp.Lambda(this=self._parse_assignment(), expressions=names))

    def _parse_interval_span(self, this: Any, parse_function_unit: bool = True) -> exp.Interval:
        """A text that is not one number with its unit stays whole: of '1 day 02:00:00' sqlglot keeps the day."""
        if not this.is_string or exp.INTERVAL_STRING_RE.fullmatch(this.name):
            return super()._parse_interval_span(this, parse_function_unit)
        unit = None
        if self._curr is not None and self._curr.text.upper() in _INTERVAL_UNITS:
            unit = self._parse_var(any_token=True, upper=True)
        return self.expression(exp.Interval(this=this, unit=unit))


class Grammar(RisingWave):
    """The dialect that is read."""

    INDEX_OFFSET = 0  # a subscript stays what it is

    Parser = _Parser


_GRAMMAR = Grammar()


def parse_one(sql: str, *, file: str | None, first_line: int) -> exp.Expression:
    """Parses exactly one statement.

    Raises:
        ProjectError: a syntax error, none or several statements; with file and line.
    """
    try:
        statements = _parse(sql)
    except ParseError as error:
        detail = error.errors[0] if error.errors else {}
        line = first_line + (detail.get("line") or 1) - 1
        raise ProjectError(f"SQL syntax error: {_reason(detail)}", file=file, line=line) from error
    except TokenError as error:
        raise ProjectError(f"SQL syntax error: {error}", file=file, line=first_line) from error
    if len(statements) != 1:
        raise ProjectError(f"one statement expected, {len(statements)} found", file=file, line=first_line)
    tree: Any = statements[0]
    return tree  # type: ignore[no-any-return]


def _parse(sql: str) -> list[Any]:
    """The statements. A comment inside GROUP BY hides it from sqlglot: then they are read without comments."""
    try:
        return [tree for tree in _GRAMMAR.parse(sql) if tree is not None]
    except ParseError:
        bare = without_comments(sql)
        if bare == sql:
            raise
        return [tree for tree in _GRAMMAR.parse(bare) if tree is not None]


def _reason(detail: Any) -> str:
    near = (detail.get("highlight") or "").strip()
    reason = (detail.get("description") or "cannot be parsed").rstrip(".")
    return f"{reason}, near {near!r}" if near else reason


def fold_identifiers(tree: exp.Expression) -> None:
    """Lower-cases what is not quoted, as RisingWave does."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, exp.Identifier):
            name = node.args["this"]
            if not node.args.get("quoted") and name != name.lower():
                node.set("this", name.lower())
            continue
        for value in node.args.values():
            if isinstance(value, exp.Expression):
                stack.append(value)
            elif isinstance(value, list):
                stack += [each for each in value if isinstance(each, exp.Expression)]


def line_of(node: exp.Expression, first_line: int) -> int:
    """The line in the file of a node, or of the nearest place that the parser remembers."""
    at: Any = node
    while at is not None:
        for part in at.walk():
            if "line" in part.meta:
                return first_line + int(part.meta["line"]) - 1
        at = at.parent
    return first_line
