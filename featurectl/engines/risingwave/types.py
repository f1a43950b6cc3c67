"""RisingWave's types by the dialect's canonical names."""

from __future__ import annotations

from featurectl.dialect._types import rw_type

__all__ = ["SCALARS", "canonical", "type_name"]

# PostgreSQL's numbers of the types that a result's columns have.
_BY_NUMBER = {
    16: "boolean", 21: "smallint", 23: "int", 20: "bigint", 700: "real", 701: "double", 1700: "numeric",
    1043: "varchar", 25: "varchar", 17: "bytea", 1082: "date", 1083: "time", 1114: "timestamp", 1184: "timestamptz",
    1186: "interval", 3802: "jsonb",
    1000: "boolean[]", 1005: "smallint[]", 1007: "int[]", 1016: "bigint[]", 1021: "real[]", 1022: "double[]",
    1231: "numeric[]", 1015: "varchar[]", 1001: "bytea[]", 1182: "date[]", 1183: "time[]", 1115: "timestamp[]",
    1185: "timestamptz[]", 1187: "interval[]", 3807: "jsonb[]",
}  # fmt: skip
# Those that are no arrays.
SCALARS = tuple(number for number, name in _BY_NUMBER.items() if not name.endswith("[]"))


def canonical(name: str) -> str:
    """The canonical name of a type as the catalog spells it; the catalog's own where the dialect has none."""
    return rw_type(name) or name


def type_name(number: int) -> str:
    """The canonical name of a result column's type."""
    return _BY_NUMBER.get(number, "varchar")
