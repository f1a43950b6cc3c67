"""Rows as RisingWave prints them, and whether two sets of rows are the same."""

from __future__ import annotations

import json
import math
import re
import struct
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["line_of", "same_line", "same_rows"]

_NUMBER = re.compile(r"(?<![\w.:-])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w:]|\.\d|-\d)")
_UNIT = re.compile(r"(?<=\d)( )month(s?)\b")
TOLERANCE = 1e-9


def line_of(row: Sequence[Any], types: Sequence[str | None]) -> str:
    """A row as one line of an expected result."""
    return " ".join(_text(value, of) for value, of in zip(row, types, strict=True))


def _text(value: Any, of: str | None, nested: bool = False) -> str:  # noqa: PLR0911 - one line for each type
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, str):
        text = _json(value) if of == "jsonb" else _before_christ(value)
        return text if nested else text or "(empty)"
    if isinstance(value, list):
        inner = of.removesuffix("[]") if of else None
        return "{" + ",".join(_quoted(_text(part, inner, True), part) for part in value) + "}"
    if isinstance(value, dict):
        return "(" + ",".join("" if part is None else _member(_text(part, None, True)) for part in value.values()) + ")"
    if of == "real" and isinstance(value, float) and math.isfinite(value):
        return _single(value)
    return _plain(value)


def _before_christ(text: str) -> str:
    """Python has no years before Christ and none of five digits, so DuckDB's spelling comes as text."""
    found = re.fullmatch(r"(\d{4,5}-\d\d-\d\d)( \(BC\))?( [\d:.]+?)?(\+00)?", text)
    if not found or not (found[2] or found[4]):
        return text
    clock = re.sub(r"\.\d{1,2}$", lambda part: part[0].ljust(4, "0"), found[3] or "")
    return f"{found[1]}{clock}{'+00:00' if found[4] else ''}{' BC' if found[2] else ''}"


def _plain(value: Any) -> str:  # noqa: PLR0911 - one line for each type
    if isinstance(value, float):
        return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(str(value), repr(value).removesuffix(".0"))
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, datetime):
        plain = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return f"{plain.date()} {_clock(plain.time())}{'+00:00' if value.tzinfo else ''}"
    if isinstance(value, time):
        return _clock(value)
    if isinstance(value, timedelta):
        return f"timedelta {value}"
    return str(value) if not isinstance(value, date) else value.isoformat()


def _clock(value: time) -> str:
    text = value.strftime("%H:%M:%S")
    if value.microsecond % 1000:
        return f"{text}.{value.microsecond:06d}"
    return f"{text}.{value.microsecond // 1000:03d}" if value.microsecond else text


def _single(value: float) -> str:
    """The shortest digits of a float in four bytes."""
    same = struct.pack("f", value)
    return next(text for digits in range(1, 10) if struct.pack("f", float(text := f"{value:.{digits}g}")) == same)


def _member(text: str) -> str:
    """A field of a composite value."""
    if text and not re.search(r'[(),"\\\s]', text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'


def _quoted(text: str, value: Any) -> str:
    if isinstance(value, str | dict | datetime | bytes) and (
        not text or re.search(r'[{},"\\\s]', text) or text.upper() == "NULL"
    ):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def _json(text: str) -> str:
    """RisingWave keeps keys sorted; the order of keys is no part of a document's meaning."""
    try:
        return json.dumps(json.loads(text, parse_float=float), sort_keys=True, ensure_ascii=False, default=str)
    except (ValueError, TypeError):
        return text


def same_line(ours: str, theirs: str) -> bool:
    """Equal but for blanks and the last digits of numbers that are not whole."""
    left, right = " ".join(ours.split()), " ".join(theirs.split())
    left, right = (_UNIT.sub(r" mon\2", text) for text in (left, right))
    if left == right:
        return True
    if _NUMBER.sub("#", left) != _NUMBER.sub("#", right):
        return False
    return all(map(_close, _NUMBER.findall(left), _NUMBER.findall(right)))


def _close(left: str, right: str) -> bool:
    if left == right:
        return True
    if left.lstrip("-").isdigit() and right.lstrip("-").isdigit() and len(left) < 16:
        return False
    return math.isclose(float(left), float(right), rel_tol=TOLERANCE, abs_tol=1e-300)


def same_rows(ours: Sequence[str], theirs: Sequence[str], ordered: bool) -> bool:
    """Whether the rows are the same, in order or as multisets."""
    if len(ours) != len(theirs):
        return False
    if ordered:
        return all(map(same_line, ours, theirs))
    left, right = (Counter(" ".join(line.split()) for line in lines) for lines in (ours, theirs))
    rest, others = list((left - right).elements()), list((right - left).elements())
    for line in rest:
        found = next((index for index, other in enumerate(others) if same_line(line, other)), None)
        if found is None:
            return False
        others.pop(found)
    return True
