"""Settings: the environment over `settings.env` over `featurectl.toml` over defaults; flags go on top.

Built once at the edge (`load_settings`) and passed down, frozen.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from featurectl.errors import SettingsError

__all__ = ["PROJECT_FILE", "SETTINGS_FILE", "Settings", "load_settings"]

PROJECT_FILE = "featurectl.toml"
SETTINGS_FILE = "settings.env"
_TOPIC_PREFIX = "KAFKA_TOPIC_"


class Settings(BaseSettings):
    """Everything that differs between places where the same project runs."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    project_dir: Path = Field(Path(), validation_alias="FEATURECTL_PROJECT")
    target: Literal["embedded", "risingwave"] = Field("embedded", validation_alias="FEATURECTL_TARGET")
    home: Path = Field(Path(".featurectl"), validation_alias="FEATURECTL_HOME")
    log: Literal["files", "kafka"] = Field("files", validation_alias="FEATURECTL_LOG")
    fsync: bool = Field(False, validation_alias="FEATURECTL_FSYNC")
    memory_limit: str = Field("1500MB", validation_alias="FEATURECTL_MEMORY_LIMIT")
    threads: int | None = Field(None, ge=1, validation_alias="FEATURECTL_THREADS")

    kafka_bootstrap_servers: str = Field("localhost:30092", validation_alias="KAFKA_BOOTSTRAP_SERVERS")
    kafka_consumer_group: str = Field("featurectl", validation_alias="KAFKA_CONSUMER_GROUP")
    kafka_timeout: float = Field(15, gt=0, le=300, validation_alias="KAFKA_TIMEOUT")
    kafka_delivery_timeout: float = Field(60, gt=0, le=900, validation_alias="KAFKA_DELIVERY_TIMEOUT")
    kafka_compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = Field(
        "zstd", validation_alias="KAFKA_COMPRESSION"
    )
    kafka_partitions: int = Field(3, ge=1, validation_alias="KAFKA_PARTITIONS")
    kafka_replication: int | None = Field(None, ge=1, validation_alias="KAFKA_REPLICATION")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", validation_alias="KAFKA_SECURITY_PROTOCOL"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, validation_alias="KAFKA_SASL_MECHANISM"
    )
    kafka_sasl_username: str | None = Field(None, validation_alias="KAFKA_SASL_USERNAME")
    kafka_sasl_password: SecretStr | None = Field(None, validation_alias="KAFKA_SASL_PASSWORD")
    kafka_ssl_ca_location: Path | None = Field(None, validation_alias="KAFKA_SSL_CA_LOCATION")
    kafka_ssl_certificate_location: Path | None = Field(None, validation_alias="KAFKA_SSL_CERTIFICATE_LOCATION")
    kafka_ssl_key_location: Path | None = Field(None, validation_alias="KAFKA_SSL_KEY_LOCATION")
    kafka_ssl_key_password: SecretStr | None = Field(None, validation_alias="KAFKA_SSL_KEY_PASSWORD")
    risingwave_kafka_bootstrap_servers: str | None = Field(None, validation_alias="RISINGWAVE_KAFKA_BOOTSTRAP_SERVERS")
    risingwave_host: str = Field("localhost", validation_alias="RISINGWAVE_HOST")
    risingwave_port: int = Field(4567, ge=1, le=65535, validation_alias="RISINGWAVE_PORT")
    risingwave_database: str = Field("dev", validation_alias="RISINGWAVE_DATABASE")
    risingwave_user: str = Field("root", validation_alias="RISINGWAVE_USER")
    risingwave_password: SecretStr | None = Field(None, validation_alias="RISINGWAVE_PASSWORD")
    # How many views an apply builds at the same time; the server has a limit of its own.
    risingwave_builds: int = Field(4, ge=1, le=100, validation_alias="RISINGWAVE_BUILDS")
    risingwave_history_days: float = Field(7, gt=0, le=365, validation_alias="RISINGWAVE_HISTORY_DAYS")
    risingwave_timeout: float = Field(15, gt=0, le=300, validation_alias="RISINGWAVE_TIMEOUT")

    # Topic names by short name: `[topics]` of featurectl.toml, over it KAFKA_TOPIC_<NAME>.
    topics: dict[str, str] = Field(default_factory=dict, validation_alias="FEATURECTL_TOPICS")
    # Free variables for templates: `[vars]` of featurectl.toml.
    vars: dict[str, Any] = Field(default_factory=dict, validation_alias="FEATURECTL_VARS")

    # How far a new version may be from the live one before a release stops: `[compare]` of featurectl.toml.
    compare: dict[str, Any] = Field(default_factory=dict, validation_alias="FEATURECTL_COMPARE")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over settings.env over what featurectl.toml says (passed to the constructor)."""
        return env_settings, dotenv_settings, init_settings

    @field_validator(
        "risingwave_password",
        "kafka_replication",
        "kafka_sasl_mechanism",
        "kafka_sasl_username",
        "kafka_sasl_password",
        "kafka_ssl_ca_location",
        "kafka_ssl_certificate_location",
        "kafka_ssl_key_location",
        "kafka_ssl_key_password",
        mode="before",
    )
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @property
    def home_dir(self) -> Path:
        """Where the embedded target keeps its files, absolute."""
        return (self.project_dir / self.home).resolve()

    @property
    def log_dir(self) -> Path:
        """Where the file log keeps its topics."""
        return self.home_dir / "log"

    @property
    def engine_kafka_bootstrap_servers(self) -> str:
        """The Kafka brokers as the engine sees them."""
        return self.risingwave_kafka_bootstrap_servers or self.kafka_bootstrap_servers

    def topic(self, name: str) -> str:
        """The topic's full name by its short one. Raises SettingsError if nothing names it."""
        if name not in self.topics:
            raise SettingsError(
                f"no topic is named {name!r}",
                hint=f"set {_TOPIC_PREFIX}{name.upper()} or add it to [topics] in {PROJECT_FILE}",
            )
        return self.topics[name]


def load_settings(project_dir: Path | None = None, **flags: Any) -> Settings:
    """Read the settings that hold for a project directory (default: the current one).

    `flags` are fields of `Settings` by name that win over everything; None means not given.
    Raises SettingsError for a file that cannot be read and for a value that does not fit.
    """
    folder = (project_dir or Path()).resolve()
    dotenv = folder / SETTINGS_FILE
    base = _read_toml(folder / PROJECT_FILE)
    topics = dict(base.pop("topics", {}))
    topics.update(_topics_from(_read_dotenv(dotenv)))
    topics.update(_topics_from(os.environ))
    try:
        loaded = Settings(_env_file=dotenv, **_by_alias({**base, "topics": topics}))
        given = {name: value for name, value in flags.items() if value is not None}
        return loaded.model_copy(update=_checked({**given, "project_dir": folder}))
    except ValidationError as error:
        raise SettingsError(_first_problem(error), hint="see settings.env.example for every setting") from None


def _by_alias(values: dict[str, Any]) -> dict[str, Any]:
    # By alias only: matching field names too would read HOME from the environment as `home`.
    return {str(Settings.model_fields[name].validation_alias): value for name, value in values.items()}


def _checked(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags as the fields' types, refused where they do not fit."""
    fields = Settings.model_construct()
    for name, value in flags.items():
        Settings.__pydantic_validator__.validate_assignment(fields, name, value)
    return {name: getattr(fields, name) for name in flags}


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"setting {'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path.name} cannot be read: {error}") from error
    unknown = sorted(set(data) - set(Settings.model_fields) - {"name"})
    if unknown:
        raise SettingsError(
            f"{path.name}: unknown key {unknown[0]!r}",
            hint="known: name, topics, vars, compare and the settings by name",
        )
    data.pop("name", None)
    return data


def _read_dotenv(path: Path) -> dict[str, str]:
    from dotenv import dotenv_values

    if not path.is_file():
        return {}
    return {name: value for name, value in dotenv_values(path).items() if value is not None}


def _topics_from(variables: Any) -> dict[str, str]:
    return {
        name[len(_TOPIC_PREFIX) :].lower(): value
        for name, value in variables.items()
        if name.startswith(_TOPIC_PREFIX) and value
    }
