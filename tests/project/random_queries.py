"""Random queries over two small tables, for properties that have to hold for any query."""

from __future__ import annotations

import random

TABLES = {"t": ("id", "k", "a", "b"), "u": ("id", "k", "d", "e")}
WIDTH = 3  # every query gives c0, c1, c2


class RandomQuery:
    """The same seed gives the same query; `prefix` only names its aliases and CTEs."""

    def __init__(self, seed: int, prefix: str = "q") -> None:
        self._random = random.Random(seed)
        self._prefix, self._count = prefix, 0

    def sql(self, depth: int = 3) -> str:
        make = self._random.choice(
            [self._plain, self._plain, self._grouped, self._windowed, self._union, self._with, self._star, self._first]
        )
        return make(depth - 1) if depth > 1 else self._plain(0)

    def _name(self) -> str:
        self._count += 1
        return f"{self._prefix}{self._count}"

    def _relation(self, depth: int, name: str) -> tuple[str, list[str]]:
        """A FROM item and its columns, qualified."""
        if depth > 0 and self._random.random() < 0.6:
            return f"({self.sql(depth)}) AS {name}", [f"{name}.c{i}" for i in range(WIDTH)]
        table = self._random.choice(sorted(TABLES))
        return f"{table} AS {name}", [f"{name}.{column}" for column in TABLES[table][1:]]

    def _source(self, depth: int) -> tuple[str, list[str]]:
        item, columns = self._relation(depth, self._name())
        for _ in range(self._random.choice([0, 0, 1, 1, 2])):
            other, more = self._relation(depth - 1, self._name())
            kind = self._random.choice(["JOIN", "LEFT JOIN", "FULL JOIN"])
            on = f"{self._random.choice(columns)} = {self._random.choice(more)}"
            item, columns = f"{item} {kind} {other} ON {on}", [*columns, *more]
        return item, columns

    def _expression(self, columns: list[str], depth: int = 2) -> str:
        one = self._random.choice(columns)
        if depth == 0:
            return one
        left, right = self._expression(columns, depth - 1), self._expression(columns, depth - 1)
        return self._random.choice(
            [
                one,
                f"{left} + {right}",
                f"coalesce({left}, {right})",
                f"CASE WHEN {self._condition(columns)} THEN {left} ELSE {right} END",
                f"CASE WHEN {self._condition(columns)} THEN {left} END",
            ]
        )

    def _condition(self, columns: list[str]) -> str:
        left, right = self._random.choice(columns), self._random.choice(columns)
        return self._random.choice([f"{left} > {right}", f"{left} >= 1", f"{left} IS NOT NULL"])

    def _where(self, columns: list[str]) -> str:
        inner = self._name()
        choices = ["", "", f" WHERE {self._condition(columns)}"]
        matching = f"{inner}.k = {self._random.choice(columns)} AND {inner}.d > 1"
        choices.append(f" WHERE EXISTS (SELECT 1 FROM u AS {inner} WHERE {matching})")
        return self._random.choice(choices)

    def _items(self, items: list[str]) -> str:
        return ", ".join(f"{item} AS c{i}" for i, item in enumerate(items))

    def _plain(self, depth: int) -> str:
        source, columns = self._source(depth)
        items = [self._expression(columns) for _ in range(WIDTH)]
        distinct = "DISTINCT " if self._random.random() < 0.2 else ""
        return f"SELECT {distinct}{self._items(items)} FROM {source}{self._where(columns)}"

    def _grouped(self, depth: int) -> str:
        source, columns = self._source(depth)
        key = self._random.choice(columns)
        value = self._expression(columns, 1)
        aggregate = self._random.choice(
            [
                f"sum({value})::bigint",
                "count(*)",
                f"max({value})",
                f"count({value}) FILTER (WHERE {self._condition(columns)})",
                f"CASE WHEN count(*) > 1 THEN min({value}) END",
            ]
        )
        having = self._random.choice(["", f" HAVING max({self._random.choice(columns)}) > 1"])
        items = self._items([key, aggregate, f"{key} + 1"])
        return f"SELECT {items} FROM {source}{self._where(columns)} GROUP BY {key}{having}"

    def _windowed(self, depth: int) -> str:
        source, columns = self._source(depth)
        part, order = self._random.choice(columns), self._random.choice(columns)
        over = f"OVER (PARTITION BY {part} ORDER BY {order})"
        call = self._random.choice(
            [f"rank() {over}", f"dense_rank() {over}", f"max({self._random.choice(columns)}) {over}"]
        )
        items = self._items([self._expression(columns, 1), call, self._random.choice(columns)])
        return f"SELECT {items} FROM {source}{self._where(columns)}"

    def _union(self, depth: int) -> str:
        kind = self._random.choice(["UNION ALL", "UNION"])
        arms = [f"SELECT * FROM ({self.sql(depth)}) AS {self._name()}" for _ in range(2)]
        return f" {kind} ".join(arms)

    def _with(self, depth: int) -> str:
        name = self._name()
        inner, alias = self.sql(depth), self._name()
        columns = [f"{alias}.c{i}" for i in range(WIDTH)]
        items = self._items([self._expression(columns) for _ in range(WIDTH)])
        return f"WITH {name} AS ({inner}) SELECT {items} FROM {name} AS {alias}{self._where(columns)}"

    def _star(self, depth: int) -> str:
        name = self._name()
        return f"SELECT {self._random.choice(['*', name + '.*'])} FROM ({self.sql(depth)}) AS {name}"

    def _first(self, depth: int) -> str:
        """Only the rows with a rank of 1, the rank itself left out."""
        name = self._name()
        inner = self._windowed(depth)
        return f"SELECT {name}.c0, {name}.c2 AS c1, 1 AS c2 FROM ({inner}) AS {name} WHERE {name}.c1 = 1"
