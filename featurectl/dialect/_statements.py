"""The statements of a migration, as far as an engine has to know them."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "AlterTable",
    "CreateSourceTable",
    "CreateTable",
    "Dml",
    "DropTable",
    "EngineOnly",
    "InsertValues",
    "Statement",
]


@dataclass(frozen=True)
class Statement:
    """One statement: its text without the semicolon, and the line on which it begins."""

    text: str
    line: int


@dataclass(frozen=True)
class CreateSourceTable(Statement):
    """An append-only table of a topic's raw messages.

    `include` maps what is kept besides the bytes (partition, offset, timestamp, key) to its column.
    """

    name: str
    data_column: str
    topic: str
    include: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict, repr=False)
    if_not_exists: bool = False


@dataclass(frozen=True)
class CreateTable(Statement):
    """A reference table; the types are RisingWave's."""

    name: str
    columns: dict[str, str]
    primary_key: tuple[str, ...]
    duckdb_sql: str


@dataclass(frozen=True)
class Dml(Statement):
    """UPDATE, DELETE or INSERT … SELECT on a reference table."""

    table: str
    duckdb_sql: str


@dataclass(frozen=True)
class InsertValues(Dml):
    """INSERT … VALUES into a reference table."""


@dataclass(frozen=True)
class AlterTable(Statement):
    """ALTER TABLE … ADD COLUMN."""

    name: str
    added: dict[str, str]
    duckdb_sql: str


@dataclass(frozen=True)
class DropTable(Statement):
    """DROP TABLE."""

    name: str
    duckdb_sql: str


@dataclass(frozen=True)
class EngineOnly(Statement):
    """What concerns a server only (users, grants, session settings, comments): embedded skips it."""
