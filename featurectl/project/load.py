"""Reads a project directory: renders `migrations/` and `sql/`, checks what can be checked without an engine."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from featurectl.errors import ProjectError
from featurectl.project.analysis import Analyser, ViewAnalysis
from featurectl.project.garbage import seldom_collected
from featurectl.project.metadata import ViewMetadata
from featurectl.project.model import FeatureView, Migration, Project, chained_fingerprint
from featurectl.project.rendering import Rendered, Renderer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from featurectl.dialect import Query
    from featurectl.project.helping import Helpers
    from featurectl.settings import Settings

__all__ = ["load_project"]

_VIEW_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_VERSIONED = re.compile(r".*_v\d+")
_MIGRATION = re.compile(r"(\d{4,})_([A-Za-z0-9_]+)")


@dataclass(frozen=True)
class _Draft:
    name: str
    metadata: ViewMetadata
    rendered: Rendered
    analysis: ViewAnalysis
    parsed: Query | None


def load_project(settings: Settings, *, keep_helpers: bool = False) -> Project:
    """Read the project in `settings.project_dir`. `keep_helpers`: processes that helped may be asked again, by lint.

    Raises ProjectError with file, line and reason: no project there, a template or SQL that is wrong, an unknown
    reference, a cycle.
    """
    root = settings.project_dir
    if not (root / "sql").is_dir():
        raise ProjectError(
            f"{root} is no featurectl project: it has no folder sql/",
            hint="change into the project, give --project DIR, or make one with: featurectl init DIR",
        )
    renderer = Renderer(root, settings)
    analyser = Analyser(settings.home_dir / "cache" / "analysis.json")
    files = {path: renderer.key(path) for path in _view_files(root)}
    helpers = analyser.helpers(files.values())  # they get ready meanwhile
    migrations = _load_migrations(root, renderer, analyser)
    with seldom_collected():
        drafts = _load_views(files, renderer, analyser, helpers)
    analyser.save()
    views = _link(drafts, {name for m in migrations for name in m.creates})
    if not keep_helpers:
        helpers.close()
    return Project(root, root.name, views, migrations, helpers)


def _load_migrations(root: Path, renderer: Renderer, analyser: Analyser) -> tuple[Migration, ...]:
    found: dict[str, Migration] = {}
    for path in sorted((root / "migrations").glob("*.sql")):
        file = path.relative_to(root).as_posix()
        match = _MIGRATION.fullmatch(path.stem)
        if match is None:
            raise ProjectError(
                "a migration's name starts with its number", file=file, hint="such as 0001_source_tables.sql"
            )
        if match[1] in found:
            raise ProjectError(f"number {match[1]} is taken by {found[match[1]].file}", file=file)
        rendered = renderer.render(path)
        analysis = analyser.migration(rendered)
        checksum = hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
        found[match[1]] = Migration(
            match[1], match[2], file, checksum, rendered, analysis.creates, analysis.source_tables
        )
    return tuple(found[number] for number in sorted(found))


def _view_files(root: Path) -> list[Path]:
    macros = f"{root / 'sql' / 'macros'}{os.sep}"
    return [path for path in sorted((root / "sql").rglob("*.sql")) if not str(path).startswith(macros)]


def _load_views(
    files: Mapping[Path, str | None], renderer: Renderer, analyser: Analyser, helpers: Helpers
) -> dict[str, _Draft]:
    """The views in these files, each with what its rendering depends on."""
    found: dict[str, tuple[Rendered, ViewMetadata, Rendered]] = {}
    for path, key in files.items():
        rendered, metadata, body = _read_view(path, key, renderer, analyser)
        if path.stem in found:
            raise ProjectError(
                f"{path.stem} is defined twice, also in {found[path.stem][0].file}",
                file=rendered.file,
            )
        found[path.stem] = (rendered, metadata, body)
        analyser.offer(body, helpers)
    analyser.share(helpers)
    drafts = {}
    for name, (rendered, metadata, body) in found.items():
        analysis = analyser.view(body)
        _check_columns(rendered, body, metadata, analysis)
        drafts[name] = _Draft(name, metadata, body, analysis, analyser.parsed(body.text))
    return drafts


def _read_view(
    path: Path, key: str | None, renderer: Renderer, analyser: Analyser
) -> tuple[Rendered, ViewMetadata, Rendered]:
    """The whole rendered file, the metadata on its top, and the query."""
    rendered = analyser.rendered(renderer.name(path), key, lambda: renderer.render(path))
    name = path.stem
    if not _VIEW_NAME.fullmatch(name) or _VERSIONED.fullmatch(name):
        raise ProjectError(
            f"{name!r} cannot name a view",
            file=rendered.file,
            hint="lower-case letters, digits and _; an ending such as _v2 is kept for versions",
        )
    return rendered, *_split_metadata(rendered, analyser)


def _split_metadata(rendered: Rendered, analyser: Analyser) -> tuple[ViewMetadata, Rendered]:
    text = rendered.text
    start = len(text) - len(text.lstrip())
    if not text.startswith("/*", start):
        return ViewMetadata(), rendered
    end = text.find("*/", start)
    if end < 0:
        raise ProjectError("the comment is never closed", file=rendered.file, line=rendered.source_line(1))
    first_line = text.count("\n", 0, start) + 1
    return _read_metadata(rendered, text[start + 2 : end], first_line, analyser), rendered.from_position(end + 2)


def _read_metadata(rendered: Rendered, block: str, first_line: int, analyser: Analyser) -> ViewMetadata:
    data = analyser.metadata(rendered, block, first_line)
    if data is None:
        return ViewMetadata()
    if not isinstance(data, dict):
        raise ProjectError("metadata is not a YAML mapping", file=rendered.file, line=rendered.source_line(first_line))
    try:
        return ViewMetadata.model_validate(data)
    except ValidationError as error:
        raise _metadata_error(error, rendered, block, first_line) from None


def _metadata_error(error: ValidationError, rendered: Rendered, block: str, first_line: int) -> ProjectError:
    problem = error.errors(include_url=False, include_input=False)[0]
    key = str(problem["loc"][0]) if problem["loc"] else ""
    lines = block.split("\n")
    at = next((i for i, line in enumerate(lines) if line.startswith(f"{key}:")), 0)
    known = list(ViewMetadata.model_fields)
    hint = None
    if problem["type"] == "extra_forbidden":
        message = f"metadata: unknown key {key!r}"
        hint = f"did you mean {_nearest(key, known)!r}? " if _nearest(key, known) else ""
        hint += f"known: {', '.join(known)}"
    else:
        message = f"metadata: {key}: {problem['msg'].removeprefix('Value error, ')}"
    return ProjectError(message, file=rendered.file, line=rendered.source_line(first_line + at), hint=hint)


def _check_columns(rendered: Rendered, body: Rendered, metadata: ViewMetadata, analysis: ViewAnalysis) -> None:
    if analysis.columns is None:
        return
    twice = next((c for c in analysis.columns if analysis.columns.count(c) > 1), None)
    if twice is not None:
        raise ProjectError(
            f"the query gives the column {twice!r} twice",
            file=body.file,
            line=_line_naming(body, twice, last=True),
            hint="name one of them with AS",
        )
    named = [*metadata.entity, *([metadata.event_time] if metadata.event_time else [])]
    for column in named:
        if column not in analysis.columns:
            raise ProjectError(
                f"metadata names the column {column!r}, which the query does not give",
                file=rendered.file,
                line=_line_naming(rendered, column),
                hint=f"it gives: {', '.join(analysis.columns)}",
            )


def _link(drafts: Mapping[str, _Draft], tables: set[str]) -> dict[str, FeatureView]:
    """Check the references, order the views, and chain the fingerprints."""
    for draft in drafts.values():
        if draft.name in tables:
            raise ProjectError(f"a migration already creates {draft.name}", file=draft.rendered.file)
        for reference in draft.analysis.references:
            if reference not in drafts and reference not in tables:
                raise _unknown_reference(draft, reference, [*drafts, *tables])
        rejects = draft.metadata.rejects
        if rejects is not None and rejects not in tables:
            raise _unknown_reference(draft, rejects, tables)
    views: dict[str, FeatureView] = {}
    for name in _ordered(drafts):
        draft = drafts[name]
        below = {r: views[r].fingerprint for r in draft.analysis.references if r in views}
        chained = chained_fingerprint(draft.analysis.fingerprint, draft.analysis.references, below)
        views[name] = FeatureView(
            name,
            draft.rendered.file,
            draft.metadata,
            draft.rendered,
            draft.analysis.references,
            draft.analysis.fingerprint,
            chained,
            draft.analysis.descriptions,
            draft.parsed,
        )
    return views


def _ordered(drafts: Mapping[str, _Draft]) -> list[str]:
    """Dependency order, by name where there is a choice. Raises ProjectError on a cycle."""
    order: list[str] = []
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            cycle = " → ".join([*path[path.index(name) :], name])
            last = drafts[path[-1]].rendered
            raise ProjectError(
                f"views read each other in a circle: {cycle}",
                file=last.file,
                line=_line_naming(last, name),
                hint="one of them has to do without the other",
            )
        if name in done or name not in drafts:
            return
        for reference in sorted(drafts[name].analysis.references):
            visit(reference, (*path, name))
        done.add(name)
        order.append(name)

    for name in sorted(drafts):
        visit(name, ())
    return order


def _unknown_reference(draft: _Draft, reference: str, known: Iterable[str]) -> ProjectError:
    near = _nearest(reference, known)
    return ProjectError(
        f"{reference} is neither a view nor a table that a migration creates",
        file=draft.rendered.file,
        line=_line_naming(draft.rendered, reference),
        hint=f"did you mean {near}?" if near else "add a view sql/…/NAME.sql or a migration that creates it",
    )


def _line_naming(rendered: Rendered, word: str, *, last: bool = False) -> int:
    """The template's line with the first (or last) place that names something."""
    lines = [i for i, line in enumerate(rendered.text.split("\n"), 1) if re.search(rf"\b{re.escape(word)}\b", line)]
    return rendered.source_line(lines[-1 if last else 0] if lines else 1)


def _nearest(word: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, list(known), 1)), None)
