"""One epoch's relations as Parquet files, copied batch by batch within a read-only transaction.

RisingWave answers all of such a transaction from the epoch in which it began, and an epoch holds the same events
in the source tables as in the views above them: what is copied later belongs together with what was copied first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.engines.risingwave.catalog import Catalog
from featurectl.engines.risingwave.ledger import Ledger
from featurectl.engines.risingwave.reading import export
from featurectl.engines.risingwave.sql import quote, text_literal
from featurectl.engines.risingwave.state import read_state
from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from featurectl.engines.base import Version
    from featurectl.engines.risingwave.connection import Session
    from featurectl.engines.risingwave.recording import Recorder
    from featurectl.settings import Settings

__all__ = ["RisingWaveMoment"]


class RisingWaveMoment:
    """Holds the session's transaction, which ends with the session."""

    def __init__(self, session: Session, folder: Path, settings: Settings, recorder: Recorder) -> None:
        self._session, self._folder, self._settings = session, folder, settings
        self._recorder = recorder
        self._recorded: dict[str, tuple[Path, Sequence[tuple[int, int]]] | None] = {}
        self._catalog = Catalog(session)
        session.run("BEGIN READ ONLY", "holding a moment")
        ledger = Ledger(session)
        self.state = read_state(session, ledger)
        self.source_tables: Mapping[str, Mapping[str, str]] = {
            key: content["columns"] for (kind, key), content in ledger.read().items() if kind == "source_table"
        }

    def columns(self, relation: str) -> Mapping[str, str]:
        """The columns as the catalog has them."""
        found = self._catalog.find(relation)
        if found is None:
            version = self.state.live_version(relation)
            shown = f"somebody dropped it; CREATE VIEW {relation} AS SELECT * FROM {version.name}" if version else None
            raise EngineError(f"{relation} is gone from RisingWave", hint=shown)
        return self._catalog.columns(found)

    def scan(self, relation: str) -> str:
        """A copy of the rows. A numeric stays the text that it is: no other type holds all its digits, or its NaN."""
        columns = self.columns(relation)
        selected = ", ".join(
            f"{quote(name)}::varchar AS {quote(name)}" if kind == "numeric" else quote(name)
            for name, kind in columns.items()
        )
        path = self._folder / f"{relation}.parquet"
        export(self._session, f"SELECT {selected} FROM {quote(relation)}", path, self._settings)
        self._session.run("CLOSE reading", f"reading {relation}")
        return f"read_parquet({text_literal(str(path))})"

    def revisions(self, version: Version) -> str | None:
        """What is recorded on this machine, after a look at what the server has besides."""
        found = self._states(version)
        return None if found is None else f"read_parquet({text_literal(str(found[0]))})"

    def unobserved(self, version: Version) -> Sequence[tuple[int, int]]:
        """When nobody collected for longer than the server keeps changes."""
        found = self._states(version)
        return () if found is None else found[1]

    def _states(self, version: Version) -> tuple[Path, Sequence[tuple[int, int]]] | None:
        if version.name not in self._recorded:
            path = self._folder / f"{version.name}.states.parquet"
            offsets = {roles["offset"] for roles in self.source_tables.values() if "offset" in roles}
            lost = self._recorder.states(version, sorted(offsets & set(version.columns)), path)
            self._recorded[version.name] = None if lost is None else (path, lost)
        return self._recorded[version.name]
