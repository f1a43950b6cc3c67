"""What became visible when: every change of a version's rows, kept as pieces beside those of the version.

For a version with an entity and an event time there is `NAME$base`, the rows that it had when it first had any, of
which nobody saw when each arrived, and `NAME$changes`: for each refresh the rows that it added or altered, and the
keys that it took away. `$moments` has the instant at which each generation became visible. All are listed in the
transaction that makes the rows themselves visible.

A row is kept once for each entity and event time: where several share them, the one that a training set would take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.engines.base import DELETED, FOREVER, VISIBLE
from featurectl.engines.embedded.connect import null_safe, quote, text_literal
from featurectl.engines.embedded.ledger import read_state
from featurectl.engines.embedded.pieces import read_pieces, scan
from featurectl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    import duckdb

    from featurectl.engines.base import State, Version
    from featurectl.engines.embedded.deltas import Delta
    from featurectl.engines.embedded.home import Home
    from featurectl.engines.embedded.pieces import Piece, Pieces

__all__ = [
    "GENERATION",
    "MOMENTS",
    "UNSEEN",
    "as_of_query",
    "base_of",
    "changes_of",
    "history_relations",
    "past_of",
    "recorded",
    "show_as_of",
    "write_changes",
    "write_moment",
]

MOMENTS = "$moments"
GENERATION, UNSEEN = "__generation", "__unseen"


def base_of(name: str) -> str:
    """The relation of the rows that a version began with."""
    return f"{name}$base"


def changes_of(name: str) -> str:
    """The relation of a version's changes."""
    return f"{name}$changes"


def history_relations(name: str) -> tuple[str, str]:
    """Both."""
    return base_of(name), changes_of(name)


def write_changes(
    pieces: Pieces,
    home: Home,
    version: Version,
    delta: Delta,
    now: str,
    generation: int,
    revision: Iterable[str],
    backfilled: Sequence[tuple[datetime, datetime]],
    recorded: Sequence[Piece],
) -> Piece | None:
    """What a refresh does to a version's rows, as a piece; None where they stay as they are.

    Args:
        pieces: Where pieces are written.
        home: Where they are.
        version: Whose rows they are.
        delta: The rows that it got and lost.
        now: What stands in FROM to read its rows from `generation` on, at least those with a key of the delta.
        generation: In which the change becomes visible.
        revision: The columns that tell which of several rows of one entity and time is the last.
        backfilled: Ranges of event time, [start, end), that were brought in since the last generation: when rows
            that appear there were to be seen first, nobody knows.
        recorded: The pieces of its base and its changes: what has a past there was seen before.
    """
    key = [*version.metadata["entity"], version.metadata["event_time"]]
    keys = ", ".join(map(quote, key))
    by = [f"{quote(c)} DESC NULLS LAST" for c in (*revision, *version.columns)]
    first = _unseen(home, version, key, backfilled, recorded)
    changed = "WITH changed AS (" + " UNION ".join(f"SELECT {keys} FROM {rows}" for rows in delta.parts) + ")"
    among = f"SEMI JOIN changed AS c ON {null_safe('n', 'c', key)}"
    if delta.parts == (now,):  # they are all new
        changed = among = ""
    query = (
        f"{changed} SELECT {generation} AS {GENERATION}, false AS {DELETED}, {first} AS {UNSEEN}, n.* FROM"
        f" (SELECT n.* FROM {now} AS n {among}"
        f" QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {', '.join(by)}) = 1) AS n"
    )
    if delta.removed is not None:
        query += (
            f" UNION ALL BY NAME SELECT {generation} AS {GENERATION}, true AS {DELETED}, false AS {UNSEEN}, c.*"
            f" FROM changed AS c ANTI JOIN {now} AS n ON {null_safe('n', 'c', key)}"
        )
    piece = pieces.write(changes_of(version.name), query, checked=True)
    if piece.rows:
        return piece
    (home.pieces / piece.file).unlink(missing_ok=True)
    return None


def _unseen(
    home: Home,
    version: Version,
    key: Sequence[str],
    backfilled: Sequence[tuple[datetime, datetime]],
    recorded: Sequence[Piece],
) -> str:
    """Whether nobody knows when the row `n` was to be seen first: a backfill brought it, and it has no past."""
    event = quote(version.metadata["event_time"])
    ranges = [f"(n.{event} >= {_instant(start)} AND n.{event} < {_instant(end)})" for start, end in backfilled]
    if not ranges:
        return "false"
    past = (
        f"read_parquet([{', '.join(text_literal(str(home.pieces / p.file)) for p in recorded)}], union_by_name = true)"
    )
    seen = f"EXISTS (SELECT 1 FROM {past} AS o WHERE {null_safe('o', 'n', key)})" if recorded else "false"
    return f"coalesce({' OR '.join(ranges)}, false) AND NOT {seen}"


def write_moment(pieces: Pieces, home: Home, generation: int, at: datetime) -> Piece:
    """The instant at which a generation becomes visible, as a piece; after the last one, whatever the clock says."""
    before = pieces.of(MOMENTS)
    # each is later than those before it, so the last piece has the last one
    last = f"(SELECT max({VISIBLE}) FROM {scan(home, before[-1:])}) + INTERVAL 1 microsecond" if before else "NULL"
    visible = f"greatest({_instant(at)}, {last})"
    query = f"SELECT {generation}::BIGINT AS {GENERATION}, {visible} AS {VISIBLE}"
    return pieces.write(MOMENTS, query, checked=True)


def recorded(con: duckdb.DuckDBPyConnection, home: Home, version: Version) -> str | None:
    """What `Moment.revisions` promises, as the ledger on a connection lists it."""
    if not version.keeps_history:
        return None
    names = (MOMENTS, *history_relations(version.name))
    return _revisions(home, version, {name: read_pieces(con, name) for name in names})


def show_as_of(
    con: duckdb.DuckDBPyConnection, home: Home, names: Iterable[str], at: datetime
) -> dict[str, dict[str, str]]:
    """Let queries on a reader's connection find these names as they were; returns their columns.

    Raises UsageError for a name that has no recorded past.
    """
    state = read_state(con)
    found = {}
    for name in names:
        version, states = past_of(state, name, at, lambda version: recorded(con, home, version))
        con.execute(f"CREATE OR REPLACE TEMP VIEW {quote(name)} AS {as_of_query(version, states, at)}")
        found[name] = dict(version.columns)
    return found


def past_of(state: State, name: str, at: datetime, states_of: Callable[[Version], str | None]) -> tuple[Version, str]:
    """The version that a reader found under a public view's name, and what `states_of` tells of its rows' states.

    Raises UsageError where nothing is recorded.
    """
    version = state.version_at(name, at)
    states = states_of(version) if version is not None else None
    if version is None or states is None:
        raise UsageError(
            f"nothing is recorded of {name} as of then",
            hint="history is kept of views with an entity and an event time, as long as their version stands",
        )
    return version, states


def as_of_query(version: Version, states: str, at: datetime) -> str:
    """DuckDB's query for the rows that a reader found; of those that nobody saw coming, the ones known by rule.

    `states`: as `Moment.revisions` says.
    """
    key = [*version.metadata["entity"], version.metadata["event_time"]]
    late = version.metadata.get("available_after") or "0 seconds"
    event = quote(version.metadata["event_time"])
    known = f"{event}::TIMESTAMPTZ + INTERVAL {text_literal(late)} <= {_instant(at)}"
    columns = ", ".join(map(quote, version.columns))
    return (
        f"SELECT {columns} FROM (SELECT *, rank() OVER (PARTITION BY {', '.join(map(quote, key))}"
        f" ORDER BY {VISIBLE} DESC) AS __place FROM {states} WHERE {VISIBLE} <= epoch_us({_instant(at)}))"
        f" WHERE __place = 1 AND NOT {DELETED} AND ({VISIBLE} > {FOREVER} OR {known})"
    )


def _revisions(home: Home, version: Version, listed: Mapping[str, Sequence[Piece]]) -> str | None:
    """What `Moment.revisions` promises. `listed` has the pieces of the version's history and of the moments."""
    base, changes = (listed.get(name, ()) for name in history_relations(version.name))
    parts = []
    if base:
        parts.append(f"SELECT *, {FOREVER}::BIGINT AS {VISIBLE}, false AS {DELETED} FROM {scan(home, base)}")
    if changes:
        visible = f"CASE WHEN {UNSEEN} THEN {FOREVER} ELSE epoch_us(m.{VISIBLE}) END"
        parts.append(
            f"SELECT c.* EXCLUDE ({GENERATION}, {DELETED}, {UNSEEN}), {visible} AS {VISIBLE}, {DELETED}"
            f" FROM {scan(home, changes)} AS c JOIN {scan(home, listed[MOMENTS])} AS m USING ({GENERATION})"
        )
    return f"({' UNION ALL BY NAME '.join(parts)})" if parts else None


def _instant(at: datetime) -> str:
    return f"{text_literal(at.isoformat())}::TIMESTAMPTZ"
