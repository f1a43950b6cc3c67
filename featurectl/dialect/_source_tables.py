"""CREATE TABLE … APPEND ONLY INCLUDE … WITH (…) FORMAT PLAIN ENCODE BYTES, which sqlglot does not parse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot.dialects.risingwave import RisingWave
from sqlglot.errors import TokenError

from featurectl.dialect._statements import CreateSourceTable
from featurectl.errors import ProjectError, UnsupportedOnEngine

if TYPE_CHECKING:
    from featurectl.dialect._split import Piece

__all__ = ["is_source_table", "parse_source_table"]

_INCLUDED = ("partition", "offset", "timestamp", "key")
_HINT = "only CREATE TABLE name (data BYTEA) APPEND ONLY INCLUDE … WITH (…) FORMAT PLAIN ENCODE BYTES"


class _Cursor:
    """The tokens of one statement, read from left to right."""

    def __init__(self, piece: Piece, file: str | None) -> None:
        self.piece, self.file, self.position = piece, file, 0
        try:
            self.tokens: list[Any] = RisingWave().tokenize(piece.text)
        except TokenError as error:
            raise ProjectError(f"SQL syntax error: {error}", file=file, line=piece.line) from error

    @property
    def line(self) -> int:
        at = min(self.position, len(self.tokens) - 1)
        return self.piece.line + int(self.tokens[at].line) - 1

    def peek(self, ahead: int = 0) -> str:
        at = self.position + ahead
        return str(self.tokens[at].text).upper() if at < len(self.tokens) else ""

    def next(self) -> Any:
        if self.position >= len(self.tokens):
            raise ProjectError("the statement ends too early", file=self.file, line=self.line, hint=_HINT)
        self.position += 1
        return self.tokens[self.position - 1]

    def take(self, words: str) -> bool:
        """Goes over these words if they are next."""
        wanted = words.split()
        if any(self.peek(index) != word for index, word in enumerate(wanted)):
            return False
        self.position += len(wanted)
        return True

    def expect(self, words: str, instead: str = "") -> None:
        if not self.take(words):
            found = instead or f"{self.peek() or 'the end'} where {words} is expected"
            raise UnsupportedOnEngine(found, file=self.file, line=self.line, hint=_HINT)

    def name(self) -> str:
        token = self.next()
        return str(token.text if token.token_type.name == "IDENTIFIER" else token.text.lower())


def is_source_table(text: str) -> bool:
    """Whether a CREATE TABLE reads a connector."""
    words = [str(token.text).upper() for token in RisingWave().tokenize(text)]
    return words[:2] == ["CREATE", "TABLE"] and ("FORMAT" in words or "CONNECTOR" in words or "INCLUDE" in words)


def parse_source_table(piece: Piece, file: str | None) -> CreateSourceTable:
    """Parses the one form of source table that keeps raw bytes.

    Raises:
        UnsupportedOnEngine: any other column, connector or format.
    """
    cursor = _Cursor(piece, file)
    cursor.expect("CREATE TABLE")
    if_not_exists = cursor.take("IF NOT EXISTS")
    name = cursor.name()
    data_column = _data_column(cursor)
    cursor.expect("APPEND ONLY", "a source table that is not APPEND ONLY")
    include = _included(cursor)
    cursor.expect("WITH (")
    options = _options(cursor)
    _format(cursor)
    if options.get("connector") != "kafka" or "topic" not in options:
        what = f"the connector {options.get('connector')!r}" if "topic" in options else "a source table without a topic"
        raise UnsupportedOnEngine(what, file=file, line=piece.line, hint="connector = 'kafka', topic = '…'")
    return CreateSourceTable(
        piece.text, piece.line, name, data_column, options["topic"], include, options, if_not_exists
    )


def _data_column(cursor: _Cursor) -> str:
    cursor.expect("(")
    name = cursor.name()
    kind = str(cursor.next().text).upper()
    if kind != "BYTEA" or cursor.peek() != ")":
        found = f"the column {name} {kind} {cursor.peek()}".removesuffix(" )")
        raise UnsupportedOnEngine(found, file=cursor.file, line=cursor.line, hint=_HINT)
    cursor.expect(")")
    return name


def _included(cursor: _Cursor) -> dict[str, str]:
    include: dict[str, str] = {}
    while cursor.take("INCLUDE"):
        what = str(cursor.next().text).lower()
        if what not in _INCLUDED:
            raise UnsupportedOnEngine(f"INCLUDE {what}", file=cursor.file, line=cursor.line, hint=_HINT)
        include[what] = cursor.name() if cursor.take("AS") else f"_rw_kafka_{what}"
    return include


def _options(cursor: _Cursor) -> dict[str, str]:
    options: dict[str, str] = {}
    while not cursor.take(")"):
        key = ""
        while not cursor.take("="):
            key += str(cursor.next().text).lower()
        options[key] = str(cursor.next().text)
        cursor.take(",")
    return options


def _format(cursor: _Cursor) -> None:
    rest = " ".join(cursor.peek(ahead) for ahead in range(len(cursor.tokens) - cursor.position))
    cursor.expect("FORMAT PLAIN ENCODE BYTES", f"{rest or 'a source table without FORMAT'}")
    if cursor.peek():
        raise UnsupportedOnEngine(f"{cursor.peek()} after ENCODE BYTES", file=cursor.file, line=cursor.line)
