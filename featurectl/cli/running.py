"""`run`, `backfill`, `test`."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from featurectl.cli._context import (
    Interval,
    Time,
    end_progress,
    open_engine_and_project,
    open_engine_only,
    output_option,
    progress_lines,
    select_option,
    settings_of,
)
from featurectl.cli._render import print_rows

if TYPE_CHECKING:
    from datetime import datetime

    from featurectl.engines.base import RefreshReport
    from featurectl.errors import FeaturectlError

__all__ = ["backfill", "run", "test"]


@click.command()
@click.option("--once", is_flag=True, help="Stop when caught up with the log.")
@click.option(
    "--interval", type=Interval(), default="1s", show_default=True, metavar="TIME",
    help="How often to look for new events: 1s, 500ms, 0.5.",
)  # fmt: skip
@click.pass_context
def run(ctx: click.Context, once: bool, interval: float) -> None:
    """Bring new events into the source tables and refresh what depends on them. Readers see each refresh whole.
    SIGINT and SIGTERM let the refresh in hand finish; a kill loses nothing and doubles nothing. A log that does not
    answer is a warning, and tried again until it does; with --once it is an error. RisingWave refreshes by itself:
    there run says what came in, and records on this machine what became visible when, for --known-at and --as-of.

    \b
    Example:
      featurectl run --interval 1s
    """
    from featurectl.services.refreshing import follow, refresh_once
    from featurectl.stopping import Stop

    engine = open_engine_only(ctx)
    if once:
        reports = refresh_once(engine, progress_lines(""))
        end_progress()
        for report in reports:
            _print_report(report)
        if not reports:
            click.echo("No new events.")
        return
    stop = Stop()
    with stop.on_signals():
        by_itself = "RisingWave refreshes by itself. " if engine.capabilities.refreshes_by_itself else ""
        click.echo(f"{by_itself}Following the log every {interval:g} s. Stop with Ctrl-C.", err=True)
        for report in follow(engine, timedelta(seconds=interval), stop, _tell_trouble):
            _print_report(report)
    click.echo("Stopped.", err=True)


def _tell_trouble(error: FeaturectlError | None) -> None:
    at = time.strftime("%H:%M:%S")
    if error is None:
        click.echo(f"{at} It answers again.", err=True)
        return
    hint = f" ({error.hint})" if error.hint else ""
    click.echo(f"{at} warning: {error}; trying again{hint}", err=True)


def _print_report(report: RefreshReport) -> None:
    ingested = ", ".join(f"{part.table} +{part.rows:,}" for part in report.ingested)
    at = time.strftime("%H:%M:%S")
    views = f"; {len(report.refreshed)} views refreshed in {report.seconds:.2f} s" if report.refreshed else ""
    click.echo(f"{at} {ingested}{views}")
    sys.stdout.flush()


@click.command()
@click.argument("producer")
@click.option("--from", "start", type=Time(), required=True, help="First moment, included.")
@click.option("--to", "end", type=Time(), required=True, help="Last moment, not included.")
@click.option("--source", default="simulated", show_default=True, help="simulated, api, a file, or s3://bucket/folder.")
@click.option("--regions", default="", help="Comma-separated; default: the producer's.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of simulated events.")
@click.option("--chunk", "chunk_days", type=click.IntRange(min=1), default=7, show_default=True, metavar="DAYS")
@click.option("--force", is_flag=True, help="Do again what was done before.")
@click.option("--gaps", "only_gaps", is_flag=True, help="Only what the view above the topic lacks in the range.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@output_option
@click.pass_context
def backfill(
    ctx: click.Context,
    producer: str,
    start: datetime,
    end: datetime,
    source: str,
    regions: str,
    seed: int,
    chunk_days: int,
    force: bool,
    only_gaps: bool,
    dry_run: bool,
    output: str,
) -> None:
    """Run a producer over a range of history, bring its events in, and count the hours still missing. What is done
    is remembered: a second call resumes.

    \b
    Example:
      featurectl backfill PRODUCER --from 2024-01-01 --to 2024-03-01
    """
    from featurectl.services.backfilling import backfill as run_backfill

    names = tuple(name.strip() for name in regions.split(",") if name.strip())
    result = run_backfill(
        open_engine_only(ctx),
        settings_of(ctx),
        producer,
        start,
        end,
        source=source,
        regions=names,
        seed=seed,
        chunk=timedelta(days=chunk_days),
        force=force,
        only_gaps=only_gaps,
        dry_run=dry_run,
        progress=_ChunkProgress(),
    )
    end_progress()
    if dry_run:
        likely = f"about {result.published:,} events" if result.published else "nobody knows how many events"
        click.echo(f"{result.chunks} chunks to do, {likely} ({result.skipped} done before). Nothing was done.")
        return
    click.echo(
        f"{result.published:,} events published, {result.rejected:,} refused, in {result.chunks} chunks"
        f" ({result.skipped} done before); {result.events:,} came in.",
        err=output != "table",
    )
    if result.view is None:
        click.echo("No view above this topic has a grain: missing rows cannot be counted.", err=True)
        return
    rows = [(*(c.entity), c.rows, c.missing) for c in result.coverage]
    print_rows((*result.entity, f"rows in {result.view}", "missing"), [rows], output)


class _ChunkProgress:
    """A bar on a terminal, with the time that is left if the chunks to come take as long as those that are done."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def __call__(self, title: str, number: int, count: int) -> None:
        stream = sys.stderr
        if not stream.isatty():
            return
        bar = "█" * (20 * (number - 1) // count)
        seconds = (time.monotonic() - self._started) / max(number - 1, 1) * (count - number + 1)
        left = f", {timedelta(seconds=round(seconds))} left" if number > 1 else ""
        click.echo(f"\r\x1b[2K[{bar:<20}] {number}/{count} {title}{left}", err=True, nl=False)


@click.command()
@select_option
@click.pass_context
def test(ctx: click.Context, select: tuple[str, ...]) -> int:
    """Run the unit tests of views (NAME.test.yaml beside NAME.sql) in a throw-away database.

    \b
    Example:
      featurectl test --select features_enriched
    """
    from featurectl.services.selecting import select_views
    from featurectl.services.testing import run_view_tests

    engine, project = open_engine_and_project(ctx)
    results = []
    for result in run_view_tests(project, lambda: engine.sandbox(project), select_views(project, select)):
        results.append(result)
        if result.failure is not None:
            click.echo(f"FAILED {result.file}: {result.name}\n{result.failure}\n")
    failed = sum(result.failure is not None for result in results)
    click.echo(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0
