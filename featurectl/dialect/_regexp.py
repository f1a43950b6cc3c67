"""Regular expressions: RisingWave's (Rust, Unicode classes) in RE2's spelling.

Only what is known to match the same is let through; look-around, back references and class
arithmetic are named errors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

    from featurectl.dialect._context import Context

__all__ = ["Group", "Pattern", "translate_pattern"]

# Rust's classes are Unicode's, RE2's short forms are ASCII's.
_WORD = r"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}"
_SPACE = r"\t-\r \x{85}\p{Z}"
_CLASSES = {
    "d": (r"\p{Nd}", r"\p{Nd}"),
    "D": (r"\P{Nd}", r"\P{Nd}"),
    "w": (f"[{_WORD}]", _WORD),
    "W": (f"[^{_WORD}]", None),
    "s": (f"[{_SPACE}]", _SPACE),
    "S": (f"[^{_SPACE}]", None),
}
_ESCAPED = set("\\.+*?()|[]{}^$#&-~/\"' :,;@!%=<>") | set("tnrfv")
_QUANTIFIER = re.compile(r"(?:[*+?]|\{(\d+)(,(\d*))?\})\??")
_GROUP = re.compile(r"\(\?(?:P?<(\w+)>|:|i:|s:|i\))|\((?!\?)")


@dataclass
class Group:
    """A capturing group: whether each match has it, and the fewest characters it takes."""

    always: bool = True
    width: int = 0


@dataclass
class Pattern:
    """A pattern in RE2's spelling, with its groups.

    `width` is the fewest characters that it takes, `anchored` whether it tells where a text begins.
    """

    text: str
    groups: list[Group] = field(default_factory=list)
    width: int = 0
    anchored: bool = False


class _Unknown(Exception):
    """A part of the pattern that is not known to mean the same."""


def translate_pattern(ctx: Context, node: exp.Expression, pattern: str, flags: str = "") -> Pattern:
    """RE2's spelling of a pattern.

    Raises:
        UnsupportedOnEngine: a part that RE2 does not have or that differs.
    """
    reader = _Reader(pattern)
    try:
        text, width = reader.alternation()
        if reader.rest:
            raise _Unknown(reader.rest)
    except _Unknown as error:
        raise ctx.unsupported(node, f"the regular expression {pattern!r} (at {error})") from error
    return Pattern(f"(?i:{text})" if "i" in flags else text, reader.groups, width, reader.anchored)


class _Reader:
    """A recursive descent over the pattern; each part answers its RE2 text and its least width."""

    def __init__(self, pattern: str) -> None:
        self.rest = pattern
        self.groups: list[Group] = []
        self.anchored = False

    def take(self, count: int) -> str:
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def alternation(self) -> tuple[str, int]:
        first = len(self.groups)
        branches = [self.sequence()]
        while self.rest.startswith("|"):
            self.take(1)
            branches.append(self.sequence())
        if len(branches) > 1:
            self.optional_since(first)
        return "|".join(text for text, _ in branches), min(width for _, width in branches)

    def optional_since(self, first: int) -> None:
        for group in self.groups[first:]:
            group.always = False

    def sequence(self) -> tuple[str, int]:
        texts, total = [], 0
        while self.rest and self.rest[0] not in "|)":
            first = len(self.groups)
            text, width = self.atom()
            quantifier, least = self.quantifier()
            if least == 0:
                self.optional_since(first)
            texts.append(text + quantifier)
            total += width * least
        return "".join(texts), total

    def quantifier(self) -> tuple[str, int]:
        found = _QUANTIFIER.match(self.rest)
        if found is None:
            return "", 1
        text = self.take(found.end())
        if self.rest[:1] in ("+", "*", "?", "{") and self.rest:
            raise _Unknown(text + self.rest[0])
        return text, int(found[1]) if found[1] else int(text[0] == "+")

    def atom(self) -> tuple[str, int]:
        head = self.rest[0]
        if head == "(":
            return self.group()
        if head == "[":
            return self.char_class(), 1
        if head == "\\":
            return self.escape()
        if head in "*+?{":
            raise _Unknown(head)
        self.anchored |= head == "^"
        return self.take(1), 0 if head in "^$" else 1

    def group(self) -> tuple[str, int]:
        found = _GROUP.match(self.rest)
        if found is None:
            raise _Unknown(self.rest[:4])
        opening = self.take(found.end())
        if opening == "(?i)":
            return opening, 0
        captures = opening == "(" or found[1] is not None
        group = Group()
        if captures:
            self.groups.append(group)
        text, group.width = self.alternation()
        if self.take(1) != ")":
            raise _Unknown(opening)
        return f"{'(' if captures else opening}{text})", group.width

    def escape(self) -> tuple[str, int]:
        self.take(1)
        char = self.take(1)
        if char in _CLASSES:
            return _CLASSES[char][0], 1
        if char in ("A", "z"):
            self.anchored |= char == "A"
            return f"\\{char}", 0
        if not char or char not in _ESCAPED:
            raise _Unknown(f"\\{char}")
        return f"\\{char}" if char.isalnum() else re.escape(char), 1

    def char_class(self) -> str:
        text = self.take(2) if self.rest.startswith("[^") else self.take(1)
        if self.rest.startswith("]"):
            raise _Unknown("[]")
        while not self.rest.startswith("]"):
            text += self.class_member()
        return text + self.take(1)

    def class_member(self) -> str:
        posix = re.match(r"\[:\^?[a-z]+:\]", self.rest)
        if posix:
            return self.take(posix.end())
        if not self.rest or self.rest[0] == "[" or self.rest[:2] in ("&&", "--", "~~"):
            raise _Unknown(self.rest[:2] or "[")
        char = self.take(1)
        if char != "\\":
            return char
        escaped = self.take(1)
        inside = _CLASSES[escaped][1] if escaped in _CLASSES else None
        if inside is None and (not escaped or escaped not in _ESCAPED):
            raise _Unknown(f"\\{escaped}")
        return inside or f"\\{escaped}"
