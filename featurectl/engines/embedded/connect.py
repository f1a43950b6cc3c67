"""DuckDB connections, and the one place where its exceptions become ours."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from featurectl.engines.embedded.home import Home
    from featurectl.settings import Settings

__all__ = ["connect", "duckdb_errors", "quote", "text_literal"]


def quote(name: str) -> str:
    """An identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"


@contextmanager
def duckdb_errors(what: str) -> Iterator[None]:
    """DuckDB's exceptions inside become EngineError: `what` failed, and DuckDB's reason on one line."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise EngineError(
            f"{what}: {_first_line(error)}", hint="raise FEATURECTL_MEMORY_LIMIT, or free disk space for spilling"
        ) from error
    except duckdb.Error as error:
        raise EngineError(f"{what}: {_first_line(error)}") from error


def connect(path: Path | None, settings: Settings, home: Home, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open a database (None: in memory) with the project's limits and the time zone UTC. Raises EngineError."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": settings.memory_limit,
        "temp_directory": str(home.scratch),
        "preserve_insertion_order": False,
        "TimeZone": "UTC",
    }
    if settings.threads is not None:
        config["threads"] = settings.threads
    with duckdb_errors(f"cannot open {path.name if path else 'an in-memory database'}"):
        return duckdb.connect(str(path or ":memory:"), read_only=read_only, config=config)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
