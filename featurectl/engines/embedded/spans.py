"""What times a piece holds, so that one without the times that are asked for need not be opened.

DuckDB skips stretches of a file by itself, but it has to open the file for that and to plan for it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Span", "ends_of", "microseconds", "moment", "times_of"]

_EPOCH = datetime(1970, 1, 1)
_NANOSECONDS = re.compile(r"\.\d{7}")


@dataclass(frozen=True)
class Span:
    """Times that are asked for, ends included, in microseconds since 1970 in UTC; None where there is no end.

    Attributes:
        column: The column that has them.
        first: The earliest.
        last: The latest.
        undated: Whether rows without a time are asked for too.
    """

    column: str
    first: int | None
    last: int | None
    undated: bool

    def meets(self, times: str | None) -> bool:
        """Whether rows with these times can be among the ones asked for. `times` is what `times_of` said of them."""
        known = _parsed(times).get(self.column) if times is not None else None
        if known is None:
            return True
        first, last, has_undated = known
        if has_undated and self.undated:
            return True
        if first is None or last is None:  # no row has a time
            return False
        return (self.last is None or first <= self.last) and (self.first is None or last >= self.first)


def times_of(statistics: Mapping[str, Mapping[str, str]]) -> str:
    """A JSON object from what DuckDB says of a file's columns: of those with times the first, the last, whether any
    row has none. A column whose times are not all finite is left out.
    """
    found: dict[str, tuple[int | None, int | None, bool]] = {}
    for quoted, said in statistics.items():
        nulls = int(said.get("null_count", "-1"))
        if nulls < 0 or quoted.count('"') % 2 or not quoted.startswith('"'):
            continue
        name = quoted[1:-1].replace('""', '"')
        if nulls == int(said.get("num_values", "-1")):
            found[name] = (None, None, nulls > 0)
            continue
        try:
            ends = (microseconds(_time(said["min"])), microseconds(_time(said["max"])))
        except (KeyError, ValueError, OverflowError):  # other types, too, and times that Python does not have
            continue
        found[name] = (*ends, nulls > 0)
    return json.dumps(found)


def ends_of(times: Iterable[str | None], column: str) -> tuple[int | None, int | None, bool] | None:
    """The first and the last time in a column of several files, whether any row has none; None where it is not known.

    `times` is what `times_of` said of each.
    """
    found = [_parsed(said).get(column) if said is not None else None for said in times]
    known = [ends for ends in found if ends is not None]
    if not known or len(known) < len(found):
        return None
    firsts = [first for first, *_ in known if first is not None]
    lasts = [last for _, last, _ in known if last is not None]
    return min(firsts, default=None), max(lasts, default=None), any(undated for *_, undated in known)


def microseconds(at: datetime) -> int:
    """Since 1970, of a time in UTC that does not say so."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """The same the other way round. Raises OverflowError for a time that Python does not have."""
    return _EPOCH + timedelta(microseconds=at)


def _time(text: str) -> datetime:
    if len(text) < len("2024-01-01 00:00:00"):  # a date, or digits that could be one
        raise ValueError(text)
    if _NANOSECONDS.search(text) is not None:
        raise ValueError(text)
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)


@lru_cache(maxsize=4096)
def _parsed(times: str) -> dict[str, tuple[int | None, int | None, bool]]:
    found: dict[str, tuple[int | None, int | None, bool]] = json.loads(times)
    return found
