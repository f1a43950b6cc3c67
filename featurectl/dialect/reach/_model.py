"""What is derived, and the bounds on the way to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["JUST", "TIMES", "Bound", "InputReach", "Leaf", "Place", "Reach", "Relation"]

TIMES = frozenset({"timestamp", "timestamptz", "date"})
JUST = 1  # times are whole microseconds: what lies after one lies this much after it at least


@dataclass(frozen=True)
class InputReach:
    """What one reading of a relation can alter.

    Attributes:
        relation: The relation, by the name that the query gives it.
        entity: Its columns that hold the entity of the altered rows, in the order of `Reach.entity`; None where a
            row of it can alter rows of any entity.
        time: Its column to which `low` and `high` are relative; None where any event time can be altered.
        low: A row at time t alters rows from t + `low` on, in microseconds; None: from the beginning on.
        high: … up to t + `high`; None: without an end.
        why: What keeps it from being narrower, for a reader; "" where both entity and time are known.
    """

    relation: str
    entity: tuple[str, ...] | None
    time: str | None
    low: int | None
    high: int | None
    why: str = ""

    @property
    def is_everything(self) -> bool:
        """Whether a change of it can alter any row."""
        return self.entity is None and (self.time is None or (self.low is None and self.high is None))


@dataclass(frozen=True)
class Reach:
    """How changes reach a view's rows.

    Attributes:
        entity: The columns of the view's rows that say which entity they are about; () where none do.
        event_time: The column that says at what time; None where none does.
        inputs: Each reading of a relation. A relation that is joined with itself is here twice.
        rowwise: Whether each row is made of one row of one input: then the rows of what is new are what is to be
            added, and nothing else has to be read.
    """

    entity: tuple[str, ...]
    event_time: str | None
    inputs: tuple[InputReach, ...]
    rowwise: bool

    @property
    def why_whole(self) -> str | None:
        """Why a change of some input has the view computed whole; None where that never happens."""
        if self.rowwise:
            return None
        return next((f"{i.relation}: {i.why}" for i in self.inputs if i.is_everything), None)

    def __str__(self) -> str:
        """For people: what a refresh computes when its inputs change."""
        if self.rowwise:
            return "by row"
        if self.why_whole is not None:
            return f"whole, because of {self.why_whole}"
        return "partly: " + "; ".join(dict.fromkeys(_told(self, given) for given in self.inputs))


def _told(reach: Reach, given: InputReach) -> str:
    whose = ", ".join(reach.entity) if given.entity is not None else "any entity"
    if given.time is None:
        return f"{given.relation} reaches {whose} at any time"
    if _is_now(given.low) and _is_now(given.high):
        return f"{given.relation} reaches {whose} at its time"
    low, high = _span(given.low, "before"), _span(given.high, "after")
    low, high = ("" if _is_now(end) else f"{span} " for end, span in ((given.low, low), (given.high, high)))
    when = f"{low}its time" if low == high else f"from {low}its time to {high}its time"
    return f"{given.relation} reaches {whose} {when}"


def _is_now(end: int | None) -> bool:
    return end is not None and abs(end) <= JUST


def _span(microseconds: int | None, side: str) -> str:
    """An end of what is reached, such as "24 hours after"; nobody cares for a microsecond."""
    if microseconds is None:
        return f"any time {side}"
    side = "before" if microseconds < 0 else "after"
    seconds = round(abs(microseconds), -3) / 1_000_000
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= size and seconds % size == 0:
            count = seconds / size
            return f"{count:g} {unit if count != 1 else unit[:-1]} {side}"
    return f"{seconds:g} seconds {side}"


@dataclass(frozen=True)
class Bound:
    """Where the values of a column lie in the rows that a row of an input can alter: in [column + low, column + high].

    `column` is the input's, `kind` its type. Where both ends are 0 it is that value; only times have other ends.
    In microseconds; None is without an end. `maybe_null`: or NULL.
    """

    column: str
    kind: str
    low: int | None = 0
    high: int | None = 0
    maybe_null: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether it is the input's value itself."""
        return self.low == 0 and self.high == 0

    def moved(self, low: int | None, high: int | None) -> Bound | None:
        """Each value up to `low` earlier (where negative) and `high` later; None for what is no time."""
        if (low, high) == (0, 0):
            return self
        if self.kind not in TIMES:
            return None
        return replace(self, low=_plus(self.low, low), high=_plus(self.high, high))

    def within(self, other: Bound | None) -> Bound:
        """Both hold."""
        if other is None or other.column != self.column:
            return self
        low = max((b for b in (self.low, other.low) if b is not None), default=None)
        high = min((b for b in (self.high, other.high) if b is not None), default=None)
        return replace(self, low=low, high=high, maybe_null=self.maybe_null and other.maybe_null)

    def around(self, other: Bound) -> Bound:
        """Either may hold."""
        low = None if self.low is None or other.low is None else min(self.low, other.low)
        high = None if self.high is None or other.high is None else max(self.high, other.high)
        return replace(self, low=low, high=high)


def _plus(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


# A column of a FROM item: (item, column).
Place = tuple[str, str]


@dataclass(frozen=True)
class Leaf:
    """One reading of a relation somewhere below a query, and what its rows can alter of the query's rows.

    `rowwise`: each row of the query is made of one row of this reading. `why`: what lost the bounds.
    """

    relation: str
    bounds: Mapping[str, Bound]
    rowwise: bool = True
    why: str = ""

    def with_bounds(self, bounds: Mapping[str, Bound], *, rowwise: bool = True, why: str = "") -> Leaf:
        """The same reading, seen from a level higher. The first reason is kept."""
        return Leaf(self.relation, bounds, self.rowwise and rowwise, self.why or why)

    def lost(self, why: str) -> Leaf:
        """It can alter any row."""
        return Leaf(self.relation, {}, rowwise=False, why=self.why or why)


@dataclass(frozen=True)
class Relation:
    """A query's or a FROM item's columns, None where they are not known, and the readings below it."""

    columns: tuple[str, ...] | None
    leaves: tuple[Leaf, ...] = field(default=())

    def mapped(self, change: Callable[[Leaf], Leaf]) -> Relation:
        """The same columns, other leaves."""
        return Relation(self.columns, tuple(map(change, self.leaves)))
