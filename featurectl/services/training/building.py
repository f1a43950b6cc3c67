"""Makes a training set: the spine, the features of each view as they were known, labels, parts; and its manifest."""

from __future__ import annotations

import platform
import re
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from featurectl import __version__
from featurectl.dialect._types import duckdb_type
from featurectl.engines.base import Pin
from featurectl.engines.embedded.connect import duckdb_errors, quote, text_literal
from featurectl.errors import EngineError, FeaturectlError, UsageError
from featurectl.services.recording import WAIT_FOR_REFRESH, git_commit, who
from featurectl.services.scratch import replacing, scratch
from featurectl.services.training.features import feature_groups
from featurectl.services.training.grid import TIME, grid_query, require_known_entities
from featurectl.services.training.joining import Joined, join_group
from featurectl.services.training.labels import SPLIT, due, label_group, split_expression
from featurectl.services.training.manifest import Manifest, differing, hash_of_file, read_manifest, write_manifest
from featurectl.services.training.request import document_of, request_of
from featurectl.services.training.spine import ROW, SPINE, is_sql, load_spine
from featurectl.services.training.sql import exact_path, instant
from featurectl.services.training.timeline import segments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from featurectl.engines.base import Engine, Moment, State, Version
    from featurectl.services.training.features import FeatureGroup
    from featurectl.services.training.labels import Label
    from featurectl.services.training.request import Request
    from featurectl.services.training.spine import Spine
    from featurectl.settings import Settings

__all__ = ["TrainingSet", "build_training_set", "rebuild_training_set"]

_LABEL = "label"
_NO_HISTORY = "it is recorded from the first apply on, unless the view says history: false; or leave --known-at out"
_NUMBERS = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)")


@dataclass(frozen=True)
class TrainingSet:
    """A training set that was written: its file, its manifest, and what to know of it.

    `missing` counts, for each feature and label, the rows in which it is NULL; `ties` the rows for which several
    rows of a view share entity and time. `unrecorded` says why plans will not name it as a consumer, if so.
    """

    path: Path
    manifest: Manifest
    rows: int
    missing: Mapping[str, int]
    ties: Mapping[str, int]
    parts: Mapping[str, int]
    seconds: float
    unrecorded: str | None = None


def build_training_set(
    engine: Engine,
    settings: Settings,
    request: Request,
    out: Path,
    *,
    consumer: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> TrainingSet:
    """Write a training set as Parquet, and its manifest beside it; whole, or not at all.

    Args:
        engine: Has the features.
        settings: The project's.
        request: What is asked for.
        out: The Parquet file.
        consumer: Under which name the versions are pinned, so that plans show it and `gc` keeps them; None: not.
        progress: Told what is being done.

    Raises:
        UsageError: features, ranges or names that do not fit.
        SpineError: a spine that cannot be read or joined.
        EngineError: the engine, the disk or memory.
    """
    started = time.monotonic()
    say = progress or _silent
    _require_another_file(request.spine, out)
    if (request.spine is None) == (request.grid is None):
        raise UsageError("either a spine or a range of time is given", hint="--spine FILE, or --from and --to")
    with (
        scratch(settings, "training") as (folder, con),
        engine.moment(folder) as moment,
        duckdb_errors("the training set"),
    ):
        work = _Work(con, moment, engine, folder, request, say)
        query = work.query()
        _write(con, query, out, say)
        manifest = _manifest(con, work, settings, engine, out)
    write_manifest(manifest, out)
    unrecorded = _record(engine, consumer, work.used) if consumer else None
    return TrainingSet(
        out,
        manifest,
        work.spine.rows,
        {name: said["nulls"] for name, said in manifest.columns.items() if name not in work.spine.columns},
        {joined.group.view: joined.ties for joined in work.joined if joined.ties},
        work.parts(out),
        time.monotonic() - started,
        unrecorded,
    )


def rebuild_training_set(
    engine: Engine,
    settings: Settings,
    manifest: Path,
    out: Path,
    *,
    spine: Any = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[TrainingSet, list[str]]:
    """Make a training set again from its manifest; returns it, and what is another in it (nothing: bit for bit).

    `spine` stands for the manifest's, which does not hold a frame. Raises as `build_training_set` does, and
    EngineError where a version is gone or means something else.
    """
    old = read_manifest(manifest)
    request = request_of(old.request)
    if spine is not None:
        request = replace(request, spine=spine)
    if request.spine is None and request.grid is None:
        raise UsageError("the spine was a data frame, which no manifest holds", hint="give it again: --spine FILE")
    _require_same_meaning(engine.inspect(), old)
    made = build_training_set(engine, settings, request, out, progress=progress)
    return made, differing(old, made.manifest)


def _require_same_meaning(state: State, manifest: Manifest) -> None:
    for name, said in manifest.views.items():
        version = state.named(name)
        if version is None:
            raise EngineError(f"{name}, of which the training set was made, is gone", hint="git has its SQL; apply it")
        if version.fingerprint != said["fingerprint"]:
            raise EngineError(
                f"{name} is {version.fingerprint[:16]}, the training set was made of {said['fingerprint'][:16]}",
                hint="it means something else: another engine, or another project",
            )


def _require_another_file(spine: Any, out: Path) -> None:
    if isinstance(spine, str | Path) and not is_sql(spine) and Path(spine).resolve() == out.resolve():
        raise UsageError(f"{out} is the spine", hint="write the training set to another file")


class _Work:
    """One training set in one connection."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        moment: Moment,
        engine: Engine,
        folder: Path,
        request: Request,
        say: Callable[[str], None],
    ) -> None:
        self.con, self.moment, self.request, self._say = con, moment, request, say
        self._scans: dict[str, str] = {}
        self.used: list[Version] = []
        self.groups = feature_groups(moment.state, request.features, full_names=request.full_names)
        label = request.label
        self.label = label_group(label, moment.state, self.groups) if label is not None else None
        self.spine = self._load(engine, folder)
        self._require_different_names()
        self.joined = [self._join(number, group) for number, group in enumerate(self.groups)]
        self.labelled = self._join_label(label, self.label) if label is not None and self.label is not None else None

    def _load(self, engine: Engine, folder: Path) -> Spine:
        self._say("reading the spine")
        source, time_column = self.request.spine, self.request.time
        joined = [*self.groups, *([self.label] if self.label is not None else [])]
        if self.request.grid is not None:
            path, time_column = folder / "grid.parquet", TIME
            query = grid_query(self.request.grid, self.groups, lambda group: self.scan(group.version))
            require_known_entities(self.con, self.request.grid, self.groups, lambda group: self.scan(group.version))
            self.con.execute(f"COPY ({query}) TO {text_literal(str(path))} (FORMAT parquet)")
            source = path
        return load_spine(self.con, source, folder, engine, joined, time_column)

    def scan(self, version: Version) -> str:
        """The rows of a version, copied once where they have to be."""
        if version.name not in self._scans:
            self._say(f"reading {version.name}")
            self._scans[version.name] = self.moment.scan(version.name)
        return self._scans[version.name]

    def _join(self, number: int, group: FeatureGroup) -> Joined:
        self._say(f"joining {group.version.name}")
        if self.request.known_then:
            return self._join_seen(number, group)
        self.used.append(group.version)
        revision = self._revision(group.version)
        return join_group(self.con, f"joined_{number}", group, self.scan(group.version), self.spine, revision=revision)

    def _join_label(self, label: Label, group: FeatureGroup) -> Joined:
        self._say(f"label {label.feature}")
        self.used.append(group.version)
        wanted, revision = due(label, group, self.spine.time), self._revision(group.version)
        return join_group(self.con, _LABEL, group, self.scan(group.version), self.spine, revision=revision, due=wanted)

    def _join_seen(self, number: int, group: FeatureGroup) -> Joined:
        """What a reader saw, from each version for as long as it was live."""
        parts: list[Joined] = []
        at = instant(quote(self.spine.time))
        for segment in segments(self.moment.state, group):
            if segment.group is None:
                continue  # the view was dropped then
            then, rows = segment.group, self.moment.revisions(segment.group.version)
            if rows is None:
                then, rows = group, self.moment.revisions(group.version)
            if rows is None:
                raise UsageError(f"no history of {group.view} is recorded", hint=_NO_HISTORY)
            asked = f"(SELECT * FROM {SPINE} WHERE {segment.condition(at)})"
            self.used.append(then.version)
            parts.append(
                join_group(
                    self.con, f"joined_{number}_{len(parts)}", then, rows, self.spine, asked=asked,
                    revision=self._revision(then.version), known_then=True,
                    unobserved=self.moment.unobserved(then.version),
                )
            )  # fmt: skip
        kinds = group.version.columns
        columns = ", ".join(
            f"TRY_CAST({quote(n)} AS {duckdb_type(kinds[c])}) AS {quote(n)}" for n, c in group.columns.items()
        )
        whole = " UNION ALL ".join(f"SELECT {ROW}, {columns} FROM {part.table}" for part in parts)
        self.con.execute(f"CREATE TABLE joined_{number} AS {whole}")
        found, ties, observed = (sum(getattr(p, name) for p in parts) for name in ("found", "ties", "observed"))
        return Joined(f"joined_{number}", group, found, ties, observed)

    def _revision(self, version: Version) -> list[str]:
        """The columns that tell which of several rows of one entity and time is the last."""
        offsets = {roles["offset"] for roles in self.moment.source_tables.values() if "offset" in roles}
        return sorted(offsets & set(version.columns))

    def _require_different_names(self) -> None:
        added = [name for group in self.groups for name in group.columns]
        added += [*(self.label.columns if self.label else ()), *([SPLIT] if self.request.split else [])]
        given = {name.lower(): name for name in self.spine.columns}
        for name in added:
            if name.lower() in given:
                raise UsageError(
                    f"the spine has a column {given[name.lower()]}, and so would the features",
                    hint="rename the spine's, ask for single features (view.column), or for --full-names",
                )

    def query(self) -> str:
        """The training set, in the spine's order."""
        split = self.request.split
        features = {f"j{n}": joined for n, joined in enumerate(self.joined)}
        label = {"l": self.labelled} if self.labelled is not None else {}
        tables = {**label, **features}
        joins = [f" LEFT JOIN {joined.table} AS {name} ON {name}.{ROW} = s.{ROW}" for name, joined in tables.items()]
        parts = [f"{split_expression(split, self.spine.time)} AS {SPLIT}"] if split is not None else []
        selected = [f"s.* EXCLUDE ({ROW})", *parts, *(f"{name}.* EXCLUDE ({ROW})" for name in tables)]
        return f"SELECT {', '.join(selected)} FROM {SPINE} AS s{''.join(joins)} ORDER BY s.{ROW}"

    def parts(self, out: Path) -> dict[str, int]:
        """Rows by part, where the set is split."""
        if self.request.split is None:
            return {}
        with duckdb.connect() as con:
            scan = f"read_parquet({exact_path(out)}, hive_partitioning = false)"
            return dict(con.execute(f"SELECT {SPLIT}, count(*) FROM {scan} GROUP BY 1 ORDER BY 1").fetchall())


def _write(con: duckdb.DuckDBPyConnection, query: str, out: Path, say: Callable[[str], None]) -> None:
    say(f"writing {out.name}")
    con.execute("SET preserve_insertion_order = true")
    try:
        with replacing(out) as unfinished:
            con.execute(f"COPY ({query}) TO {text_literal(str(unfinished))} (FORMAT parquet, COMPRESSION zstd)")
    except (OSError, duckdb.IOException) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise EngineError(f"cannot write {out}: {reason}", hint="is there such a folder, and is it yours?") from error


def _manifest(con: duckdb.DuckDBPyConnection, work: _Work, settings: Settings, engine: Engine, out: Path) -> Manifest:
    state = work.moment.state
    return Manifest(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        target=engine.name,
        request=document_of(work.request, work.groups, work.label),
        views=_views(work),
        release=max((release.number for release in state.releases), default=None),
        git_commit=git_commit(settings.project_dir),
        positions={s.table: {str(p): at for p, at in sorted(s.offsets.items())} for s in state.sources},
        rows=work.spine.rows,
        spine_hash=_spine_hash(con, work),
        columns=_columns(con, out),
        sha256=hash_of_file(out),
        software={"featurectl": __version__, "duckdb": duckdb.__version__, "python": platform.python_version()},
    )


def _views(work: _Work) -> dict[str, dict[str, Any]]:
    """Every version that was read, by its name."""
    told = {version.name: {"fingerprint": version.fingerprint, **_lost(work, version)} for version in work.used}
    if work.labelled is not None:
        told[work.labelled.group.version.name] = _told(work.labelled, False)
    for joined in work.joined:
        told[joined.group.version.name] = _told(joined, work.request.known_then) | _lost(work, joined.group.version)
    return told


def _lost(work: _Work, version: Version) -> dict[str, Any]:
    """The stretches of which changes were lost, where there are any."""
    ranges = work.moment.unobserved(version) if work.request.known_then else ()
    return {"unobserved": [[_time(start), _time(end)] for start, end in ranges]} if ranges else {}


def _time(at: int) -> str:
    return (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at)).isoformat()


def _told(joined: Joined, known_then: bool) -> dict[str, Any]:
    """What the manifest says of a view."""
    group = joined.group
    seen = {"observed": joined.observed, "by_rule": joined.found - joined.observed} if known_then else {}
    return {
        "fingerprint": group.version.fingerprint,
        "event_time": group.event_time,
        "available_after": group.available_after.total_seconds(),
        "ttl": group.ttl.total_seconds() if group.ttl is not None else None,
        "rows_found": joined.found,
        "ties": joined.ties,
        **seen,
    }


def _spine_hash(con: duckdb.DuckDBPyConnection, work: _Work) -> str:
    """Of all values and their places; it does not depend on how they were stored."""
    row = con.execute(f"SELECT bit_xor(hash(__spine)), sum(hash(__spine)::HUGEINT) FROM {SPINE} AS __spine").fetchone()
    assert row is not None
    return f"{row[0]:016x}{row[1] % 2**64:016x}"


def _columns(con: duckdb.DuckDBPyConnection, out: Path) -> dict[str, dict[str, Any]]:
    """What each column of the file holds."""
    scan = f"read_parquet({exact_path(out)}, hive_partitioning = false)"
    kinds = {name: kind for name, kind, *_ in con.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()}
    asked = ["count(*)"]
    for name, kind in kinds.items():
        column = quote(name)
        asked.append(f"count({column})")
        if _NUMBERS.fullmatch(kind):
            finite = f"CASE WHEN isfinite({column}::DOUBLE) THEN {column}::DOUBLE END"
            asked += [f"{word}({finite})" for word in ("min", "max", "avg", "stddev_pop")]
    row = con.execute(f"SELECT {', '.join(asked)} FROM {scan}").fetchone()
    assert row is not None
    values = iter(row)
    rows = next(values)
    found = {}
    for name, kind in kinds.items():
        nulls = rows - next(values)
        said: dict[str, Any] = {"type": kind, "nulls": nulls, "null_share": round(nulls / rows, 6)}
        if _NUMBERS.fullmatch(kind):
            said |= {word: _rounded(next(values)) for word in ("min", "max", "mean", "stddev")}
        found[name] = said
    return found


def _rounded(value: float | None) -> float | None:
    """To 9 digits: the order in which several cores add is free, and shows in the last ones."""
    return None if value is None else float(f"{value:.9g}")


def _record(engine: Engine, consumer: str, versions: Sequence[Version]) -> str | None:
    """Pin the versions for the training set; says why not where that cannot be."""
    now = datetime.now(UTC)
    by_view: dict[str, list[Version]] = {}
    for version in {version.name: version for version in versions}.values():
        by_view.setdefault(version.view, []).append(version)
    try:
        with engine.write("training-set", WAIT_FOR_REFRESH) as writer:
            for several in by_view.values():
                for version in several:  # a consumer pins one version of a view: the older ones by names of their own
                    name = consumer if version is several[-1] else f"{consumer}/{version.name}"
                    writer.pin(Pin(name, version.view, version.number, version.fingerprint, now, who()))
    except FeaturectlError as error:
        return str(error)
    return None


def _silent(_: str) -> None:
    return
