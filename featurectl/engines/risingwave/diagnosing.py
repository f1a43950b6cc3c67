"""What `doctor` looks at on RisingWave: version, limits, licence, time zones, clock, what is being built."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from featurectl.engines.base import Finding
from featurectl.engines.risingwave.catalog import build_limit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featurectl.engines.risingwave.connection import Session

__all__ = ["diagnose"]

_NEWER = "lag by Kafka's own figures, WAIT for one object and a right batch ASOF join need 3.0"
_WITHDRAWN = {
    (2, 7, 0): (2, 7, 4),
    (2, 7, 1): (2, 7, 4),
    (2, 7, 2): (2, 7, 4),
    (2, 7, 3): (2, 7, 4),
    (2, 8, 0): (2, 8, 2),
    (2, 8, 1): (2, 8, 2),
}
_SKEW_SECONDS, _SKEW_ERROR_SECONDS = 5.0, 60.0
# Sinks that a cluster of more than 4 RWU may have with a licence only.
_LICENSED_SINKS = ("snowflake", "dynamodb", "opensearch", "bigquery", "sqlserver")
_WHAT = "looking at the server"


def diagnose(session: Session) -> Iterator[Finding]:
    """One finding a check, all of them by reading."""
    yield _version(session)
    yield _builds(session)
    yield _licensed(session)
    yield _time_zones(session)
    yield _clock(session)
    yield _stored(session)


def _version(session: Session) -> Finding:
    [[text]] = session.rows("SELECT version()", _WHAT)
    match = re.search(r"RisingWave-(\d+)\.(\d+)\.(\d+)", text)
    if match is None:
        return Finding("version", "warning", text, "a release has three numbers: what this one can is not known")
    version = (int(match[1]), int(match[2]), int(match[3]))
    said = f"RisingWave {'.'.join(match.groups())}"
    if version in _WITHDRAWN:
        return Finding(
            "version", "warning", f"{said} was withdrawn", f"upgrade to {'.'.join(map(str, _WITHDRAWN[version]))}"
        )
    return Finding("version", "ok", said if version >= (3, 0, 0) else f"{said}; {_NEWER}")


def _builds(session: Session) -> Finding:
    limit = build_limit(session)
    under_way = len(session.rows("SELECT ddl_id FROM rw_catalog.rw_ddl_progress", _WHAT))
    said = f"{under_way} under way, max_concurrent_creating_streaming_jobs = {limit or 'no limit'}"
    if limit and under_way >= limit:
        remedy = (
            "the next build waits for them; ALTER SYSTEM SET max_concurrent_creating_streaming_jobs = 4 lets more run"
        )
        return Finding("builds", "warning", said, remedy)
    return Finding("builds", "ok", said)


def _licensed(session: Session) -> Finding:
    secrets = session.rows("SELECT name FROM rw_catalog.rw_secrets", _WHAT)
    sinks = session.rows("SELECT name, connector FROM rw_catalog.rw_sinks", _WHAT)
    used = ["SecretManagement"] if secrets else []
    used += [f"sink {name} ({kind})" for name, kind in sinks if str(kind).lower().startswith(_LICENSED_SINKS)]
    if used:
        remedy = "free up to 4 RWU (4 CPU, 16 GiB); a larger cluster needs a licence key"
        return Finding("licence", "warning", f"bound to a licence: {', '.join(used)}", remedy)
    return Finding("licence", "ok", "nothing in use is bound to a licence")


def _time_zones(session: Session) -> Finding:
    rows = session.rows(
        "SELECT relationname, relationtimezone FROM rw_catalog.rw_relation_info"
        " WHERE relationtype = 'MATERIALIZED VIEW' ORDER BY 1",
        _WHAT,
    )
    others = [f"{name} ({zone})" for name, zone in rows if zone and zone.upper() not in ("UTC", "ETC/UTC")]
    if others:
        remedy = "they reckon days and hours there for ever: create them again in a session in UTC"
        return Finding("time zone", "warning", f"not in UTC: {', '.join(others[:5])}", remedy)
    return Finding("time zone", "ok", "UTC, in every materialized view")


def _clock(session: Session) -> Finding:
    before = time.time()
    [[theirs]] = session.rows("SELECT extract(epoch FROM now())", _WHAT)
    ahead = float(theirs) - (before + time.time()) / 2
    said = f"the server's clock is {abs(ahead):.1f} s {'ahead' if ahead > 0 else 'behind'}"
    if abs(ahead) < _SKEW_SECONDS:  # now() is that of the last barrier
        return Finding("clock", "ok", f"{said}, of which barriers explain some")
    level = "error" if abs(ahead) > _SKEW_ERROR_SECONDS else "warning"
    return Finding("clock", level, said, "let NTP set both clocks; or the server's barriers are stuck")


def _stored(session: Session) -> Finding:
    [[size]] = session.rows(
        "SELECT coalesce(sum(total_key_size + total_value_size), 0) FROM rw_catalog.rw_table_stats", _WHAT
    )
    return Finding("state", "ok", f"{float(size) / (1 << 20):,.1f} MiB stored; what is left there only the server sees")
