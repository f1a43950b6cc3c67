"""A file of SQL cut into statements, each with the line on which it begins.

No parser is asked: statements that sqlglot cannot read are split the same way. What starts a comment
or ends a statement inside a string, an identifier, a comment or a dollar quote does not count.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from featurectl.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Comment", "Piece", "comments_in", "split_statements", "without_comments"]

_TOKEN = re.compile(
    r"""
    (?P<comment> --[^\n]* | /\*)
  | (?P<text> [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | \$(?P<tag>\w*)\$ .*? \$(?P=tag)\$)
  | (?P<open> [eE]?' | " )
  | (?P<end> ;)
  | (?P<space> \s+)
  | (?P<other> \w+ | .)
    """,
    re.X | re.S,
)


class Piece(NamedTuple):
    """A statement's text from its first word to its last, and its line."""

    text: str
    line: int


class Comment(NamedTuple):
    """A comment with its marks, its place and its line. `alone`: no code stands on that line before it."""

    text: str
    start: int
    line: int
    alone: bool
    next_code_line: int


def _end_of_comment(sql: str, start: int) -> int:
    """The end of a block comment; they nest."""
    depth = 0
    for mark in re.finditer(r"/\*|\*/", sql[start:]):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return start + mark.end()
    return -1


def tokens_of(sql: str, file: str | None, first_line: int) -> Iterator[tuple[str, int, int]]:
    """The kind (comment, space, text, end, other), start and end of each token."""
    position = 0
    while position < len(sql):
        found = _TOKEN.match(sql, position)
        assert found is not None, "the last alternative takes any character"
        kind, end = found.lastgroup or "", found.end()
        if found[0] == "/*":
            end = _end_of_comment(sql, position)
        if kind == "open" or end < 0:
            what = "comment" if end < 0 else "quote"
            line = first_line + sql.count("\n", 0, position)
            raise ProjectError(f"a {what} is not closed", file=file, line=line)
        yield "text" if kind == "tag" else kind, position, end
        position = end


def split_statements(sql: str, *, file: str | None = None, first_line: int = 1) -> tuple[Piece, ...]:
    """Cuts at the semicolons.

    Raises:
        ProjectError: a string or a comment that does not end.
    """
    pieces: list[Piece] = []
    start = stop = -1
    for kind, begin, end in [*tokens_of(sql, file, first_line), ("end", len(sql), len(sql))]:
        if kind == "end":
            if start >= 0:
                pieces.append(Piece(sql[start:stop], first_line + sql.count("\n", 0, start)))
            start = -1
        elif kind not in ("comment", "space"):
            start = begin if start < 0 else start
            stop = end
    return tuple(pieces)


def without_comments(sql: str) -> str:
    """The same text with each comment as blanks; places and lines stay."""
    parts = []
    for kind, begin, end in tokens_of(sql, None, 1):
        text = sql[begin:end]
        parts.append(re.sub(r"[^\n]", " ", text) if kind == "comment" else text)
    return "".join(parts)


def comments_in(sql: str) -> tuple[Comment, ...]:
    """Every comment, with the line of the code that follows it (its own line where none follows)."""
    found: list[Comment] = []
    waiting: list[tuple[str, int, int, bool]] = []
    code_line, line, last = 0, 1, 0
    for kind, begin, end in tokens_of(sql, None, 1):
        line, last = line + sql.count("\n", last, begin), begin
        if kind == "comment":
            waiting.append((sql[begin:end], begin, line, code_line != line))
        elif kind != "space":
            found += [Comment(*comment, next_code_line=line) for comment in waiting]
            waiting.clear()
            code_line = line + sql.count("\n", begin, end)
    return (*found, *(Comment(*comment, next_code_line=comment[2]) for comment in waiting))
