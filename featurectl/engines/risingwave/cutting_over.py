"""Public names: plain views, each repointed by one swap, atomic for that one.

What is to be shown is in the journal before the first swap: a process that is killed in between leaves a cut-over
that the next writer brings to its end before it looks at anything else. What somebody else has built on an old
public view stays with that view object, which is then kept under a name of its own. Production's public views are in
the schema `public`, those of a preview environment in a schema of its name; versions are in `public` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featurectl.engines.risingwave.catalog import PUBLIC, Catalog, PlainView
from featurectl.engines.risingwave.sql import quote
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from featurectl.engines.risingwave.connection import Session
    from featurectl.engines.risingwave.ledger import Ledger

__all__ = ["CUT_OVER", "PublicViews", "finish_cut_over"]

CUT_OVER = ("step", "cut over")


def finish_cut_over(ledger: Ledger, session: Session) -> bool:
    """Bring the journalled cut-over to its end, if there is one; everything in it may be done twice."""
    pending: dict[str, Any] | None = ledger.read().get(CUT_OVER)
    if pending is None:
        return False
    release = pending["release"]
    views = PublicViews(session, pending.get("schema", PUBLIC))
    if pending["show"]:
        views.create_schema()
    for name, relation in pending["show"].items():
        views.show(name, relation, release)
    for name in pending["remove"]:
        views.remove(name, release)
    if pending.get("drop_schema"):
        views.drop_schema()
    ledger.write({**{(kind, key): content for kind, key, content in pending["entries"]}, CUT_OVER: None})
    return True


class PublicViews:
    """The plain views that readers name, of production or of an environment.

    What stands is asked of the catalog once, so that a cut-over takes no longer than its statements.
    """

    def __init__(self, session: Session, schema: str = PUBLIC) -> None:
        self._session = session
        self._schema = schema
        self._catalog = Catalog(session, schema)
        self._views = self._catalog.plain_views()

    def create_schema(self) -> None:
        """Make the schema, unless it is there."""
        if self._schema != PUBLIC:
            self._run(f"CREATE SCHEMA IF NOT EXISTS {quote(self._schema)}", f"creating the schema {self._schema}")

    def drop_schema(self) -> None:
        """Take the schema away. One in which somebody has made something in the meantime stays, and is not ours."""
        try:
            self._run(f"DROP SCHEMA IF EXISTS {quote(self._schema)}", f"dropping the schema {self._schema}")
        except EngineError:
            if not self._session.is_usable or not self._catalog.names():
                raise

    def show(self, name: str, relation: str, release: int) -> None:
        """Make the public view `name` one on `relation`, without a moment in which there is none."""
        following = f"{name}__next"
        old = self._views.get(name)
        if old is None:
            self._create(name, relation)
        elif relation not in old.reads:
            if following in self._views and relation not in self._views[following].reads:
                self._retire(following, name, release)
            if following not in self._views:
                self._create(following, relation)
            self._grant(following, old)
            self._run(f"ALTER VIEW {self._named(name)} SWAP WITH {self._named(following)}", f"showing {relation}")
            self._views[name], self._views[following] = self._views[following], old
        self._retire(following, name, release)

    def remove(self, name: str, release: int) -> None:
        """Take the public view away; its versions stay."""
        self._retire(name, name, release)

    def _create(self, name: str, relation: str) -> None:
        version = f"{quote(PUBLIC)}.{quote(relation)}"
        self._run(f"CREATE VIEW {self._named(name)} AS SELECT * FROM {version}", f"showing {relation}")
        self._views[name] = PlainView(frozenset({relation}))

    def _grant(self, name: str, old: PlainView) -> None:
        """Grants belong to the object, not to the name: the new one gets them before it has the name."""
        for grant in old.grants:
            suffix = " WITH GRANT OPTION" if grant.may_grant else ""
            to = f"{self._named(name)} TO {quote(grant.user)}{suffix}"
            self._run(f"GRANT {grant.privilege} ON VIEW {to}", f"granting {name}")

    def _retire(self, name: str, public: str, release: int) -> None:
        """Drop a view that shows nothing any more; one that somebody has built on keeps living under another name."""
        view = self._views.pop(name, None)
        if view is None:
            return
        if not view.is_read:
            try:
                self._run(f"DROP VIEW {self._named(name)}", f"dropping the old view {public}")
            except EngineError:  # somebody has built on it since the catalog was asked
                if not self._session.is_usable:
                    raise
            else:
                return
        kept = self._free_name(f"{public}__was_r{release}")
        self._run(f"ALTER VIEW {self._named(name)} RENAME TO {quote(kept)}", f"keeping the old view {public}")

    def _free_name(self, wanted: str) -> str:
        taken = self._catalog.names()
        names = (wanted if n == 1 else f"{wanted}_{n}" for n in range(1, len(taken) + 2))
        return next(name for name in names if name not in taken)

    def _named(self, name: str) -> str:
        return f"{quote(self._schema)}.{quote(name)}"

    def _run(self, sql: str, what: str) -> None:
        self._session.run(sql, what)
