"""`plan` and `apply`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from featurectl.cli._context import env_option, open_engine_and_project, select_option, settings_of
from featurectl.cli._render import print_rows
from featurectl.cli.environments import run_promotion
from featurectl.cli.linting import print_findings

if TYPE_CHECKING:
    from featurectl.services.planning import Plan

__all__ = ["apply", "plan"]

_SIGNS = {"create": "+", "rebuild": "~", "metadata": "=", "drop": "-", "migrate": ">", "reuse": " "}


@click.command()
@select_option
@env_option
@click.option("--output", "-o", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit with 0 for nothing to do, 2 for changes, 1 for any error."
)
@click.pass_context
def plan(
    ctx: click.Context, select: tuple[str, ...], environment: str | None, output: str, detailed_exitcode: bool
) -> int:
    """Show what apply would do: what is created, rebuilt (and because of what), reused, dropped; and what lint finds.

    \b
    Example:
      featurectl plan --select tag:clicks --output json
    """
    from featurectl.services.applying import plan as make_plan
    from featurectl.services.linting import lint

    engine, project = open_engine_and_project(ctx)
    result = make_plan(project, engine, select, environment)
    report = lint(project, settings_of(ctx), select)
    if output == "json":
        found = [finding.as_json() for finding in report.findings]
        click.echo(json.dumps({**result.as_json(), "lint": found}, indent=2))
    elif output == "csv":
        rows = [(c.action, c.name, c.version, c.replaces, c.reason) for c in result.changes]
        print_rows(("action", "name", "version", "replaces", "reason"), [rows], "csv")
    else:
        _print_plan(result, environment)
    if output != "json":
        print_findings(report, brief=True, err=output == "csv")
    return 2 if detailed_exitcode and not result.is_empty else 0


@click.command()
@select_option
@env_option
@click.option("--promote", is_flag=True, help="Show in production what --env NAME shows. Builds nothing.")
@click.option("--allow-breaking", is_flag=True, help="With --promote: also take away columns, types, keys, views.")
@click.pass_context
def apply(
    ctx: click.Context, select: tuple[str, ...], environment: str | None, promote: bool, allow_breaking: bool
) -> None:
    """Run pending migrations, build every changed view and all that reads it as new versions, check them, and
    show them under the public names at once. Applying twice changes nothing; if a step fails, what is live stays.

    \b
    Example:
      featurectl apply --select features_enriched+
      featurectl apply --env alice && featurectl apply --env alice --promote
    """
    from featurectl.services.applying import apply as run_apply

    if promote:
        run_promotion(ctx, environment, select, allow_breaking=allow_breaking)
        return
    engine, project = open_engine_and_project(ctx)
    result = run_apply(project, engine, select, _progress, environment)
    if result.plan.is_empty:
        click.echo(_nothing(environment))
        return
    _print_changes(result.plan)
    number = f"release {result.release.number}" if result.release else "no release"
    if environment is not None:
        number = f"{len(result.built)} built, shown in {environment}"
    click.echo(f"Applied in {result.seconds:.1f} s: {number}, plan {result.plan.id}.")


def _progress(title: str, number: int, count: int) -> None:
    if sys.stderr.isatty():
        done = "█" * (20 * number // count)
        click.echo(f"\r\x1b[2K[{done:<20}] {number}/{count} {title}", err=True, nl=number == count)


def _nothing(environment: str | None) -> str:
    return f"Nothing to do: the project is applied{f' in {environment}' if environment else ''}."


def _print_plan(plan: Plan, environment: str | None) -> None:
    if plan.is_empty:
        click.echo(_nothing(environment))
        return
    _print_changes(plan)
    counts: dict[str, int] = {}
    for change in plan.changes:
        counts[change.action] = counts.get(change.action, 0) + 1
    summary = ", ".join(f"{count} to {action}" for action, count in counts.items() if action != "reuse")
    click.echo(f"Plan {plan.id}: {summary}, {counts.get('reuse', 0)} unchanged. Nothing was written.")


def _print_changes(plan: Plan) -> None:
    for change in plan.changes:
        if change.action == "reuse" and change.reason == "unchanged":
            continue
        versions = change.version or ""
        if change.replaces:
            versions = f"{change.replaces} → {change.version or 'gone'}"
        click.echo(
            f"{_SIGNS[change.action]} {change.action:<8} {change.name:<24} {versions:<28} {change.reason}".rstrip()
        )
        if change.downstream and change.action == "rebuild":
            click.echo(f"{'':11}read by {', '.join(change.downstream)}")
