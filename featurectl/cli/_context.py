"""What commands share: the settings, the project and the engine that the flags name, and common options."""

from __future__ import annotations

import gc
import math
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from featurectl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from featurectl.engines.base import Engine
    from featurectl.project import Project
    from featurectl.settings import Settings

__all__ = [
    "Interval",
    "Time",
    "duration_of",
    "end_progress",
    "env_option",
    "open_engine_and_project",
    "open_engine_only",
    "output_option",
    "progress_lines",
    "select_option",
    "settings_of",
    "time_of",
]

_SHORT = {"s": "second", "m": "minute", "min": "minute", "h": "hour", "d": "day", "w": "week"}

output_option = click.option(
    "--output", "-o", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True,
    help="How rows are printed.",
)  # fmt: skip
env_option = click.option(
    "--env", "environment", metavar="NAME", help="In this preview environment instead of production."
)
select_option = click.option(
    "--select", "-s", "select", multiple=True, metavar="VIEW",
    help="name, +name (with all it reads), name+ (with all that reads it), tag:NAME. Repeatable.",
)  # fmt: skip


def settings_of(ctx: click.Context) -> Settings:
    """The settings with the flags on top, read once a command."""
    flags: dict[str, Any] = ctx.find_root().obj
    if "settings" not in flags:
        flags["settings"] = _load(flags)
    loaded: Settings = flags["settings"]
    return loaded


def _load(flags: dict[str, Any]) -> Settings:
    from featurectl.settings import load_settings

    folder = Path(flags["project"]) if flags["project"] else None
    home = Path(flags["home"]).resolve() if flags["home"] else None
    return load_settings(folder, home=home, target=flags["target"])


def open_engine_only(ctx: click.Context) -> Engine:
    """The engine, without reading the project."""
    from featurectl.engines import open_engine
    from featurectl.log import open_log

    settings = settings_of(ctx)
    return open_engine(settings, open_log(settings))


def open_engine_and_project(ctx: click.Context, *, keep_helpers: bool = False) -> tuple[Engine, Project]:
    """The engine and the project, read and rendered."""
    from featurectl.project import load_project

    project = load_project(settings_of(ctx), keep_helpers=keep_helpers)
    if ctx.find_root().obj.get("own_process"):
        gc.freeze()  # it stays to the end, and to take thousands of parsed queries apart then takes half a second
    return open_engine_only(ctx), project


def progress_lines(label: str) -> Callable[[str], None]:
    """Tell progress on a terminal's standard error; say nothing when piped."""
    stream = sys.stderr

    def show(text: str) -> None:
        if stream.isatty():
            click.echo(f"\r\x1b[2K{label}{text}", err=True, nl=False)

    return show


def end_progress() -> None:
    """Leave the line that progress was shown on."""
    if sys.stderr.isatty():
        click.echo("\r\x1b[2K", err=True, nl=False)


def time_of(flag: str, text: str) -> datetime:
    """A day or a time; without an offset it is in UTC. Raises UsageError."""
    try:
        found = datetime.fromisoformat(text.strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{flag}: {text!r} is no time", hint="2024-06-01, or 2024-06-01T12:00:00Z") from None


class Time(click.ParamType[datetime]):
    """A day or a time; without an offset it is in UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Raises click's error for what is no time."""
        if isinstance(value, datetime):
            return value
        try:
            return time_of("", value)
        except UsageError:
            self.fail(f"{value!r} is not a time such as 2024-06-01 or 2024-06-01T12:00:00Z", param, ctx)


class Interval(click.ParamType[float]):
    """Seconds, as a number or with a unit: 0.5, 1s, 500ms, 2min."""

    name = "interval"
    _UNITS: ClassVar[dict[str, float]] = {"": 1.0, "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Raises click's error for what is none, or shorter than a hundredth of a second."""
        if isinstance(value, float):
            return value
        number, unit = _number_and_unit(value)
        try:
            seconds = float(number) * self._UNITS[unit]
        except (ValueError, KeyError):
            seconds = math.nan
        if not 0.01 <= seconds < math.inf:
            self.fail(f"{value!r} is not an interval of 10ms or more, such as 1s, 500ms or 2min", param, ctx)
        return seconds


def duration_of(flag: str, text: str | None) -> timedelta | None:
    """A duration such as 24h, 30min or `1 day`."""
    from featurectl.project.metadata import parse_duration

    if text is None:
        return None
    number, unit = _number_and_unit(text)
    try:
        found = parse_duration(f"{number} {_SHORT.get(unit, unit)}")
    except ValueError:
        raise UsageError(f"{flag}: {text!r} is no duration", hint="such as 24h, 30min or 7d") from None
    if not found:
        raise UsageError(f"{flag}: {text!r} is nothing", hint="such as 24h, 30min or 7d")
    return found


def _number_and_unit(text: str) -> tuple[str, str]:
    """What stands before the letters at the end, and these."""
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyz")
    return number, text.strip()[len(number) :]
