"""What an event has to be: strict models, and the one reason for which a message is refused.

The same rules stand in SQL above the source tables (`sql/macros`), and both must give the same reason for
the same bytes. The first of these that holds is the reason:

    empty                        no bytes at all
    not utf-8
    not json                     nor are NaN, Infinity, trailing commas, a byte order mark, 1e400
    not an object
    then field by field, in the order of the contract:
    missing FIELD                the key is absent; names are matched exactly
    FIELD is not a number        also a boolean, a number as a string, null where null is not allowed
    FIELD is not text            the same for text
    FIELD is not RFC 3339 with an offset
    FIELD does not exist         the calendar has no such day: 2023-02-30
    FIELD out of range           for text: its number of characters

Other keys are allowed and stay in the message. Of a key that occurs twice the last occurrence counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pydantic_core import ErrorDetails

__all__ = ["Contract", "Rejection", "SolarProduction", "Time", "Validator", "Weather", "between", "instant"]

_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_TIME_OF_DAY = rf"[T ]{_CLOCK}:[0-5][0-9](?:[.][0-9]{{1,9}})?(?:Z|[+-]{_CLOCK})"
_LEAP_YEAR = "(?:[12][0-9](?:0[48]|[2468][048]|[13579][26])|(?:1[26]|2[048])00)"
# The calendar as a pattern: a valid time is then judged without a call into Python, a third of all costs.
_DAY = (
    "(?:[12][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    f"|{_LEAP_YEAR}-02-29)"
)
_TIME_PATTERN = f"^{_DAY}{_TIME_OF_DAY}$"
_TIME_SHAPE = re.compile("[12][0-9]{3}-[0-9]{2}-[0-9]{2}" + _TIME_OF_DAY)

_NOT_A_NUMBER = ("float_type", "int_type", "int_from_float", "decimal_type")

Time = Annotated[str, Field(pattern=_TIME_PATTERN)]
"""An instant as text: RFC 3339 in capitals, with `Z` or an offset, T or a space before the clock, seconds
always, years 1000 to 2999, at most 9 digits of fraction (readers use 6), no leap second."""


def between(low: float, high: float) -> Any:
    """For `Annotated[float, …]`: a finite number within bounds, both included."""
    return Field(ge=low, le=high, allow_inf_nan=False)


class Contract(BaseModel):
    """Base of all contracts: strict about types, immutable, other keys allowed."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class SolarProduction(Contract):
    """What the panels of a region feed in, MW, at a time.

    The upper bounds here and in `Weather` are far beyond nature. They keep an absurd value out of streaming
    means: a sum that once held 1e300 is left with a floating-point residue when the value leaves the window.
    """

    timestamp: Time
    production_mw: Annotated[float, between(0, 1e7)]
    region: Annotated[str, Field(min_length=1, max_length=100)]


class Weather(Contract):
    """The weather at a site and time; null is unknown, but the keys are there.

    Temperature and cloud cover are of the moment, radiation is the mean of the preceding hour.
    """

    timestamp: Time
    temperature_c: Annotated[float, between(-1000, 1000)] | None
    cloud_cover_pct: Annotated[float, between(0, 100)] | None
    solar_radiation_wm2: Annotated[float, between(-1e5, 1e5)] | None
    latitude: Annotated[float, between(-90, 90)]
    longitude: Annotated[float, between(-180, 180)]


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a message is not an event; `reason` is stable, see the module's docstring."""

    reason: str


_Event = TypeVar("_Event", bound=BaseModel)


class Validator(Generic[_Event]):
    """Judges messages by a contract: each gives an event of the contract's type or a `Rejection`."""

    def __init__(self, contract: type[_Event]) -> None:
        self._parse: Callable[[bytes], _Event] = contract.__pydantic_validator__.validate_json

    def __call__(self, raw: bytes) -> _Event | Rejection:
        """Judge one message."""
        return next(self.judge_each((raw,)))

    def judge_each(self, raws: Sequence[bytes]) -> Iterator[_Event | Rejection]:
        """Judge messages, in order; faster than one by one.

        One after the other, not as a list: a few hundred models that live at once keep the garbage collector
        as busy as the parser.
        """
        # The parser takes these two words for numbers, JSON does not; within a text they are fine.
        # One look at all messages spares one at each.
        joined = b"\n".join(raws)
        careful = b"NaN" in joined or b"Infinity" in joined
        judge = self._judge_with_care if careful else self._parse
        for raw in raws:
            try:
                judged = judge(raw)
            except ValidationError as error:
                judged = Rejection(_reason_of_document(raw) or _reason_of_field(error.errors()[0]))
            yield judged

    def _judge_with_care(self, raw: bytes) -> _Event | Rejection:
        reason = _reason_of_document(raw)
        return self._parse(raw) if reason is None else Rejection(reason)


def instant(text: str) -> datetime:
    """The instant of a valid `Time`, in UTC; digits beyond microseconds are cut off."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _reason_of_document(raw: bytes) -> str | None:
    if not raw:
        return "empty"
    try:
        raw.decode()
        document = from_json(raw, allow_inf_nan=False)
    except UnicodeDecodeError:
        return "not utf-8"
    except ValueError:
        return "not json"
    return None if isinstance(document, dict) else "not an object"


def _reason_of_field(error: ErrorDetails) -> str:
    field = ".".join(map(str, error["loc"]))
    kind = error["type"]
    if kind == "missing":
        return f"missing {field}"
    if kind == "finite_number":
        return "not json"  # 1e400: NaN was ruled out, and parsers of JSON refuse what no double holds
    if kind in _NOT_A_NUMBER:
        return f"{field} is not a number"
    if kind == "string_type":
        return f"{field} is not text"
    if error.get("ctx", {}).get("pattern") == _TIME_PATTERN:
        return f"{field} {_time_problem(error['input'])}"
    return f"{field} out of range"


def _time_problem(text: str) -> str:
    return "does not exist" if _TIME_SHAPE.fullmatch(text) else "is not RFC 3339 with an offset"
