"""CREATE TABLE … APPEND ONLY INCLUDE … WITH (…) FORMAT PLAIN ENCODE BYTES, which sqlglot does not parse."""

from __future__ import annotations

from featurectl.dialect._cursor import Cursor
from featurectl.dialect._split import Piece
from featurectl.dialect._statements import CreateSourceTable
from featurectl.errors import UnsupportedOnEngine

__all__ = ["is_source_table", "parse_source_table"]

_INCLUDED = ("partition", "offset", "timestamp", "key")
_HINT = "only CREATE TABLE name (data BYTEA) APPEND ONLY INCLUDE … WITH (…) FORMAT PLAIN ENCODE BYTES"


def is_source_table(text: str) -> bool:
    """Whether a CREATE TABLE reads a connector."""
    words = [token.text.upper() for token in Cursor(Piece(text, 1), None).tokens]
    return words[:2] == ["CREATE", "TABLE"] and ("FORMAT" in words or "CONNECTOR" in words or "INCLUDE" in words)


def parse_source_table(piece: Piece, file: str | None) -> CreateSourceTable:
    """Parses the one form of source table that keeps raw bytes.

    Raises:
        UnsupportedOnEngine: any other column, connector or format.
    """
    cursor = Cursor(piece, file, _HINT)
    cursor.expect("CREATE TABLE")
    if_not_exists = cursor.take("IF NOT EXISTS")
    name = cursor.name()
    data_column = _data_column(cursor)
    cursor.expect("APPEND ONLY", "a source table that is not APPEND ONLY")
    include = _included(cursor)
    cursor.expect("WITH (")
    options = cursor.options()
    _format(cursor)
    if options.get("connector") != "kafka" or "topic" not in options:
        what = f"the connector {options.get('connector')!r}" if "topic" in options else "a source table without a topic"
        raise UnsupportedOnEngine(what, file=file, line=piece.line, hint="connector = 'kafka', topic = '…'")
    return CreateSourceTable(
        piece.text, piece.line, name, data_column, options["topic"], include, options, if_not_exists
    )


def _data_column(cursor: Cursor) -> str:
    cursor.expect("(")
    name = cursor.name()
    kind = cursor.next().text.upper()
    if kind != "BYTEA" or cursor.peek() != ")":
        found = f"the column {name} {kind} {cursor.peek()}".removesuffix(" )")
        raise cursor.unsupported(found)
    cursor.expect(")")
    return name


def _included(cursor: Cursor) -> dict[str, str]:
    include: dict[str, str] = {}
    while cursor.take("INCLUDE"):
        what = cursor.next().text.lower()
        if what not in _INCLUDED:
            raise cursor.unsupported(f"INCLUDE {what}")
        include[what] = cursor.name() if cursor.take("AS") else f"_rw_kafka_{what}"
    return include


def _format(cursor: Cursor) -> None:
    rest = " ".join(cursor.peek(ahead) for ahead in range(len(cursor.tokens) - cursor.position))
    cursor.expect("FORMAT PLAIN ENCODE BYTES", f"{rest or 'a source table without FORMAT'}")
    if cursor.peek():
        raise cursor.unsupported(f"{cursor.peek()} after ENCODE BYTES")
