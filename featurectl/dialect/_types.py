"""RisingWave's types by their canonical names, and what holds them on DuckDB.

`None` is a type that is not known; `"unknown"` is that of a string literal or NULL, which takes
the type of its surroundings.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlglot import exp

__all__ = [
    "DUCKDB_TYPES",
    "INTEGERS",
    "KINDS",
    "NUMBERS",
    "TEMPORAL",
    "Type",
    "data_type",
    "duckdb_type",
    "fields_of",
    "is_kind",
    "met",
    "postgres_name",
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

_POSTGRES_NAMES = {
    "int": "integer",
    "double": "double precision",
    "varchar": "character varying",
    "time": "time without time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
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


@lru_cache(maxsize=4096)
def rw_type(name: str) -> Type:
    """The canonical name of a type, whether spelled for RisingWave or as DuckDB describes it."""
    text = re.sub(r"\s+", " ", name.strip())
    if text.endswith("[]"):
        element = rw_type(text[:-2])
        return None if element is None else f"{element}[]"
    if re.match(r"struct ?[<(].*[>)]$", text, re.I):
        return _struct(text)
    found = _NAMES.get(re.sub(r" ?\(.*?\)", "", text.lower()))
    return None if found == "timestamp" and re.search(r"\(\s*[7-9]\s*\)|_ns", text) else found


def _struct(text: str) -> Type:
    """`STRUCT<a INT, b VARCHAR>` and `STRUCT(a INTEGER, b VARCHAR)`."""
    members = []
    for part in _split(text[text.index("<" if "<" in text.split("(", maxsplit=1)[0] else "(") + 1 : -1]):
        found = re.match(r'\s*("(?:[^"]|"")*"|[\w ]+(?=:)|\w+)(?:\s*:\s*|\s+)(.+)$', part, re.S)
        of = rw_type(found[2]) if found else None
        if found is None or of is None:
            return None
        field = found[1][1:-1].replace('""', '"') if found[1].startswith('"') else found[1].lower()
        if not re.fullmatch(r"[\w ]+", field):
            return None
        members.append(f"{field}:{of}")
    return f"struct<{','.join(members)}>"


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for index, char in enumerate(text):
        depth += (char in "<(") - (char in ">)")
        if char == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def fields_of(name: str) -> dict[str, str]:
    """The fields of a struct type."""
    pairs = (part.partition(":") for part in _split(name[len("struct<") : -1]))
    return {field: of for field, _, of in pairs if field}


def duckdb_type(name: str) -> str:
    """DuckDB's type for a canonical name."""
    if name.endswith("[]"):
        return f"{duckdb_type(name[:-2])}[]"
    if name.startswith("struct<"):
        return "STRUCT(" + ", ".join(f'"{field}" {duckdb_type(of)}' for field, of in fields_of(name).items()) + ")"
    return DUCKDB_TYPES["varchar" if name == "unknown" else name]


def postgres_name(of: str) -> str:
    """What pg_typeof says."""
    base = of.rstrip("[]")
    name = "record" if base.startswith("struct<") else _POSTGRES_NAMES.get(base, base)
    return name + of.removeprefix(base)


@lru_cache(maxsize=256)
def data_type(name: str) -> exp.DataType:
    """A canonical name as a type in a tree."""
    from sqlglot import exp

    return exp.DataType.build(_spelled(name), dialect="risingwave")


def _spelled(name: str) -> str:
    if name.endswith("[]"):
        return f"{_spelled(name[:-2])}[]"
    if name.startswith("struct<"):
        fields = (f'"{field}" {_spelled(of)}' for field, of in fields_of(name).items())
        return f"STRUCT<{', '.join(fields)}>"
    return {"double": "double precision", "jsonb": "JSONB", "unknown": "varchar"}.get(name, name)


def is_kind(kind: str, of: Type) -> bool:
    """Whether an argument of this type fits; what is not known fits."""
    if kind == "array":
        return of is None or of == "unknown" or of.endswith("[]")
    allowed = KINDS[kind]
    return of is None or of == "unknown" or allowed is None or of in allowed


def unify(types: Iterable[Type]) -> Type:
    """The one type that CASE, COALESCE, VALUES and UNION bring their parts to."""
    known = [name for name in types if name != "unknown"]
    if not known:
        return "unknown"
    if None in known:
        return None
    distinct = {name for name in known if name is not None}
    if len(distinct) == 1:
        return distinct.pop()
    for tower in (NUMBERS, TEMPORAL):
        if distinct <= set(tower):
            return max(distinct, key=tower.index)
    return None


def met(*types: Type) -> Type:
    """The type in which operators and comparisons bring their operands together."""
    common = unify(types)
    return "double" if common == "real" and any(of not in ("real", "unknown") for of in types) else common
