"""`plan`, `apply` and `compare`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featurectl.cli._context import (
    env_option,
    open_engine_and_project,
    open_engine_only,
    output_option,
    select_option,
    settings_of,
)
from featurectl.cli._plan import nothing_to_do, print_changes, print_comparison, print_plan, print_rehearsal
from featurectl.cli._render import print_rows
from featurectl.cli.environments import run_promotion
from featurectl.cli.linting import print_findings
from featurectl.errors import TooDifferent, UsageError

if TYPE_CHECKING:
    from featurectl.engines.base import Engine
    from featurectl.project import Project
    from featurectl.services.applying import ApplyOptions, ApplyResult
    from featurectl.services.saved_plans import SavedPlan

__all__ = ["apply", "compare", "plan"]


@click.command()
@select_option
@env_option
@click.option("--output", "-o", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Save the plan, for: featurectl apply FILE"
)
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit with 0 for nothing to do, 2 for changes, 1 for any error."
)
@click.pass_context
def plan(
    ctx: click.Context,
    select: tuple[str, ...],
    environment: str | None,
    output: str,
    out: Path | None,
    detailed_exitcode: bool,
) -> int:
    """Show what apply would do, and write nothing: what is created, rebuilt (and because of what), reused, dropped;
    which columns and expressions change, who reads them, who stays on the old version; rows to read and time; and
    what lint finds. The JSON is described in docs/plan-json.md.

    \b
    Example:
      featurectl plan --select tag:clicks --output json
      featurectl plan --out release.plan && featurectl apply release.plan
    """
    from featurectl.services.applying import plan as make_plan
    from featurectl.services.linting import lint
    from featurectl.services.saved_plans import save_plan

    engine, project = open_engine_and_project(ctx, keep_helpers=True)
    result = make_plan(project, engine, select, environment)
    if out is not None:
        save_plan(result, out, engine.name, select, environment)
    report = lint(project, settings_of(ctx), select)
    if output == "json":
        found = [finding.as_json() for finding in report.findings]
        click.echo(json.dumps({**result.as_json(), "lint": found}, indent=2))
    elif output == "csv":
        rows = [(c.action, c.name, c.version, c.replaces, c.reason, c.effect) for c in result.changes]
        print_rows(("action", "name", "version", "replaces", "reason", "effect"), [rows], "csv")
    else:
        print_plan(result, environment)
    if output != "json":
        print_findings(report, brief=True, err=output == "csv")
    return 2 if detailed_exitcode and not result.is_empty else 0


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@select_option
@env_option
@click.option("--promote", is_flag=True, help="Show in production what --env NAME shows: compares, and builds nothing.")
@click.option("--plan", "plan_file", type=click.Path(path_type=Path), metavar="FILE", help="The same as FILE.")
@click.option("--allow-breaking", is_flag=True, help="Also take away columns, change types or keys, drop views.")
@click.option("--accept-differences", is_flag=True, help="Go on where old and new differ by more than the limits.")
@click.option("--dry-run", is_flag=True, help="Walk the steps and say what each would do; do nothing.")
@click.pass_context
def apply(
    ctx: click.Context,
    file: Path | None,
    select: tuple[str, ...],
    environment: str | None,
    promote: bool,
    plan_file: Path | None,
    allow_breaking: bool,
    accept_differences: bool,
    dry_run: bool,
) -> None:
    """Run pending migrations, build every changed view and all that reads it as new versions, check them, compare
    them with what is live, and show them under the public names at once. Applying twice changes nothing; if a step
    fails, what is live stays. FILE is a plan that `featurectl plan --out FILE` saved: it is applied as it was saved,
    or refused if the project or the engine changed since.

    \b
    Example:
      featurectl apply --select features_enriched+
      featurectl apply release.plan
      featurectl apply --env alice && featurectl apply --env alice --promote
    """
    from featurectl.services.applying import ApplyOptions
    from featurectl.services.comparing import limits_from

    saved = _saved(file or plan_file, select, environment)
    if promote:
        if saved is not None or dry_run:
            raise UsageError(
                "an environment is promoted as it stands",
                hint="leave FILE and --dry-run out; featurectl env list says what would change",
            )
        run_promotion(ctx, environment, select, allow_breaking=allow_breaking, accept_differences=accept_differences)
        return
    options = ApplyOptions(allow_breaking, accept_differences, limits_from(settings_of(ctx)), saved)
    engine, project = open_engine_and_project(ctx)
    if saved is not None:
        select, environment = saved.select, saved.environment
    if dry_run:
        _rehearse(project, engine, select, options, environment)
    else:
        _print_applied(_apply(project, engine, select, options, environment), environment)


@click.command()
@click.argument("old")
@click.argument("new")
@output_option
@click.pass_context
def compare(ctx: click.Context, old: str, new: str, output: str) -> None:
    """Compare two versions of a view that stand: rows by the view's key, and for each column the share of cells that
    differ, of NULL, mean, least and greatest. Reads only.

    \b
    Example:
      featurectl compare features_enriched_v1 features_enriched_v2
    """
    from featurectl.services.comparing import compare as run_compare
    from featurectl.services.comparing import comparison_as_json

    found = run_compare(open_engine_only(ctx), old, new)
    if output == "json":
        click.echo(json.dumps(comparison_as_json(found), indent=2))
    elif output == "csv":
        names = ("nulls", "least", "greatest", "mean")
        header = ("column", "differing", *(f"{side}_{name}" for side in ("old", "new") for name in names))
        rows = [
            (c.name, c.differing, *(getattr(side, name) for side in (c.old, c.new) for name in names))
            for c in found.columns
        ]
        print_rows(header, [rows], "csv")
    else:
        print_comparison(found)


def _saved(file: Path | None, select: tuple[str, ...], environment: str | None) -> SavedPlan | None:
    from featurectl.services.saved_plans import load_plan

    if file is not None and (select or environment):
        raise UsageError(
            "a saved plan has its own selection and environment",
            hint="leave --select and --env out, or save another plan",
        )
    return load_plan(file) if file is not None else None


def _rehearse(
    project: Project, engine: Engine, select: tuple[str, ...], options: ApplyOptions, environment: str | None
) -> None:
    from featurectl.services.applying import plan as make_plan
    from featurectl.services.applying import refuse_breaking
    from featurectl.services.rehearsing import rehearse

    todo = make_plan(project, engine, select, environment)
    if options.saved is not None:
        options.saved.check(todo, engine.name)
    print_rehearsal(todo, rehearse(todo))
    refuse_breaking(todo, options, environment)


def _apply(
    project: Project, engine: Engine, select: tuple[str, ...], options: ApplyOptions, environment: str | None
) -> ApplyResult:
    from featurectl.services.applying import apply as run_apply

    try:
        return run_apply(project, engine, select, _progress, options, environment)
    except TooDifferent as error:
        for found in error.comparisons:
            print_comparison(found, brief=True)
        raise


def _print_applied(result: ApplyResult, environment: str | None) -> None:
    if result.plan.is_empty:
        click.echo(nothing_to_do(environment))
        return
    print_changes(result.plan)
    for found in result.comparisons:
        print_comparison(found, brief=True)
    for line in result.remarks:
        click.echo(f"{'accepted' if environment is None else 'beyond the limits'}: {line}")
    number = f"release {result.release.number}" if result.release else "no release"
    if environment is not None:
        number = f"{len(result.built)} built, shown in {environment}"
    click.echo(f"Applied in {result.seconds:.1f} s: {number}, plan {result.plan.id}.")


def _progress(title: str, number: int, count: int) -> None:
    if sys.stderr.isatty():
        done = "█" * (20 * number // count)
        click.echo(f"\r\x1b[2K[{done:<20}] {number}/{count} {title}", err=True, nl=number == count)
