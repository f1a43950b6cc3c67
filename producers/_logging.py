"""Logs as JSON lines on standard error, whoever calls: output on standard output stays clean."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

__all__ = ["get_logger"]


class _StandardError:
    """Writes to what is standard error at that moment, which tests and progress bars exchange."""

    def msg(self, line: str) -> None:
        sys.stderr.write(line + "\n")

    debug = info = warning = error = critical = msg


def get_logger() -> Any:
    """A logger of its own configuration: without one structlog would print to standard output."""
    return structlog.wrap_logger(
        _StandardError(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
    )
