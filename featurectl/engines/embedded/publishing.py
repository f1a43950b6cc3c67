"""Gives readers what was committed: the next snapshot.

It is made of the one before it, with other views where pieces or public names are others: to make a view costs DuckDB
half a millisecond, and a project may have thousands of which a refresh touches a few.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb

from featurectl.engines.embedded.connect import one_row, quote, text_literal
from featurectl.engines.embedded.ledger import LEDGER_TABLES, read_environments
from featurectl.engines.embedded.pieces import Piece, scan
from featurectl.engines.embedded.snapshot import HOME_FILE, published_generation, was_moved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from featurectl.engines.base import Environment
    from featurectl.engines.embedded.home import Home
    from featurectl.engines.embedded.ledger import Ledger
    from featurectl.engines.embedded.pieces import Pieces

__all__ = ["WRITERS", "Begun", "Names", "begin", "names_of", "publish"]

_FORMAT = 1  # counted up when what is in a snapshot becomes other
_STAMP = "stamp.txt"  # what the newest one was made with, and which one that is
_NAME = "snapshot"
WRITERS = "engine"  # the name of the writer's database
# A relation's files, each with the one that says which rows are gone.
_Files = list[tuple[str, "str | None"]]


@dataclass(frozen=True)
class Names:
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
    begun: Begun | None = None,
) -> None:
    """Give readers the committed generation. `con` is the writer's connection, outside a transaction.

    Args:
        con: The connection.
        home: Where snapshots are.
        ledger: What was committed.
        pieces: The pieces of it.
        changed: The ledger's tables that can be others than in the generation before.
        begun: What `begin` made of it meanwhile.
    """
    now = names_of(ledger, pieces.all())
    generation = ledger.generation()
    begun = begun or begin(con, home, generation, now)
    try:
        is_made = begun is not None and begun.finish(now, changed)
    except duckdb.Error:  # whatever is wrong with the one before: it need not be made of that
        is_made = False
    if not is_made:
        _begin_anew(con, home, generation, now).finish(now, LEDGER_TABLES)
    _put_in_place(home, generation)


def begin(con: duckdb.DuckDBPyConnection, home: Home, generation: int, now: Names) -> Begun | None:
    """Make the snapshot of a generation of a copy of the one before, as far as that can be done before it is committed.

    None where that does not serve. `con` is any connection to the writer's DuckDB, outside a transaction.
    """
    path = _unfinished(home, generation)
    try:
        known = (home.snapshots / _STAMP).read_text(encoding="utf-8")
        if known != f"{_made_with()} {published_generation(home)}" or was_moved(home):
            return None
        _forget(path)
        shutil.copyfile(home.current, path)
        return _Attached(con, path).shown(home, lambda: _names_in(con), now)
    except (OSError, duckdb.Error):  # whatever is wrong with it: the next one need not be made of it
        return None


def _begin_anew(con: duckdb.DuckDBPyConnection, home: Home, generation: int, now: Names) -> Begun:
    """The same made of nothing."""
    path = _unfinished(home, generation)
    for unfinished in (path, *home.scratch.glob("macros.*.duckdb")):  # with those an older featurectl began
        _forget(unfinished)

    def nothing() -> Names:
        con.execute("CREATE SCHEMA featurectl")
        return Names()

    return _Attached(con, path).shown(home, nothing, now)


class Begun:
    """A snapshot that lacks the ledger's rows."""

    def __init__(self, attached: _Attached, before: Names, now: Names) -> None:
        self._attached, self._before, self._now = attached, before, now

    def finish(self, now: Names, changed: Sequence[str]) -> bool:
        """Take these tables in; False, and nothing is made, where other names are to be shown by now."""
        is_whole = False
        try:
            if self._now == now:
                self._attached.copy(changed)
                # only migrations change the rows of reference tables
                self._attached.copy_tables(now.tables if "tables" in changed else now.tables - self._before.tables)
                is_whole = True
        finally:
            self._attached.close(keep=is_whole)
        return is_whole


def _made_with() -> str:
    return f"{duckdb.__version__}.{_FORMAT}"


def _unfinished(home: Home, generation: int) -> Path:
    return home.scratch / f"{_NAME}.{generation}.duckdb"


def _put_in_place(home: Home, generation: int) -> None:
    """Let readers find the finished snapshot."""
    unfinished = _unfinished(home, generation)
    unfinished.chmod(0o444)
    home.snapshots.mkdir(parents=True, exist_ok=True)
    target = home.snapshots / f"{generation:010d}.duckdb"
    unfinished.replace(target)
    _tell(home, HOME_FILE, str(home.root))
    _tell(home, _STAMP, f"{_made_with()} {generation}")
    link = home.scratch / "features.duckdb"
    link.unlink(missing_ok=True)
    link.symlink_to(target.relative_to(home.root))
    link.replace(home.current)


def _tell(home: Home, name: str, text: str) -> None:
    """A file beside the snapshots, whole: a reader may look at it in this moment."""
    path = home.scratch / name
    path.write_text(text, encoding="utf-8")
    path.replace(home.snapshots / name)


class _Attached:
    """A database file while it is written, all at once: each statement would be written to the disk by itself."""

    def __init__(self, con: duckdb.DuckDBPyConnection, path: Path) -> None:
        self._con, self._path = con, path
        self._back = quote(one_row(con, "SELECT current_database()")[0])

    def shown(self, home: Home, before: Callable[[], Names], now: Names) -> Begun:
        """Open the file and give it these views; `before` says, from then on, which names it has."""
        self._con.execute(f"ATTACH {text_literal(str(self._path))} AS {_NAME}")
        self._con.execute(f"USE {_NAME}")
        self._con.execute("BEGIN")
        try:
            had = before()
            _show(self._con, home, had, now)
        except duckdb.Error:
            self.close(keep=False)
            raise
        return Begun(self, had, now)

    def copy(self, tables: Sequence[str]) -> None:
        """Take the writer's tables of the ledger in."""
        for name in tables:
            self._con.execute(f"CREATE OR REPLACE TABLE featurectl.{name} AS SELECT * FROM {WRITERS}.featurectl.{name}")

    def copy_tables(self, names: Iterable[str]) -> None:
        """Take reference tables in."""
        for name in sorted(names):
            self._con.execute(
                f"CREATE OR REPLACE TABLE main.{quote(name)} AS SELECT * FROM {WRITERS}.main.{quote(name)}"
            )

    def close(self, *, keep: bool) -> None:
        """Let go of the file, with or without what was done to it."""
        try:
            self._con.execute("COMMIT" if keep else "ROLLBACK")
        finally:
            self._con.execute(f"USE {self._back}")
            self._con.execute(f"DETACH {_NAME}")


def _forget(database: Path) -> None:
    """Remove what a killed process left: its log too, or it is replayed into the next file of that name."""
    database.unlink(missing_ok=True)
    database.with_name(f"{database.name}.wal").unlink(missing_ok=True)


def _show(con: duckdb.DuckDBPyConnection, home: Home, before: Names, now: Names) -> None:
    """Bring the attached database's views from the names that it has to those that it should have."""
    shown = {name: live for name, live in now.environments.items() if before.environments.get(name) != live}
    for name in before.environments.keys() & (shown.keys() | (before.environments.keys() - now.environments.keys())):
        con.execute(f"DROP SCHEMA {quote(name)} CASCADE")
    for name in before.views.keys() - now.views.keys():
        con.execute(f"DROP VIEW main.{quote(name)}")
    for name in before.tables - now.tables:
        con.execute(f"DROP TABLE main.{quote(name)}")
    for name, of in now.views.items():
        if before.views.get(name) != of:
            source = quote(of) if isinstance(of, str) else scan(home, [Piece(file, 0, gone) for file, gone in of])
            con.execute(f"CREATE OR REPLACE VIEW main.{quote(name)} AS SELECT * FROM {source}")
    for name, live in shown.items():
        _show_environment(con, name, live)


def _show_environment(con: duckdb.DuckDBPyConnection, name: str, live: Mapping[str, int]) -> None:
    con.execute(f"CREATE SCHEMA {quote(name)}")
    for view, number in live.items():
        version = quote(f"{view}_v{number}")
        con.execute(f"CREATE VIEW {quote(name)}.{quote(view)} AS SELECT * FROM main.{version}")


def _names_in(con: duckdb.DuckDBPyConnection) -> Names:
    """Those that the attached database was made with: of the history, whose relations have a $, it has none."""
    files: dict[str, _Files] = {}
    listed = con.execute("SELECT relation, file, removed FROM featurectl.pieces ORDER BY relation, position")
    for relation, file, removed in listed.fetchall():
        if "$" not in relation:
            files.setdefault(relation, []).append((file, removed))
    live = dict(con.execute("SELECT view, number FROM featurectl.live").fetchall())
    tables = [name for (name,) in con.execute("SELECT name FROM featurectl.tables").fetchall()]
    return _named(files, live, read_environments(con), tables)


def names_of(ledger: Ledger, pieces: Mapping[str, Sequence[Piece]]) -> Names:
    """Those that the writer's ledger gives."""
    listed = {name: [(piece.file, piece.removed) for piece in found] for name, found in pieces.items()}
    files = {name: found for name, found in listed.items() if found and "$" not in name}
    return _named(files, ledger.live(), ledger.environments(), ledger.tables())


def _named(
    files: Mapping[str, _Files], live: Mapping[str, int], environments: Iterable[Environment], tables: Iterable[str]
) -> Names:
    public = {view: f"{view}_v{number}" for view, number in live.items()}
    previews = {environment.name: environment.live for environment in environments}
    return Names({**files, **public}, previews, frozenset(tables))
