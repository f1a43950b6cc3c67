"""Where the APIs are: the environment over the project's `settings.env` over their public addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from featurectl.settings import SETTINGS_FILE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ApiSettings", "load_api_settings"]


class ApiSettings(BaseSettings):
    """Base addresses of the APIs, for a mirror, a proxy, a customer's host or a test's server."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    energy_charts_url: str = Field("https://api.energy-charts.info", validation_alias="ENERGY_CHARTS_URL")
    open_meteo_archive_url: str = Field("https://archive-api.open-meteo.com", validation_alias="OPEN_METEO_ARCHIVE_URL")
    open_meteo_forecast_url: str = Field("https://api.open-meteo.com", validation_alias="OPEN_METEO_FORECAST_URL")


def load_api_settings(project_dir: Path) -> ApiSettings:
    """The addresses that hold for a project directory."""

    # Through model_config as a class: the plugin-less type checker does not know `_env_file`.
    class InProject(ApiSettings):
        model_config = SettingsConfigDict(env_file=project_dir / SETTINGS_FILE)

    return InProject()
