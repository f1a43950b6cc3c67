"""Lint over a project's files: lines of templates, suppressions, what is remembered, the two commands that show it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from featurectl.cli import main
from featurectl.project import load_project
from featurectl.project.lint import LintReport, lint_project, linting
from featurectl.settings import load_settings
from tests.workspace import ROOT

if TYPE_CHECKING:
    from pathlib import Path

MIGRATION = "CREATE TABLE orders (k VARCHAR, t TIMESTAMPTZ, o BIGINT, i INT);\nALTER TABLE orders ADD COLUMN v DOUBLE;"
BEFORE = "/*\nentity: k\nevent_time: t\n*/\nSELECT\n  k, t,\n"
OVER = "OVER (PARTITION BY k ORDER BY t)"


class Project:
    """A project with one table; `write` adds views."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = root / "home" / "cache" / "lint.json"
        (root / "migrations").mkdir(parents=True)
        (root / "migrations" / "0001_orders.sql").write_text(MIGRATION, encoding="utf-8")
        self.write(
            "macros/m.jinja",
            "{% macro before(x) -%}\nlag({{ x }})\n  OVER (PARTITION BY k ORDER BY t)\n{%- endmacro %}",
        )

    def write(self, name: str, text: str) -> None:
        path = self.root / "sql" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def report(self, *selected: str) -> LintReport:
        project = load_project(load_settings(self.root, home=self.root / "home"))
        return lint_project(project, self.cache, frozenset(selected) or None)

    def found(self, *selected: str) -> list[tuple[str, int]]:
        return [(finding.code, finding.line) for finding in self.report(*selected).findings]

    def run(self, *words: str) -> int:
        with pytest.raises(SystemExit) as stopped:
            main(["--project", str(self.root), "--home", str(self.root / "home"), *words])
        assert isinstance(stopped.value.code, int)
        return stopped.value.code


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def test_lines_are_those_of_the_template(project: Project) -> None:
    project.write("a.sql", f"{BEFORE}  {{{{ before('i') }}}} AS b,\n  lag(o) {OVER} AS c,\n  sum(v) AS d\nFROM orders")
    assert project.found() == [("RW209", 6), ("RW202", 7), ("RW202", 8), ("RW207", 9)]


@pytest.mark.parametrize(
    "column",
    [
        f"lag(i) {OVER} AS b -- lint: allow RW202 because the order before is meant",
        f"lag(i) {OVER} AS b /* lint: allow RW202 because the order before is meant */",
        f"-- lint: allow RW202 because the order before is meant\n  lag(i) {OVER} AS b",
        f"-- lint: allow RW202 because one\n  -- lint: allow RW207 because two\n  lag(sum(v)) {OVER} AS b",
        f"sum(v) + lag(i) {OVER} AS b -- Lint: Allow rw202, RW207 BECAUSE both are meant",
        "-- lint: allow RW202 because the order before is meant\n  {{ before('i') }} AS b",
        f"lag(i) {OVER} AS b, -- lint: allow RW202 because a\n  lag(o) {OVER} AS c -- lint: allow RW202 because b",
    ],
)
def test_a_suppression_with_its_reason_forgives(project: Project, column: str) -> None:
    project.write("a.sql", f"{BEFORE}  {column}\nFROM orders")
    report = project.report()
    assert {finding.code for finding in report.findings} <= {"RW209"}  # of those that sum over everything
    assert report.suppressed == column.lower().count(" rw")


@pytest.mark.parametrize(
    ("column", "found"),
    [
        (f"lag(i) {OVER} AS b -- lint: allow RW202", [("RW202", 7), ("RW901", 7)]),
        (f"lag(i) {OVER} AS b -- lint: allow RW202 because", [("RW202", 7), ("RW901", 7)]),
        (f"lag(i) {OVER} AS b -- lint: off", [("RW202", 7), ("RW901", 7)]),
        (f"lag(i) {OVER} AS b -- lint: allow RW207 because it is", [("RW202", 7), ("RW902", 7)]),
        ("i -- lint: allow RW202 because it was a lag", [("RW902", 7)]),
        ("i -- lint: allow RW999 because there is no such rule", [("RW902", 7)]),
        (f"-- lint: allow RW202 because of the second line\n  i,\n  lag(i) {OVER} AS b", [("RW902", 7), ("RW202", 9)]),
        ("i AS b, '-- lint: allow RW202 because it is a string' AS c", []),
    ],
)
def test_a_suppression_that_says_nothing_or_forgives_nothing_is_a_finding(
    project: Project, column: str, found: list[tuple[str, int]]
) -> None:
    project.write("a.sql", f"{BEFORE}  {column}\nFROM orders")
    assert sorted(project.found(), key=lambda hit: hit[1]) == sorted(found, key=lambda hit: hit[1])


def test_a_macro_may_carry_a_suppression_that_not_every_call_needs(project: Project) -> None:
    macro = "{% macro total(x) %}sum({{ x }}) /* lint: allow RW207 because x is bounded above */{% endmacro %}"
    project.write("macros/total.jinja", macro)
    project.write("a.sql", "SELECT k,\n  {{ total('v') }} AS a,\n  {{ total('i') }} AS b\nFROM orders GROUP BY k")
    assert project.report().findings == ()
    assert project.report().suppressed == 1


def test_a_suppression_describes_no_column(project: Project) -> None:
    project.write("a.sql", f"{BEFORE}  lag(i) {OVER} AS b -- lint: allow RW202 because it is meant\nFROM orders")
    loaded = load_project(load_settings(project.root, home=project.root / "home"))
    assert loaded.views["a"].descriptions == {}


def test_types_come_through_views_and_what_training_reads_through_them(project: Project) -> None:
    project.write("a.sql", "SELECT k, t, v AS x FROM orders WHERE t > now() - INTERVAL '1 hour'")
    project.write("b.sql", f"{BEFORE}  v * 2 AS y\nFROM orders")
    project.write("c.sql", "SELECT k, sum(y) AS z FROM b GROUP BY k")
    assert project.found() == [("RW207", 1)]
    project.write("d.sql", "/*\nentity: k\nevent_time: t\n*/\nSELECT k, t, x FROM a")
    assert project.found() == [("RW204", 1), ("RW207", 1)]


def test_only_the_selected_views_are_told_of(project: Project) -> None:
    project.write("a.sql", "SELECT * FROM orders")
    project.write("b.sql", "SELECT * FROM a")
    assert [finding.view for finding in project.report().findings] == ["a", "b"]
    assert [finding.view for finding in project.report("b").findings] == ["b"]


def test_what_did_not_change_is_not_looked_at_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    check = linting._Task.check
    monkeypatch.setattr(linting._Task, "check", lambda task: (looked.append(task.view.name), check(task))[1])
    project.write("a.sql", "SELECT k, v AS x FROM orders")
    project.write("b.sql", "SELECT k, sum(x) AS s FROM a GROUP BY k")
    assert project.found() == project.found() == [("RW207", 1)]
    assert looked == ["a", "b"]
    project.write("a.sql", "SELECT k, i AS x FROM orders")
    assert project.found() == []
    assert looked == ["a", "b", "a", "b"]  # b for the new type of what it reads
    project.write("a.sql", "-- a comment\nSELECT k, i AS x FROM orders")
    assert project.found() == []
    assert looked[4:] == ["a"]


def test_a_known_project_is_linted_without_a_parser(project: Project) -> None:
    project.write("a.sql", "SELECT * FROM orders")
    project.report()
    code = (
        "import sys; from pathlib import Path; from featurectl.settings import load_settings;"
        "from featurectl.project import load_project; from featurectl.services.linting import lint;"
        "settings = load_settings(Path(sys.argv[1]), home=Path(sys.argv[1]) / 'home');"
        "print(len(lint(load_project(settings), settings).findings), 'sqlglot' in sys.modules)"
    )
    words = [sys.executable, "-c", code, str(project.root)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["1", "False"]


def test_the_command_exits_with_1_for_an_error_only(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.write("a.sql", "SELECT * FROM orders")
    assert project.run("lint") == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "sql/a.sql:1: warning RW206 SELECT * of orders"
    assert [line.strip().partition(":")[0] for line in printed[1:3]] == ["why", "mend"]
    assert printed[-1] == "0 errors, 1 warning"
    assert project.run("lint", "--strict") == 1
    project.write("b.sql", "SELECT sum(i) OVER () AS s FROM orders")
    assert project.run("lint", "--select", "a") == 0
    assert project.run("lint") == 1
    assert project.run("lint", "--select", "nothing") == 2


def test_the_command_prints_rows(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.write("a.sql", "SELECT\n  * FROM orders")
    assert project.run("lint", "--output", "json") == 0
    [found] = json.loads(capsys.readouterr().out)
    assert {key: found[key] for key in ("code", "severity", "rule", "file", "line", "view")} == {
        "code": "RW206", "severity": "warning", "rule": "star", "file": "sql/a.sql", "line": 2, "view": "a",
    }  # fmt: skip
    assert found["why"] and found["mend"]
    assert project.run("lint", "--output", "csv") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("RW206,warning,star,sql/a.sql,2,a,")


def test_plan_tells_what_lint_finds(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.write("a.sql", "SELECT * FROM orders")
    assert project.run("plan") == 0
    assert "sql/a.sql:1: warning RW206 SELECT * of orders" in capsys.readouterr().out.splitlines()
    assert project.run("plan", "--output", "json") == 0
    assert [found["code"] for found in json.loads(capsys.readouterr().out)["lint"]] == ["RW206"]
    assert project.run("plan", "--output", "csv") == 0
    streams = capsys.readouterr()
    assert "RW206" not in streams.out
    assert "RW206" in streams.err


def test_this_repository_and_a_new_project_are_clean(tmp_path: Path) -> None:
    for root in (ROOT, ROOT / "featurectl" / "services" / "template"):
        settings = load_settings(root, home=tmp_path / root.name)
        assert lint_project(load_project(settings), None).findings == ()
