"""`kafka_properties()` in a migration: what the settings say, secrets by name only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from featurectl.dialect import CreateSourceTable
from featurectl.errors import SettingsError
from featurectl.project import load_project
from featurectl.project.kafka_properties import kafka_properties, with_secrets, without_secrets
from featurectl.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOGIN = {
    "kafka_security_protocol": "SASL_SSL",
    "kafka_sasl_mechanism": "SCRAM-SHA-512",
    "kafka_sasl_username": "ann",
    "kafka_sasl_password": "pa'ss, word",
}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
KEY = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"
MIGRATION = """CREATE TABLE raw (data BYTEA) APPEND ONLY
WITH (
  connector = 'kafka',
  topic = 'raw',
  {{ kafka_properties() }},
  scan.startup.mode = 'earliest'
) FORMAT PLAIN ENCODE BYTES;
"""


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    """A factory of settings of a project with one source table."""
    (tmp_path / "sql").mkdir()
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_raw.sql").write_text(MIGRATION, encoding="utf-8")

    def make(**flags: Any) -> Settings:
        return load_settings(
            tmp_path, kafka_bootstrap_servers="out:1", risingwave_kafka_bootstrap_servers="in:2", **flags
        )

    return make


def options(settings: Settings) -> dict[str, str]:
    """The statement's options as the dialect reads them."""
    [statement] = load_project(settings).migrations[0].statements
    assert isinstance(statement, CreateSourceTable)
    return {name: value for name, value in statement.options.items() if name.startswith("properties.")}


def test_without_a_login_only_the_brokers_as_the_engine_sees_them(make_settings: Callable[..., Settings]) -> None:
    assert options(make_settings()) == {"properties.bootstrap.server": "in:2"}


def test_a_login_by_name_until_it_is_sent(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(**LOGIN)
    assert options(settings) == {
        "properties.bootstrap.server": "in:2",
        "properties.security.protocol": "SASL_SSL",
        "properties.sasl.mechanism": "SCRAM-SHA-512",
        "properties.sasl.username": "ann",
        "properties.sasl.password": "${KAFKA_SASL_PASSWORD}",
    }
    sent = with_secrets(kafka_properties(settings), settings)
    assert "properties.sasl.password = 'pa''ss, word'" in sent
    assert without_secrets(f"no: {sent} pa'ss, word", settings).count("***") == 2


def test_certificates_are_in_the_statement_and_the_key_is_not(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text(f"{PEM}\n")
    (tmp_path / "key.pem").write_text(KEY)
    settings = make_settings(
        kafka_security_protocol="SSL",
        kafka_ssl_ca_location="ca.pem",
        kafka_ssl_certificate_location="ca.pem",
        kafka_ssl_key_location="key.pem",
        kafka_ssl_key_password="of-the-key",
    )
    assert options(settings) == {
        "properties.bootstrap.server": "in:2",
        "properties.security.protocol": "SSL",
        "properties.ssl.ca.pem": PEM,
        "properties.ssl.certificate.pem": PEM,
        "properties.ssl.key.pem": "${KAFKA_SSL_KEY_LOCATION}",
        "properties.ssl.key.password": "${KAFKA_SSL_KEY_PASSWORD}",
    }
    sent = with_secrets(kafka_properties(settings), settings)
    assert f"properties.ssl.key.pem = '{KEY}'" in sent
    assert "properties.ssl.key.password = 'of-the-key'" in sent
    for path in (tmp_path / ".featurectl").rglob("*.json"):
        assert "c2VjcmV0" not in path.read_text()


def test_the_checksum_is_that_of_the_template(make_settings: Callable[..., Settings]) -> None:
    plain, secret = load_project(make_settings()), load_project(make_settings(**LOGIN))
    assert plain.migrations[0].checksum == secret.migrations[0].checksum


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"kafka_ssl_ca_location": "none.pem"}, r"KAFKA_SSL_CA_LOCATION: there is no file none\.pem"),
        ({"kafka_ssl_ca_location": "binary.pem"}, r"KAFKA_SSL_CA_LOCATION: binary\.pem cannot be read as text"),
        ({"kafka_security_protocol": "SASL_SSL"}, "SASL_SSL needs KAFKA_SASL_MECHANISM"),
    ],
)
def test_what_cannot_be_used_is_said(
    make_settings: Callable[..., Settings], tmp_path: Path, flags: dict[str, str], reason: str
) -> None:
    (tmp_path / "binary.pem").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=reason):
        load_project(make_settings(**flags))
