"""`verify`: what the engine serves beside what its stored raw events mean, computed whole by DuckDB.

The raw events, the reference tables and the served rows are of one moment. The queries are those that the versions
were built from, so the check is of what runs and not of what the project's files say today.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurectl.errors import UsageError, did_you_mean
from featurectl.services.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import duckdb

    from featurectl.engines.base import Engine, Moment, State, Version
    from featurectl.engines.parity import Comparison, Tolerance
    from featurectl.engines.raw_parity import RawTable
    from featurectl.log import EventLog
    from featurectl.settings import Settings

__all__ = ["Verification", "ViewParity", "verify"]


@dataclass(frozen=True)
class ViewParity:
    """One public view: the version that it shows, and what differs."""

    view: str
    version: str
    comparison: Comparison


@dataclass(frozen=True)
class Verification:
    """What was compared and what was found."""

    engine: str
    views: tuple[ViewParity, ...]
    sources: tuple[RawTable, ...]
    seconds: float

    @property
    def is_equal(self) -> bool:
        """Whether everything that could be compared is equal."""
        return all(v.comparison.is_equal for v in self.views) and all(s.is_equal for s in self.sources)


def verify(
    engine: Engine,
    settings: Settings,
    log: EventLog,
    views: Sequence[str] = (),
    *,
    tolerance: Tolerance | None = None,
    examples: int = 5,
    progress: Callable[[str], None] | None = None,
) -> Verification:
    """Recompute live views (none named: all) from the stored raw events and compare.

    Raises:
        UsageError: nothing is applied, or no live view has that name.
        EngineError: the engine cannot be read, or a public view is gone.
    """
    started = time.monotonic()
    say = progress or _silent
    with scratch(settings, "verify") as (folder, con), engine.moment(folder) as moment:
        wanted = _wanted(moment.state, views)
        needed = _needed(moment.state, wanted)
        stored = _load(con, moment, needed, say)
        sources = tuple(
            _source(con, log, moment, table, item, examples, say)
            for table, item in stored.items()
            if table in moment.source_tables
        )
        found = tuple(_recompute_and_compare(con, moment, needed, wanted, tolerance, examples, say))
    return Verification(engine.name, found, sources, time.monotonic() - started)


def _wanted(state: State, views: Sequence[str]) -> list[Version]:
    """The live versions of these views, in the order in which they were built."""
    if not state.live:
        raise UsageError("nothing is applied here yet", hint="run: featurectl apply")
    for name in views:
        if name not in state.live:
            hint = did_you_mean(name, state.live, f"live: {', '.join(sorted(state.live))}")
            raise UsageError(f"no view {name!r} is live", hint=hint)
    chosen = set(views or state.live)
    return [v for v in state.versions if v.view in chosen and state.live[v.view] == v.number]


def _needed(state: State, wanted: Sequence[Version]) -> list[Version]:
    """The versions and all versions that they are built on."""
    by_name = {version.name: version for version in state.versions}
    found: set[str] = set()
    todo = [version.name for version in wanted]
    while todo:
        name = todo.pop()
        if name in by_name and name not in found:
            found.add(name)
            todo += by_name[name].inputs.values()
    return [version for version in state.versions if version.name in found]


def _load(
    con: duckdb.DuckDBPyConnection, moment: Moment, needed: Sequence[Version], say: Callable[[str], None]
) -> dict[str, str]:
    """The tables that the versions read, as views of the scratch database; each one's FROM item."""
    from featurectl.engines.embedded.connect import duckdb_errors, quote

    versions = {version.name for version in needed}
    tables = sorted({name for version in needed for name in version.inputs.values()} - versions)
    items = {}
    for table in tables:
        say(f"reading {table}")
        items[table] = moment.scan(table)
        with duckdb_errors(f"reading {table}"):
            con.execute(f"CREATE VIEW {quote(table)} AS SELECT * FROM {items[table]}")
    return items


def _source(
    con: duckdb.DuckDBPyConnection,
    log: EventLog,
    moment: Moment,
    table: str,
    item: str,
    examples: int,
    say: Callable[[str], None],
) -> RawTable:
    from featurectl.engines.raw_parity import compare_with_log

    say(f"comparing {table} with the log")
    source = next(source for source in moment.state.sources if source.table == table)
    columns = moment.source_tables[table]
    return compare_with_log(con, log, table, source.topic, item, columns, source.offsets, say, examples)


def _recompute_and_compare(
    con: duckdb.DuckDBPyConnection,
    moment: Moment,
    needed: Sequence[Version],
    wanted: Sequence[Version],
    tolerance: Tolerance | None,
    examples: int,
    say: Callable[[str], None],
) -> Iterator[ViewParity]:
    from featurectl.engines.embedded.connect import duckdb_errors, quote
    from featurectl.engines.embedded.translation import version_query
    from featurectl.engines.parity import compare

    own = {version.name: dict(version.columns) for version in needed}
    tables = {name for version in needed for name in version.inputs.values()} - set(own)
    schema = own | {name: dict(moment.columns(name)) for name in tables}
    chosen = {version.name for version in wanted}
    for version in needed:
        say(f"{version.name}: computing from the raw events")
        with duckdb_errors(f"{version.file}: computing {version.name}"):
            con.execute(f"CREATE TABLE {quote(version.name)} AS {version_query(version, schema)}")
        if version.name not in chosen:
            continue
        say(f"{version.view}: comparing")
        metadata = version.metadata
        key = (*metadata.get("entity", ()), metadata["event_time"]) if metadata.get("event_time") else ()
        found = compare(
            con,
            quote(version.name),
            moment.scan(version.view),
            types=moment.columns(version.view),
            key=key if metadata.get("entity") else (),
            tolerance=tolerance,
            examples=examples,
        )
        yield ViewParity(version.view, version.name, found)


def _silent(_: str) -> None:
    return
