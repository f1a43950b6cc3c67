"""Labels out of a topic's events: the last revision of a JSON field by entity and time, as rows that can be joined."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from featurectl.dialect._types import duckdb_type
from featurectl.engines.base import Version
from featurectl.engines.embedded.connect import quote, text_literal
from featurectl.errors import UsageError, did_you_mean
from featurectl.services.training.features import group_of
from featurectl.services.training.labels import label_name
from featurectl.services.training.spine import OFFSET
from featurectl.services.training.sql import one_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import duckdb

    from featurectl.engines.base import Moment, State
    from featurectl.services.training.features import FeatureGroup
    from featurectl.services.training.labels import Label

__all__ = ["TopicField", "TopicVersion", "asked_again", "find_topic_field", "topic_label"]

_TIME, _VALUE, _EVENTS = "__time", "__value", "label_events"
_TIME_NAMES = ("timestamp", "event_time", "event_timestamp", "time", "ts")
# What a value can be, as JSON says it, and the dialect's type of the label.
_KINDS = {"number": "double", "VARCHAR": "varchar", "BOOLEAN": "boolean"}
_NUMBERS = "('BIGINT', 'UBIGINT', 'HUGEINT', 'UHUGEINT', 'DOUBLE')"
_SOME = 12


class TopicVersion(Version):
    """A topic's events in the place of a view's version; its name is the source table's."""

    @property
    def name(self) -> str:
        """The source table."""
        return self.view

    def told(self) -> dict[str, Any]:
        """What a manifest says of it besides what it says of a view."""
        said = self.metadata
        names = {key: said[key] for key in ("topic", "fields", "events", "used")}
        return {**names, "event_time": said["time"]}


@dataclass(frozen=True)
class TopicField:
    """A field of the events in a source table; of an object within them by its path, with dots."""

    table: str
    topic: str
    path: str


def find_topic_field(feature: str, state: State, short_names: Mapping[str, str]) -> TopicField | None:
    """The field that `TOPIC.FIELD` names by the source table, the topic or its short name; None for a view's column.

    Raises UsageError where it names neither a view nor a topic.
    """
    names: dict[str, tuple[str, str]] = {}
    for source in state.sources:
        shorts = [short for short, topic in short_names.items() if topic == source.topic]
        names |= dict.fromkeys((source.table, source.topic, *shorts), (source.table, source.topic))
    views = {*state.live, *(v.view for v in state.versions), *(v.name for v in state.versions)}
    prefixes = [feature[:at] for at, letter in enumerate(feature) if letter == "."]
    if "@" in feature or feature.partition(".")[0] in views:
        return None
    if feature in names:
        raise UsageError(f"{feature} is a topic: which field is the label?", hint=f"--label {feature}.FIELD")
    found = [prefix for prefix in prefixes if prefix in names]
    if found:
        return TopicField(*names[found[-1]], feature[len(found[-1]) + 1 :])
    if prefixes and state.live:
        known = [*state.live, *names]
        hint = did_you_mean(prefixes[0], known, f"views and topics: {', '.join(sorted(known)[:_SOME])}")
        raise UsageError(f"there is no view and no topic {prefixes[0]!r}", hint=hint)
    return None


def topic_label(
    con: duckdb.DuckDBPyConnection,
    moment: Moment,
    label: Label,
    field: TopicField,
    groups: Sequence[FeatureGroup],
) -> tuple[FeatureGroup, str]:
    """The label as the only feature of a group, and the group's rows as a FROM item.

    Events that are no JSON object, lack the field, the entity or a time with an offset, or whose value is of another
    kind than most are left out. Of one entity and time the event that is latest in the log counts.

    Raises UsageError where nothing is left, or where entity or time cannot be found.
    """
    events = _Events(con, moment, field.table)
    events.require(field.path, "--label TOPIC.FIELD")
    above = _above(moment.state, field.table)
    entity = _entity(events, label, [g.version for g in groups], above)
    time = _time(events, label, above)
    kinds = {
        column: kind for version in (*above, *(g.version for g in groups)) for column, kind in version.columns.items()
    }
    types = {column: kinds.get(column, "varchar") for column in entity}
    kind, used = _load(con, events, field, entity, time, types)
    said = f"{field.topic} {field.path} {entity} {time}"
    version = TopicVersion(
        field.table, 0, hashlib.sha256(said.encode()).hexdigest(), "", "", "", "", {},
        {
            "entity": tuple(entity), "event_time": _TIME, "topic": field.topic, "events": events.count,
            "used": used, "path": field.path, "fields": dict(entity), "time": time,
        },
        {**types, _TIME: "timestamptz", _VALUE: kind},
    )  # fmt: skip
    return group_of(version, {label_name(label): _VALUE}), _EVENTS


def asked_again(label: Label, version: Version) -> Label:
    """The label with all that was found out about its events, so that it is the same when it is asked for again."""
    said = version.metadata
    entity = tuple(f"{column}={path}" for column, path in said["fields"].items())
    return replace(label, feature=f"{version.view}.{said['path']}", entity=entity, time=said["time"])


class _Events:
    """The events of a source table: which fields they have."""

    def __init__(self, con: duckdb.DuckDBPyConnection, moment: Moment, table: str) -> None:
        self.table, self._con = table, con
        roles = moment.source_tables[table]
        data, kind = quote(roles["data"]), moment.columns(table)[roles["data"]]
        text = f"try(decode({data}))" if kind == "bytea" else f"{data}::VARCHAR"
        places = ", ".join(
            f"TRY_CAST({quote(roles[role])} AS BIGINT) AS __{role}" if role in roles else f"0 AS __{role}"
            for role in ("offset", "partition")
        )
        scan = moment.scan(table)
        is_object = "CASE WHEN json_valid(__text) THEN json_type(__text) END = 'OBJECT'"
        self.objects = f"(SELECT * FROM (SELECT {text} AS __text, {places} FROM {scan}) WHERE {is_object})"
        [self.count] = one_row(con, f"SELECT count(*) FROM {scan}")
        if not self.count:
            raise UsageError(f"{table} has no events yet", hint="run a producer or: featurectl backfill")

    def have(self, paths: Iterable[str]) -> set[str]:
        """Those of some fields that an event has with a value."""
        asked = list(dict.fromkeys(paths))
        tests = ", ".join(f"bool_or(coalesce(json_type(__text, {_path(p)}), 'NULL') <> 'NULL')" for p in asked)
        return {
            path
            for path, there in zip(asked, one_row(self._con, f"SELECT {tests} FROM {self.objects}"), strict=True)
            if there
        }

    def require(self, path: str, option: str) -> None:
        """Raise UsageError for a field that no event has, with the nearest that one has."""
        if path not in self.have([path]):
            raise UsageError(
                f"no event of {self.table} has {path!r} ({option})",
                hint=did_you_mean(path, self.fields(), self.they_have()),
            )

    def fields(self) -> list[str]:
        """The names of the fields that events have."""
        found = self._con.execute(
            f"SELECT DISTINCT unnest(json_keys(__text)) FROM {self.objects} ORDER BY 1"
        ).fetchall()
        return [name for (name,) in found]

    def they_have(self) -> str:
        """The same as words."""
        names = self.fields()
        return f"they have {', '.join(names[:_SOME])}{', …' if len(names) > _SOME else ''}" if names else "none is JSON"


def _path(name: str) -> str:
    return text_literal("$" + "".join(f'."{part}"' for part in name.split(".")))


def _above(state: State, table: str) -> list[Version]:
    """The versions with entity and event time that are made of a source table, those nearest to it first."""
    names, found = {table}, []
    for version in state.versions:
        if names.intersection(version.inputs.values()):
            names.add(version.name)
            found += [version] if version.is_dated else []
    return found


def _entity(events: _Events, label: Label, joined: Sequence[Version], above: Sequence[Version]) -> dict[str, str]:
    """The spine's columns and the events' fields that they are equal to."""
    if label.entity:
        pairs = {
            column.strip(): path.strip() or column.strip()
            for column, _, path in (each.partition("=") for each in label.entity)
        }
        for path in pairs.values():
            events.require(path, "--label-entity")
        return pairs
    keys = [tuple(version.metadata["entity"]) for version in (*joined, *above)]
    there = events.have(name for key in keys for name in key) if keys else set()
    for key in keys:
        if there.issuperset(key):
            return {name: name for name in key}
    raise UsageError(
        f"by which field events of {events.table} belong to {' and '.join(keys[0])} cannot be found",
        hint=f"--label-entity {keys[0][0]}=FIELD; {events.they_have()}",
    )


def _time(events: _Events, label: Label, above: Sequence[Version]) -> str:
    if label.time is not None:
        events.require(label.time, "--label-time")
        return label.time
    names: list[str] = [*(version.metadata["event_time"] for version in above), *_TIME_NAMES]
    there = events.have(names)
    found = next((name for name in names if name in there), None)
    if found is None:
        raise UsageError(
            f"which field is the time of {events.table} cannot be found",
            hint=f"--label-time FIELD; {events.they_have()}",
        )
    return found


def _load(
    con: duckdb.DuckDBPyConnection, events: _Events, field: TopicField, entity: Mapping[str, str], time: str,
    types: Mapping[str, str],
) -> tuple[str, int]:  # fmt: skip
    """Make the table of the group's rows; returns the label's type, and how many events counted."""
    paths = [field.path, time, *entity.values()]
    keys = ", ".join(
        f"TRY_CAST(__all[{n}] AS {duckdb_type(types[column])}) AS {quote(column)}" for n, column in enumerate(entity, 3)
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE read_events AS SELECT {keys}, __all[2] AS __said,"
        f" CASE WHEN regexp_matches(__all[2], {text_literal(OFFSET)}) THEN TRY_CAST(__all[2] AS TIMESTAMPTZ) END"
        f" AS {_TIME}, CASE WHEN __type IN {_NUMBERS} THEN 'number' ELSE __type END AS __kind, __all[1] AS __text,"
        f" __partition, __offset FROM (SELECT json_extract_string(__text, [{', '.join(map(_path, paths))}]) AS __all,"
        f" json_type(__text, {_path(field.path)}) AS __type, __partition, __offset FROM {events.objects})"
        f" WHERE coalesce(__type, 'NULL') <> 'NULL'"
    )
    kind = _kind_of_most(con, field)
    is_dated = f"{_TIME} IS NOT NULL AND isfinite({_TIME})"
    known = " AND ".join(f"{quote(column)} IS NOT NULL" for column in entity)
    dated, named = one_row(con, f"SELECT count(*) FILTER ({is_dated}), count(*) FILTER ({known}) FROM read_events")
    if not dated:
        _refuse_times(con, field, time)
    if not named:
        raise UsageError(
            f"no event with {field.path} has {' and '.join(entity.values())}", hint="--label-entity COLUMN=FIELD"
        )
    value = f"TRY_CAST(__text AS {duckdb_type(_KINDS[kind])})"
    usable = f"FROM read_events WHERE {is_dated} AND {known} AND __kind = '{kind}' AND {value} IS NOT NULL"
    columns = ", ".join(map(quote, entity))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {_EVENTS} AS SELECT {columns}, {_TIME}, {value} AS {_VALUE} {usable}"
        f" QUALIFY row_number() OVER (PARTITION BY {columns}, {_TIME} ORDER BY __offset DESC NULLS LAST,"
        f" __partition DESC) = 1"
    )
    [used] = one_row(con, f"SELECT count(*) {usable}")
    con.execute("DROP TABLE read_events")
    return _KINDS[kind], used


def _kind_of_most(con: duckdb.DuckDBPyConnection, field: TopicField) -> str:
    """What most values are. Raises UsageError for objects and lists."""
    [(kind, _), *_] = con.execute("SELECT __kind, count(*) FROM read_events GROUP BY 1 ORDER BY 2 DESC, 1").fetchall()
    if kind not in _KINDS:
        raise UsageError(
            f"{field.path} of {field.table} is no single value: {kind.lower()}",
            hint=f"name a field within: --label {field.table}.{field.path}.FIELD" if kind == "OBJECT" else None,
        )
    return str(kind)


def _refuse_times(con: duckdb.DuckDBPyConnection, field: TopicField, time: str) -> None:
    row = con.execute("SELECT __said FROM read_events WHERE __said IS NOT NULL LIMIT 1").fetchone()
    what = (
        f"{time} {row[0]!r} of {field.table} is no time with an offset"
        if row
        else f"no event with {field.path} has {time}"
    )
    raise UsageError(what, hint="--label-time FIELD, of times such as 2024-06-01T12:00:00Z")
