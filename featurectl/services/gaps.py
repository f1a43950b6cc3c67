"""`gaps`: steps of a view's grain that should be there and are not, for each entity, and why that may be."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from featurectl.engines import ranges
from featurectl.errors import UsageError
from featurectl.project.metadata import parse_duration
from featurectl.services.selecting import choose_live

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from featurectl.engines.base import Engine, State, Version

__all__ = ["Gap", "find_gaps", "merged"]

_MOST_REJECTED = 100_000


@dataclass(frozen=True)
class Gap:
    """Steps that one entity lacks: from `start` on, before `end`.

    `cause`: no event, rejected, nothing since, or late, which is not due yet.
    """

    view: str
    entity: tuple[Any, ...]
    start: datetime
    end: datetime
    steps: int
    cause: str


@dataclass(frozen=True)
class _Refused:
    """A refused message: what it says, as far as it can be read."""

    reason: str
    times: frozenset[datetime]
    words: frozenset[str] = field(default_factory=frozenset)


def find_gaps(
    engine: Engine,
    views: Sequence[str] = (),
    start: datetime | None = None,
    end: datetime | None = None,
    now: datetime | None = None,
) -> list[Gap]:
    """The gaps of live views (none named: of all that have a grain), by view, entity and time.

    Without `start` an entity is expected from its first row on; without `end` until the last row of the view. `now`:
    by which it is told what is not due yet; None: the clock's.

    Raises:
        UsageError: nothing is applied, an unknown view, or one without entity, event time and grain.
        EngineError: the engine cannot be read.
    """
    if start is not None and end is not None and start >= end:
        raise UsageError("the range ends before it begins", hint="--to is later than --from, and itself left out")
    state = engine.inspect()
    waiting = None
    found = []
    for version in _wanted(state, views):
        refused = None
        for gap in _of_view(engine, version, start, end):
            if refused is None:
                refused = list(_refused(engine, state, version))
            if waiting is None:
                waiting = engine.has_news()
            found.append(_explained(gap, refused, waiting, _is_due(version, gap, now or datetime.now(UTC))))
    return found


def merged(gaps: Iterable[Gap]) -> list[tuple[datetime, datetime]]:
    """The ranges in which any entity lacks something, [start, end), in order."""
    return ranges.merged((gap.start, gap.end) for gap in gaps)


def _wanted(state: State, views: Sequence[str]) -> list[Version]:
    def unfit(version: Version) -> UsageError | None:
        if all(version.metadata.get(key) for key in ("entity", "event_time", "grain")):
            return None
        hint = f"say entity, event_time and grain in {version.file}"
        return UsageError(f"what {version.view} lacks cannot be known", hint=hint)

    return choose_live(state, views, unfit)


def _of_view(engine: Engine, version: Version, start: datetime | None, end: datetime | None) -> Iterator[Gap]:
    grain = parse_duration(version.metadata["grain"])
    start = _at_a_step(start, grain) if start is not None else None
    edges = _edges(engine, version, start, end)
    if start is not None and end is not None:  # who has nothing at all in the range lacks all of it
        for absent in _edges(engine, version, None, None).keys() - edges.keys():
            yield Gap(version.view, absent, start, end, -((start - end) // grain), "no event")
    last = end or max((newest + grain for _, newest in edges.values()), default=None)
    inner: dict[tuple[Any, ...], list[tuple[datetime, datetime]]] = {}
    for *key, at, following in _inner(engine, version, grain, start, end):
        inner.setdefault(tuple(key), []).append((_utc(at) + grain, _utc(following)))
    for entity, (oldest, newest) in sorted(edges.items(), key=lambda item: str(item[0])):
        before = [(start, oldest)] if start is not None else []
        after = [(newest + grain, last)] if last is not None else []
        for begins, ends in [*before, *inner.get(entity, []), *after]:
            steps = -((begins - ends) // grain)
            if steps > 0:
                cause = "nothing since" if begins > newest else "no event"
                yield Gap(version.view, entity, begins, ends, steps, cause)


def _edges(
    engine: Engine, version: Version, start: datetime | None, end: datetime | None
) -> dict[tuple[Any, ...], tuple[datetime, datetime]]:
    """Each entity's first and last event time within the range."""
    keys, at = _names(version)
    sql = (
        f"SELECT {keys}, min({at}) AS oldest, max({at}) AS newest FROM {version.view}"
        f" WHERE {_within(at, start, end)} GROUP BY {keys}"
    )
    with engine.query(sql) as result:
        return {tuple(entity): (_utc(oldest), _utc(newest)) for *entity, oldest, newest in result.all()}


def _inner(
    engine: Engine, version: Version, grain: timedelta, start: datetime | None, end: datetime | None
) -> list[tuple[Any, ...]]:
    """Rows behind which the next one of the entity is more than a step away."""
    keys, at = _names(version)
    seconds = int(grain.total_seconds())
    sql = (
        f"SELECT {keys}, {at}, following FROM (SELECT {keys}, {at}, lead({at}) OVER (PARTITION BY {keys} ORDER BY {at})"
        f" AS following FROM (SELECT DISTINCT {keys}, {at} FROM {version.view} WHERE {_within(at, start, end)}) AS d"
        f") AS p WHERE following > {at} + INTERVAL '{seconds} seconds' ORDER BY {keys}, {at}"
    )
    with engine.query(sql) as result:
        return result.all()


def _names(version: Version) -> tuple[str, str]:
    keys = ", ".join(f'"{column}"' for column in version.metadata["entity"])
    return keys, f'"{version.metadata["event_time"]}"'


def _within(at: str, start: datetime | None, end: datetime | None) -> str:
    parts = [f"{at} IS NOT NULL"]
    parts += [f"{at} >= '{start.astimezone(UTC).isoformat()}'::timestamptz"] if start is not None else []
    parts += [f"{at} < '{end.astimezone(UTC).isoformat()}'::timestamptz"] if end is not None else []
    return " AND ".join(parts)


def _refused(engine: Engine, state: State, version: Version) -> Iterator[_Refused]:
    """The refused messages of the topics below a view, as far as they are JSON."""
    below = state.below(version)
    for lister in state.versions:
        if lister.metadata.get("rejects") in below and state.live.get(lister.view) == lister.number:
            with engine.query(f"SELECT reason, data FROM {lister.view} LIMIT {_MOST_REJECTED}") as result:
                for batch in result.batches:
                    yield from (_read(str(reason), bytes(data)) for reason, data in batch if data is not None)


def _read(reason: str, data: bytes) -> _Refused:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return _Refused(reason, frozenset())
    values = [str(value) for value in content.values()] if isinstance(content, dict) else []
    return _Refused(reason, frozenset(at for value in values for at in _times(value)), frozenset(values))


def _times(value: str) -> Iterator[datetime]:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return
    yield at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _explained(gap: Gap, refused: Sequence[_Refused], waiting: bool, is_due: bool) -> Gap:
    entity = {str(value) for value in gap.entity}
    hits = [r for r in refused if any(gap.start <= at < gap.end for at in r.times) and (entity & r.words)]
    if hits:
        reasons = ", ".join(sorted({hit.reason for hit in hits}))
        return replace(gap, cause=f"rejected: {len(hits)} message{'s' if len(hits) > 1 else ''} ({reasons})")
    if gap.cause == "nothing since" and waiting:
        return replace(gap, cause="nothing since; events wait in the log")
    return gap if is_due else replace(gap, cause="late: not due yet")


def _is_due(version: Version, gap: Gap, now: datetime) -> bool:
    """Whether the first step that is missing should be known by now: its time plus `available_after` is over."""
    late = version.metadata.get("available_after")
    return gap.start + (parse_duration(late) if late else timedelta(0)) <= now


def _at_a_step(at: datetime, grain: timedelta) -> datetime:
    """The first step that does not begin before a time."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch - ((epoch - at) // grain) * grain


def _utc(value: date) -> datetime:
    """An instant; of a date its midnight."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
