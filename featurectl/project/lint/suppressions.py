"""`-- lint: allow RW202 because the n-th event before is meant`: on the finding's line, or alone on a line above it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Suppression", "suppressions_in"]

_SHAPE = re.compile(
    r"allow\s+(?P<codes>RW\d+(?:\s*,\s*RW\d+)*)(?:\s+because\b\s*(?P<reason>.*))?", re.IGNORECASE | re.DOTALL
)


class Suppression(NamedTuple):
    """Codes that a line may have, and why. `line` is that of the code it speaks of, `at` that of the comment.

    `codes` is empty where the comment does not have the shape that is asked for; `start` is the comment's place.
    """

    start: int
    at: int
    line: int
    codes: tuple[str, ...]
    reason: str


def suppressions_in(sql: str) -> Iterator[Suppression]:
    """Those of a text, by its lines from 1."""
    if "lint:" not in sql.lower():
        return
    from featurectl.dialect._split import comments_in

    for comment in comments_in(sql):
        text = re.sub(r"^(--|/\*)\s*|\s*\*/$", "", comment.text).strip()
        if not text.lower().startswith("lint:"):
            continue
        found = _SHAPE.fullmatch(text[len("lint:") :].strip())
        codes = tuple(re.findall(r"RW\d+", found["codes"].upper())) if found else ()
        reason = (found["reason"] or "").strip() if found else ""
        line = comment.next_code_line if comment.alone else comment.line
        yield Suppression(comment.start, comment.line, line, codes, reason)
