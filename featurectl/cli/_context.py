"""What commands share: the settings, the project and the engine that the flags name, and common options."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featurectl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from featurectl.engines.base import Engine
    from featurectl.project import Project
    from featurectl.settings import Settings

__all__ = [
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

    return open_engine_only(ctx), load_project(settings_of(ctx), keep_helpers=keep_helpers)


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
    """A day or a time with an offset; a day is its midnight in UTC."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{flag}: {text!r} is no time", hint="2024-06-01, or 2024-06-01T12:00:00Z") from None
    if found.tzinfo is None and len(text.strip()) > len("2024-06-01"):
        raise UsageError(f"{flag}: {text!r} has no offset", hint=f"{text.strip()}Z, for UTC")
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
