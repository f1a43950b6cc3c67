"""Features in a notebook: a DuckDB connection to the newest snapshot of the embedded target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featurectl.errors import UsageError

if TYPE_CHECKING:
    import duckdb

__all__ = ["connect"]


def connect(project: str | Path = ".", home: str | Path | None = None) -> duckdb.DuckDBPyConnection:
    """A read-only DuckDB connection to the features of a project, as of now.

    It sees one moment, whole, for as long as it is open, and stops no writer; connect again for newer rows. SQL on
    it is DuckDB's own. `home` is where the embedded target keeps its files, if the settings do not say.

    Raises:
        UsageError: the target is not embedded, or nothing is applied there yet.
        SettingsError, EngineError: the settings are wrong, or the snapshot cannot be opened.
    """
    from featurectl.engines.embedded.home import Home
    from featurectl.engines.embedded.snapshot import open_snapshot
    from featurectl.settings import load_settings

    settings = load_settings(Path(project), home=Path(home).resolve() if home is not None else None)
    if settings.target != "embedded":
        raise UsageError(
            f"the target is {settings.target}, which is read over the network",
            hint="connect with any PostgreSQL client, such as psycopg2",
        )
    opened = open_snapshot(Home(settings.home_dir), settings)
    if opened is None:
        raise UsageError("nothing is applied here yet", hint="run: featurectl apply")
    return opened[0]
