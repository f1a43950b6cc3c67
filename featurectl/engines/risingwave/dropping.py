"""Drops versions and leftovers, journalled: what is to go is off the ledger first, then it goes, one by one.

The server refuses to drop what somebody reads, and never is it told to CASCADE: such a version comes back onto the
ledger. A process that is killed in between leaves a list that the next writer brings to its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featurectl.engines.risingwave.building import build_key
from featurectl.engines.risingwave.catalog import PUBLIC, Catalog
from featurectl.engines.risingwave.outsiders import UNFINISHED
from featurectl.engines.risingwave.sql import quote
from featurectl.engines.risingwave.subscriptions import drop_subscription, subscription_of
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featurectl.engines.base import Leftover, Version
    from featurectl.engines.risingwave.connection import Session
    from featurectl.engines.risingwave.ledger import Entries, Ledger

__all__ = ["Dropper"]

_DROPPING = ("step", "drop")


class Dropper:
    """Takes away what nobody reads."""

    def __init__(self, session: Session, ledger: Ledger) -> None:
        self._session = session
        self._ledger = ledger

    def drop(self, versions: Sequence[Version], leftovers: Sequence[Leftover]) -> dict[str, str]:
        """Returns what had to stay, by name, with the reason."""
        entries = self._ledger.read()
        contents = {version.name: entries["version", version.name] for version in versions}
        pending = {"versions": contents, "leftovers": [[item.name, item.kind] for item in leftovers]}
        gone: Entries = {("version", name): None for name in contents}
        self._ledger.write({**gone, _DROPPING: pending})
        return self.finish()

    def finish(self) -> dict[str, str]:
        """Bring the journalled list to its end, if there is one; everything in it may be done twice."""
        pending: dict[str, Any] | None = self._ledger.read().get(_DROPPING)
        if pending is None:
            return {}
        done: Entries = {_DROPPING: None}
        kinds: dict[str, str] = dict(pending["leftovers"])
        versions = pending["versions"]
        stayed = self._drop_all([*kinds, *sorted(versions, key=lambda name: versions[name]["position"], reverse=True)])
        for name, kind in kinds.items():
            if kind == UNFINISHED and name not in stayed:
                done[build_key(name)] = None
        for name in versions:
            if name in stayed:
                done["version", name] = versions[name]
        self._ledger.write(done)
        return stayed

    def _drop_all(self, names: Sequence[str]) -> dict[str, str]:
        """Drop what can be, and then again what was read by that; returns what stays, with the reason."""
        stayed: dict[str, str] = {}
        todo = list(names)
        while todo:
            stayed = {name: reason for name in todo if (reason := self._drop(name)) is not None}
            if len(stayed) == len(todo):
                break
            todo = list(stayed)
        return stayed

    def _drop(self, name: str) -> str | None:
        """Drop a relation, if it is there; returns why it stays."""
        schema, _, bare = name.rpartition(".")
        catalog = Catalog(self._session, schema or PUBLIC)
        relation = catalog.find(bare)
        if relation is None:
            return None
        kind = "VIEW" if relation.kind == "view" else "MATERIALIZED VIEW"
        try:
            if kind != "VIEW" and {r.name for r in catalog.readers(relation)} == {subscription_of(bare)}:
                drop_subscription(self._session, bare)  # a version that stays goes on being recorded
            self._run(f"DROP {kind} {quote(schema or PUBLIC)}.{quote(bare)}", f"dropping {name}")
        except EngineError as error:
            if not self._session.is_usable:
                raise
            return error.message.partition(": ")[2]
        return None

    def _run(self, sql: str, what: str) -> None:
        self._session.run(sql, what)
