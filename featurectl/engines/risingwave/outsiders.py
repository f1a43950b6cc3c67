"""Who else reads what is ours, and what of ours nobody needs any more: out of the catalog's dependencies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from featurectl.engines.base import Leftover, Outsider
from featurectl.engines.risingwave.building import builds_under_way
from featurectl.engines.risingwave.catalog import PUBLIC, Catalog
from featurectl.engines.risingwave.cutting_over import CUT_OVER
from featurectl.engines.risingwave.ledger import SCHEMA
from featurectl.engines.risingwave.subscriptions import is_subscription

if TYPE_CHECKING:
    from featurectl.engines.risingwave.connection import Session
    from featurectl.engines.risingwave.ledger import Entries

__all__ = ["OLD_VIEW", "UNFINISHED", "Owned", "read_leftovers", "read_outsiders"]

OLD_VIEW, UNFINISHED = "old public view", "unfinished build"
_OTHER_NAME = re.compile(r"^(.+)__(?:next|was_r\d+(?:_\d+)?)$")
_KEPT_NAME = re.compile(r"__was_r\d+(_\d+)?$")
# Schemas in which nobody else has anything: the ledger, and those of unit tests.
_OWN_SCHEMAS = (SCHEMA, "featurectl_test_")


class Owned:
    """Which relations are featurectl's, as the ledger says."""

    def __init__(self, entries: Entries) -> None:
        self.builds = set(builds_under_way(entries))
        self.versions = {key for kind, key in entries if kind == "version"} | self.builds
        self.views = {key for kind, key in entries if kind == "number"} | {
            name.rpartition("_v")[0] for name in self.versions
        }
        self.environments = {key for kind, key in entries if kind == "environment"}
        pending = entries.get(CUT_OVER)  # its first views are there before it is on the ledger
        self.environments |= {pending["schema"]} - {PUBLIC} if pending and "schema" in pending else set()

    def is_public_view(self, name: str, schema: str) -> bool:
        """Whether it is a public view, one that is about to be one, or one that was."""
        other = _OTHER_NAME.match(name)
        return schema in {PUBLIC, *self.environments} and (other[1] if other else name) in self.views

    def is_ours(self, name: str, schema: str) -> bool:
        """Whether featurectl has made it."""
        if schema.startswith(_OWN_SCHEMAS):
            return True
        own = schema == PUBLIC and (name in self.versions or is_subscription(name, self.versions))
        return own or self.is_public_view(name, schema)


def read_outsiders(session: Session, entries: Entries) -> list[Outsider]:
    """Relations of others that read a version, a public view, or an old one."""
    owned = Owned(entries)
    found = [
        Outsider(_qualified(reader.name, schema), reader.kind, _qualified(read, of))
        for reader, schema, read, of in Catalog(session).dependencies()
        if of != SCHEMA and owned.is_ours(read, of) and not owned.is_ours(reader.name, schema)
    ]
    return sorted(found, key=lambda outsider: (outsider.reads, outsider.name))


def read_leftovers(session: Session, entries: Entries) -> list[Leftover]:
    """Old public views that were kept for their readers, and builds that came to no end."""
    owned = Owned(entries)
    old = [
        Leftover(_qualified(name, schema), OLD_VIEW)
        for schema in sorted({PUBLIC, *owned.environments})
        for name in sorted(Catalog(session, schema).views())
        if _KEPT_NAME.search(name) and owned.is_public_view(name, schema)
    ]
    recorded = {key for kind, key in entries if kind == "version"}
    return [*old, *(Leftover(name, UNFINISHED) for name in sorted(owned.builds - recorded))]


def _qualified(name: str, schema: str) -> str:
    return name if schema == PUBLIC else f"{schema}.{name}"
