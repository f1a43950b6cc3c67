"""Runs a migration's statements one by one, as written, journalled: a second run goes on where one stopped."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from featurectl.engines.risingwave.connection import Session
from featurectl.engines.risingwave.errors import DUPLICATE, NOT_FOUND, sql_state
from featurectl.engines.risingwave.ledger import SCHEMA
from featurectl.engines.risingwave.sql import quote
from featurectl.errors import EngineError, MigrationChanged, UnsupportedOnEngine
from featurectl.project.kafka_properties import with_secrets, without_secrets

if TYPE_CHECKING:
    from featurectl.dialect import Statement
    from featurectl.engines.risingwave.ledger import Entries, Ledger
    from featurectl.project.model import Migration
    from featurectl.settings import Settings

__all__ = ["migrate", "positions_view"]


def positions_view(source_table: str) -> str:
    """The relation that counts a source table's rows per partition and knows the offset that comes next."""
    return f"{SCHEMA}.{quote(f'positions_{source_table}')}"


def migrate(settings: Settings, mark: str, ledger: Ledger, migration: Migration) -> None:
    """Run what has not run yet and record the migration.

    A statement in the middle that fails leaves those before it: they are in the journal, and the next call goes on
    with the mended statement. One that was under way when the process was killed runs again: an INSERT into a table
    without a primary key may then have its rows twice. Raises MigrationChanged if one that ran was edited since,
    UnsupportedOnEngine for a source table whose place in the log could not be told, EngineError with the line.
    """
    _require_positions(migration)
    session = Session(settings, "apply")  # of its own: a migration may SET what must not leak
    session.mark = mark
    try:
        _run_all(settings, session, ledger, migration)
    finally:
        session.close()


def _require_positions(migration: Migration) -> None:
    """How far a source table has read the log is known by these columns alone: no others tell it on every server."""
    for table in migration.source_tables:
        for column in ("partition", "offset"):
            if column not in table.include:
                raise UnsupportedOnEngine(
                    f"the source table {table.name} without INCLUDE {column}",
                    engine="risingwave",
                    file=migration.file,
                    hint=f"add: INCLUDE {column} AS log_{column}",
                )


def _run_all(settings: Settings, session: Session, ledger: Ledger, migration: Migration) -> None:
    key = ("step", f"migrate {migration.number}")
    journal = ledger.read().get(key) or {"done": [], "begun": None}
    sums = [hashlib.sha256(statement.text.encode()).hexdigest() for statement in migration.statements]
    done: list[str] = journal["done"]
    if done != sums[: len(done)]:
        raise MigrationChanged(
            "a statement that ran already was edited before the migration came to its end",
            file=migration.file,
            hint=f"restore the first {len(done)} statements; only what comes after them may still change",
        )
    for number in range(len(done), len(sums)):
        interrupted = journal["begun"] == sums[number]
        journal = {"done": sums[:number], "begun": sums[number]}
        ledger.write({key: journal})
        _run(settings, session, migration, migration.statements[number], interrupted=interrupted)
    for table in migration.source_tables:
        _count_positions(session, table.name, table.include["partition"], table.include["offset"])
    ledger.write({**_recorded(migration), key: None})


def _run(
    settings: Settings, session: Session, migration: Migration, statement: Statement, *, interrupted: bool
) -> None:
    line = migration.rendered.source_line(statement.line)
    try:
        session.run(with_secrets(statement.text, settings), f"{migration.file}:{line}")
    except EngineError as error:
        # It was begun before, by a process that was killed: then it may be that it ran.
        if not (interrupted and sql_state(error) in _ran_before(statement)):
            raise EngineError(without_secrets(error.message, settings), hint=error.hint) from error
    session.run("FLUSH", f"{migration.file}:{line}")


def _ran_before(statement: Statement) -> tuple[str, ...]:
    """The codes that say that the statement ran already."""
    from featurectl.dialect import CreateSourceTable, CreateTable, DropTable

    if isinstance(statement, CreateTable | CreateSourceTable):
        return (DUPLICATE,)
    return (NOT_FOUND,) if isinstance(statement, DropTable) else ()


def _count_positions(session: Session, table: str, partition: str, offset: str) -> None:
    session.run(
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS {positions_view(table)} AS"
        f' SELECT {quote(partition)} AS "partition", max({quote(offset)}::bigint) + 1 AS next_offset,'
        f" count(*) AS row_count FROM {quote(table)} GROUP BY {quote(partition)}",
        f"counting {table}",
    )


def _recorded(migration: Migration) -> Entries:
    from featurectl.dialect import CreateTable, DropTable

    content: dict[str, Any] = {
        "name": migration.name,
        "checksum": migration.checksum,
        "applied_at": datetime.now(UTC).isoformat(),
    }
    entries: Entries = {("migration", migration.number): content}
    for table in migration.source_tables:
        columns = {"data": table.data_column, **table.include}
        entries["source_table", table.name] = {"topic": table.topic, "columns": columns}
    for statement in migration.statements:
        if isinstance(statement, CreateTable):
            entries["table", statement.name] = {}
        if isinstance(statement, DropTable):
            entries["table", statement.name] = None
            entries["source_table", statement.name] = None
    return entries
