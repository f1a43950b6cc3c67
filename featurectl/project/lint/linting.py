"""Every view of a project against every rule, each query only once for as long as nothing around it changes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featurectl.project.analysis import normaliser
from featurectl.project.cache import ContentCache, source_stamp
from featurectl.project.garbage import seldom_collected
from featurectl.project.lint.rules import RULES, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from featurectl.dialect import Query
    from featurectl.project.helping import Helpers
    from featurectl.project.model import FeatureView, Migration, Project

__all__ = ["Finding", "LintReport", "check", "lint_project"]

_SOURCE_TYPES = {"partition": "varchar", "offset": "varchar", "timestamp": "timestamptz", "key": "bytea"}

# As JSON keeps it: kind, columns with their types (null: not known), event_time.
_Facts = dict[str, Any]
# Whether a training set reads the view's rows (trained), its entity and event_time.
_About = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """One place of one file that breaks a rule. `line` is that of the file; `message` says what stands there."""

    code: str
    file: str
    line: int
    view: str
    message: str

    @property
    def rule(self) -> Rule:
        """Why, and the mend."""
        return RULES[self.code]

    def as_json(self) -> dict[str, Any]:
        """The finding for machines; keys only ever get added."""
        rule = self.rule
        told = {"severity": rule.severity, "rule": rule.name, "why": rule.why, "mend": rule.mend}
        return {**asdict(self), **told}


@dataclass(frozen=True)
class LintReport:
    """What was found, by file and line, and how many findings were suppressed with a reason."""

    findings: tuple[Finding, ...]
    suppressed: int

    def count(self, severity: str) -> int:
        """How many findings are errors, or warnings."""
        return sum(finding.rule.severity == severity for finding in self.findings)


def lint_project(project: Project, cache_file: Path | None, selected: frozenset[str] | None = None) -> LintReport:
    """Hold the selected views (None: all) against the rules. Reads the project only, no engine.

    Raises ProjectError for a migration that cannot be parsed.
    """
    with seldom_collected():
        return _lint_project(project, cache_file, selected)


def _lint_project(project: Project, cache_file: Path | None, selected: frozenset[str] | None) -> LintReport:
    here = Path(__file__).parent
    stamp = source_stamp(here.parent.parent / "dialect", here)
    cache = ContentCache(cache_file, f"{normaliser()} {stamp}")
    facts = _facts_of_tables(project, cache)
    trained = _read_by_training(project)
    findings: list[Finding] = []
    suppressed = 0
    for views in _layers(project):
        tasks = [_Task(view, _known(view, facts), view.name in trained) for view in views]
        _ask_helpers(project.helpers, tasks, cache)
        for task in tasks:
            view = task.view
            raw = cache.get(task.content, task.check)
            facts[view.name] = {"kind": "view", "columns": raw["columns"], "event_time": view.metadata.event_time}
            if selected is None or view.name in selected:
                kept, forgiven = _forgive(view, raw)
                findings += kept
                suppressed += forgiven
    if project.helpers is not None:
        project.helpers.close()
    cache.save()
    return LintReport(tuple(sorted(findings, key=lambda f: (f.file, f.line, f.code))), suppressed)


def _read_by_training(project: Project) -> set[str]:
    """Training sets join views with an entity and an event time; what those read counts too."""
    found: set[str] = set()
    for view in reversed(list(project.views.values())):  # what reads a view comes after it
        if view.name in found or (view.metadata.entity and view.metadata.event_time):
            found |= {view.name, *view.references}
    return found


def _facts_of_tables(project: Project, cache: ContentCache) -> dict[str, _Facts]:
    facts: dict[str, _Facts] = {}
    for table in project.source_tables.values():
        columns = {table.data_column: "bytea", **{c: _SOURCE_TYPES[role] for role, c in table.include.items()}}
        facts[table.name] = {"kind": "source table", "columns": columns, "event_time": None}
    for migration in project.migrations:
        if any(name not in project.source_tables for name in migration.creates) or not migration.creates:
            text = f"tables\0{migration.rendered.text}"
            for name, added in cache.get(text, partial(_columns_in, migration)):
                columns = {**(facts[name]["columns"] if name in facts else {}), **added}
                columns = {column: of for column, of in columns.items() if of}
                facts[name] = {"kind": "table", "columns": columns, "event_time": None}
    return facts


def _columns_in(migration: Migration) -> list[tuple[str, Mapping[str, str]]]:
    """The columns that a migration gives to tables, in order; one that it drops has no type."""
    from featurectl.dialect import AlterTable, CreateTable

    found: list[tuple[str, Mapping[str, str]]] = []
    for statement in migration.statements:
        if isinstance(statement, CreateTable):
            found.append((statement.name, statement.columns))
        if isinstance(statement, AlterTable):
            found.append((statement.name, {**statement.added, **dict.fromkeys(statement.dropped, "")}))
    return found


@dataclass(frozen=True)
class _Task:
    """One view, with what is known of what it reads."""

    view: FeatureView
    known: Mapping[str, _Facts]
    trained: bool

    @cached_property
    def content(self) -> str:
        """What the result depends on."""
        return json.dumps(["view", self.view.text, self.known, self.about], sort_keys=True)

    @property
    def about(self) -> _About:
        """What the query itself does not say."""
        metadata = self.view.metadata
        return {"trained": self.trained, "entity": list(metadata.entity), "event_time": metadata.event_time}

    def check(self) -> dict[str, Any]:
        """Hold it against the rules, here."""
        return check(self.view.query, self.view.text, self.known, self.about)


def _layers(project: Project) -> Iterable[list[FeatureView]]:
    """The views, each layer reading only those before it."""
    depths: dict[str, int] = {}
    layers: dict[int, list[FeatureView]] = {}
    for view in project.views.values():
        depth = depths[view.name] = 1 + max((depths.get(name, 0) for name in view.references), default=0)
        layers.setdefault(depth, []).append(view)
    return (layers[depth] for depth in sorted(layers))


def _known(view: FeatureView, facts: Mapping[str, _Facts]) -> dict[str, _Facts]:
    return {name: facts[name] for name in view.references if name in facts}


def _ask_helpers(helpers: Helpers | None, tasks: Sequence[_Task], cache: ContentCache) -> None:
    """Let helpers check what they have parsed, and meanwhile check the rest here."""
    if helpers is None or not helpers.count:
        return
    new = [task for task in tasks if not cache.knows(task.content)]
    shares: dict[int, list[_Task]] = {}
    for task in new:
        number = helpers.owner(task.view.text)
        if number is not None:
            shares.setdefault(number, []).append(task)
    for number, share in shares.items():
        helpers.ask(number, "lint", [(task.view.text, task.known, task.about) for task in share])
    given = {id(task) for share in shares.values() for task in share}
    for task in new:
        if id(task) not in given:
            cache.get(task.content, task.check)
    for number, share in shares.items():
        for task, raw in zip(share, helpers.answer(number, share), strict=True):
            if raw is not None:
                cache.put(task.content, raw)


def check(query: Query, text: str, known: Mapping[str, _Facts], about: _About) -> dict[str, Any]:
    """What the rules find in a view's query, what its comments suppress, and its columns: as JSON can hold it."""
    from featurectl.project.lint.checking import check_query
    from featurectl.project.lint.refreshes import computed_whole
    from featurectl.project.lint.scopes import Relation
    from featurectl.project.lint.suppressions import suppressions_in

    relations = {name: Relation(**facts) for name, facts in known.items()}
    hits, columns = check_query(query, relations, trained=about["trained"])
    hits |= set(computed_whole(query, relations, columns, about["entity"], about["event_time"]))
    return {"hits": sorted(hits), "suppressions": list(suppressions_in(text)), "columns": columns}


def _forgive(view: FeatureView, raw: Mapping[str, Any]) -> tuple[list[Finding], int]:
    """The findings that no suppression forgives, those about suppressions, and how many were forgiven."""

    def finding(code: str, line: int, message: str) -> Finding:
        return Finding(code, view.file, view.rendered.source_line(line), view.name, message)

    hits = list(dict.fromkeys(finding(*hit) for hit in raw["hits"]))
    forgiven: set[Finding] = set()
    told: list[Finding] = []
    for start, at, line, codes, reason in raw["suppressions"]:
        place = view.rendered.source_line(line)
        if not codes or not reason:
            told.append(finding("RW901", at, "not `lint: allow CODE because REASON`" if not codes else "no reason"))
            continue
        for code in codes:
            matching = {hit for hit in hits if hit.code == code and hit.line == place}
            forgiven |= matching
            if not matching and view.rendered.is_written_here(start):  # a macro's may be of use elsewhere
                told.append(finding("RW902", at, f"{code} is not found here" if code in RULES else f"no rule {code}"))
    return [hit for hit in hits if hit not in forgiven] + list(dict.fromkeys(told)), len(forgiven)
