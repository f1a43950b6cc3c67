"""What is read out of rendered SQL: references, fingerprints, descriptions, the tables a migration creates.

Parsing costs far more than rendering, so results are kept by content: a plan with nothing to do parses nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featurectl.errors import ProjectError
from featurectl.project.cache import ContentCache, source_stamp
from featurectl.project.helping import Helpers, answers
from featurectl.project.model import SourceTable
from featurectl.project.rendering import Rendered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from featurectl.dialect import Query, Statement

__all__ = [
    "Analyser",
    "MigrationAnalysis",
    "ViewAnalysis",
    "normaliser",
    "parse_migration",
    "parse_view",
    "raw_view",
    "template_lines",
]


_NORMALISING = ("_grammar.py", "_meaning.py", "_naming.py", "_split.py")


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
        stamp = source_stamp(Path(__file__).parent.parent / "dialect", Path(__file__))
        self._cache = ContentCache(cache_file, f"{normaliser()} {stamp}")
        self._parsed: dict[str, Query] = {}

    def parsed(self, text: str) -> Query | None:
        """The query of this text, if it had to be parsed: who needs the tree need not parse again."""
        return self._parsed.get(text)

    def helpers(self, keys: Iterable[str | None]) -> Helpers:
        """Other processes to help, where enough files give something that was never seen."""
        return Helpers(sum(key is not None and not self._cache.knows(f"rendered\0{key}") for key in keys))

    def rendered(self, file: str, key: str | None, render: Callable[[], Rendered]) -> Rendered:
        """A file, rendered; if what it depends on (`key`, None if that cannot be said) is as it was, only looked up."""
        if key is None:
            return render()
        raw = self._remember("rendered", key, lambda: vars(render()))
        parts = (tuple(raw[name]) for name in ("breaks", "line_starts", "literal"))
        return Rendered(file, raw["text"], *parts)

    def offer(self, rendered: Rendered, helpers: Helpers) -> None:
        """A query that will be asked about: if nothing is known of it, a helper that is free may look at it first."""
        if helpers.count and not self._cache.knows(f"view\0{rendered.text}"):
            helpers.offer(rendered.text)

    def share(self, helpers: Helpers) -> None:
        """Look at what was offered together with the helpers."""
        helpers.mix()
        while (text := helpers.take()) is not None:
            self._learn(text, answers([text], self._raw_view)[0])
        helpers.finish()
        for text, raw in helpers.found.items():
            self._learn(text, raw)

    def _learn(self, text: str, raw: Any) -> None:
        if raw is not None:
            self._cache.put(f"view\0{text}", raw)

    def view(self, rendered: Rendered) -> ViewAnalysis:
        """Analyse a view's query. Raises ProjectError."""
        raw = self._remember("view", rendered.text, lambda: vars(self._analyse(rendered)))
        columns = raw["columns"]
        return ViewAnalysis(
            tuple(raw["references"]),
            raw["fingerprint"],
            None if columns is None else tuple(columns),
            raw["descriptions"],
        )

    def _raw_view(self, text: str) -> dict[str, Any]:
        raw, self._parsed[text] = raw_view(text)
        return raw

    def _analyse(self, rendered: Rendered) -> ViewAnalysis:
        query = self._parsed[rendered.text] = parse_view(rendered)
        return _analysis_of(query)

    def migration(self, rendered: Rendered) -> MigrationAnalysis:
        """Analyse a migration's statements. Raises ProjectError."""
        raw = self._remember("migration", rendered.text, lambda: asdict(_analyse_migration(rendered)))
        tables = tuple(SourceTable(**table) for table in raw["source_tables"])
        return MigrationAnalysis(tuple(raw["creates"]), tables)

    def metadata(self, rendered: Rendered, block: str, first_line: int) -> Any:
        """The YAML of a view's leading comment, as plain values. Raises ProjectError."""
        return self._remember("yaml", block, lambda: {"data": _plain_yaml(rendered, block, first_line)})["data"]

    def save(self) -> None:
        """Write what was learnt. A cache that cannot be written costs time, never a failure."""
        self._cache.save()

    def _remember(self, kind: str, text: str, analyse: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = self._cache.get(f"{kind}\0{text}", analyse)
        return found


def _plain_yaml(rendered: Rendered, block: str, first_line: int) -> Any:
    import yaml

    try:
        # The loader in C reads the same YAML seven times as fast; not every build of PyYAML has it.
        data = yaml.load(block, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = rendered.source_line(first_line + (mark.line if mark else 0))
        reason = getattr(error, "problem", None) or error
        raise ProjectError(f"metadata: {reason}", file=rendered.file, line=line) from error
    # What JSON does not know (a date) is told by its text: no key of the metadata takes such a value.
    return json.loads(json.dumps(data, default=str))


@cache
def normaliser() -> str:
    """Which code normalises queries: fingerprints are comparable only between equal ones. Our own code is told by
    its text, since the version of an editable install stands still."""
    from featurectl import __version__

    # Read from the file: importing sqlglot, or looking through all installed packages, takes longer than a plan.
    spec = find_spec("sqlglot")
    assert spec is not None and spec.origin is not None
    text = Path(spec.origin).with_name("_version.py").read_text(encoding="utf-8")
    found = re.search(r"^(?:__version__ = )?version = ['\"]([^'\"]+)", text, re.MULTILINE)
    dialect = Path(__file__).parent.parent / "dialect"
    ours = _hash_of("".join((dialect / name).read_text(encoding="utf-8") for name in _NORMALISING))
    return f"featurectl {__version__} {ours}, sqlglot {found[1] if found else _hash_of(text)}"


def _hash_of(text: str) -> str:
    """A short hash."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def raw_view(text: str) -> tuple[dict[str, Any], Query]:
    """What is read out of a query that stands in no file, as JSON can hold it; and the query. Raises ProjectError."""
    from featurectl.dialect import parse_query

    query = parse_query(text)
    return vars(_analysis_of(query)), query


def _analysis_of(query: Query) -> ViewAnalysis:
    return ViewAnalysis(query.references, query.fingerprint, query.columns, _descriptions(query))


def _descriptions(query: Query) -> dict[str, str]:
    """The comment behind each output column."""
    from featurectl.dialect._walking import walk

    found = {}
    for column in getattr(query.tree, "selects", []):
        comments = [c for node in walk(column) for c in node.comments or () if not _speaks_to_lint(c)]
        if column.alias_or_name and comments:
            found[column.alias_or_name] = " ".join(comment.strip() for comment in comments)
    return found


def _speaks_to_lint(comment: str) -> bool:
    return comment.strip().lower().startswith("lint:")


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
