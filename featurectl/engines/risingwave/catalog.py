"""What RisingWave's catalog says of relations: their columns, who reads whom, who may read, what is being built."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurectl.engines.base import Building
from featurectl.engines.risingwave.errors import NOT_FOUND, sql_state
from featurectl.engines.risingwave.sql import quote, text_literal
from featurectl.engines.risingwave.types import canonical
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from featurectl.engines.risingwave.connection import Session

__all__ = ["PUBLIC", "Catalog", "Grant", "PlainView", "Relation", "build_limit"]

PUBLIC = "public"
_WHAT = "reading the catalog"
# Letters of an ACL item that can stand on a view.
_PRIVILEGES = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


@dataclass(frozen=True)
class Relation:
    """A relation by its number, which survives renaming and swapping; the name does not."""

    id: int
    name: str
    kind: str  # as rw_relations says: "table", "view", "materialized view", "sink", …


@dataclass(frozen=True)
class Grant:
    """What a user may do with a relation."""

    user: str
    privilege: str
    may_grant: bool


@dataclass(frozen=True)
class PlainView:
    """A plain view: the names of what it reads, whether somebody reads it, what was granted on it."""

    reads: frozenset[str]
    is_read: bool = False
    grants: tuple[Grant, ...] = ()


class Catalog:
    """Reads the catalog of the session's database, for relations of one schema."""

    def __init__(self, session: Session, schema: str = PUBLIC) -> None:
        self._session = session
        self._schema = schema

    def find(self, name: str) -> Relation | None:
        """The relation of that name."""
        rows = self._session.rows(
            "SELECT r.id, r.name, r.relation_type FROM rw_catalog.rw_relations AS r"
            " JOIN rw_catalog.rw_schemas AS s ON s.id = r.schema_id"
            f" WHERE s.name = {text_literal(self._schema)} AND r.name = {text_literal(name)}",
            _WHAT,
        )
        return Relation(*rows[0]) if rows else None

    def names(self) -> set[str]:
        """The names of all relations of the schema."""
        rows = self._session.rows(
            "SELECT r.name FROM rw_catalog.rw_relations AS r JOIN rw_catalog.rw_schemas AS s ON s.id = r.schema_id"
            f" WHERE s.name = {text_literal(self._schema)}",
            _WHAT,
        )
        return {name for (name,) in rows}

    def has_schema(self) -> bool:
        """Whether the schema is there."""
        return bool(
            self._session.rows(f"SELECT 1 FROM rw_catalog.rw_schemas WHERE name = {text_literal(self._schema)}", _WHAT)
        )

    def views(self) -> dict[str, set[str]]:
        """The plain views of the schema, with the names of what each reads."""
        rows = self._session.rows(
            "SELECT v.name, r.name FROM rw_catalog.rw_views AS v JOIN rw_catalog.rw_schemas AS s ON s.id = v.schema_id"
            " LEFT JOIN rw_catalog.rw_depend AS d ON d.objid = v.id"
            " LEFT JOIN rw_catalog.rw_relations AS r ON r.id = d.refobjid"
            f" WHERE s.name = {text_literal(self._schema)}",
            _WHAT,
        )
        found: dict[str, set[str]] = {}
        for name, read in rows:
            found.setdefault(name, set()).update([read] if read else [])
        return found

    def dependencies(self) -> list[tuple[Relation, str, str, str]]:
        """Who reads whom in the whole database: the reader, its schema, what it reads, the schema of that.

        Indexes are left out: they go with what they index.
        """
        rows = self._session.rows(
            "SELECT r.id, r.name, r.relation_type, rs.name, i.name, s.name FROM rw_catalog.rw_depend AS d"
            " JOIN rw_catalog.rw_relations AS r ON r.id = d.objid"
            " JOIN rw_catalog.rw_schemas AS rs ON rs.id = r.schema_id"
            " JOIN rw_catalog.rw_relations AS i ON i.id = d.refobjid"
            " JOIN rw_catalog.rw_schemas AS s ON s.id = i.schema_id"
            " WHERE r.relation_type <> 'index'",
            _WHAT,
        )
        return [(Relation(*row[:3]), *row[3:]) for row in rows]

    def columns(self, relation: Relation) -> dict[str, str]:
        """The visible columns, in order, with the dialect's types."""
        rows = self._session.rows(
            "SELECT name, data_type FROM rw_catalog.rw_columns"
            f' WHERE relation_id = {relation.id} AND NOT is_hidden ORDER BY "position"',
            _WHAT,
        )
        return {name: canonical(kind) for name, kind in rows}

    def readers(self, relation: Relation) -> list[Relation]:
        """What depends on the relation, in whatever schema."""
        rows = self._session.rows(
            "SELECT DISTINCT r.id, r.name, r.relation_type FROM rw_catalog.rw_depend AS d"
            f" JOIN rw_catalog.rw_relations AS r ON r.id = d.objid WHERE d.refobjid = {relation.id}",
            _WHAT,
        )
        return [Relation(*row) for row in rows]

    def plain_views(self) -> dict[str, PlainView]:
        """The plain views of the schema: what each reads, whether somebody reads it, who may.

        Grants are those to users who need them: a superuser may do all without.
        """
        where = f"v.schema_id IN (SELECT id FROM rw_catalog.rw_schemas WHERE name = {text_literal(self._schema)})"
        views = self._session.rows(f"SELECT v.name, v.acl FROM rw_catalog.rw_views AS v WHERE {where}", _WHAT)
        read = self._session.rows(
            "SELECT DISTINCT v.name FROM rw_catalog.rw_views AS v"
            f" JOIN rw_catalog.rw_depend AS d ON d.refobjid = v.id WHERE {where}",
            _WHAT,
        )
        superusers = {
            name for (name,) in self._session.rows("SELECT name FROM rw_catalog.rw_users WHERE is_super", _WHAT)
        }
        reads = self.views()
        return {
            name: PlainView(
                frozenset(reads.get(name, ())),
                (name,) in read,
                tuple(g for item in acl or () for g in _grants(item) if g.user not in superusers),
            )
            for name, acl in views
        }

    def is_readable(self, name: str) -> bool:
        """Whether a query on the relation is accepted: one that is still being created cannot be read."""
        try:
            self._session.rows(f"SELECT 1 FROM {quote(self._schema)}.{quote(name)} LIMIT 0", _WHAT)
        except EngineError as error:
            if sql_state(error) == NOT_FOUND or "creat" in error.message:
                return False
            raise
        return True

    def progress(self) -> dict[int, str]:
        """How far each build is that the server has under way, in its words, by the number of the relation.

        Raises EngineError where the server does not say so in time: it hangs, or the network does.
        """
        rows = self._session.rows(
            "SELECT ddl_id, progress FROM rw_catalog.rw_ddl_progress",
            "asking how far the builds are",
            self._session.patience,
        )
        return {number: str(progress) for number, progress in rows}

    def build_limit(self) -> int:
        """How many builds the server runs at once, in all its databases; 0: as many as are asked for."""
        return build_limit(self._session)

    def building(self) -> list[Building]:
        """What the server is building in this database, the oldest first."""
        rows = self._session.rows(
            "SELECT r.name, p.progress, extract(epoch FROM now() - p.initialized_at)"
            " FROM rw_catalog.rw_ddl_progress AS p JOIN rw_catalog.rw_relations AS r ON r.id = p.ddl_id"
            " ORDER BY p.ddl_id",
            _WHAT,
        )
        return [
            Building(name, progress, None if seconds is None else max(float(seconds), 0.0))
            for name, progress, seconds in rows
        ]

    def failure(self, name: str) -> str | None:
        """Why the last build of that name failed, as far as the server remembers."""
        rows = self._session.rows(
            "SELECT info::varchar FROM rw_catalog.rw_event_logs"
            " WHERE event_type IN ('CREATE_STREAM_JOB_FAIL', 'DIRTY_STREAM_JOB_CLEAR') ORDER BY timestamp",
            _WHAT,
        )
        reasons = [_reason(json.loads(info), name) for (info,) in rows]
        return next((reason for reason in reversed(reasons) if reason), None)


def build_limit(session: Session) -> int:
    """The server's max_concurrent_creating_streaming_jobs; 0: no limit."""
    parameters = {row[0]: row[1] for row in session.rows("SHOW PARAMETERS", _WHAT)}
    return int(parameters.get("max_concurrent_creating_streaming_jobs", 0))


def _grants(item: str) -> list[Grant]:
    """`ann=r*/root` is SELECT for ann, who may pass it on.

    >>> _grants("ann=r*/root")
    [Grant(user='ann', privilege='SELECT', may_grant=True)]
    """
    user, _, rest = item.rpartition("=")
    letters = rest.partition("/")[0]
    return [
        Grant(user, _PRIVILEGES[letter], letters[i + 1 : i + 2] == "*")
        for i, letter in enumerate(letters)
        if letter in _PRIVILEGES
    ]


def _reason(info: object, name: str) -> str | None:
    """The error of an event about the job of that name, wherever in the event it stands."""
    if not isinstance(info, dict):
        return None
    if info.get("name") == name and info.get("error"):
        return str(info["error"])
    return next((found for part in info.values() if (found := _reason(part, name))), None)
