"""`featurectl render`: what each engine would be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from featurectl.cli import main
from featurectl.dialect import MACROS
from featurectl.errors import UnsupportedOnEngine, UsageError
from featurectl.project import load_project
from featurectl.services.rendering import render
from featurectl.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

MIGRATION = """CREATE TABLE orders_raw (data BYTEA) APPEND ONLY
INCLUDE partition AS log_partition INCLUDE offset AS log_offset INCLUDE timestamp AS ingested_at
WITH (connector = 'kafka', topic = 'orders', properties.bootstrap.server = 'k:1', properties.sasl.password = 'hush')
FORMAT PLAIN ENCODE BYTES;
CREATE TABLE prices (item VARCHAR PRIMARY KEY, price DOUBLE PRECISION);
GRANT SELECT ON prices TO reader;
"""
MACRO = "{#- Half of it. -#}\n{% macro half(x) -%}\n{{ x }} / 2\n{%- endmacro %}\n"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "hush")
    for name, text in {
        "migrations/0001_tables.sql": MIGRATION,
        "sql/macros/m.jinja": MACRO,
        "sql/half.sql": "SELECT item, -- what\n  {{ half('price') }} AS half\nFROM prices;\n",
        "sql/quarter.sql": "/*\ntags: [x]\n*/\nSELECT item, (half > 3)::int + {{ half('7') }} AS q FROM half\n",
        "sql/now.sql": "SELECT item,\n  pg_sleep(1) AS x\nFROM half\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return load_settings(tmp_path, home=tmp_path / "home")


def sent(settings: Settings, name: str, target: str) -> str:
    return render(load_project(settings), settings, name, target)


def test_risingwave_gets_the_text_as_it_was_rendered(settings: Settings) -> None:
    assert sent(settings, "half", "risingwave") == "SELECT item, -- what\n  price / 2 AS half\nFROM prices;"
    assert sent(settings, "quarter", "risingwave") == "SELECT item, (half > 3)::int + 7 / 2 AS q FROM half"


def test_embedded_gets_a_translation_that_duckdb_runs(settings: Settings) -> None:
    with duckdb.connect() as con:
        for macro in MACROS:
            con.execute(macro)
        con.execute(sent(settings, "prices", "embedded").partition("\n\n")[2].partition("\n\n")[0])
        con.execute("INSERT INTO prices VALUES ('tea', 9), ('milk', 1)")
        con.execute(f"CREATE VIEW half AS {sent(settings, 'half', 'embedded')}")
        answer = con.execute(sent(settings, "quarter", "embedded")).fetchall()
    assert sorted(answer) == [("milk", 3), ("tea", 4)]  # 7 / 2 of whole numbers is 3


@pytest.mark.parametrize("name", ["1", "0001", "tables", "0001_tables", "orders_raw", "prices"])
def test_a_migration_by_any_of_its_names(settings: Settings, name: str) -> None:
    if name == "1":
        with pytest.raises(UsageError):
            sent(settings, name, "risingwave")
        return
    there, here = sent(settings, name, "risingwave"), sent(settings, name, "embedded")
    assert "CREATE TABLE orders_raw (data BYTEA)" in there
    assert "GRANT SELECT ON prices TO reader;" in there
    assert "hush" not in there + here
    assert "orders_raw: the messages of orders" in here
    assert "-- nothing for: GRANT SELECT ON prices TO reader" in here


def test_a_macro_by_its_name_and_by_a_call(settings: Settings) -> None:
    assert sent(settings, "half(3)", "risingwave") == sent(settings, "half(3)", "embedded")
    assert sent(settings, "half('x + 1')", "embedded") == "x + 1 / 2"


def test_a_view_hides_a_macro_of_its_name_and_others_show_their_source(settings: Settings) -> None:
    (settings.project_dir / "sql" / "macros" / "m.jinja").write_text(MACRO.replace("half(", "third("), "utf-8")
    (settings.project_dir / "sql" / "half.sql").write_text("SELECT item, price AS half FROM prices", "utf-8")
    (settings.project_dir / "sql" / "quarter.sql").unlink()
    assert sent(settings, "third", "embedded") == MACRO.replace("half(", "third(").strip()


def test_what_is_not_known_or_cannot_be_run_says_so(settings: Settings) -> None:
    with pytest.raises(UsageError, match="'quartre'") as unknown:
        sent(settings, "quartre", "embedded")
    assert unknown.value.hint == "did you mean quarter?"
    with pytest.raises(UnsupportedOnEngine) as refused:
        sent(settings, "now", "embedded")
    assert (refused.value.file, refused.value.line) == ("sql/now.sql", 2)
    assert "pg_sleep" in sent(settings, "now", "risingwave")


def test_the_command_shows_both_or_one(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    def printed(*words: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            main(["--project", str(settings.project_dir), "render", *words])
        assert stopped.value.code == 0
        return capsys.readouterr().out

    both = printed("half")
    assert both.startswith("-- risingwave\nSELECT item, -- what\n")
    assert "\n-- embedded\nSELECT" in both
    assert printed("half", "--target", "risingwave") == "SELECT item, -- what\n  price / 2 AS half\nFROM prices;\n"
    assert printed("half(3)") == "3 / 2\n"
