"""A small grammar of queries as trees: each prints itself in RisingWave's SQL and evaluates itself in plain Python.

Tables: `t (id, k, x, y, d, ts)` and `u (k, z)`, `id` unique; NULLs, NaN, ties and repeated rows occur. A relation is a
list of rows, a row a dict. Comparisons with NULL are unknown; NaN is the largest double and equal to itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Row = dict[str, Any]
    Rows = list[Row]
    Tables = Mapping[str, Rows]

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
NUMBERS = ("x", "y")  # whole numbers
COLUMNS = {"t": ("id", "k", "x", "y", "d", "ts"), "u": ("k", "z")}


class Expression(Protocol):
    def sql(self) -> str: ...

    def value(self, row: Row) -> Any: ...


@dataclass(frozen=True)
class Column:
    name: str

    def sql(self) -> str:
        return self.name

    def value(self, row: Row) -> Any:
        return row[self.name]


@dataclass(frozen=True)
class Number:
    number: int

    def sql(self) -> str:
        return f"({self.number})"

    def value(self, row: Row) -> Any:
        return self.number


def _quotient(left: int, right: int) -> int | None:
    """Towards zero; by zero it is NULL, as in a view."""
    return None if right == 0 else int(math.copysign(1, left) * math.copysign(1, right)) * (abs(left) // abs(right))


def _remainder(left: int, right: int) -> int | None:
    quotient = _quotient(left, right)
    return None if quotient is None else left - right * quotient


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _quotient,
    "%": _remainder,
}


@dataclass(frozen=True)
class Arithmetic:
    left: Expression
    operator: str
    right: Expression

    def sql(self) -> str:
        return f"({self.left.sql()} {self.operator} {self.right.sql()})"

    def value(self, row: Row) -> Any:
        left, right = self.left.value(row), self.right.value(row)
        return None if left is None or right is None else ARITHMETIC[self.operator](left, right)


@dataclass(frozen=True)
class Coalesce:
    parts: tuple[Expression, ...]

    def sql(self) -> str:
        return f"coalesce({', '.join(part.sql() for part in self.parts)})"

    def value(self, row: Row) -> Any:
        return next((found for part in self.parts if (found := part.value(row)) is not None), None)


def rank(value: Any) -> tuple[bool, Any]:
    """What orders values: NaN behind all numbers."""
    is_nan = isinstance(value, float) and math.isnan(value)
    return is_nan, 0 if is_nan else value


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True)
class Comparison:
    left: Expression
    operator: str
    right: Expression

    def sql(self) -> str:
        return f"{self.left.sql()} {self.operator} {self.right.sql()}"

    def value(self, row: Row) -> bool | None:
        left, right = self.left.value(row), self.right.value(row)
        return None if left is None or right is None else COMPARISONS[self.operator](rank(left), rank(right))


@dataclass(frozen=True)
class IsNull:
    part: Expression

    def sql(self) -> str:
        return f"{self.part.sql()} IS NULL"

    def value(self, row: Row) -> bool:
        return self.part.value(row) is None


@dataclass(frozen=True)
class Logic:
    """AND, OR of two conditions; three truth values."""

    left: Expression
    operator: str
    right: Expression

    def sql(self) -> str:
        return f"(({self.left.sql()}) {self.operator} ({self.right.sql()}))"

    def value(self, row: Row) -> bool | None:
        parts = (self.left.value(row), self.right.value(row))
        decisive = self.operator == "OR"
        if decisive in parts:
            return decisive
        return None if None in parts else not decisive


@dataclass(frozen=True)
class Case:
    condition: Expression
    then: Expression
    otherwise: Expression

    def sql(self) -> str:
        return f"CASE WHEN {self.condition.sql()} THEN {self.then.sql()} ELSE {self.otherwise.sql()} END"

    def value(self, row: Row) -> Any:
        return (self.then if self.condition.value(row) else self.otherwise).value(row)


def _total(values: Sequence[Any]) -> Any:
    return sum(values) if values else None


def _mean(values: Sequence[Any]) -> Any:
    return sum(values) / len(values) if values else None


AGGREGATES: dict[str, Callable[[Sequence[Any]], Any]] = {
    "count": len,
    "sum": _total,
    "avg": _mean,
    "min": lambda values: min(values, key=rank, default=None),
    "max": lambda values: max(values, key=rank, default=None),
}


@dataclass(frozen=True)
class Aggregate:
    name: str
    of: Expression
    distinct: bool = False
    condition: Expression | None = None

    def sql(self) -> str:
        where = f" FILTER (WHERE {self.condition.sql()})" if self.condition else ""
        return f"{self.name}({'DISTINCT ' if self.distinct else ''}{self.of.sql()}){where}"

    def over(self, rows: Rows) -> Any:
        kept = [row for row in rows if self.condition is None or self.condition.value(row)]
        values = [value for row in kept if (value := self.of.value(row)) is not None]
        if self.distinct:
            values = list({rank(value): value for value in values}.values())
        return AGGREGATES[self.name](values)


class Query(Protocol):
    def sql(self) -> str: ...

    def rows(self, tables: Tables) -> list[tuple[Any, ...]]: ...


@dataclass(frozen=True)
class Source:
    """A table, or two joined on `k`, with a condition."""

    join: str = ""
    where: Expression | None = None

    def sql(self) -> str:
        joined = f" {self.join} u ON t.k = u.k" if self.join else ""
        columns = ", ".join([*(f"t.{name}" for name in COLUMNS["t"]), *(["u.z"] if self.join else [])])
        where = f" WHERE {self.where.sql()}" if self.where else ""
        return f"(SELECT * FROM (SELECT {columns} FROM t{joined}) AS j{where}) AS s"

    def rows(self, tables: Tables) -> Rows:
        found = self._joined(tables["t"], tables["u"]) if self.join else tables["t"]
        return [row for row in found if self.where is None or self.where.value(row)]

    def _joined(self, left: Rows, right: Rows) -> Rows:
        found: Rows = []
        met: set[int] = set()
        for row in left:
            others = [i for i, other in enumerate(right) if row["k"] is not None and row["k"] == other["k"]]
            met.update(others)
            found += [{**row, "z": right[i]["z"]} for i in others]
            if not others and self.join in ("LEFT JOIN", "FULL JOIN"):
                found.append({**row, "z": None})
        if self.join == "FULL JOIN":
            nothing = dict.fromkeys(COLUMNS["t"])
            found += [{**nothing, "z": other["z"]} for i, other in enumerate(right) if i not in met]
        return found


@dataclass(frozen=True)
class Plain:
    """SELECT with expressions; DISTINCT or not."""

    source: Source
    items: tuple[Expression, ...]
    distinct: bool = False

    def sql(self) -> str:
        items = ", ".join(f"{item.sql()} AS c{index}" for index, item in enumerate(self.items))
        return f"SELECT {'DISTINCT ' if self.distinct else ''}{items} FROM {self.source.sql()}"

    def rows(self, tables: Tables) -> list[tuple[Any, ...]]:
        found = [tuple(item.value(row) for item in self.items) for row in self.source.rows(tables)]
        return list(dict.fromkeys(found)) if self.distinct else found


@dataclass(frozen=True)
class Grouped:
    """GROUP BY k, with HAVING count(*)."""

    source: Source
    key: Expression
    aggregates: tuple[Aggregate, ...]
    at_least: int

    def sql(self) -> str:
        items = "".join(f", {aggregate.sql()} AS c{index}" for index, aggregate in enumerate(self.aggregates))
        having = f"HAVING count(*) >= {self.at_least}"
        return f"SELECT {self.key.sql()} AS g{items} FROM {self.source.sql()} GROUP BY {self.key.sql()} {having}"

    def rows(self, tables: Tables) -> list[tuple[Any, ...]]:
        groups: dict[Any, Rows] = {}
        for row in self.source.rows(tables):
            groups.setdefault(self.key.value(row), []).append(row)
        return [
            (key, *(aggregate.over(rows) for aggregate in self.aggregates))
            for key, rows in groups.items()
            if len(rows) >= self.at_least
        ]


@dataclass(frozen=True)
class Frame:
    """ROWS by position, or RANGE by hours of time."""

    kind: str
    before: int | None
    after: int

    def sql(self) -> str:
        return f"{self.kind} BETWEEN {self._edge(self.before, 'PRECEDING')} AND {self._edge(self.after, 'FOLLOWING')}"

    def _edge(self, size: int | None, side: str) -> str:
        if size is None:
            return f"UNBOUNDED {side}"
        if size == 0:
            return "CURRENT ROW"
        return f"INTERVAL '{size} hours' {side}" if self.kind == "RANGE" else f"{size} {side}"

    def of(self, rows: Rows, at: int) -> Rows:
        if self.kind == "ROWS":
            return rows[0 if self.before is None else max(at - self.before, 0) : at + self.after + 1]
        now = rows[at]["ts"]
        first = None if self.before is None else now - timedelta(hours=self.before)
        last = now + timedelta(hours=self.after)
        return [row for row in rows if (first is None or row["ts"] >= first) and row["ts"] <= last]


@dataclass(frozen=True)
class Windowed:
    """A function over a window, partitioned by k, ordered by the time and, where rows count, by id."""

    source: Source
    call: Aggregate | str
    frame: Frame | None
    offset: int = 1

    def sql(self) -> str:
        by_time = self.frame is not None and self.frame.kind == "RANGE"
        order = "ts" if by_time else "ts, id"
        frame = f" {self.frame.sql()}" if self.frame is not None else ""
        return (
            f"SELECT id, {self._call()} OVER (PARTITION BY k ORDER BY {order}{frame}) AS w FROM {self.source.sql()} "
            "WHERE ts IS NOT NULL"
        )

    def _call(self) -> str:
        if isinstance(self.call, Aggregate):
            return self.call.sql()
        return f"{self.call}(x, {self.offset})" if self.call in ("lag", "lead") else f"{self.call}()"

    def rows(self, tables: Tables) -> list[tuple[Any, ...]]:
        partitions: dict[Any, Rows] = {}
        for row in self.source.rows(tables):
            if row["ts"] is not None:
                partitions.setdefault(row["k"], []).append(row)
        found = []
        for rows in partitions.values():
            rows.sort(key=lambda row: (row["ts"], row["id"]))
            found += [(row["id"], self._at(rows, index)) for index, row in enumerate(rows)]
        return found

    def _at(self, rows: Rows, index: int) -> Any:
        if isinstance(self.call, Aggregate):
            frame = self.frame or Frame("ROWS", None, 0)  # RisingWave's default
            return self.call.over(frame.of(rows, index))
        if self.call == "row_number":
            return index + 1
        place = index + (self.offset if self.call == "lead" else -self.offset)
        return rows[place]["x"] if 0 <= place < len(rows) else None


@dataclass(frozen=True)
class Tumbled:
    """A count and a sum by TUMBLE or HOP."""

    size: int
    slide: int
    aggregate: Aggregate

    def sql(self) -> str:
        sizes = f"INTERVAL '{self.slide} hours', INTERVAL '{self.size} hours'"
        call = f"HOP(t, ts, {sizes})" if self.slide < self.size else f"TUMBLE(t, ts, INTERVAL '{self.size} hours')"
        return (
            f"SELECT k, window_start, count(*) AS n, {self.aggregate.sql()} AS c FROM {call} "
            "WHERE ts IS NOT NULL GROUP BY k, window_start"
        )

    def rows(self, tables: Tables) -> list[tuple[Any, ...]]:
        windows: dict[tuple[Any, datetime], Rows] = {}
        for row in tables["t"]:
            if row["ts"] is None:
                continue
            hour = int((row["ts"] - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) // 3600
            newest = hour // self.slide * self.slide
            for start in range(newest - self.size + self.slide, newest + 1, self.slide):
                at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=start)
                windows.setdefault((row["k"], at), []).append(row)
        return [(key, at, len(rows), self.aggregate.over(rows)) for (key, at), rows in windows.items()]


@dataclass(frozen=True)
class Union:
    left: Plain
    right: Plain
    every: bool

    def sql(self) -> str:
        return f"{self.left.sql()} UNION {'ALL ' if self.every else ''}{self.right.sql()}"

    def rows(self, tables: Tables) -> list[tuple[Any, ...]]:
        found = [*self.left.rows(tables), *self.right.rows(tables)]
        return found if self.every else list(dict.fromkeys(found))


@dataclass(frozen=True)
class Among:
    """[NOT] EXISTS and IN."""

    source: Source
    negated: bool
    by_exists: bool

    def sql(self) -> str:
        inner = "EXISTS (SELECT 1 FROM u WHERE u.k = s.k)" if self.by_exists else "k IN (SELECT k FROM u)"
        return f"SELECT id, k FROM {self.source.sql()} WHERE {'NOT ' if self.negated else ''}{inner}"

    def rows(self, tables: Tables) -> list[tuple[Any, ...]]:
        keys = {row["k"] for row in tables["u"]} - {None}
        # RisingWave's NOT IN (SELECT …) is an anti join: a NULL matches nothing
        return [(row["id"], row["k"]) for row in self.source.rows(tables) if (row["k"] in keys) != self.negated]
