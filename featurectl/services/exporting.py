"""`export`: features as Parquet files by view, version and month, which anything reads without us.

OUT/VIEW/version=N/month=YYYY-MM/features.parquet has the view's columns, sorted by entity and time; the month is that
of the event time in UTC. A second export writes only the months whose rows have changed. Each file is replaced whole,
by a rename or one upload; OUT/_featurectl/VIEW_vN.json names the months and is written last. It lies apart, because not
every reader of a folder of Parquet passes over other files. OUT is a folder, or a place in object storage (s3://…).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from featurectl.engines.embedded.connect import duckdb_errors, quote, text_literal
from featurectl.errors import UsageError
from featurectl.services.places import place_of
from featurectl.services.scratch import scratch
from featurectl.services.selecting import choose_live

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from featurectl.engines.base import Engine, State, Version
    from featurectl.services.places import Place
    from featurectl.settings import Settings

__all__ = ["ExportedView", "export"]

_FILE, _CONTENTS = "features.parquet", "_featurectl"


@dataclass(frozen=True)
class ExportedView:
    """A version in the export: months that were written, that stood as they were, that are gone, and rows in all."""

    view: str
    version: str
    written: int
    kept: int
    removed: int
    rows: int


@dataclass(frozen=True)
class _Month:
    """One file: its month, how many rows it has, and a digest of them."""

    month: str
    rows: int
    digest: str


def export(
    engine: Engine,
    settings: Settings,
    out: Path | str,
    views: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> list[ExportedView]:
    """Bring a folder up to date with live views (none named: all that have an entity and an event time).

    Raises:
        UsageError: nothing is applied, an unknown view, one without entity and event time, or no folder.
        EngineError: the engine cannot be read, or the folder not written.
        BucketError: the object storage cannot be written.
    """
    found = []
    place = place_of(out)
    with scratch(settings, "export") as (folder, con), engine.moment(folder) as moment:
        for version in _wanted(moment.state, views):
            if progress is not None:
                progress(f"exporting {version.name}")
            with duckdb_errors(f"exporting {version.name}"):
                con.execute(f"CREATE OR REPLACE VIEW exported AS SELECT * FROM {moment.scan(version.name)}")
                found.append(_export(con, version, place, folder))
    return found


def _wanted(state: State, views: Sequence[str]) -> list[Version]:
    def unfit(version: Version) -> UsageError | None:
        if version.is_dated:
            return None
        hint = f"say them in {version.file}"
        return UsageError(f"{version.view} has no entity and event time to be exported by", hint=hint)

    return choose_live(state, views, unfit)


def _export(con: duckdb.DuckDBPyConnection, version: Version, place: Place, scratch_folder: Path) -> ExportedView:
    folder = f"{version.view}/version={version.number}"
    content = f"{_CONTENTS}/{version.name}.json"
    at = quote(version.metadata["event_time"])
    month = f"strftime(({at}::TIMESTAMPTZ) AT TIME ZONE 'UTC', '%Y-%m')"
    rows = con.execute(
        f"SELECT {month} AS month, count(*), printf('%016x%016x', bit_xor(hash(__rows)),"
        f" (sum(hash(__rows)) % {1 << 64})::UBIGINT) FROM exported AS __rows WHERE isfinite({at}) GROUP BY 1 ORDER BY 1"
    ).fetchall()
    now = {month: _Month(month, count, digest) for month, count, digest in rows}
    was, there = _parsed(place.read(content), version), set(place.files(folder))
    written = [m for name, m in now.items() if was.get(name) != m or f"month={name}/{_FILE}" not in there]
    for each in written:
        path = scratch_folder / f"{version.name}.{each.month}.parquet"
        _write(con, version, f"{month} = {text_literal(each.month)} AND isfinite({at})", path)
        place.put(path, f"{folder}/month={each.month}/{_FILE}")
    place.write(content, _content(version, now))
    gone = sorted({name.partition("/")[0] for name in there} - {f"month={name}" for name in now})
    place.remove([f"{folder}/{name}" for name in gone if name.startswith("month=")])
    total = sum(each.rows for each in now.values())
    return ExportedView(version.view, version.name, len(written), len(now) - len(written), len(gone), total)


def _write(con: duckdb.DuckDBPyConnection, version: Version, condition: str, path: Path) -> None:
    order = ", ".join(map(quote, (*version.metadata["entity"], version.metadata["event_time"])))
    con.execute(
        f"COPY (SELECT * FROM exported WHERE {condition} ORDER BY {order}) TO {text_literal(str(path))}"
        " (FORMAT parquet, COMPRESSION zstd)"
    )


def _parsed(text: bytes | None, version: Version) -> dict[str, _Month]:
    """The months that the last export left, if it was of the same meaning and hashed in the same way."""
    try:
        content: dict[str, Any] = json.loads(text or b"")
        if (content["fingerprint"], content["hashed_by"]) != (version.fingerprint, duckdb.__version__):
            return {}
        return {m["month"]: _Month(**m) for m in content["months"]}
    except (ValueError, KeyError, TypeError):  # none yet, or somebody else's: then all is written
        return {}


def _content(version: Version, months: Mapping[str, _Month]) -> bytes:
    content = {
        "view": version.view,
        "version": version.number,
        "fingerprint": version.fingerprint,
        "hashed_by": duckdb.__version__,
        "months": [asdict(month) for month in months.values()],
    }
    return f"{json.dumps(content, indent=1)}\n".encode()
