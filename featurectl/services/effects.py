"""What a change means for those who read a view: columns and keys that come, go or change, and what stays the same.

Effects, from harmless to harmful:

- `none`: the same rows and columns
- `metadata`: a description, an owner, a tag; nothing is built
- `additive`: what was there is there as it was, and columns came along
- `values`: the same columns, computed otherwise
- `breaking`: a column is gone or has another type, the key or the grain is another, or the view is gone
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from featurectl.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from featurectl.dialect import Difference, Query
    from featurectl.engines.base import State, Version
    from featurectl.project import FeatureView, Project

__all__ = ["ColumnChange", "Effect", "Effects", "KeyChange", "changed_columns", "changed_keys", "of_standing"]

_HARMLESS = ("none", "metadata", "additive")
_KEYS = ("entity", "event_time", "grain")
_Types = dict[str, str | None]


@dataclass(frozen=True)
class ColumnChange:
    """A column that is `added`, `gone` or `retyped`. Types are the dialect's; None for one that is not known."""

    name: str
    change: str
    before: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        if self.change == "retyped":
            return f"{self.name} {self.before} → {self.after}"
        return f"{self.name} {self.before or self.after or ''}".rstrip()


@dataclass(frozen=True)
class KeyChange:
    """Entity, event time or grain, which was declared otherwise before; `after` is None if it is not any more."""

    what: str
    before: str
    after: str | None

    def __str__(self) -> str:
        return f"{self.what} {self.before} → {self.after or 'none'}"


@dataclass(frozen=True)
class Effect:
    """What a change does. `same` are the columns that keep their values in the rows that stay."""

    kind: str
    columns: tuple[ColumnChange, ...] = ()
    keys: tuple[KeyChange, ...] = ()
    sql: tuple[Difference, ...] = ()
    same: tuple[str, ...] = ()

    def breaks(self) -> str:
        """What it takes away, in words; empty if nothing."""
        columns = [f"column {c} {'gone' if c.change == 'gone' else 'retyped'}" for c in self.columns if _takes(c)]
        return ", ".join([*columns, *map(str, self.keys)])


class Effects:
    """Effects of one plan, in the order of the views: what a view reads is assessed before it."""

    def __init__(self, project: Project, state: State) -> None:
        self._project = project
        self._versions = {version.name: version for version in state.versions}
        self._kinds: dict[str, str] = {}
        self._columns: dict[str, _Types | None] = {}

    def of_metadata(self, view: FeatureView, current: Version) -> Effect:
        """Nothing is built; the key may be declared otherwise."""
        keys = changed_keys(current.metadata, view.metadata.model_dump(mode="json"))
        return Effect("breaking" if keys else "metadata", keys=keys)

    def of_version(self, view: FeatureView, current: Version, standing: Version | None, *, own: bool) -> Effect:
        """The view shows a new build, or an earlier one that stands; `own`: its own query changed."""
        before = _parsed(current) if own else None
        upstream = all(self._kinds.get(name, "none") in _HARMLESS for name in view.references)
        sql, adds = _compared(before, view.query) if before is not None else ((), not own)
        columns = self._column_changes(view, current, standing, before)
        keys = changed_keys(current.metadata, view.metadata.model_dump(mode="json"))
        row = {view.metadata.event_time, *view.entity}
        kind, same = _judged(current, columns, keys, sql, row, adds=adds, upstream=upstream)
        self._kinds[view.name] = kind
        return Effect(kind, columns, keys, sql, same)

    def _column_changes(
        self, view: FeatureView, current: Version, standing: Version | None, before: Query | None
    ) -> tuple[ColumnChange, ...]:
        if standing is not None:
            self._columns[view.name] = dict(standing.columns)
            return changed_columns(current.columns, standing.columns)
        old = self._inferred(before or view.query, {n: self._stored(r) for n, r in current.inputs.items()})
        new = self._inferred(view.query, {name: self._now(name) for name in view.references})
        # Where the same rules see no other type, the type is the one that the engine gave the version that stands.
        self._columns[view.name] = new and {
            name: current.columns.get(name, of) if old and old.get(name) == of else of for name, of in new.items()
        }
        if new is None:
            return ()
        return changed_columns({name: (old or {}).get(name) or None for name in current.columns}, new, current.columns)

    def _now(self, name: str) -> _Types | None:
        """The columns that a relation will have after the plan."""
        if name in self._columns:
            return self._columns[name]
        if name not in self._project.views:
            return self._stored(name)
        view = self._project.views[name]
        found = self._inferred(view.query, {reference: self._now(reference) for reference in view.references})
        self._columns[name] = found
        return found

    def known(self, view: str, version: Version) -> None:
        """The view goes on showing this version."""
        self._columns[view] = dict(version.columns)

    def _stored(self, relation: str) -> _Types | None:
        """The columns of a table, or of a version that stands."""
        version = self._versions.get(relation)
        if version is not None:
            return dict(version.columns)
        return dict(self._tables[relation]) if relation in self._tables else None

    @cached_property
    def _tables(self) -> dict[str, dict[str, str]]:
        """The columns of the tables that the migrations leave behind."""
        from featurectl.dialect import AlterTable, CreateSourceTable, CreateTable

        found: dict[str, dict[str, str]] = {}
        for statement in (s for migration in self._project.migrations for s in migration.statements):
            if isinstance(statement, CreateSourceTable):
                kept = {column: _INCLUDED[role] for role, column in statement.include.items()}
                found[statement.name] = {statement.data_column: "bytea", **kept}
            elif isinstance(statement, CreateTable):
                found[statement.name] = dict(statement.columns)
            elif isinstance(statement, AlterTable):
                columns = found.setdefault(statement.name, {})
                columns.update(statement.added)
                for name in statement.dropped:
                    columns.pop(name, None)
        return found

    @staticmethod
    def _inferred(query: Query, read: Mapping[str, _Types | None]) -> _Types | None:
        """A query's columns by the rules of the dialect; without types where it has constructs that we do not know."""
        from featurectl.dialect import output_types

        schema = {
            name: {column: of or "" for column, of in columns.items()}
            for name, columns in read.items()
            if columns is not None
        }
        try:
            found = output_types(query, schema=schema)
            # A literal without a type becomes text.
            return found and {name: "varchar" if of == "unknown" else of for name, of in found.items()}
        except ProjectError:  # it may be fine on the engine for which it was written
            return None if query.columns is None else dict.fromkeys(query.columns)


def of_standing(pairs: Mapping[str, tuple[Version, Version]]) -> dict[str, Effect]:
    """The effects of showing other versions that stand, by view: what was live, and what shall be."""
    found: dict[str, Effect] = {}

    def effect(view: str) -> Effect:
        if view not in pairs:
            return Effect("none")
        if view not in found:
            old, new = pairs[view]
            before, after = _parsed(old), _parsed(new)
            below = {name: effect(name) for name in new.inputs}
            upstream = all(one.kind in _HARMLESS for one in below.values())
            sql, adds = _compared(before, after) if before is not None and after is not None else ((), False)
            columns = changed_columns(old.columns, new.columns)
            keys = changed_keys(old.metadata, new.metadata)
            row = {new.metadata.get("event_time"), *(new.metadata.get("entity") or ())}
            kind, same = _judged(old, columns, keys, sql, row, adds=adds, upstream=upstream)
            found[view] = Effect(kind, columns, keys, sql, same)
        return found[view]

    for view in pairs:
        effect(view)
    return found


def _judged(
    current: Version,
    columns: tuple[ColumnChange, ...],
    keys: tuple[KeyChange, ...],
    sql: tuple[Difference, ...],
    row: set[str | None],
    *,
    adds: bool,
    upstream: bool,
) -> tuple[str, tuple[str, ...]]:
    """What a change is, and which columns keep their values. `row`: the columns that say which row it is;
    `upstream`: nothing below changes values."""
    gone = {column.name for column in columns if _takes(column)}
    touched = {found.column for found in sql}
    rows_stay = upstream and (adds or (bool(sql) and touched.isdisjoint({None, *row})))
    same = tuple(name for name in current.columns if rows_stay and name not in gone | touched)
    if gone or keys:
        return "breaking", same
    if upstream and adds:
        return "additive" if columns else "none", same
    return "values", same


_INCLUDED = {"partition": "varchar", "offset": "varchar", "timestamp": "timestamptz", "key": "bytea"}


def changed_columns(
    before: Mapping[str, str | None], after: Mapping[str, str | None], shown: Mapping[str, str] | None = None
) -> tuple[ColumnChange, ...]:
    """Columns that came, went or have another type; a type that is not known is no other. `shown`: types to name."""
    names = shown or before
    gone = [ColumnChange(name, "gone", names.get(name)) for name in before if name not in after]
    retyped = [
        ColumnChange(name, "retyped", names.get(name), after[name])
        for name, of in before.items()
        if name in after and _is_other_type(of, after[name])
    ]
    return (
        *(ColumnChange(name, "added", None, of) for name, of in after.items() if name not in before),
        *gone,
        *retyped,
    )


def _is_other_type(before: str | None, after: str | None) -> bool:
    from featurectl.dialect._types import rw_type

    old, new = rw_type(before or ""), rw_type(after or "")
    return old is not None and new is not None and old != new


def changed_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[KeyChange, ...]:
    """Entity, event time and grain that were declared and are other now. Declaring one for the first time is none."""
    pairs = [(what, _word(before.get(what)), _word(after.get(what))) for what in _KEYS]
    return tuple(KeyChange(what, old, new) for what, old, new in pairs if old and old != new)


def _word(value: Any) -> str | None:
    return ", ".join(value) if isinstance(value, list | tuple) else value


def _takes(column: ColumnChange) -> bool:
    return column.change != "added"


def _compared(before: Query, after: Query) -> tuple[tuple[Difference, ...], bool]:
    from featurectl.dialect import differences, only_adds

    return differences(before, after), only_adds(before, after)


def _parsed(version: Version) -> Query | None:
    from featurectl.dialect import parse_query

    try:
        return parse_query(version.text, file=version.file)
    except ProjectError:  # an older featurectl could read it
        return None
