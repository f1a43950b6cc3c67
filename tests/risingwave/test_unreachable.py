"""A server that is not there, is another one, is too old, or never answers: one line, a hint, in time."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from featurectl.engines.risingwave import connection
from featurectl.engines.risingwave.connection import Session
from featurectl.engines.risingwave.errors import reason_of
from featurectl.engines.risingwave.sql import comment, quote, text_literal
from featurectl.errors import EngineError
from featurectl.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.risingwave.project import SmallProject


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path, target="risingwave", risingwave_host="127.0.0.1", risingwave_port=1)


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_nobody_listens(settings: Settings) -> None:
    with pytest.raises(EngineError, match=r"cannot connect to RisingWave at \S+:1: Connection refused") as caught:
        Session(settings, "apply")
    assert "RISINGWAVE_HOST" in (caught.value.hint or "")


def test_somebody_listens_and_never_answers(settings: Settings, silent_port: int) -> None:
    with pytest.raises(EngineError, match="no answer within 1 s"):
        Session(settings.model_copy(update={"risingwave_port": silent_port, "risingwave_timeout": 1.0}), "apply")


def test_an_unknown_host(settings: Settings) -> None:
    with pytest.raises(EngineError, match="could not translate host name"):
        Session(settings.model_copy(update={"risingwave_host": "nowhere.invalid"}), "apply")


def test_an_unknown_database_or_user(small_project: SmallProject) -> None:
    with pytest.raises(EngineError, match="nowhere") as caught:
        Session(small_project.settings.model_copy(update={"risingwave_database": "nowhere"}), "apply")
    assert caught.value.hint == "set RISINGWAVE_DATABASE"
    with pytest.raises(EngineError, match="nobody") as caught:
        Session(small_project.settings.model_copy(update={"risingwave_user": "nobody"}), "apply")
    assert caught.value.hint == "set RISINGWAVE_USER"


def test_a_wrong_password_is_refused_and_not_shown(small_project: SmallProject) -> None:
    user = f"locked_{small_project.settings.risingwave_database}"
    small_project.sql(
        f"CREATE USER {user} WITH PASSWORD 'right-one'",
        f"GRANT CONNECT ON DATABASE {small_project.settings.risingwave_database} TO {user}",
    )
    try:
        password = SecretStr("wrong-one")
        wrong = small_project.settings.model_copy(update={"risingwave_user": user, "risingwave_password": password})
        with pytest.raises(EngineError) as caught:
            Session(wrong, "apply")
        assert "wrong-one" not in f"{caught.value} {caught.value.hint}"
        assert "RISINGWAVE_PASSWORD" in (caught.value.hint or "")
    finally:
        small_project.sql(
            f"REVOKE CONNECT ON DATABASE {small_project.settings.risingwave_database} FROM {user}", f"DROP USER {user}"
        )


def test_a_server_that_is_too_old_or_another(small_project: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MINIMUM_VERSION", (99, 1))
    with pytest.raises(EngineError, match=r"RisingWave at .* is \d+\.\d+") as caught:
        Session(small_project.settings, "apply")
    assert caught.value.hint == "at least 99.1 is needed: upgrade it"
    monkeypatch.setattr(connection, "_VERSION", connection.re.compile("CrateDB"))
    with pytest.raises(EngineError, match="is no RisingWave: PostgreSQL"):
        Session(small_project.settings, "apply")


def test_every_session_is_in_utc(small_project: SmallProject) -> None:
    session = Session(small_project.settings, "query")
    try:
        assert session.rows("SHOW TimeZone", "time zone") == [("UTC",)]
    finally:
        session.close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Failed to run the query\n\nCaused by:\n  Permission denied: nope\n", "Permission denied: nope"),
        ("one line", "one line"),
        ("Failed to run the query\n", "Failed to run the query"),
    ],
)
def test_reasons_are_one_line(text: str, reason: str) -> None:
    assert reason_of(text) == reason


@pytest.mark.parametrize("make", [comment, quote, text_literal])
def test_nothing_escapes_its_quotes(make: Callable[[str], str]) -> None:
    made = make("""x'y"z*/""")
    assert made.startswith(("/* ", '"', "'"))
    assert made.count("*/") <= 1
