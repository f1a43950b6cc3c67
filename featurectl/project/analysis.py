"""What is read out of rendered SQL: references, fingerprints, descriptions, the tables a migration creates.

Parsing costs far more than rendering, so results are kept by content: a plan with nothing to do parses nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from featurectl.errors import ProjectError
from featurectl.project.model import SourceTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from featurectl.dialect import Query, Statement
    from featurectl.project.rendering import Rendered

__all__ = [
    "Analyser",
    "MigrationAnalysis",
    "ViewAnalysis",
    "normaliser",
    "parse_migration",
    "parse_view",
    "template_lines",
]


@dataclass(frozen=True)
class ViewAnalysis:
    """What plan and graph need of a view's query."""

    references: tuple[str, ...]
    fingerprint: str
    columns: tuple[str, ...] | None
    descriptions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MigrationAnalysis:
    """What the graph needs of a migration."""

    creates: tuple[str, ...]
    source_tables: tuple[SourceTable, ...]


@contextmanager
def template_lines(rendered: Rendered) -> Iterator[None]:
    """Errors raised inside speak of lines of the rendered text; outside they name the template's lines."""
    try:
        yield
    except ProjectError as error:
        if error.file == rendered.file and error.line is not None:
            error.line = rendered.source_line(error.line)
        raise


def parse_view(rendered: Rendered) -> Query:
    """Parse a view's query. Raises ProjectError with the file and line."""
    from featurectl.dialect import parse_query

    with template_lines(rendered):
        return parse_query(rendered.text, file=rendered.file)


def parse_migration(rendered: Rendered) -> tuple[Statement, ...]:
    """Parse a migration's statements. Raises ProjectError with the file and line."""
    from featurectl.dialect import parse_ddl

    with template_lines(rendered):
        return parse_ddl(rendered.text, file=rendered.file, first_line=1)


class Analyser:
    """Analyses rendered files, remembering what it saw in `cache_file` (None: nowhere)."""

    def __init__(self, cache_file: Path | None) -> None:
        self._file = cache_file
        self._key = f"{normaliser()} {_source_stamp()}"
        self._known = self._load()
        self._used: dict[str, Any] = {}
        self._dirty = False

    def view(self, rendered: Rendered) -> ViewAnalysis:
        """Analyse a view's query. Raises ProjectError."""
        raw = self._remember("view", rendered.text, lambda: asdict(_analyse_view(rendered)))
        columns = raw["columns"]
        return ViewAnalysis(
            tuple(raw["references"]),
            raw["fingerprint"],
            None if columns is None else tuple(columns),
            raw["descriptions"],
        )

    def migration(self, rendered: Rendered) -> MigrationAnalysis:
        """Analyse a migration's statements. Raises ProjectError."""
        raw = self._remember("migration", rendered.text, lambda: asdict(_analyse_migration(rendered)))
        tables = tuple(SourceTable(**table) for table in raw["source_tables"])
        return MigrationAnalysis(tuple(raw["creates"]), tables)

    def save(self) -> None:
        """Write what was learnt. A cache that cannot be written costs time, never a failure."""
        if self._file is None or not self._dirty:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._file.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps({"key": self._key, "known": self._used}), encoding="utf-8")
            temporary.replace(self._file)
        except OSError:
            return

    def _remember(self, kind: str, text: str, analyse: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        key = hashlib.sha256(f"{kind}\0{text}".encode()).hexdigest()
        if key not in self._known:
            self._known[key] = json.loads(json.dumps(analyse()))
            self._dirty = True
        self._used[key] = self._known[key]
        found: dict[str, Any] = self._known[key]
        return found

    def _load(self) -> dict[str, Any]:
        if self._file is None:
            return {}
        try:
            stored = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        known = stored.get("known") if isinstance(stored, dict) and stored.get("key") == self._key else None
        return known if isinstance(known, dict) else {}


def normaliser() -> str:
    """Which code normalises queries: fingerprints are comparable only between equal ones."""
    return f"featurectl {version('featurectl')}, sqlglot {version('sqlglot')}"


def _source_stamp() -> str:
    # In an editable install the version stands still while the dialect changes.
    from pathlib import Path

    folder = Path(__file__).parent.parent / "dialect"
    newest = max((path.stat().st_mtime_ns for path in folder.rglob("*.py")), default=0)
    return str(max(newest, Path(__file__).stat().st_mtime_ns))


def _analyse_view(rendered: Rendered) -> ViewAnalysis:
    query = parse_view(rendered)
    return ViewAnalysis(query.references, query.fingerprint, query.columns, _descriptions(query))


def _descriptions(query: Query) -> dict[str, str]:
    """The comment behind each output column."""
    found = {}
    for column in getattr(query.tree, "selects", []):
        comments = [c for node in column.walk() for c in node.comments or ()]
        if column.alias_or_name and comments:
            found[column.alias_or_name] = " ".join(comment.strip() for comment in comments)
    return found


def _analyse_migration(rendered: Rendered) -> MigrationAnalysis:
    from featurectl.dialect import CreateSourceTable, CreateTable

    creates: list[str] = []
    tables: list[SourceTable] = []
    for statement in parse_migration(rendered):
        if isinstance(statement, (CreateSourceTable, CreateTable)):
            creates.append(statement.name)
        if isinstance(statement, CreateSourceTable):
            tables.append(SourceTable(statement.name, statement.topic, statement.data_column, dict(statement.include)))
    return MigrationAnalysis(tuple(creates), tuple(tables))
