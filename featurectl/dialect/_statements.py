"""The statements of a migration, as far as an engine has to know them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from featurectl.dialect._query import Query

__all__ = [
    "AlterTable",
    "CreateFunction",
    "CreateIndex",
    "CreateSink",
    "CreateSource",
    "CreateSourceTable",
    "CreateTable",
    "CreateView",
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
    """A reference table; the types are RisingWave's.

    `on_conflict` says what a row does whose key is there already: `overwrite` it, `nothing`, or `not null`: overwrite
    with what is not NULL. A `version_columns` row goes over another only if its version is not smaller.
    """

    name: str
    columns: dict[str, str]
    primary_key: tuple[str, ...]
    duckdb_sql: str
    generated: dict[str, str] = field(default_factory=dict)
    on_conflict: str = "overwrite"
    version_columns: tuple[str, ...] = ()
    append_only: bool = False
    watermarks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CreateSource(Statement):
    """CREATE SOURCE, or CREATE TABLE with a connector: what is read from outside, and how it is decoded.

    `columns` are RisingWave's types by name, with the columns of INCLUDE; `generated` and `watermarks` hold
    expressions in RisingWave's SQL.
    """

    name: str
    columns: dict[str, str]
    primary_key: tuple[str, ...]
    options: dict[str, str] = field(repr=False)
    format: str
    encode: str
    keeps_rows: bool
    include: dict[str, str] = field(default_factory=dict)
    generated: dict[str, str] = field(default_factory=dict)
    on_conflict: str = "overwrite"
    version_columns: tuple[str, ...] = ()
    append_only: bool = False
    watermarks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CreateView(Statement):
    """CREATE VIEW or CREATE MATERIALIZED VIEW."""

    name: str
    query: Query
    materialized: bool
    columns: tuple[str, ...] = ()
    emit_on_window_close: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True)
class CreateFunction(Statement):
    """CREATE FUNCTION … LANGUAGE SQL of one expression; the types are RisingWave's.

    `parameters` maps names to types; one without a name is `$1`, `$2` … by its place.
    """

    name: str
    parameters: dict[str, str]
    returns: str
    body: str


@dataclass(frozen=True)
class CreateIndex(Statement):
    """CREATE INDEX: it changes no answer."""

    name: str
    table: str


@dataclass(frozen=True)
class CreateSink(Statement):
    """CREATE SINK: from a relation or a query, to a connector or a table."""

    name: str
    reads: tuple[str, ...]
    into: str | None
    options: dict[str, str] = field(repr=False)


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
    """ALTER TABLE … ADD COLUMN or DROP COLUMN."""

    name: str
    added: dict[str, str]
    duckdb_sql: str
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True)
class DropTable(Statement):
    """DROP TABLE; in a script also DROP VIEW, SOURCE, INDEX, SINK, by `kind`."""

    name: str
    duckdb_sql: str
    kind: str = "TABLE"


@dataclass(frozen=True)
class EngineOnly(Statement):
    """What concerns a server only (users, grants, indexes, session settings, comments): embedded skips it."""
