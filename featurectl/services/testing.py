"""Unit tests of views: `NAME.test.yaml` beside `NAME.sql`, given rows in, expected rows out.

view: features_enriched          # default: the file's name
cases:
  - name: a lag over a gap
    given:
      clicks_raw:                # a source table: events, as mappings (sent as JSON) or as raw text
        - {user: ann, at: 2024-01-01T00:00:00Z}
        - 'not json'
      other_view:                # a table or view: its rows, instead of those it would have
        - {user: ann, hour: 2024-01-01T00:00:00Z, clicks: 3}
      another: rows.csv          # a CSV file beside the test, or CSV text with a header
    expect:                      # every row of the view; only the columns that are named are compared
      - {user: ann, clicks: 3}
"""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import yaml

from featurectl.errors import FeaturectlError, ProjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from featurectl.engines.sandbox import Sandbox
    from featurectl.project import Project

__all__ = ["CaseResult", "run_view_tests"]

_TOLERANCE = 1e-9


class _PlainLoader(yaml.SafeLoader):
    """YAML in which a time stays the text that was written: events carry it as it is."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class CaseResult:
    """One case. `failure` is None when it passed, else a text that shows what differs."""

    file: str
    view: str
    name: str
    failure: str | None


@dataclass(frozen=True)
class _Case:
    file: str
    view: str
    name: str
    given: Mapping[str, Any]
    expect: Sequence[Mapping[str, Any]]


def run_view_tests(
    project: Project, sandbox: Callable[[], Sandbox], selected: frozenset[str] | None = None
) -> Iterator[CaseResult]:
    """Run the tests of the selected views (None: all), one result a case. Raises ProjectError for a broken file."""
    for path in sorted((project.root / "sql").rglob("*.test.yaml")):
        for case in _read_cases(project, path):
            if selected is None or case.view in selected:
                yield CaseResult(case.file, case.view, case.name, _run_case(project, sandbox, case))


def _read_cases(project: Project, path: Path) -> Iterator[_Case]:
    file = path.relative_to(project.root).as_posix()
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _PlainLoader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise ProjectError(f"not YAML: {error}", file=file, line=mark.line + 1 if mark else None) from error
    if not isinstance(data, dict) or not isinstance(data.get("cases"), list):
        raise ProjectError("a test file has a list `cases`", file=file)
    unknown = sorted(set(data) - {"view", "cases"})
    if unknown:
        raise ProjectError(f"unknown key {unknown[0]!r}", file=file, hint="known: view, cases")
    view = data.get("view", path.name.removesuffix(".test.yaml"))
    if view not in project.views:
        raise ProjectError(f"no view is named {view!r}", file=file)
    for number, raw in enumerate(data["cases"], 1):
        yield _read_case(project, path, file, view, number, raw)


def _read_case(project: Project, path: Path, file: str, view: str, number: int, raw: Any) -> _Case:
    if not isinstance(raw, dict) or set(raw) - {"name", "given", "expect"} or "expect" not in raw:
        raise ProjectError(f"case {number} needs `expect`, and may have `name` and `given`", file=file)
    given = {}
    for relation, rows in (raw.get("given") or {}).items():
        if relation not in project.views and relation not in project.tables:
            raise ProjectError(f"case {number} gives rows to {relation}, which does not exist", file=file)
        given[relation] = _read_rows(path.parent, file, rows)
    return _Case(file, view, str(raw.get("name", number)), given, _read_rows(path.parent, file, raw["expect"]))


def _read_rows(folder: Path, file: str, rows: Any) -> list[Any]:
    if rows is None:
        return []
    if isinstance(rows, list):
        return rows
    if isinstance(rows, str):
        try:
            text = rows if "\n" in rows else (folder / rows).read_text(encoding="utf-8")
        except OSError as error:
            raise ProjectError(f"{rows} cannot be read: {error.strerror}", file=file) from error
        return [
            {name: value if value != "" else None for name, value in row.items()}
            for row in csv.DictReader(io.StringIO(text))
        ]
    raise ProjectError("rows are a list, CSV text, or the name of a CSV file", file=file)


def _run_case(project: Project, sandbox: Callable[[], Sandbox], case: _Case) -> str | None:
    needed = project.upstream(case.view) | {case.view}
    with sandbox() as box:
        try:
            for relation in project.relations():
                if relation.name not in needed:
                    continue
                if relation.name in case.given:
                    _give(box, relation.kind, relation.name, case.given[relation.name])
                elif relation.kind == "view":
                    box.define(relation.name)
            return _difference(box, case)
        except FeaturectlError as error:
            return f"{error}" + (f" ({error.hint})" if error.hint else "")


def _give(box: Sandbox, kind: str, name: str, rows: Sequence[Any]) -> None:
    if kind == "source table":
        box.give_messages(name, [_message(row) for row in rows])
    else:
        box.give_rows(name, rows)


def _message(row: Any) -> bytes:
    if isinstance(row, dict) and set(row) == {"base64"}:
        return base64.b64decode(row["base64"])
    return row.encode() if isinstance(row, str) else json.dumps(row).encode()


def _difference(box: Sandbox, case: _Case) -> str | None:
    named = {column for row in case.expect for column in row}
    known = box.columns(case.view)
    columns = [column for column in known if column in named or not case.expect]
    unknown = sorted(named - set(known))
    if unknown:
        return f"{case.view} has no column {unknown[0]!r}; it has: {', '.join(known)}"
    expected = box.typed(case.view, columns, case.expect)
    actual = box.rows(case.view, columns)
    missing, extra = _unmatched(expected, actual)
    if not missing and not extra:
        return None
    return _show(columns, missing, extra)


def _unmatched(expected: list[Any], actual: list[Any]) -> tuple[list[Any], list[Any]]:
    extra = list(actual)
    missing = []
    for row in expected:
        match = next((i for i, other in enumerate(extra) if _same(row, other)), None)
        if match is None:
            missing.append(row)
        else:
            extra.pop(match)
    return missing, extra


def _same(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return all(_same_value(a, b) for a, b in zip(left, right, strict=True))


def _same_value(left: Any, right: Any) -> bool:
    if isinstance(left, (float, Decimal)) and isinstance(right, (float, Decimal)):
        return math.isclose(left, right, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE) or str(left) == str(right)
    return bool(left == right)


def _show(columns: Sequence[str], missing: Sequence[Any], extra: Sequence[Any]) -> str:
    """A row that is nearly there is shown beside its counterpart, with the columns that differ."""
    lines = []
    rest = list(extra)
    for row in missing:
        near = max(rest, key=lambda other: sum(map(_same_value, row, other)), default=None)
        shared = 0 if near is None else sum(map(_same_value, row, near))
        if near is None or shared * 2 < len(columns):
            lines.append(f"- missing  {_row(columns, row)}")
            continue
        rest.remove(near)
        same = [i for i, (a, b) in enumerate(zip(row, near, strict=True)) if _same_value(a, b)]
        lines.append(f"  row      {_row([columns[i] for i in same], [row[i] for i in same])}")
        lines += [
            f"    {name}: expected {_value(a)}, got {_value(b)}"
            for i, (name, a, b) in enumerate(zip(columns, row, near, strict=True))
            if i not in same
        ]
    lines += [f"+ too many {_row(columns, row)}" for row in rest]
    return "\n".join(lines)


def _row(columns: Sequence[str], row: Sequence[Any]) -> str:
    return ", ".join(f"{name}={_value(value)}" for name, value in zip(columns, row, strict=True))


def _value(value: Any) -> str:
    if value is None:
        return "NULL"
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)
