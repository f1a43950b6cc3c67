"""`status`: source tables and how far behind the log they are, live views, what is refused, what is being built."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from featurectl.errors import FeaturectlError
from featurectl.project.metadata import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from featurectl.engines.base import Engine, SourceState, State, Version
    from featurectl.log import EventLog

__all__ = ["StatusRow", "status"]


@dataclass(frozen=True)
class StatusRow:
    """One relation: what it is, how many rows, how fresh.

    `freshness_seconds`: now minus the newest event time; `freshness_limit`: how many of them the view's metadata
    allows; `event_time`: the view's column of event times. `lag`: events that the log holds and the source table does
    not yet, None where that cannot be said; `lag_by_partition` the same in parts. `rejected`: messages of a source
    table that its views refuse, None where no view lists them. `refresh_seconds`, `refresh_touched` and `refresh_how`:
    how long the last refresh of a view took, how many rows came or went, and whether it was computed "by row", "partly"
    or whole, with the reason; None on engines that refresh by themselves.
    """

    name: str
    kind: str  # "source table", "view", "build"
    version: str | None = None
    rows: int | None = None
    newest: datetime | None = None
    freshness_seconds: float | None = None
    lag: int | None = None
    rejected: int | None = None
    refreshed_at: datetime | None = None
    detail: str = ""
    freshness_limit: float | None = None
    event_time: str | None = None
    lag_by_partition: Mapping[int, int] = field(default_factory=dict)
    refresh_seconds: float | None = None
    refresh_touched: int | None = None
    refresh_how: str | None = None


class _Measure(NamedTuple):
    """What a view shows now; `trouble` says why nobody can read it."""

    rows: int | None = None
    newest: datetime | None = None
    trouble: str = ""


def status(engine: Engine, log: EventLog | None = None) -> list[StatusRow]:
    """Every source table, live view and build under way.

    The log is asked for its ends, until it first fails: then the rows say so, and the rest stands. Raises EngineError.
    """
    state = engine.inspect()
    now = datetime.now(UTC)
    live = state.live_versions()
    measured = _measured(engine, live)
    refused = {v.metadata["rejects"]: measured[v.view].rows for v in live if v.metadata.get("rejects")}
    views = [_view_row(engine, state, version, measured[version.view], now) for version in live]
    return [*_source_rows(state.sources, log, refused), *views, *_build_rows(engine)]


def _source_rows(
    sources: Iterable[SourceState], log: EventLog | None, refused: Mapping[str, int | None]
) -> Iterator[StatusRow]:
    trouble = "" if log is not None else "lag unknown: the log was not asked"
    for source in sources:
        lags: dict[int, int] = {}
        said = trouble
        if log is not None and not trouble:
            try:
                lags, said = _lags(source, log.end_offsets(source.topic))
            except FeaturectlError as error:
                said = trouble = f"lag unknown: {error}"
        known = bool(lags) and min(lags.values()) >= 0
        detail = "; ".join(part for part in (f"topic {source.topic}", said, _offsets(source.offsets)) if part)
        yield StatusRow(
            source.table, "source table", rows=source.rows, lag=sum(lags.values()) if known else None,
            rejected=refused.get(source.table), detail=detail, lag_by_partition=lags,
        )  # fmt: skip


def _lags(source: SourceState, ends: Mapping[int, int]) -> tuple[dict[int, int], str]:
    """How far each partition is behind, and what is to be said about it."""
    lags = {partition: end - source.offsets.get(partition, 0) for partition, end in sorted(ends.items())}
    if not lags:
        return lags, "lag unknown: the topic does not exist"
    if min(lags.values()) < 0:
        return lags, "lag unknown: the table has read further than the topic reaches; was it made anew?"
    behind = ", ".join(f"{partition}:{lag:,}" for partition, lag in lags.items() if lag)
    return lags, f"behind {behind}" if behind else ""


def _offsets(offsets: Mapping[int, int]) -> str:
    return "no events yet" if not offsets else "next offset " + ", ".join(f"{p}:{o:,}" for p, o in offsets.items())


def _view_row(engine: Engine, state: State, version: Version, measure: _Measure, now: datetime) -> StatusRow:
    kept = sorted(v.number for v in state.versions if v.view == version.view and v.number != version.number)
    also = f"also kept: {', '.join(f'v{number}' for number in kept)}" if kept else ""
    last = version.refresh
    refreshed = f"refreshed {last.how} in {last.seconds:.2f} s, {last.touched:,} rows touched" if last else ""
    return StatusRow(
        version.view, "view", version.name, measure.rows, measure.newest,
        None if measure.newest is None else (now - measure.newest).total_seconds(),
        refreshed_at=None if engine.capabilities.refreshes_by_itself else version.refreshed_at,
        detail="; ".join(part for part in (measure.trouble, refreshed, also) if part),
        freshness_limit=_limit(version), event_time=version.metadata.get("event_time"),
        refresh_seconds=last.seconds if last else None, refresh_touched=last.touched if last else None,
        refresh_how=last.how if last else None,
    )  # fmt: skip


def _limit(version: Version) -> float | None:
    said = version.metadata.get("freshness")
    return parse_duration(said).total_seconds() if said else None


def _build_rows(engine: Engine) -> list[StatusRow]:
    rows = []
    for build in engine.building():
        elapsed = "" if build.seconds is None else f", for {build.seconds:.0f} s"
        rows.append(StatusRow(build.name, "build", build.name, detail=f"{build.progress}{elapsed}"))
    return rows


def _measured(engine: Engine, live: list[Version]) -> dict[str, _Measure]:
    """Rows and newest event time of the live views: one statement, or one each where a view cannot be read."""
    if not live:
        return {}
    try:
        return _asked(engine, live)
    except FeaturectlError:
        engine.inspect()  # raises where it is the engine that cannot be read
    found: dict[str, _Measure] = {}
    for version in live:
        try:
            found |= _asked(engine, [version])
        except FeaturectlError as error:
            found[version.view] = _Measure(trouble=f"cannot be read: {error}")
    return found


def _asked(engine: Engine, live: list[Version]) -> dict[str, _Measure]:
    sql = " UNION ALL ".join(
        f"SELECT {number} AS n, count(*) AS row_count, {_newest(version)} AS newest FROM {version.view}"
        for number, version in enumerate(live)
    )
    with engine.query(sql) as result:
        return {
            live[number].view: _Measure(rows, None if newest is None else newest.astimezone(UTC))
            for number, rows, newest in result.all()
        }


def _newest(version: Version) -> str:
    """The greatest event time as an instant; a time without a zone is in UTC."""
    column = version.metadata.get("event_time")
    if not column:
        return "NULL::timestamptz"
    kind = version.columns.get(column, "timestamptz")
    return f'max("{column}")' if kind == "timestamptz" else f"max(\"{column}\")::timestamp AT TIME ZONE 'UTC'"
