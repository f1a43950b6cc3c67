"""The tokens of one statement, read from left to right: for statements that sqlglot does not parse."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from featurectl.dialect._split import tokens_of
from featurectl.errors import ProjectError, UnsupportedOnEngine

if TYPE_CHECKING:
    from featurectl.dialect._split import Piece

__all__ = ["Cursor"]

_OPENING, _CLOSING = ("(", "["), (")", "]")


class Token(NamedTuple):
    """A word, a string, a quoted name or a sign, and where it stands."""

    text: str
    start: int
    end: int


class Cursor:
    """A place in a statement. `hint` goes to every error."""

    def __init__(self, piece: Piece, file: str | None, hint: str | None = None) -> None:
        self.piece, self.file, self.position, self.hint = piece, file, 0, hint
        self.tokens = [
            Token(piece.text[start:end], start, end)
            for kind, start, end in tokens_of(piece.text, file, piece.line)
            if kind not in ("comment", "space")
        ]

    @property
    def line(self) -> int:
        """The line in the file on which the next token stands."""
        at = min(self.position, len(self.tokens) - 1)
        return self.piece.line + self.piece.text.count("\n", 0, self.tokens[at].start)

    @property
    def is_done(self) -> bool:
        """Whether all tokens are read."""
        return self.position >= len(self.tokens)

    def peek(self, ahead: int = 0) -> str:
        """A token in upper case, empty behind the end."""
        at = self.position + ahead
        return self.tokens[at].text.upper() if at < len(self.tokens) else ""

    def next(self) -> Token:
        """The next token. Raises ProjectError behind the end."""
        if self.is_done:
            raise ProjectError("the statement ends too early", file=self.file, line=self.line, hint=self.hint)
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
        """Goes over these words. Raises UnsupportedOnEngine for others, or for what is there `instead`."""
        if not self.take(words):
            raise self.unsupported(instead or f"{self.peek() or 'the end'} where {words} is expected")

    def unsupported(self, construct: str) -> UnsupportedOnEngine:
        """The error for what stands here."""
        return UnsupportedOnEngine(construct, file=self.file, line=self.line, hint=self.hint)

    def name(self) -> str:
        """An identifier: as it is in quotes, else in lower case."""
        token = self.next()
        quoted = token.text.startswith('"')
        return token.text[1:-1].replace('""', '"') if quoted else token.text.lower()

    def dotted(self) -> str:
        """A name with its schema."""
        parts = [self.name()]
        while self.take("."):
            parts.append(self.name())
        return ".".join(parts)

    def names(self) -> list[str]:
        """`(a, b)`."""
        self.expect("(")
        found = [self.name()]
        while self.take(","):
            found.append(self.name())
        self.expect(")")
        return found

    def text(self, start: int, stop: int | None = None) -> str:
        """The text of the tokens from `start` up to `stop`."""
        last = len(self.tokens) if stop is None else stop
        if start >= last:
            return ""
        return self.piece.text[self.tokens[start].start : self.tokens[last - 1].end]

    def until(self, *stops: str) -> str:
        """The text up to one of these words, or to a bracket that closes what was opened before."""
        start, depth = self.position, 0
        while not self.is_done:
            word = self.peek()
            if depth == 0 and (word in stops or word in _CLOSING):
                break
            if word == "STRUCT" and self.peek(1) == "<":
                self._skip_struct()
                continue
            depth += (word in _OPENING) - (word in _CLOSING)
            self.position += 1
        return self.text(start, self.position)

    def _skip_struct(self) -> None:
        self.position += 1
        depth = 0
        while not self.is_done:
            word = self.peek()
            depth += word.count("<") - word.count(">")
            self.position += 1
            if depth <= 0:
                return

    def options(self) -> dict[str, str]:
        """`key = value, …)`, the opening bracket read already."""
        found: dict[str, str] = {}
        while not self.take(")"):
            key = ""
            while not self.take("="):
                key += self.next().text.lower()
            found[key] = self.until(",").strip("'").replace("''", "'")
            self.take(",")
        return found
