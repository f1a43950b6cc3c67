"""`kafka_properties()` of a migration: how the engine connects to Kafka, with its secrets by name only.

Rendered text goes into caches, journals and messages. So what it says in the place of a secret is `'${SETTING}'`, and
the engine puts the value there at the very last, in what it sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from featurectl.settings import Settings

__all__ = ["kafka_properties", "with_secrets", "without_secrets"]

_PASSWORDS = {
    "properties.sasl.password": "kafka_sasl_password",
    "properties.ssl.key.password": "kafka_ssl_key_password",
}
_HIDDEN = "***"


def kafka_properties(settings: Settings) -> str:
    """`properties.… = '…'` with commas between, for a source table's WITH; the brokers first.

    Certificates are written into the statement, so that RisingWave needs no file. Raises SettingsError for one that is
    not there, and for a login without its mechanism.
    """
    if settings.kafka_security_protocol.startswith("SASL") and settings.kafka_sasl_mechanism is None:
        raise SettingsError(
            f"KAFKA_SECURITY_PROTOCOL={settings.kafka_security_protocol} needs KAFKA_SASL_MECHANISM",
            hint="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512: Kafka's administrator knows",
        )
    is_plain = settings.kafka_security_protocol == "PLAINTEXT"
    values: dict[str, str | None] = {
        "properties.bootstrap.server": settings.engine_kafka_bootstrap_servers,
        "properties.security.protocol": None if is_plain else settings.kafka_security_protocol,
        "properties.sasl.mechanism": settings.kafka_sasl_mechanism,
        "properties.sasl.username": settings.kafka_sasl_username,
        "properties.ssl.ca.pem": _pem(settings, "kafka_ssl_ca_location"),
        "properties.ssl.certificate.pem": _pem(settings, "kafka_ssl_certificate_location"),
        "properties.ssl.key.pem": _named("kafka_ssl_key_location") if settings.kafka_ssl_key_location else None,
        **{name: _named(field) if getattr(settings, field) else None for name, field in _PASSWORDS.items()},
    }
    return ",\n  ".join(f"{name} = {_quoted(value)}" for name, value in values.items() if value is not None)


def with_secrets(text: str, settings: Settings) -> str:
    """A statement's text with the secrets in their places. Never to be kept or shown."""
    for field, value in _secrets(settings).items():
        text = text.replace(f"'{_named(field)}'", _quoted(value))
    return text


def without_secrets(text: str, settings: Settings) -> str:
    """A message with stars where it shows a secret."""
    for value in _secrets(settings).values():
        for shown in (_quoted(value)[1:-1], value):
            text = text.replace(shown, _HIDDEN)
    return text


def _secrets(settings: Settings) -> dict[str, str]:
    """The secrets that are set and not empty, by field."""
    passwords = {field: getattr(settings, field) for field in _PASSWORDS.values()}
    found = {field: secret.get_secret_value() for field, secret in passwords.items() if secret is not None}
    key = _pem(settings, "kafka_ssl_key_location")
    return {field: value for field, value in {**found, "kafka_ssl_key_location": key}.items() if value}


def _named(field: str) -> str:
    return f"${{{field.upper()}}}"


def _pem(settings: Settings, field: str) -> str | None:
    path: Path | None = getattr(settings, field)
    if path is None:
        return None
    try:
        return (settings.project_dir / path).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise SettingsError(f"{field.upper()}: there is no file {path}") from None
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{field.upper()}: {path} cannot be read as text", hint="a file in PEM is needed") from None


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
