"""Builds versions in the background of the server, and waits for them: a build outlives the process that began it."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from featurectl.engines.risingwave.rebinding import rebound_text
from featurectl.engines.risingwave.sql import quote
from featurectl.engines.risingwave.subscriptions import drop_subscription
from featurectl.errors import EngineError, ProjectError

if TYPE_CHECKING:
    from collections.abc import Callable

    from featurectl.engines.base import Version
    from featurectl.engines.risingwave.catalog import Catalog, Relation
    from featurectl.engines.risingwave.connection import Session
    from featurectl.engines.risingwave.ledger import Entries, Ledger
    from featurectl.project.model import FeatureView

__all__ = ["Builder", "build_key", "builds_under_way"]

_BUILD = "build "

_POLL_SECONDS = (0.1, 0.2, 0.3, 0.3, 0.5, 0.5, 1.0)
# How long a build may be neither listed nor readable before it counts as failed: catalogs follow a little later.
_GRACE_SECONDS = 10.0


def build_key(name: str) -> tuple[str, str]:
    """The journal's key of a build."""
    return ("step", f"{_BUILD}{name}")


def builds_under_way(entries: Entries) -> list[str]:
    """The names of the builds that the journal says were begun."""
    return [key.removeprefix(_BUILD) for kind, key in entries if kind == "step" and key.startswith(_BUILD)]


class Builder:
    """Creates materialized views. What it is about to create is in the journal first."""

    def __init__(self, session: Session, catalog: Catalog, ledger: Ledger) -> None:
        self._session = session
        self._catalog = catalog
        self._ledger = ledger

    def build(self, version: Version, view: FeatureView, progress: Callable[[str], None] | None) -> Version:
        """A finished materialized view of the version's text, begun here or by an apply that did not come to its end.

        Raises:
            ProjectError: the server refuses the query.
            EngineError: the build failed, or something else has the name.
        """
        started = time.monotonic()
        intent = {"text": version.text, "inputs": dict(version.inputs)}
        entries = self._ledger.read()
        standing = self._catalog.find(version.name)
        if standing is not None and entries.get(build_key(version.name)) != intent:
            self.drop_unfinished(version.name, entries)
            standing = None
        if standing is None:
            self._ledger.write({build_key(version.name): intent})
            self._create(version, view, progress)
        relation = self.wait(version.name, view.file, progress)
        [[rows]] = self._session.rows(f"SELECT count(*) FROM {quote(version.name)}", f"counting {version.name}")
        return replace(
            version,
            columns=self._catalog.columns(relation),
            rows=rows,
            build_seconds=time.monotonic() - started,
            refreshed_at=datetime.now(UTC),
        )

    def wait(self, name: str, file: str, progress: Callable[[str], None] | None) -> Relation:
        """Return once the server lists no progress any more and the view can be read.

        While there is progress nothing else is asked: a question about all relations takes the server's time.
        """
        started = time.monotonic()
        missing_since: float | None = None
        polls = 0
        relation = self._catalog.find(name)
        while True:
            share = self._catalog.progress(relation) if relation else None
            if share is None:
                relation = self._catalog.find(name)
                if relation is not None and self._catalog.is_readable(name):
                    return relation
            now = time.monotonic()
            missing_since = None if relation is not None else missing_since or now
            if missing_since is not None and now - missing_since > _GRACE_SECONDS:
                raise self._failed(name, file)
            if progress is not None:
                progress(f"{share or 'waiting for the server'}, {now - started:.0f} s")
            time.sleep(_POLL_SECONDS[min(polls, len(_POLL_SECONDS) - 1)])
            polls += 1

    def drop_unfinished(self, name: str, entries: Entries) -> None:
        """Remove a build that an earlier apply began and nobody wants any more, with those built on it.

        Raises EngineError for a relation that is not ours, or that somebody else reads.
        """
        relation = self._catalog.find(name)
        if relation is None:
            return
        if build_key(name) not in entries or ("version", name) in entries:
            raise EngineError(
                f"there is a relation {name} that no apply has made",
                hint=f"rename or drop it: it stands where the next version of {name.rpartition('_v')[0]} belongs",
            )
        drop_subscription(self._session, name)
        for reader in self._catalog.readers(relation):
            self.drop_unfinished(reader.name, entries)
        self._session.run(f"DROP MATERIALIZED VIEW {quote(name)}", f"dropping the unfinished {name}")
        self._ledger.write({build_key(name): None})

    def _create(self, version: Version, view: FeatureView, progress: Callable[[str], None] | None) -> None:
        text = rebound_text(view.query, version.inputs)

        def waiting(seconds: float) -> None:
            if progress is not None:
                progress(f"the server has not begun yet, {seconds:.0f} s")

        try:
            self._session.run(
                f"CREATE MATERIALIZED VIEW {quote(version.name)} AS\n{text}",
                f"building {version.name}",
                idle=waiting,
            )
        except EngineError as error:
            raise _with_line(error, version, view) from error

    def _failed(self, name: str, file: str) -> EngineError:
        reason = self._catalog.failure(name) or "the server says no reason; its log may"
        return EngineError(f"{file}: building {name} failed: {reason}")


def _with_line(error: EngineError, version: Version, view: FeatureView) -> EngineError | ProjectError:
    """An error of the author's query names its line, if the reason names a word of the text."""
    reason = error.message.partition(": ")[2]
    for word in reversed(re.findall(r"[A-Za-z_]\w*", reason)):
        at = re.search(rf"\b{re.escape(word)}\b", view.text)
        if at is not None and len(word) > 2 and re.search(rf": .*\b{re.escape(word)}\b", error.message):
            line = view.text.count("\n", 0, at.start()) + 1
            return ProjectError(f"building {version.name}: {reason}", file=view.file, line=line, hint=error.hint)
    return EngineError(f"{view.file}: {error.message}", hint=error.hint)
