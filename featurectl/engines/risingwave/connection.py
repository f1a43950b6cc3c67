"""A connection that waits with a deadline and can be interrupted: psycopg2, asynchronous underneath.

Each statement is its own transaction; RisingWave's ROLLBACK undoes nothing. Only connecting, and what does not depend
on data, has a time limit: how long another statement takes depends on the data, and a FLUSH waits for the barriers of
every build that is under way.
"""

from __future__ import annotations

import re
import select
import time
from typing import TYPE_CHECKING, Any

from featurectl.engines.risingwave.errors import risingwave_errors
from featurectl.engines.risingwave.sql import comment
from featurectl.errors import EngineError, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from featurectl.settings import Settings

__all__ = ["MINIMUM_VERSION", "Session"]

MINIMUM_VERSION = (2, 6)
_IDLE_SECONDS = 0.5
# A server that is at work on builds may answer a question about them later than one that is not.
_BUSY_FACTOR = 4
_VERSION = re.compile(r"RisingWave-(\d+)\.(\d+)")
_BYTEA, _JSONB = 17, 3802


class Session:
    """One connection to RisingWave, in UTC. `mark` is the comment before each statement."""

    def __init__(self, settings: Settings, command: str) -> None:
        """Connect. Raises EngineError (unreachable, refused, too old) and MissingExtra."""
        self.command = command
        self.mark = comment(command)
        self._timeout = settings.risingwave_timeout
        self._where = f"{settings.risingwave_host}:{settings.risingwave_port}"
        self._con = _connect(settings, f"cannot connect to RisingWave at {self._where}")
        try:
            self._hello()
        except BaseException:  # whatever it is, the socket is not left open
            self.close()
            raise

    def step(self, plan: str | None = None, number: int | None = None) -> None:
        """What follows belongs to that step of that plan."""
        self.mark = comment(self.command, plan, number)

    def run(self, sql: str, what: str, idle: Callable[[float], None] | None = None, limit: float | None = None) -> None:
        """Execute one statement; `idle` is told the seconds while the server has not answered yet."""
        self._execute(sql, what, limit, idle)

    def rows(self, sql: str, what: str, limit: float | None = None) -> list[tuple[Any, ...]]:
        """All rows of a statement, in memory."""
        cursor = self._execute(sql, what, limit, None)
        with risingwave_errors(what):
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def described(self, sql: str, what: str) -> tuple[Sequence[tuple[str, int]], list[tuple[Any, ...]]]:
        """The columns (name, type's number) and the rows of a statement."""
        cursor = self._execute(sql, what, None, None)
        with risingwave_errors(what):
            return [(column[0], column[1]) for column in cursor.description or ()], cursor.fetchall()

    def read_as_text(self, numbers: Iterable[int]) -> None:
        """From here on values of these types are the text that the server sent."""
        from psycopg2 import extensions

        as_text = extensions.new_type(tuple(numbers), "TEXT", lambda value, _: value)
        extensions.register_type(as_text, self._con)

    @property
    def backend(self) -> int:
        """The server's number for this connection."""
        return int(self._con.get_backend_pid())

    @property
    def patience(self) -> float:
        """The seconds within which a server that is building answers what does not depend on data."""
        return _BUSY_FACTOR * self._timeout

    @property
    def is_usable(self) -> bool:
        """Whether another statement can be sent: it was neither lost nor interrupted."""
        return not self._con.closed and not self._con.isexecuting()

    def close(self) -> None:
        """Leave. A statement that is still running is given up."""
        self._con.close()

    def _hello(self) -> None:
        [[version]] = self.rows(
            "SELECT version()", f"asking RisingWave at {self._where} for its version", self._timeout
        )
        match = _VERSION.search(version)
        if match is None:
            raise EngineError(
                f"{self._where} is no RisingWave: {version[:60]}", hint="set RISINGWAVE_HOST and RISINGWAVE_PORT"
            )
        if (int(match[1]), int(match[2])) < MINIMUM_VERSION:
            least = ".".join(map(str, MINIMUM_VERSION))
            raise EngineError(
                f"RisingWave at {self._where} is {match[1]}.{match[2]}", hint=f"at least {least} is needed: upgrade it"
            )
        # A view keeps the time zone of the session that created it.
        self.run("SET TIME ZONE 'UTC'", "setting the time zone", limit=self._timeout)

    def _execute(self, sql: str, what: str, limit: float | None, idle: Callable[[float], None] | None) -> Any:
        with risingwave_errors(what):
            cursor = self._con.cursor()
            cursor.execute(self.mark + sql)
            _wait(self._con, what, limit, idle)
        return cursor


def _connect(settings: Settings, what: str) -> Any:
    try:
        import psycopg2
        from psycopg2 import extensions
    except ImportError as error:
        raise MissingExtra(
            "the target risingwave needs psycopg2", hint="install it with: pip install 'featurectl[risingwave]'"
        ) from error
    secret = settings.risingwave_password
    with risingwave_errors(what):
        con = psycopg2.connect(
            host=settings.risingwave_host,
            port=settings.risingwave_port,
            dbname=settings.risingwave_database,
            user=settings.risingwave_user,
            password=secret.get_secret_value() if secret else None,
            application_name="featurectl",
            keepalives_idle=30,
            async_=True,
        )
        _wait(con, what, settings.risingwave_timeout, None)
    as_bytes = extensions.new_type((_BYTEA,), "BYTES", _to_bytes)
    extensions.register_type(as_bytes, con)
    extensions.register_type(extensions.new_type((_JSONB,), "JSON_TEXT", lambda value, _: value), con)
    return con


def _to_bytes(value: Any, _: Any) -> bytes | None:
    return None if value is None else bytes.fromhex(value.removeprefix("\\x"))


def _wait(con: Any, what: str, limit: float | None, idle: Callable[[float], None] | None) -> None:
    from psycopg2 import extensions

    started = time.monotonic()
    while (state := con.poll()) != extensions.POLL_OK:
        waiting = select.poll()
        waiting.register(con.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
        answered = waiting.poll(_IDLE_SECONDS * 1000)
        passed = time.monotonic() - started
        if limit is not None and passed > limit:
            con.close()
            raise EngineError(
                f"{what}: no answer within {limit:g} s",
                hint="is RisingWave there, and well? RISINGWAVE_TIMEOUT is how long to wait",
            )
        if not answered and idle is not None:
            idle(passed)
