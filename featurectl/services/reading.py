"""Reading: queries, the newest features, rejected messages, descriptions."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from featurectl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from featurectl.dialect.reach import Reach
    from featurectl.engines.base import Engine, Result, State, Version

__all__ = ["default_query", "describe", "query", "refreshed_how", "rejected"]

DEFAULT_VIEW = "features_enriched"
_NEWEST_ROWS = 10


@contextmanager
def query(
    engine: Engine, sql: str | None, environment: str | None = None, as_of: datetime | None = None
) -> Iterator[Result]:
    """Run a read-only query; without SQL, the newest rows of `features_enriched`. Raises UsageError."""
    with engine.query(sql or default_query(engine.inspect().seen_in(environment)), environment, as_of) as result:
        yield result


def default_query(state: State) -> str:
    """The newest rows of `features_enriched`, or, where there is none, of the view released last."""
    if not state.live:
        raise UsageError("nothing is applied here yet", hint="run: featurectl apply")
    name = DEFAULT_VIEW if DEFAULT_VIEW in state.live else list(_by_position(state))[-1]
    version = state.live_version(name)
    assert version is not None
    order = [version.metadata.get("event_time"), *version.metadata.get("entity", ())]
    terms = ", ".join(f'"{column}"{" DESC" if i == 0 else ""}' for i, column in enumerate(order) if column)
    return f"SELECT * FROM {name}{' ORDER BY ' + terms if terms else ''} LIMIT {_NEWEST_ROWS}"


def _by_position(state: State) -> Iterator[str]:
    return (version.view for version in state.live_versions())


@contextmanager
def rejected(engine: Engine, topic: str, limit: int | None = None) -> Iterator[Result]:
    """The messages of a topic that its views refuse: topic, partition, offset, ingestion time, reason, bytes."""
    state = engine.inspect()
    table = next((s.table for s in state.sources if topic in (s.topic, s.table)), None)
    if table is None:
        known = ", ".join(s.topic for s in state.sources) or "none"
        raise UsageError(f"no source table reads the topic {topic!r}", hint=f"known topics: {known}")
    view = next((v for v in state.live_versions() if v.metadata.get("rejects") == table), None)
    if view is None:
        raise UsageError(
            f"no view lists what is refused of {table}", hint=f"add `rejects: {table}` to the metadata of one that does"
        )
    name = next(s.topic for s in state.sources if s.table == table).replace("'", "''")
    sql = (
        f'SELECT \'{name}\' AS topic, log_partition AS "partition", log_offset AS "offset", ingested_at, reason, data'
        f" FROM {view.view} ORDER BY log_partition, log_offset"
    )
    with engine.query(f"{sql} LIMIT {limit}" if limit is not None else sql) as result:
        yield result


def describe(engine: Engine, name: str, environment: str | None = None) -> tuple[Version, list[tuple[str, str, str]]]:
    """The version that a view shows, and its columns with type and description. Raises UsageError."""
    state = engine.inspect().seen_in(environment)
    view, _, number = name.rpartition("_v")
    version = state.live_version(name) or (state.version(view, int(number)) if number.isdigit() else None)
    if version is None:
        raise UsageError(f"no view {name!r} is applied here", hint=f"applied: {', '.join(state.live) or 'none'}")
    return version, [(c, kind, version.descriptions.get(c, "")) for c, kind in version.columns.items()]


def refreshed_how(engine: Engine, version: Version) -> Reach | None:
    """What a refresh of the version computes; None on an engine that refreshes by itself. Raises EngineError."""
    from featurectl.engines.embedded.translation import version_reach

    if engine.capabilities.refreshes_by_itself:
        return None
    with engine.moment(Path()) as moment:
        schema = {name: dict(moment.columns(name)) for name in version.inputs.values()}
        versions = {each.name for each in moment.state.versions}
        return version_reach(version, schema, set(schema) - versions - set(moment.source_tables))
