"""settings.env.example and the settings that there are say the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from featurectl.settings import SETTINGS_FILE, Settings, load_settings
from producers.settings import ApiSettings, load_api_settings
from tests.house.source import ROOT

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = ROOT / f"{SETTINGS_FILE}.example"
# What only featurectl.toml can say.
IN_TOML_ONLY = {"FEATURECTL_COMPARE", "FEATURECTL_TOPICS", "FEATURECTL_VARS"}
TOPICS = {"KAFKA_TOPIC_SOLAR", "KAFKA_TOPIC_WEATHER"}


def named() -> dict[str, str]:
    """Every name in the example with its value; a line that is commented out counts."""
    text = EXAMPLE.read_text(encoding="utf-8")
    return dict(re.findall(r"^(?:# ?)?([A-Z][A-Z_]+)=(.*)$", text, re.MULTILINE))


def test_example_names_every_setting_and_no_other() -> None:
    aliases = {str(field.validation_alias) for field in Settings.model_fields.values()}
    of_producers = {str(field.validation_alias) for field in ApiSettings.model_fields.values()}
    assert set(named()) == (aliases - IN_TOML_ONLY) | TOPICS | of_producers


def test_example_shows_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in named():
        monkeypatch.delenv(name, raising=False)
    (tmp_path / SETTINGS_FILE).write_text(
        "".join(f"{name}={value}\n" for name, value in named().items() if value), encoding="utf-8"
    )
    example, default = load_settings(tmp_path), load_settings(tmp_path / "empty")
    ignored = {"project_dir", "topics"}
    assert example.model_dump(exclude=ignored) == default.model_dump(exclude=ignored)
    assert load_api_settings(tmp_path).model_dump() == load_api_settings(tmp_path / "empty").model_dump()
    assert example.topics == {"solar": "solar_production_raw", "weather": "weather_raw"}


@pytest.mark.parametrize("name", sorted(named()))
def test_example_explains_each_setting(name: str) -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    at = next(i for i, line in enumerate(lines) if line.lstrip("# ").startswith(f"{name}="))
    assert re.match(r"# \w.*[a-z]", lines[at - 1]), "a comment stands above each setting"
