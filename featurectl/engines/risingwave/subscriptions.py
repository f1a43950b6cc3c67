"""Subscriptions: the server keeps a version's changes for a while, from before its first reader on.

Each version that is shown, and whose metadata does not say `history: false`, has one of its own, named after it. It
goes with the version; the server refuses to drop a relation that has one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurectl.engines.risingwave.catalog import PUBLIC
from featurectl.engines.risingwave.errors import DUPLICATE, sql_state
from featurectl.engines.risingwave.sql import quote, text_literal
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from featurectl.engines.base import Version
    from featurectl.engines.risingwave.connection import Session
    from featurectl.settings import Settings

__all__ = [
    "Subscription",
    "drop_subscription",
    "history_seconds",
    "is_subscription",
    "read_subscriptions",
    "subscribe",
    "subscription_of",
]

_SUFFIX = "__changes"
_RETENTION = re.compile(r"retention\s*=\s*'(\d+) seconds'")


def subscription_of(name: str) -> str:
    """The subscription of a version.

    >>> subscription_of("features_enriched_v3")
    'features_enriched_v3__changes'
    """
    return f"{name}{_SUFFIX}"


def is_subscription(name: str, versions: Iterable[str]) -> bool:
    """Whether it is the subscription of one of these versions."""
    return name.endswith(_SUFFIX) and name.removesuffix(_SUFFIX) in versions


@dataclass(frozen=True)
class Subscription:
    """`identity` is a text that no other one ever has on this server; `retention`: how many seconds it goes back."""

    identity: str
    retention: int


def read_subscriptions(session: Session) -> dict[str, Subscription]:
    """The subscriptions of versions, by name."""
    rows = session.rows(
        "SELECT s.name, s.id, s.created_at, s.definition FROM rw_catalog.rw_subscriptions AS s"
        f" JOIN rw_catalog.rw_schemas AS n ON n.id = s.schema_id WHERE n.name = {text_literal(PUBLIC)}",
        "reading the subscriptions",
    )
    found = ((name, f"{number} of {created}", _RETENTION.search(text)) for name, number, created, text in rows)
    return {name: Subscription(identity, int(seconds[1])) for name, identity, seconds in found if seconds}


def subscribe(session: Session, versions: Iterable[Version], retention: int) -> None:
    """See to it that versions which keep a history have a subscription, and the others have none.

    `retention`: for how many seconds the server keeps changes, of a new subscription.
    """
    there = read_subscriptions(session)
    for version in versions:
        name = subscription_of(version.name)
        if version.keeps_history and name not in there:
            _create(session, name, version.name, f"{retention} seconds")
        elif not version.keeps_history and name in there:
            drop_subscription(session, version.name)


def history_seconds(settings: Settings) -> int:
    """For how long a new subscription keeps changes."""
    return max(1, round(settings.risingwave_history_days * 86_400))


def drop_subscription(session: Session, version: str) -> None:
    """Take away a version's subscription, if it has one."""
    name = quote(subscription_of(version))
    session.run(f"DROP SUBSCRIPTION IF EXISTS {quote(PUBLIC)}.{name}", f"dropping the changes of {version}")


def _create(session: Session, name: str, version: str, retention: str) -> None:
    named = f"{quote(PUBLIC)}.{quote(name)} FROM {quote(PUBLIC)}.{quote(version)}"
    try:
        session.run(
            f"CREATE SUBSCRIPTION {named} WITH (retention = {text_literal(retention)})",
            f"subscribing to the changes of {version}",
        )
    except EngineError as error:
        if sql_state(error) != DUPLICATE:  # another process creates it in the same moment
            raise
