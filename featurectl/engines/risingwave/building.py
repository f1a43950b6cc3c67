"""Builds versions in the background of the server, and waits for them: a build outlives the process that began it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from featurectl.engines.risingwave.rebinding import rebound_text
from featurectl.engines.risingwave.sql import quote
from featurectl.engines.risingwave.subscriptions import drop_subscription
from featurectl.errors import EngineError, ProjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from featurectl.engines.base import Version
    from featurectl.engines.risingwave.catalog import Catalog, Relation
    from featurectl.engines.risingwave.connection import Session
    from featurectl.engines.risingwave.ledger import Entries, Ledger
    from featurectl.project.model import FeatureView

    Progress = Callable[[str], None] | None

__all__ = ["Builder", "build_key", "builds_under_way"]

_BUILD = "build "

# A look costs the server some milliseconds, and a build that ended waits for it: so a twentieth of what it took so far.
_POLL_SHARE, _POLL_AT_LEAST, _POLL_AT_MOST = 0.05, 0.1, 1.0
# How long a build may be neither listed nor readable before it counts as failed: catalogs follow a little later.
_GRACE_SECONDS = 10.0


def build_key(name: str) -> tuple[str, str]:
    """The journal's key of a build."""
    return ("step", f"{_BUILD}{name}")


def builds_under_way(entries: Entries) -> list[str]:
    """The names of the builds that the journal says were begun, or were about to be."""
    return [key.removeprefix(_BUILD) for kind, key in entries if kind == "step" and key.startswith(_BUILD)]


@dataclass
class _Build:
    """One version on its way. Times are of the monotonic clock; `share` is the server's word for how far it is."""

    version: Version
    view: FeatureView
    begun_at: float | None = None
    ended_at: float | None = None
    missing_since: float | None = None
    relation: Relation | None = None
    share: str | None = None
    is_refused: bool = False

    @property
    def name(self) -> str:
        return self.version.name

    @property
    def intent(self) -> dict[str, Any]:
        """What the journal says of it: a view of that name with another intent is not this build."""
        return {"text": self.version.text, "inputs": dict(self.version.inputs)}

    @property
    def is_under_way(self) -> bool:
        return self.begun_at is not None and self.ended_at is None


class Builder:
    """Creates materialized views. What it is about to create is in the journal first.

    While one is waited for, others whose inputs are built run beside it: up to `at_once`, and no more than the
    server lets run. One that is refused then is tried again, and says why, when its own turn comes.
    """

    def __init__(self, session: Session, catalog: Catalog, ledger: Ledger, at_once: int) -> None:
        self._session = session
        self._catalog = catalog
        self._ledger = ledger
        self._at_once = at_once
        self._limit = 1  # the server's, in all its databases; 0: none
        self._builds: dict[str, _Build] = {}

    def expect(self, versions: Sequence[tuple[Version, FeatureView]]) -> None:
        """Journal what is to be built, in dependency order; a build of another text in its place is dropped.

        Raises EngineError where something else has a name.
        """
        self._builds = {version.name: _Build(version, view) for version, view in versions}
        entries, standing = self._ledger.read(), self._catalog.names()
        others = [b for b in self._builds.values() if b.name in standing and entries.get(build_key(b.name)) != b.intent]
        for build in others:
            self.drop_unfinished(build.name, entries)
        entries = self._ledger.read() if others else entries
        wanted = {build_key(build.name): build.intent for build in self._builds.values()}
        unwritten = {key: intent for key, intent in wanted.items() if entries.get(key) != intent}
        if unwritten:
            self._ledger.write(unwritten)
        self._limit = self._catalog.build_limit()

    def build(self, version: Version, view: FeatureView, progress: Progress) -> Version:
        """A finished materialized view of the version's text, begun here or by an apply that did not come to its end.

        Raises:
            ProjectError: the server refuses the query.
            EngineError: the build failed, or something else has the name.
        """
        if version.name not in self._builds:
            self.expect([(version, view)])
        build = self._builds[version.name]
        if build.begun_at is None:
            self._begin(build, progress)
        relation, seconds = self._wait(build, progress)
        [[rows]] = self._session.rows(f"SELECT count(*) FROM {quote(version.name)}", f"counting {version.name}")
        return replace(
            version,
            columns=self._catalog.columns(relation),
            rows=rows,
            build_seconds=seconds,
            refreshed_at=datetime.now(UTC),
        )

    def _wait(self, build: _Build, progress: Progress) -> tuple[Relation, float]:
        """Return the view and the seconds of its build, once the server lists no progress and it can be read."""
        started = build.begun_at = build.begun_at or time.monotonic()
        while True:
            self._look()
            self._begin_ready()
            if build.relation is not None and build.ended_at is not None:
                return build.relation, build.ended_at - started
            now = time.monotonic()
            if build.missing_since is not None and now - build.missing_since > _GRACE_SECONDS:
                raise self._failed(build.name, build.view.file)
            if progress is not None:
                progress(f"{build.share or 'waiting for the server'}, {now - started:.0f} s{self._beside(build)}")
            time.sleep(self._pause(now))

    def _pause(self, now: float) -> float:
        """How long to wait for the next look."""
        newest = max(
            (b.begun_at for b in self._builds.values() if b.begun_at is not None and b.is_under_way), default=now
        )
        return min(max(_POLL_SHARE * (now - newest), _POLL_AT_LEAST), _POLL_AT_MOST)

    def _look(self) -> None:
        """How far each build is. Of one that makes progress nothing else is asked: that takes the server's time."""
        shares = self._catalog.progress()
        for build in self._builds.values():
            if build.is_under_way:
                build.share = shares.get(build.relation.id) if build.relation else None
                if build.share is None:
                    self._look_closer(build)

    def _look_closer(self, build: _Build) -> None:
        """One that the server does not list is finished, or not listed yet, or gone."""
        now = time.monotonic()
        build.relation = self._catalog.find(build.name)
        if build.relation is None:
            build.missing_since = build.missing_since or now
            return
        build.missing_since = None
        if self._catalog.is_readable(build.name):
            build.ended_at = now

    def _begin_ready(self) -> None:
        """Begin what reads only what is finished, as many as may run."""
        unfinished = {build.name for build in self._builds.values() if build.ended_at is None}
        for build in self._builds.values():
            is_ready = build.begun_at is None and unfinished.isdisjoint(build.version.inputs.values())
            if is_ready and not build.is_refused and self._has_room():
                try:
                    self._begin(build, None)
                except (EngineError, ProjectError):
                    if not self._session.is_usable:
                        raise
                    build.begun_at, build.is_refused = None, True

    def _has_room(self) -> bool:
        """Whether a build would begin at once: one that the server makes wait would hold up the session."""
        under_way = sum(build.is_under_way for build in self._builds.values())
        return under_way < self._at_once and (not self._limit or len(self._catalog.progress()) < self._limit)

    def _beside(self, awaited: _Build) -> str:
        others = [build for build in self._builds.values() if build.is_under_way and build is not awaited]
        return "".join(f"; {build.name} {build.share or 'begun'}" for build in others)

    def _begin(self, build: _Build, progress: Progress) -> None:
        """Create it, unless an earlier apply did."""
        build.begun_at = time.monotonic()
        build.relation = self._catalog.find(build.name)
        if build.relation is None:
            self._create(build.version, build.view, progress)

    def drop_unfinished(self, name: str, entries: Entries) -> None:
        """Remove a build that an earlier apply began and nobody wants any more, with those built on it.

        Raises EngineError for a relation that is not ours, or that somebody else reads.
        """
        relation = self._catalog.find(name)
        if relation is None:  # it was journalled, and never begun
            self._ledger.write({build_key(name): None})
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

    def _create(self, version: Version, view: FeatureView, progress: Progress) -> None:
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
