"""Reading: queries, the newest features, rejected messages, status, descriptions."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from featurectl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featurectl.engines.base import Engine, Result, State, Version

__all__ = ["StatusRow", "default_query", "describe", "query", "rejected", "status"]

DEFAULT_VIEW = "features_enriched"
_NEWEST_ROWS = 10


@dataclass(frozen=True)
class StatusRow:
    """One relation: what it is, how many rows, how fresh. `freshness_seconds`: now minus the newest event time."""

    name: str
    kind: str
    version: str | None
    rows: int | None
    newest: datetime | None
    freshness_seconds: float | None
    refreshed_at: datetime | None
    detail: str = ""


@contextmanager
def query(engine: Engine, sql: str | None) -> Iterator[Result]:
    """Run a read-only query; without SQL, the newest rows of `features_enriched`."""
    with engine.query(sql or default_query(engine.inspect())) as result:
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
    return (v.view for v in state.versions if state.live.get(v.view) == v.number)


@contextmanager
def rejected(engine: Engine, topic: str, limit: int | None = None) -> Iterator[Result]:
    """The messages of a topic that its views refuse: topic, partition, offset, ingestion time, reason, bytes."""
    state = engine.inspect()
    table = next((s.table for s in state.sources if topic in (s.topic, s.table)), None)
    if table is None:
        known = ", ".join(s.topic for s in state.sources) or "none"
        raise UsageError(f"no source table reads the topic {topic!r}", hint=f"known topics: {known}")
    view = next((v for v in _live(state) if v.metadata.get("rejects") == table), None)
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


def status(engine: Engine) -> list[StatusRow]:
    """Every source table and live view with its rows and freshness."""
    state = engine.inspect()
    rows = [
        StatusRow(s.table, "source table", None, s.rows, None, None, None, f"topic {s.topic}, {_offsets(s.offsets)}")
        for s in state.sources
    ]
    now = datetime.now(UTC)
    newest = _newest(engine, state)
    counted = _counted(engine, state) if engine.capabilities.refreshes_by_itself else {}
    for version in _live(state):
        seen = newest.get(version.view)
        age = None if seen is None else (now - seen).total_seconds()
        kept = sorted(v.number for v in state.versions if v.view == version.view and v.number != version.number)
        detail = f"also kept: {', '.join(f'v{n}' for n in kept)}" if kept else ""
        rows.append(
            StatusRow(
                version.view, "view", version.name, counted.get(version.view, version.rows), seen, age,
                None if counted else version.refreshed_at, detail,
            )
        )  # fmt: skip
    return rows


def _counted(engine: Engine, state: State) -> dict[str, int]:
    """The rows of the live views now, where the ledger's number is that of the day when they were built."""
    views = [version.view for version in _live(state)]
    if not views:
        return {}
    with engine.query(f"SELECT {', '.join(f'(SELECT count(*) FROM {v}) AS {v}' for v in views)}") as result:
        [row] = result.all()
    return dict(zip(views, row, strict=True))


def _offsets(offsets: Any) -> str:
    return "no events yet" if not offsets else "next offset " + ", ".join(f"{p}:{o:,}" for p, o in offsets.items())


def _live(state: State) -> list[Version]:
    return [v for v in state.versions if state.live.get(v.view) == v.number]


def _newest(engine: Engine, state: State) -> dict[str, datetime | None]:
    timed = [v for v in _live(state) if v.metadata.get("event_time")]
    if not timed:
        return {}
    columns = ", ".join(f'(SELECT max("{v.metadata["event_time"]}") FROM {v.view}) AS {v.view}' for v in timed)
    with engine.query(f"SELECT {columns}") as result:
        [row] = result.all()
    return {v.view: None if at is None else at.astimezone(UTC) for v, at in zip(timed, row, strict=True)}


def describe(engine: Engine, name: str) -> tuple[Version, list[tuple[str, str, str]]]:
    """A live view's version, and its columns with type and description. Raises UsageError for an unknown name."""
    state = engine.inspect()
    view, _, number = name.rpartition("_v")
    version = state.live_version(name) or (state.version(view, int(number)) if number.isdigit() else None)
    if version is None:
        raise UsageError(f"no view {name!r} is applied here", hint=f"applied: {', '.join(state.live) or 'none'}")
    return version, [(c, kind, version.descriptions.get(c, "")) for c, kind in version.columns.items()]
