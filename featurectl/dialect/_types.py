"""RisingWave's types by their canonical names, and what holds them on DuckDB.

`None` is a type that is not known; `"unknown"` is that of a string literal or NULL, which takes
the type of its surroundings.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "DUCKDB_TYPES",
    "INTEGERS",
    "KINDS",
    "NUMBERS",
    "TEMPORAL",
    "Type",
    "duckdb_type",
    "is_kind",
    "rw_type",
    "unify",
]

Type = str | None

INTEGERS = ("smallint", "int", "bigint")
EXACT = (*INTEGERS, "numeric")
FLOATS = ("real", "double")
NUMBERS = (*EXACT, *FLOATS)
TEMPORAL = ("date", "timestamp", "timestamptz")

# NUMERIC: RisingWave keeps 28 digits with a floating point. 28 digits before the point fit here,
# and 10 behind it; what does not fit is an error at translation or at run time.
DUCKDB_TYPES = {
    "boolean": "BOOLEAN",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "numeric": "DECIMAL(38, 10)",
    "real": "REAL",
    "double": "DOUBLE",
    "varchar": "VARCHAR",
    "bytea": "BLOB",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMPTZ",
    "interval": "INTERVAL",
    "jsonb": "JSON",
}

_NAMES = {
    **{name: name for name in DUCKDB_TYPES},
    "bool": "boolean",
    "int2": "smallint",
    "integer": "int",
    "int4": "int",
    "int8": "bigint",
    "decimal": "numeric",
    "hugeint": "numeric",
    "float4": "real",
    "float": "double",
    "float8": "double",
    "double precision": "double",
    "text": "varchar",
    "string": "varchar",
    "character varying": "varchar",
    "blob": "bytea",
    "varbinary": "bytea",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "json": "jsonb",
}

# What a function's argument may be.
KINDS = {
    "any": None,
    "bool": ("boolean",),
    "int": INTEGERS,
    "exact": EXACT,
    "float": FLOATS,
    "number": NUMBERS,
    "text": ("varchar",),
    "bytea": ("bytea",),
    "jsonb": ("jsonb",),
    "interval": ("interval",),
    "time": TEMPORAL,
    **{name: (name,) for name in ("date", "timestamp", "timestamptz", "numeric", "bigint")},
}


@cache
def rw_type(name: str) -> Type:
    """The canonical name of a type, whether spelled for RisingWave or as DuckDB describes it."""
    text = re.sub(r"\s+", " ", name.strip().lower())
    if text.endswith("[]"):
        element = rw_type(text[:-2])
        return None if element is None else f"{element}[]"
    return _NAMES.get(re.sub(r" ?\(.*?\)", "", text))


def duckdb_type(name: str) -> str:
    """DuckDB's type for a canonical name."""
    return f"{duckdb_type(name[:-2])}[]" if name.endswith("[]") else DUCKDB_TYPES[name]


def is_kind(kind: str, of: Type) -> bool:
    """Whether an argument of this type fits; what is not known fits."""
    allowed = KINDS[kind]
    return of is None or of == "unknown" or allowed is None or of in allowed


def unify(types: Iterable[Type]) -> Type:
    """The one type that CASE, COALESCE, UNION and comparisons bring their parts to."""
    known = [name for name in types if name != "unknown"]
    if not known:
        return "unknown"
    if None in known:
        return None
    distinct = {name for name in known if name is not None}
    if len(distinct) == 1:
        return distinct.pop()
    if "real" in distinct and distinct <= set(NUMBERS):
        return "double"  # whatever meets a REAL meets in double precision
    for tower in (NUMBERS, TEMPORAL):
        if distinct <= set(tower):
            return max(distinct, key=tower.index)
    return None
