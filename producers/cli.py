"""The command line `producers`: parse, call, say what was done. The only place here that prints."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featurectl import __version__
from featurectl.errors import FeaturectlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from featurectl.settings import Settings
    from featurectl.stopping import Stop
    from producers.publishing import ProduceResult, Progress

__all__ = ["cli", "main"]

_EXAMPLE = """Bring {name} events into the event log.

\b
Examples:
  producers {name} --from 2024-06-01 --to 2024-06-08
  producers {name} --source api --from 2024-06-01 --to 2024-06-08 --regions DE,ES
  producers {name} --source api --mode live --interval 300

The source is the producer's first one (simulated), another one by its name (api), or a file with one event
a line (.ndjson) or a row (.csv, .parquet). What breaks the contract is counted, logged with its reason and
kept in the topic <topic>_rejected. SIGINT and SIGTERM end a run after a flush, with exit code 0.
"""


def _time(text: str) -> datetime:
    from producers._times import parse_time

    try:
        return parse_time(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a day (2024-06-01) nor a time (2024-06-01T12:00Z)") from None


class _Producers(click.Group):
    """A command for each installed producer, beside those that are written here."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from producers.registry import producer_names

        return [*producer_names(), *sorted(self.commands)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from producers.registry import producer_names

        if cmd_name in self.commands or cmd_name not in producer_names():
            return super().get_command(ctx, cmd_name)
        return _producer_command(cmd_name)


def _place_options(function: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option("--project", metavar="DIR", help="The project's folder [default: the current one]."),
        click.option("--home", metavar="DIR", help="Where the event log is [FEATURECTL_HOME]."),
        click.option("--fsync", is_flag=True, default=None, help="Survive a power cut [FEATURECTL_FSYNC]."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def _source_options(function: Callable[..., Any]) -> Callable[..., Any]:
    modes = click.Choice(["historical", "live", "stream"])
    options = [
        click.option("--source", metavar="NAME|FILE|s3://…", help="[default: the producer's first source]"),
        click.option("--mode", type=modes, default="historical", show_default=True, help="live polls; also: stream."),
        click.option("--from", "start", type=_time, metavar="TIME",
                     help="First time, UTC if it has no offset [default: a week ago]."),
        click.option("--to", "end", type=_time, metavar="TIME", help="First time that is not wanted [default: now]."),
        click.option("--regions", metavar="A,B", default="", help="[default: all that the source serves]"),
        click.option("--seed", type=int, default=0, show_default=True, help="Of simulated events."),
        click.option("--interval", type=click.FloatRange(0, min_open=True), default=60, show_default=True,
                     help="Seconds between polls in live mode."),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def _producer_command(name: str) -> click.Command:
    @click.command(name, help=_EXAMPLE.format(name=name), short_help=f"Bring {name} events in.")
    @_source_options
    @_place_options
    def run(project: str | None, home: str | None, fsync: bool | None, **options: Any) -> None:
        from producers.commands import produce

        options["regions"] = [region for region in options["regions"].split(",") if region]
        options["mode"] = "live" if options["mode"] == "stream" else options["mode"]
        settings = _settings(project, home, fsync=fsync)
        with _watched(name) as (stop, on_progress):
            result = produce(name, settings=settings, stop=stop, on_progress=on_progress, **options)
        _say(result)

    return run


@click.group(cls=_Producers, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="producers")
def cli() -> None:
    """Bring events into the event log: from APIs, files, or simulated.

    \b
    Example:
      producers solar --from 2024-06-01 --to 2024-06-08 && producers weather --from 2024-06-01 --to 2024-06-08
    """


@cli.command(short_help="Bring a file's events into a topic.")
@click.argument("topic")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--speed", type=float, metavar="N", help="Wait as the events' times say, N times faster.")
@click.option("--raw", is_flag=True, help="Pass every line on byte for byte, malformed ones included.")
@_place_options
def replay(
    topic: str, file: Path, speed: float | None, raw: bool, project: str | None, home: str | None, fsync: bool | None
) -> None:
    """Bring the events of FILE into TOPIC (a producer's name or its topic; with --raw any topic).

    FILE is NDJSON (.ndjson, .jsonl, .json), CSV (columns by name), both perhaps with .gz, or Parquet.

    \b
    Examples:
      producers replay solar events.ndjson
      producers replay weather week.csv.gz --speed 3600
      producers replay solar everything.ndjson --raw
    """
    from producers import commands

    settings = _settings(project, home, fsync=fsync)
    with _watched(topic) as (stop, on_progress):
        result = commands.replay(
            topic, file, settings=settings, speed=speed, raw=raw, stop=stop, on_progress=on_progress
        )
    _say(result)


def main(arguments: list[str] | None = None) -> None:
    """Entry point. Exit codes: 0 done (also when asked to stop), 1 failed, 2 usage."""
    sys.exit(_run(sys.argv[1:] if arguments is None else arguments))


def _run(words: list[str]) -> int:
    try:
        code = cli.main(args=words, prog_name="producers", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except FeaturectlError as error:
        click.echo(f"error: {error}", err=True)
        if error.hint:
            click.echo(f"hint: {error.hint}", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 1
    except BrokenPipeError:
        # The reader of our output left (such as `| head`): nothing to say, and nothing to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _settings(project: str | None, home: str | None, *, fsync: bool | None) -> Settings:
    from featurectl.settings import load_settings

    return load_settings(Path(project) if project else None, home=Path(home).resolve() if home else None, fsync=fsync)


@contextmanager
def _watched(label: str) -> Iterator[tuple[Stop, Callable[[Progress], None] | None]]:
    """Signals ask to stop; a bar on a terminal, nothing when piped."""
    from featurectl.stopping import Stop
    from producers._bar import Bar

    stop = Stop()
    bar = Bar(sys.stderr, label) if sys.stderr.isatty() else None
    try:
        with stop.on_signals():
            yield stop, bar
    finally:
        if bar is not None:
            bar.close()


def _say(result: ProduceResult) -> None:
    text = f"{result.published:,} events published to {result.topic}"
    if result.rejected:
        text += f", {result.rejected:,} rejected (kept in {result.topic}_rejected)"
    if result.skipped:
        text += f", {result.skipped:,} skipped"
    click.echo(text + (", stopped" if result.stopped else ""))
