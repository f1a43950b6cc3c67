"""Gives readers what was committed: the next snapshot.

It is made of the one before it, with other views where pieces or public names are others: to make a view costs DuckDB
half a millisecond, and a project may have thousands of which a refresh touches a few.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb

from featurectl.engines.embedded.connect import quote, text_literal
from featurectl.engines.embedded.ledger import LEDGER_TABLES, read_environments
from featurectl.engines.embedded.pieces import scan
from featurectl.engines.embedded.snapshot import HOME_FILE, published_generation, was_moved

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from featurectl.engines.base import Environment
    from featurectl.engines.embedded.home import Home
    from featurectl.engines.embedded.ledger import Ledger
    from featurectl.engines.embedded.pieces import Pieces

__all__ = ["publish"]

_FORMAT = 1  # counted up when what is in a snapshot becomes other
_STAMP = "stamp.txt"  # what the newest one was made with, and which one that is
_NAME = "snapshot"
# A relation's files, each with the one that says which rows are gone.
_Files = list[tuple[str, "str | None"]]


@dataclass(frozen=True)
class _Names:
    """What readers find: relations with their files or, public views, the version that they show; the same of preview
    environments; reference tables.
    """

    views: Mapping[str, _Files | str] = field(default_factory=dict)
    environments: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    tables: frozenset[str] = frozenset()


def publish(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    ledger: Ledger,
    pieces: Pieces,
    changed: Sequence[str] = LEDGER_TABLES,
) -> None:
    """Give readers the committed generation. `con` is the writer's connection, outside a transaction.

    `changed`: the ledger's tables that can be others than in the generation before.
    """
    generation = ledger.generation()
    stamp = f"{duckdb.__version__}.{_FORMAT}"
    home.snapshots.mkdir(parents=True, exist_ok=True)
    unfinished = home.scratch / f"{_NAME}.{generation}.duckdb"
    now = _names_of(ledger, pieces)  # as long as the writer's database is the one that is asked
    if not _made_of_the_last(con, home, pieces, changed, stamp, unfinished, now):
        for path in (unfinished, *home.scratch.glob("macros.*.duckdb")):  # with those an older featurectl began
            _forget(path)
        with _Attached(con, unfinished) as writer:
            con.execute("CREATE SCHEMA featurectl")
            _fill(con, home, pieces, LEDGER_TABLES, writer, _Names(), now)
    unfinished.chmod(0o444)
    target = home.snapshots / f"{generation:010d}.duckdb"
    unfinished.replace(target)
    _tell(home, HOME_FILE, str(home.root))
    _tell(home, _STAMP, f"{stamp} {generation}")
    link = home.scratch / "features.duckdb"
    link.unlink(missing_ok=True)
    link.symlink_to(target.relative_to(home.root))
    link.replace(home.current)


def _tell(home: Home, name: str, text: str) -> None:
    """A file beside the snapshots, whole: a reader may look at it in this moment."""
    path = home.scratch / name
    path.write_text(text, encoding="utf-8")
    path.replace(home.snapshots / name)


def _made_of_the_last(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    pieces: Pieces,
    changed: Sequence[str],
    stamp: str,
    path: Path,
    now: _Names,
) -> bool:
    """Make the snapshot of a copy of the one before; False where that does not serve."""
    try:
        known = (home.snapshots / _STAMP).read_text(encoding="utf-8")
        if known != f"{stamp} {published_generation(home)}" or was_moved(home):
            return False
        _forget(path)
        shutil.copyfile(home.current, path)
        with _Attached(con, path) as writer:
            _fill(con, home, pieces, changed, writer, _names_in(con), now)
    except (OSError, duckdb.Error):  # whatever is wrong with it: the next one need not be made of it
        return False
    return True


class _Attached:
    """A database file under the name that it has while it is written; gives the writer's name."""

    def __init__(self, con: duckdb.DuckDBPyConnection, path: Path) -> None:
        self._con, self._path = con, path
        found = con.execute("SELECT current_database()").fetchone()
        assert found is not None
        self._writer = quote(found[0])

    def __enter__(self) -> str:
        self._con.execute(f"ATTACH {text_literal(str(self._path))} AS {_NAME}")
        self._con.execute(f"USE {_NAME}")
        self._con.execute("BEGIN")
        return self._writer

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:  # all at once: each statement would be written to the disk by itself
            self._con.execute("COMMIT" if kind is None else "ROLLBACK")
        finally:
            self._con.execute(f"USE {self._writer}")
            self._con.execute(f"DETACH {_NAME}")


def _forget(database: Path) -> None:
    """Remove what a killed process left: its log too, or it is replayed into the next file of that name."""
    database.unlink(missing_ok=True)
    database.with_name(f"{database.name}.wal").unlink(missing_ok=True)


def _fill(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    pieces: Pieces,
    changed: Sequence[str],
    writer: str,
    before: _Names,
    now: _Names,
) -> None:
    """Bring the attached database from the names that it has to those that it should have, with the writer's ledger."""
    for table in changed:
        con.execute(f"CREATE OR REPLACE TABLE featurectl.{table} AS SELECT * FROM {writer}.featurectl.{table}")
    shown = {name: live for name, live in now.environments.items() if before.environments.get(name) != live}
    for name in before.environments.keys() & (shown.keys() | (before.environments.keys() - now.environments.keys())):
        con.execute(f"DROP SCHEMA {quote(name)} CASCADE")
    for name in before.views.keys() - now.views.keys():
        con.execute(f"DROP VIEW main.{quote(name)}")
    for name in before.tables - now.tables:
        con.execute(f"DROP TABLE main.{quote(name)}")
    for name in sorted(now.tables) if "tables" in changed else ():  # only migrations change their rows
        con.execute(f"CREATE OR REPLACE TABLE main.{quote(name)} AS SELECT * FROM {writer}.main.{quote(name)}")
    for name, of in now.views.items():
        if before.views.get(name) != of:
            source = quote(of) if isinstance(of, str) else scan(home, pieces.of(name))
            con.execute(f"CREATE OR REPLACE VIEW main.{quote(name)} AS SELECT * FROM {source}")
    for name, live in shown.items():
        _show_environment(con, name, live)


def _show_environment(con: duckdb.DuckDBPyConnection, name: str, live: Mapping[str, int]) -> None:
    con.execute(f"CREATE SCHEMA {quote(name)}")
    for view, number in live.items():
        version = quote(f"{view}_v{number}")
        con.execute(f"CREATE VIEW {quote(name)}.{quote(view)} AS SELECT * FROM main.{version}")


def _names_in(con: duckdb.DuckDBPyConnection) -> _Names:
    """Those that the attached database was made with: of the history, whose relations have a $, it has none."""
    files: dict[str, _Files] = {}
    listed = con.execute("SELECT relation, file, removed FROM featurectl.pieces ORDER BY relation, position")
    for relation, file, removed in listed.fetchall():
        if "$" not in relation:
            files.setdefault(relation, []).append((file, removed))
    live = dict(con.execute("SELECT view, number FROM featurectl.live").fetchall())
    tables = [name for (name,) in con.execute("SELECT name FROM featurectl.tables").fetchall()]
    return _named(files, live, read_environments(con), tables)


def _names_of(ledger: Ledger, pieces: Pieces) -> _Names:
    """Those that the writer's ledger gives."""
    listed = {name: [(piece.file, piece.removed) for piece in found] for name, found in pieces.all().items()}
    files = {name: found for name, found in listed.items() if found and "$" not in name}
    return _named(files, ledger.live(), ledger.environments(), ledger.tables())


def _named(
    files: Mapping[str, _Files], live: Mapping[str, int], environments: Iterable[Environment], tables: Iterable[str]
) -> _Names:
    public = {view: f"{view}_v{number}" for view, number in live.items()}
    previews = {environment.name: environment.live for environment in environments}
    return _Names({**files, **public}, previews, frozenset(tables))
