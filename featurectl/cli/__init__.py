"""The command line: parse, call a service, render its result. The only place that prints, and the error boundary."""

from __future__ import annotations

import os
import sys

import click

from featurectl import __version__
from featurectl.cli._lazy import LazyGroup
from featurectl.errors import FeaturectlError

__all__ = ["cli", "main"]

_COMMANDS = {
    "init": ("featurectl.cli.starting:init", "Make a small project that applies and passes its tests."),
    "plan": ("featurectl.cli.deploying:plan", "Show what apply would do. Writes nothing."),
    "apply": ("featurectl.cli.deploying:apply", "Migrate, build what changed beside what is live, cut over."),
    "compare": ("featurectl.cli.deploying:compare", "Compare two versions of a view."),
    "rollback": ("featurectl.cli.releasing:rollback", "Show again what an earlier release showed."),
    "history": ("featurectl.cli.releasing:history", "List releases, and what was begun and became none."),
    "gc": ("featurectl.cli.releasing:gc", "Drop old versions that nobody needs."),
    "pin": ("featurectl.cli.releasing:pin", "Say that a consumer relies on a version; list the pins."),
    "unpin": ("featurectl.cli.releasing:unpin", "Forget what a consumer relies on."),
    "env": ("featurectl.cli.environments:env", "List and drop preview environments."),
    "run": ("featurectl.cli.running:run", "Bring new events in and refresh what depends on them."),
    "backfill": ("featurectl.cli.running:backfill", "Bring a range of history in, resumably."),
    "gaps": ("featurectl.cli.watching:gaps", "List what should be there and is not, and why."),
    "freshness": ("featurectl.cli.watching:freshness", "Say which views are older than they may be."),
    "query": ("featurectl.cli.reading:query", "Read features by SQL, read only."),
    "training-set": ("featurectl.cli.training:training_set", "Join labels to features as they were known then."),
    "export": ("featurectl.cli.training:export", "Write features as Parquet, by view, version and month."),
    "rejected": ("featurectl.cli.reading:rejected", "List the messages that a topic's contract refused, and why."),
    "status": ("featurectl.cli.reading:status", "Show what is live, how many rows, how fresh."),
    "verify": ("featurectl.cli.checking:verify", "Recompute views from the raw events and compare."),
    "doctor": ("featurectl.cli.checking:doctor", "Look at everything that the target needs."),
    "list": ("featurectl.cli.reading:list_views", "List the project's views and tables."),
    "describe": ("featurectl.cli.reading:describe", "Show a view's columns and what they mean."),
    "lineage": ("featurectl.cli.exploring:lineage", "Show where a column comes from."),
    "impact": ("featurectl.cli.exploring:impact", "Show who depends on a column or a field."),
    "lint": ("featurectl.cli.linting:lint", "Find what RisingWave refuses in a view or does badly."),
    "render": ("featurectl.cli.rendering:render", "Show what each engine would be sent."),
    "test": ("featurectl.cli.running:test", "Run the unit tests of views."),
}


@click.group(cls=LazyGroup, commands_by_name=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="featurectl")
@click.option("--project", metavar="DIR", help="The project's folder [default: the current one].")
@click.option("--home", metavar="DIR", help="Where the embedded target keeps its files [FEATURECTL_HOME].")
@click.option("--target", metavar="NAME", help="embedded or risingwave [FEATURECTL_TARGET].")
@click.pass_context
def cli(ctx: click.Context, project: str | None, home: str | None, target: str | None) -> None:
    """Features are SQL: plan them, apply them, keep them fresh, read them.

    \b
    Example:
      featurectl apply && featurectl run --once && featurectl query
    """
    ctx.obj = {**(ctx.obj or {}), "project": project, "home": home, "target": target}


def main(arguments: list[str] | None = None) -> None:
    """Entry point. Exit codes: 0 done, 1 failed, 2 usage; plan --detailed-exitcode: 2 changes, 1 any error."""
    words = sys.argv[1:] if arguments is None else arguments
    sys.exit(_run(words, own_process=arguments is None))


def _run(words: list[str], own_process: bool) -> int:
    detailed = "--detailed-exitcode" in words
    try:
        about = {"own_process": own_process}
        code = cli.main(args=words, prog_name="featurectl", standalone_mode=False, obj=about)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return 1 if detailed else error.exit_code
    except FeaturectlError as error:
        click.echo(f"error: {error}", err=True)
        if error.hint:
            click.echo(f"hint: {error.hint}", err=True)
        return 1 if detailed else error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 1
    except BrokenPipeError:
        # The reader of our output left (such as `| head`): nothing to say, and nothing to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
