"""Two relations compared in DuckDB, row by row and column by column; what does not fit in memory is spilled.

Rows belong together by a key. Where there is none they belong together by all columns that are exact, so that a
number that moved is a cell that differs, and rows that are equal there are counted off in the order of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from featurectl.engines.embedded.connect import duckdb_errors, quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

__all__ = ["Comparison", "Example", "Tolerance", "compare"]

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT")
_REAL_DIGITS = 1e-6
_MACROS = (
    # A number may be the text that the server sent: it has more digits there than any type here.
    """CREATE OR REPLACE TEMP MACRO parity_near(a, b, absolute, relative) AS (a IS NULL) = (b IS NULL) AND (
      TRY_CAST(a AS DOUBLE) IS NOT DISTINCT FROM TRY_CAST(b AS DOUBLE) OR coalesce(
        isfinite(TRY_CAST(a AS DOUBLE)) AND isfinite(TRY_CAST(b AS DOUBLE))
        AND abs(TRY_CAST(a AS DOUBLE) - TRY_CAST(b AS DOUBLE))
          <= greatest(absolute, relative * abs(TRY_CAST(a AS DOUBLE)), relative * abs(TRY_CAST(b AS DOUBLE))),
        false))""",
    """CREATE OR REPLACE TEMP MACRO parity_whole(a, b) AS parity_near(a, b, 0, 0)
      AND TRY_CAST(a AS DECIMAL(38, 10)) IS NOT DISTINCT FROM TRY_CAST(b AS DECIMAL(38, 10))""",
    # How far apart: NULL, NaN and what is no number are as far as can be.
    """CREATE OR REPLACE TEMP MACRO parity_distance(a, b) AS coalesce(CASE
      WHEN isfinite(TRY_CAST(a AS DOUBLE)) AND isfinite(TRY_CAST(b AS DOUBLE))
      THEN abs(TRY_CAST(a AS DOUBLE) - TRY_CAST(b AS DOUBLE))
        / greatest(abs(TRY_CAST(a AS DOUBLE)), abs(TRY_CAST(b AS DOUBLE)), 1e-300) END, 'Infinity'::DOUBLE)""",
    # The same document with its keys in another order is the same document.
    """CREATE OR REPLACE TEMP MACRO parity_json(j) AS CASE WHEN j IS NOT NULL THEN coalesce(
      (SELECT list_sort(list(t.fullkey || ' ' || (t.type = 'VARCHAR') || ' ' || coalesce(t.atom::VARCHAR, t.type)))
       FROM json_tree(j::JSON) AS t WHERE t.atom IS NOT NULL OR t.type IN ('NULL', 'OBJECT', 'ARRAY')), []) END""",
)


@dataclass(frozen=True)
class Tolerance:
    """How far a number may be off: by so much, or by so much of the larger one."""

    absolute: float = 1e-9
    relative: float = 1e-9


@dataclass(frozen=True)
class Example:
    """A row that is missing or extra, or a cell that differs; `key` says which row."""

    kind: str  # "missing", "extra", "differs"
    key: Mapping[str, Any]
    column: str | None = None
    expected: Any = None
    served: Any = None


@dataclass(frozen=True)
class Comparison:
    """What differs between the rows that are expected and those that are served. `cells`: how many by column."""

    expected_rows: int
    served_rows: int
    missing: int
    extra: int
    differing_rows: int
    cells: Mapping[str, int]
    matched_by: tuple[str, ...]
    columns_missing: tuple[str, ...] = ()
    columns_extra: tuple[str, ...] = ()
    examples: tuple[Example, ...] = field(default=())

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not (self.missing or self.extra or self.differing_rows or self.columns_missing or self.columns_extra)


@dataclass(frozen=True)
class _Column:
    """How a column is compared: `exact`, `text`, `whole`, `near` or `json`."""

    name: str
    rule: str
    relative: float

    def same(self, absolute: float) -> str:
        left, right = f"e.{quote(self.name)}", f"s.{quote(self.name)}"
        if self.rule == "near":
            return f"parity_near({left}, {right}, {absolute!r}, {self.relative!r})"
        if self.rule == "whole":
            return f"parity_whole({left}, {right})"
        return f"{self.as_key('e')} IS NOT DISTINCT FROM {self.as_key('s')}"

    def distance(self, number: int) -> str:
        """How far apart the two values of a row of differences are."""
        return f"parity_distance(e{number}, s{number})" if self.rule in ("near", "whole") else "'Infinity'::DOUBLE"

    def shown(self, side: str) -> str:
        """The value itself; as text where the two sides have different types."""
        return f"{side}.{quote(self.name)}" + ("" if self.rule == "exact" else "::VARCHAR")

    def as_key(self, side: str = "") -> str:
        value = f"{side}.{quote(self.name)}" if side else quote(self.name)
        forms = {"text": "{}::VARCHAR", "json": "parity_json({})"}
        numbers = "TRY_CAST({} AS DOUBLE)"
        return forms.get(self.rule, numbers if self.rule in ("near", "whole") else "{}").format(value)


def compare(
    con: duckdb.DuckDBPyConnection,
    expected: str,
    served: str,
    *,
    types: Mapping[str, str],
    key: Sequence[str] = (),
    tolerance: Tolerance | None = None,
    examples: int = 5,
) -> Comparison:
    """Compare two FROM items. `types` are the dialect's types of the served columns. Raises EngineError."""
    with duckdb_errors("comparing"):
        return _Comparing(con, expected, served, types, key, tolerance or Tolerance(), examples).result()


class _Comparing:
    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        expected: str,
        served: str,
        types: Mapping[str, str],
        key: Sequence[str],
        tolerance: Tolerance,
        examples: int,
    ) -> None:
        self._con, self._sides, self._tolerance, self._limit = con, (expected, served), tolerance, examples
        for macro in _MACROS:
            con.execute(macro)
        self._described = tuple(_described(con, side) for side in self._sides)
        both = [name for name in self._described[0] if name in self._described[1]]
        self._columns = [self._column(name, types.get(name, "")) for name in both]
        exact = [name for name in both if self._rule(name, types.get(name, "")) not in ("near", "whole", "json")]
        self._by = tuple(key) if key and set(key) <= set(both) else tuple(exact)
        self._keys = [column for column in self._columns if column.name in self._by]
        self._cells = [column for column in self._columns if column.name not in self._by]

    def result(self) -> Comparison:
        expected, served = (self._one(f"SELECT count(*) FROM {side}") for side in self._sides)
        self._con.execute(f"CREATE OR REPLACE TABLE parity AS {self._differences()}")
        missing = self._one("SELECT count(*) FROM parity WHERE served IS NULL")
        extra = self._one("SELECT count(*) FROM parity WHERE expected IS NULL")
        cells = {
            column.name: self._one(f"SELECT count(*) FROM parity WHERE expected AND served AND d{n}")
            for n, column in enumerate(self._cells)
        }
        left, right = self._described
        found = Comparison(
            expected,
            served,
            missing,
            extra,
            self._one("SELECT count(*) FROM parity WHERE expected AND served"),
            {name: count for name, count in cells.items() if count},
            self._by,
            tuple(name for name in left if name not in right),
            tuple(name for name in right if name not in left),
            (*self._rows("missing"), *self._rows("extra"), *self._worst(cells)),
        )
        self._con.execute("DROP TABLE parity")
        return found

    def _differences(self) -> str:
        """The query of rows that are on one side only, or have a cell that differs."""
        numbered = any(self._repeats(side) for side in self._sides)
        join = [f"{key.as_key('e')} IS NOT DISTINCT FROM {key.as_key('s')}" for key in self._keys]
        on = " AND ".join([*join, "e.parity_n = s.parity_n"] if numbered or not join else join)
        keys = [
            f"CASE WHEN e.parity_here THEN {k.shown('e')} ELSE {k.shown('s')} END AS k{n}"
            for n, k in enumerate(self._keys)
        ]
        values = [
            f"NOT ({column.same(self._tolerance.absolute)}) AS d{n}, e.{quote(column.name)} AS e{n},"
            f" s.{quote(column.name)} AS s{n}"
            for n, column in enumerate(self._cells)
        ]
        differs = [f"d{n}" for n, _ in enumerate(self._cells)]
        selected = ", ".join(["e.parity_here AS expected", "s.parity_here AS served", *keys, *values])
        sides = [self._numbering(side, numbered or not join) for side in self._sides]
        return (
            f"SELECT * FROM (SELECT {selected} FROM ({sides[0]}) AS e FULL JOIN ({sides[1]}) AS s ON {on})"
            f" WHERE {' OR '.join(['expected IS NULL', 'served IS NULL', *differs])}"
        )

    def _repeats(self, side: str) -> bool:
        keys = ", ".join(key.as_key() for key in self._keys)
        return not keys or bool(
            self._con.execute(f"SELECT 1 FROM {side} GROUP BY {keys} HAVING count(*) > 1 LIMIT 1").fetchall()
        )

    def _numbering(self, side: str, numbered: bool) -> str:
        if not numbered:
            return f"SELECT true AS parity_here, * FROM {side}"
        partition = ", ".join(key.as_key() for key in self._keys)
        order = ", ".join(column.as_key() for column in self._cells if column.rule != "json")
        over = " ".join([f"PARTITION BY {partition}" if partition else "", f"ORDER BY {order}" if order else ""])
        return f"SELECT true AS parity_here, row_number() OVER ({over}) AS parity_n, * FROM {side}"

    def _rows(self, kind: str) -> list[Example]:
        absent = "served" if kind == "missing" else "expected"
        keys = self._key_columns()
        rows = self._con.execute(
            f"SELECT {keys} FROM parity WHERE {absent} IS NULL ORDER BY ALL LIMIT {self._limit}"
        ).fetchall()
        return [Example(kind, dict(zip(self._names(), row, strict=True))) for row in rows]

    def _worst(self, cells: Mapping[str, int]) -> list[Example]:
        """The cells that are furthest off, of all columns."""
        found: list[tuple[float, Example]] = []
        for n, column in enumerate(self._cells):
            if cells[column.name] == 0:
                continue
            rows = self._con.execute(
                f"SELECT {column.distance(n)} AS distance, e{n}, s{n}, {self._key_columns()} FROM parity"
                f" WHERE expected AND served AND d{n} ORDER BY {', '.join(['distance DESC', *self._key_names()])}"
                f" LIMIT {self._limit}"
            ).fetchall()
            for distance, left, right, *key in rows:
                named = dict(zip(self._names(), key, strict=True))
                found.append((distance, Example("differs", named, column.name, left, right)))
        return [example for _, example in sorted(found, key=lambda item: -item[0])[: self._limit]]

    def _key_names(self) -> list[str]:
        return [f"k{n}" for n, _ in enumerate(self._keys)]

    def _key_columns(self) -> str:
        return ", ".join(self._key_names()) or "'any' AS k0"

    def _names(self) -> list[str]:
        return [key.name for key in self._keys] or ["row"]

    def _column(self, name: str, kind: str) -> _Column:
        relative = self._tolerance.relative
        return _Column(name, self._rule(name, kind), max(relative, _REAL_DIGITS) if kind == "real" else relative)

    def _rule(self, name: str, kind: str) -> str:
        """By the dialect's type of the served column, and the types that the two sides have in DuckDB."""
        left, right = (described[name] for described in self._described)
        if kind == "jsonb":
            return "json"
        if kind in ("real", "double") or "DOUBLE" in (left, right) or "FLOAT" in (left, right):
            return "near"
        if kind == "numeric" or left.startswith("DECIMAL") or right.startswith("DECIMAL"):
            return "whole" if left in _INTEGERS else "near"
        if left in _INTEGERS and right in _INTEGERS:
            return "exact"
        return "exact" if left == right else "text"

    def _one(self, sql: str) -> int:
        row = self._con.execute(sql).fetchone()
        assert row is not None
        return int(row[0])


def _described(con: duckdb.DuckDBPyConnection, side: str) -> dict[str, str]:
    return {name: kind for name, kind, *_ in con.execute(f"DESCRIBE SELECT * FROM {side}").fetchall()}
