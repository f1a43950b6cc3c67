"""Files of text and expressions are not compiled one by one, and what was rendered is remembered: neither shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from featurectl.errors import FeaturectlError
from featurectl.project import load_project
from featurectl.project.rendering import Rendered, Renderer
from featurectl.settings import load_settings
from tests.workspace import ROOT

if TYPE_CHECKING:
    from pathlib import Path

MACROS = "{% macro mean(x, n=2) -%}\navg({{ x }})\n  / {{ n }}\n{%- endmacro %}{% macro nothing() %}{% endmacro %}"
PIECES = (
    "SELECT a,\n", "  b -- {c}\n", "'}'", " ", "\n\n", "é", "-", "}", "{", "{{ mean('p.x') }}", "{{mean('a', n = 3)}}",
    "{{ nothing() }}", "{{ vars.limit }}", "{{ vars['limit'] + 1 }}", "{{ 'text' }}", "{{ 1 }}", "{{- mean('b') }}",
    "{{ mean('c') -}}", "{{ mean(\n'd') }}", "{{ '}}' }}", "{{ {'k': 7}.k }}", "{# {{ unknown }} #}",
    "{% if vars.limit %}\nyes{% endif %}", "{% raw %}{{ x }}{% endraw %}", "{% set q = 3 %}", "{{ q }}",
    "{{ unknown }}",
    "{{ 1 / 0 }}", "{{ mean() }}", "{{ topic('t') }}", "{{ topic('none') }}", "{{ }}", "\r\n", "\x0c", "\u2028",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sql/macros").mkdir(parents=True)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations/0001_t.sql").write_text("CREATE TABLE t (id int);\n")
    (tmp_path / "sql/macros/m.jinja").write_text(MACROS)
    (tmp_path / "featurectl.toml").write_text('[topics]\nt = "t_raw"\n[vars]\nlimit = 4\n')
    return tmp_path


def renderer_of(folder: Path, home: Path) -> Renderer:
    return Renderer(folder, load_settings(folder, home=home))


def outcome(renderer: Renderer, path: Path, *, whole: bool) -> tuple[object, ...]:
    try:
        found = renderer._render_any(renderer.name(path)) if whole else renderer.render(path)
    except FeaturectlError as error:
        return str(error), getattr(error, "file", None), getattr(error, "line", None)
    return found.text, [found.source_line(n) for n in range(1, found.text.count("\n") + 2)]


def test_this_projects_files_are_text_and_expressions(tmp_path: Path) -> None:
    renderer = renderer_of(ROOT, tmp_path)
    files = [path for folder in ("sql", "migrations") for path in sorted((ROOT / folder).rglob("*.sql"))]
    assert len(files) > 10
    for path in files:
        assert renderer._render_plain(path, renderer.name(path)) == renderer._render_any(renderer.name(path))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=7))
def test_text_lines_and_errors_are_those_of_the_whole_template(folder: Path, pieces: list[str]) -> None:
    path = folder / "sql/v.sql"
    path.write_text("".join(pieces), encoding="utf-8", newline="")
    renderer = renderer_of(folder, folder / "home")
    assert outcome(renderer, path, whole=False) == outcome(renderer, path, whole=True)


def text_of(folder: Path) -> str:
    return load_project(load_settings(folder, home=folder / "home")).views["v"].text


def test_what_is_remembered_changes_with_all_that_it_depends_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "sql/v.sql").write_text("SELECT {{ mean('id') }} AS m, {{ vars.limit }} AS n FROM t")
    assert text_of(folder) == "SELECT avg(id)\n  / 2 AS m, 4 AS n FROM t"
    monkeypatch.setattr(Renderer, "render", _refuse_views(Renderer.render))
    assert text_of(folder) == "SELECT avg(id)\n  / 2 AS m, 4 AS n FROM t"  # looked up
    monkeypatch.undo()
    (folder / "sql/macros/m.jinja").write_text(MACROS.replace("n=2", "n=5"))
    (folder / "featurectl.toml").write_text("[vars]\nlimit = 6\n")
    assert text_of(folder) == "SELECT avg(id)\n  / 5 AS m, 6 AS n FROM t"


def test_what_reads_other_files_is_not_remembered(folder: Path) -> None:
    (folder / "part.txt").write_text("1")
    (folder / "sql/v.sql").write_text("SELECT {% include 'part.txt' %} AS one FROM t")
    assert text_of(folder) == "SELECT 1 AS one FROM t"
    (folder / "part.txt").write_text("2")
    assert text_of(folder) == "SELECT 2 AS one FROM t"


def _refuse_views(render):  # type: ignore[no-untyped-def]
    def refusing(renderer: Renderer, path: Path) -> Rendered:
        assert path.parent.name == "migrations", "rendered again"
        found: Rendered = render(renderer, path)
        return found

    return refusing
