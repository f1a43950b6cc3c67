"""Every error that a user can meet, in one tree.

FeaturectlError                 exit code 1
├── UsageError                  exit code 2: the words of the call are off
├── SettingsError               a setting is missing or wrong
├── ProjectError                a file of the project is wrong; names file and line
│   ├── UnsupportedOnEngine     SQL that this engine cannot run with the same meaning
│   └── MigrationChanged        a migration that already ran was edited
├── LogError                    the event log could not be read or written
│   └── LogUnavailable          it does not answer; it may by itself, later
├── BucketError                 object storage (s3://…) did not do what it was asked for
├── SourceError                 a producer's source (API, file) did not deliver
├── EngineError                 the engine refused or failed
│   └── EngineBusy              another process holds the engine for writing
├── CheckFailed                 a check, a test or a comparison did not hold
│   └── TooDifferent            a new version is further from the live one than its limits allow
├── SpineError                  what a training set is asked for cannot be joined to features
├── BreakingChange              a change takes something away from readers, and was not allowed to
├── PlanMoved                   the project or the engine is not what a saved plan was made for
└── MissingExtra                an optional dependency is not installed

Foreign exceptions are mapped to these where the foreign library is called; the command line
catches `FeaturectlError` in one place and anything else is a bug.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "BreakingChange",
    "BucketError",
    "CheckFailed",
    "EngineBusy",
    "EngineError",
    "FeaturectlError",
    "LogError",
    "LogUnavailable",
    "MigrationChanged",
    "MissingExtra",
    "PlanMoved",
    "ProjectError",
    "SettingsError",
    "SourceError",
    "SpineError",
    "TooDifferent",
    "UnsupportedOnEngine",
    "UsageError",
    "did_you_mean",
]


class FeaturectlError(Exception):
    """Root of all errors with a message for the user and a hint to act on."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class UsageError(FeaturectlError):
    """The call itself is wrong: a flag, an argument, a combination."""

    exit_code = 2


class SettingsError(FeaturectlError):
    """A setting is missing or has a value that cannot be used."""


class ProjectError(FeaturectlError):
    """A file of the project is wrong. `file` and `line` (from 1) say where, if known."""

    def __init__(
        self, message: str, *, file: str | None = None, line: int | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.file = file
        self.line = line

    def __str__(self) -> str:
        if self.file is None:
            return self.message
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.message}"


class UnsupportedOnEngine(ProjectError):
    """A construct that an engine cannot run with RisingWave's meaning. Never passed through silently."""

    def __init__(
        self,
        construct: str,
        *,
        engine: str = "duckdb",
        file: str | None = None,
        line: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(f"{construct} is not supported on {engine}", file=file, line=line, hint=hint)
        self.construct = construct
        self.engine = engine


class MigrationChanged(ProjectError):
    """A migration that already ran differs from its file. Both checksums are in the message."""


class LogError(FeaturectlError):
    """The event log could not be read or written."""


class LogUnavailable(LogError):
    """The event log did not answer in time. Nothing is wrong with what was asked: later it may answer."""


class BucketError(FeaturectlError):
    """Object storage refused or did not answer."""


class SourceError(FeaturectlError):
    """A producer's source did not deliver what it should: an API, a file."""


class EngineError(FeaturectlError):
    """The engine refused a statement or failed while running it."""


class EngineBusy(EngineError):
    """Another process writes to the engine. The message says who, since when."""


class CheckFailed(FeaturectlError):
    """A check, a unit test or a comparison did not hold."""


class TooDifferent(CheckFailed):
    """New versions are further from the live ones than their limits allow. `comparisons` has the figures of all."""

    def __init__(self, message: str, comparisons: tuple[Any, ...] = (), *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.comparisons = comparisons


class SpineError(FeaturectlError):
    """The rows that a training set is made for cannot be read, or cannot be joined to features."""


class BreakingChange(FeaturectlError):
    """A change takes something away from readers, and was not allowed to. The message names them."""


class PlanMoved(FeaturectlError):
    """The project or the engine is not what a saved plan was made for."""


class MissingExtra(FeaturectlError):
    """An optional dependency is not installed; the hint says how to install it."""


def did_you_mean(name: str, known: Iterable[str], otherwise: str, count: int = 1) -> str:
    """The hint for a name that nothing has: up to `count` of the known ones that are near, or else `otherwise`."""
    import difflib

    near = difflib.get_close_matches(name, list(known), count)
    return f"did you mean {' or '.join(near)}?" if near else otherwise
