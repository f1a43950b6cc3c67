"""`lint`, and its findings as `plan` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from featurectl.cli._context import output_option, select_option, settings_of
from featurectl.cli._render import print_rows

if TYPE_CHECKING:
    from featurectl.project.lint import LintReport

__all__ = ["lint", "print_findings"]


@click.command()
@select_option
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@output_option
@click.pass_context
def lint(ctx: click.Context, select: tuple[str, ...], strict: bool, output: str) -> int:
    """Find what RisingWave refuses in a view or does badly there, each with a code, the line, why, and the mend; no
    engine is asked. Exit code 1 if there is an error. A comment on the line, or alone on the line above, lets one be:
    -- lint: allow RW202 because the n-th event before is meant

    \b
    Example:
      featurectl lint --select tag:clicks --output json
    """
    from featurectl.project import load_project
    from featurectl.services.linting import lint as run_lint

    settings = settings_of(ctx)
    report = run_lint(load_project(settings, keep_helpers=True), settings, select)
    if output == "table":
        print_findings(report)
    else:
        rows = [finding.as_json() for finding in report.findings]
        columns = ("code", "severity", "rule", "file", "line", "view", "message", "why", "mend")
        print_rows(columns, [[tuple(row[column] for column in columns) for row in rows]], output)
    failing = report.count("error") + (report.count("warning") if strict else 0)
    return 1 if failing else 0


def print_findings(report: LintReport, *, brief: bool = False, err: bool = False) -> None:
    """One block a finding, and how many there are. `brief`: one line a finding, nothing if there is none."""
    for finding in report.findings:
        rule = finding.rule
        click.echo(f"{finding.file}:{finding.line}: {rule.severity} {rule.code} {finding.message}", err=err)
        if not brief:
            click.echo(f"    why: {rule.why}\n    mend: {rule.mend}", err=err)
    counts = f"{_counted(report.count('error'), 'error')}, {_counted(report.count('warning'), 'warning')}"
    suppressed = f", {report.suppressed} suppressed" if report.suppressed else ""
    if not brief:
        click.echo(f"{counts}{suppressed}", err=err)
    elif report.findings:
        click.echo(f"Lint: {counts}{suppressed}; why, and the mend: featurectl lint", err=err)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
