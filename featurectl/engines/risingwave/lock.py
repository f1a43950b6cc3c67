"""The only right to write: a row that one session holds, and that falls to the next one when the session ends.

RisingWave has no locks. A table whose primary key takes the first row and ignores the rest (ON CONFLICT DO NOTHING)
decides who comes first: insert, FLUSH, read back whose row stands. Turns count up, so a row is never deleted that
somebody else may just be inserting. Whether a holder lives is asked of the server: a killed process's connection
closes, and its session leaves the list.
"""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from featurectl.engines.risingwave.errors import NOT_FOUND, sql_state
from featurectl.engines.risingwave.ledger import SCHEMA
from featurectl.engines.risingwave.sql import text_literal
from featurectl.errors import EngineBusy, EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from featurectl.engines.risingwave.connection import Session

__all__ = ["Lock"]

_TABLE = f"{SCHEMA}.lock"
_WHAT = "the lock"
_POLL_SECONDS = 0.3


@dataclass(frozen=True)
class _Turn:
    number: int
    released: bool
    token: str
    session: str
    holder: str


class Lock:
    """Held by a session for as long as it writes."""

    def __init__(self, session: Session, command: str) -> None:
        self._session = session
        self._command = command
        self._token = uuid.uuid4().hex
        self._turn = 0

    @contextmanager
    def held(self, wait: timedelta) -> Iterator[None]:
        """Take the lock, waiting up to `wait` for a holder that lives. Raises EngineBusy, naming it."""
        deadline = time.monotonic() + wait.total_seconds()
        while not self._take():
            if time.monotonic() >= deadline:
                raise EngineBusy(
                    f"another process is writing: {self._holder()}",
                    hint="wait until it is done, or stop it; reading is possible all the while",
                )
            time.sleep(_POLL_SECONDS)
        try:
            yield
        finally:
            if self._session.is_usable:
                self._write("released")

    def require(self) -> None:
        """Raise EngineError if somebody else has taken over, as after a connection that was away for long."""
        last = self._last()
        if last is None or last.token != self._token or last.released:
            raise EngineError("another process took over while this one was away", hint="apply again once it is done")

    def _take(self) -> bool:
        try:
            last = self._last()
        except EngineError as error:
            # CREATE TABLE IF NOT EXISTS answers at once while a killed process's creation of it is still under way.
            if sql_state(error) != NOT_FOUND:
                raise
            return False
        if last is not None and not last.released and self._lives(last):
            return False
        self._turn = last.number + 1 if last else 1
        self._write("taken")
        last = self._last()
        if last is None or last.number != self._turn or last.token != self._token:
            return False
        self._session.run(f"DELETE FROM {_TABLE} WHERE turn < {self._turn}", _WHAT)
        return True

    def _write(self, what: str) -> None:
        holder = json.dumps(
            {
                "command": self._command,
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "since": datetime.now(UTC).isoformat("T", "seconds"),
            }
        )
        values = ", ".join(text_literal(value) for value in (what, self._token, self._own_session(), holder))
        self._session.run(
            f"INSERT INTO {_TABLE} (turn, what, token, session, holder) VALUES ({self._turn}, {values})", _WHAT
        )
        self._session.run("FLUSH", _WHAT)

    def _last(self) -> _Turn | None:
        rows = self._session.rows(
            f"SELECT turn, what, token, session, holder FROM {_TABLE} ORDER BY turn DESC, what LIMIT 2", _WHAT
        )
        return _Turn(rows[0][0], rows[0][1] == "released", *rows[0][2:]) if rows else None

    def _holder(self) -> str:
        last = self._last()
        if last is None or last.released:
            return "it has just ended"
        holder = json.loads(last.holder)
        return f"featurectl {holder['command']} (process {holder['pid']} on {holder['host']}) since {holder['since']}"

    def _own_session(self) -> str:
        """How the server lists this session: among those with our number, the one that is asking."""
        suffix = f":{self._session.backend}"
        found = [row for row in self._sessions() if row[0].endswith(suffix) and "SHOW PROCESSLIST" in (row[2] or "")]
        return f"{found[0][0]} {found[0][1]}" if found else ""

    def _lives(self, turn: _Turn) -> bool:
        listed = self._sessions()
        if not turn.session or any(not row[0] for row in listed):
            return True  # the list is not complete: better to wait for nobody than to write beside somebody
        return any(f"{number} {host}" == turn.session for number, host, _ in listed)

    def _sessions(self) -> list[tuple[str, str, str | None]]:
        return [(row[1], row[3], row[6]) for row in self._session.rows("SHOW PROCESSLIST", _WHAT)]
