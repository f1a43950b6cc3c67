"""`render`: what each engine would be sent for a view, a migration or a table; what a macro gives. Nothing is sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from featurectl.errors import ProjectError, UsageError, did_you_mean
from featurectl.project.analysis import template_lines
from featurectl.project.kafka_properties import without_secrets
from featurectl.project.rendering import Renderer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from featurectl.dialect import Statement
    from featurectl.project import FeatureView, Migration, Project
    from featurectl.settings import Settings

__all__ = ["TARGETS", "render"]

TARGETS = ("risingwave", "embedded")
_MACRO = r"(?:\{{#-?(?:(?!#\}}).)*?-?#\}}\s*)?\{{%-?\s*macro\s+{name}\b.*?\{{%-?\s*endmacro\s*-?%\}}"


def render(project: Project, settings: Settings, name: str, target: str) -> str:
    """SQL for one target: a view's query under its public names (a build reads versions), a migration's statements.

    `name` is that of a view, a migration (0001, its name, or both), a table, a macro, or a macro's call such as
    `mean('x')`. Secrets of the settings are shown by their names.

    Raises:
        UsageError: nothing has this name.
        UnsupportedOnEngine: the embedded engine cannot run it with the same meaning.
    """
    if name in project.views:
        text = _view(project, settings, project.views[name], target)
    elif (migration := _migration(project, name)) is not None:
        text = _migration_text(migration, target)
    else:
        text = _macro(project.root, settings, name)
    return without_secrets(text, settings)


def _view(project: Project, settings: Settings, view: FeatureView, target: str) -> str:
    if target == "risingwave":
        return view.text.strip()
    from featurectl.dialect import translate_query
    from featurectl.engines.embedded.sandbox import EmbeddedSandbox

    upstream = project.upstream(view.name)
    with EmbeddedSandbox(project, settings) as box:
        for relation in project.relations():
            if relation.kind == "view" and relation.name in upstream:
                box.define(relation.name)
        with template_lines(view.rendered):
            return translate_query(view.query, schema=box.schema)


def _migration(project: Project, name: str) -> Migration | None:
    for migration in project.migrations:
        if name in (migration.number, migration.name, f"{migration.number}_{migration.name}", *migration.creates):
            return migration
    return None


def _migration_text(migration: Migration, target: str) -> str:
    if target == "risingwave":
        return ";\n\n".join(statement.text for statement in migration.statements) + ";"
    return "\n\n".join(_on_duckdb(statement) for statement in migration.statements)


def _on_duckdb(statement: Statement) -> str:
    from featurectl.dialect import CreateSourceTable

    if isinstance(statement, CreateSourceTable):
        return f"-- {statement.name}: the messages of {statement.topic}, read from the event log by featurectl run"
    sql = getattr(statement, "duckdb_sql", None)
    if sql is None:
        return f"-- nothing for: {' '.join(statement.text.split())[:80]}"
    return f"{sql};"


def _macro(root: Path, settings: Settings, name: str) -> str:
    macros = dict(_macros(root))
    called = re.match(r"\s*(\w+)\s*\(", name)
    if called is not None and called[1] in macros:
        return Renderer(root, settings).expand("{{ " + name + " }}")
    if name not in macros:
        raise UsageError(f"no view, migration, table or macro is named {name!r}", hint=_nearest(root, name, macros))
    return macros[name]


def _macros(root: Path) -> Iterator[tuple[str, str]]:
    """Each macro's name and its source, with the comment above it."""
    for path in sorted((root / "sql" / "macros").glob("*.jinja")):
        try:
            source = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ProjectError("is not UTF-8 text", file=path.relative_to(root).as_posix()) from error
        for name in re.findall(r"\{%-?\s*macro\s+(\w+)", source):
            found = re.search(_MACRO.format(name=name), source, re.DOTALL)
            yield name, found[0] if found else ""


def _nearest(root: Path, name: str, macros: Mapping[str, str]) -> str:
    views = [path.stem for path in (root / "sql").rglob("*.sql")]
    migrations = [path.stem for path in (root / "migrations").glob("*.sql")]
    return did_you_mean(name, [*views, *migrations, *macros], "featurectl list shows views and tables")
