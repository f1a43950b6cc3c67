"""The one place where psycopg2's exceptions become ours, on one line and with a hint."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from featurectl.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DUPLICATE", "NOT_FOUND", "reason_of", "risingwave_errors", "sql_state"]

# The only two codes that RisingWave tells apart; all else is XX000.
NOT_FOUND = "42704"
DUPLICATE = "42710"

_CAUSE = re.compile(r"^\s*(?:\d+: )?(.*)$")
# Links of the chain of causes that say nothing to the author of a statement.
_NOISE = (
    "Failed to run the query",
    "Failed to prepare the statement",
    "Failed to execute the statement",
    "Caused by",
    "Catalog error",
    "Expr error",
    "Internal error",
    "Kafka error",
    "Failed to bind expression",
    "gRPC request to",
    "Scheduler error",
)
_LOST = "the connection was lost; what was begun goes on, or is brought to its end by the next: featurectl apply"
_HINTS = (
    ("Connection refused", "is RisingWave running there? set RISINGWAVE_HOST and RISINGWAVE_PORT"),
    ("could not translate host name", "set RISINGWAVE_HOST"),
    ("ermission denied", "the user of RISINGWAVE_USER needs the privilege, or ask who owns the object"),
    ("table or source not found", "featurectl status lists what there is, and what of it somebody has dropped"),
    ("password", "set RISINGWAVE_USER and RISINGWAVE_PASSWORD"),
    ("role ", "set RISINGWAVE_USER"),
    ("database", "set RISINGWAVE_DATABASE"),
    ("kafka", "RisingWave reaches the brokers at RISINGWAVE_KAFKA_BOOTSTRAP_SERVERS; does the topic exist?"),
    ("server closed the connection", _LOST),
    ("connection already closed", _LOST),
    ("connection pointer is NULL", _LOST),
)


@contextmanager
def risingwave_errors(what: str, *, hint: str | None = None) -> Iterator[None]:
    """psycopg2's exceptions inside become EngineError: `what` failed, and the server's reason."""
    import psycopg2

    try:
        yield
    except psycopg2.Error as error:
        reason = reason_of(str(error)) or type(error).__name__
        raise EngineError(f"{what}: {reason}", hint=hint or _hint(reason)) from error


def sql_state(error: EngineError) -> str | None:
    """The server's code of the statement that failed."""
    code: str | None = getattr(error.__cause__, "pgcode", None)
    return code


def reason_of(text: str) -> str:
    """RisingWave's chain of causes on one line, without the links that say nothing.

    >>> reason_of("Failed to run the query\\n\\nCaused by these errors (recent errors listed first):\\n"
    ...           "  1: Failed to bind expression: nope\\n  2: Item not found: Invalid column: nope\\n")
    'Item not found: Invalid column: nope'
    """
    found = (match[1].strip() for line in text.splitlines() if (match := _CAUSE.match(line)))
    links = [link.removeprefix("ERROR:").strip() for link in found if link]
    telling = [link for link in links if not link.startswith(_NOISE) and set(link) != {"^"}]
    return ": ".join(dict.fromkeys(telling or links))


def _hint(reason: str) -> str | None:
    return next((hint for sign, hint in _HINTS if sign.lower() in reason.lower()), None)
