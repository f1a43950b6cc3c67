"""`query`, `rejected`, `status`, `list`, `describe`."""

from __future__ import annotations

from pathlib import Path

import click

from featurectl.cli._context import (
    env_option,
    open_engine_and_project,
    open_engine_only,
    output_option,
    select_option,
    settings_of,
    time_of,
)
from featurectl.cli._render import print_rows
from featurectl.errors import UsageError

__all__ = ["describe", "list_views", "query", "rejected", "status"]

_LOG_SECONDS = 3.0
_WIDEST_DETAIL = 300
_SAID = (
    "entity", "event_time", "grain", "available_after", "ttl", "freshness", "owner", "tags", "checks", "rejects",
)  # fmt: skip
_STATUS_COLUMNS = (
    "name",
    "kind",
    "version",
    "rows",
    "newest",
    "freshness_seconds",
    "lag",
    "rejected",
    "refreshed_at",
    "detail",
)
_STATUS_DETAILS = ("lag_by_partition", "refresh_seconds", "refresh_touched", "refresh_how")


@click.command()
@click.argument("sql", required=False)
@click.option(
    "--output", "-o", default="table", show_default=True, metavar="FORMAT",
    help="table, json, csv, parquet (with --out), or a file name that ends in .parquet.",
)  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write Parquet to this file.")
@click.option("--as-of", metavar="TIME", help="As a reader found the views at that time, such as 2024-06-01T12:00:00Z.")
@env_option
@click.pass_context
def query(
    ctx: click.Context, sql: str | None, output: str, out: Path | None, as_of: str | None, environment: str | None
) -> None:
    """Run a read-only query; without SQL print the newest rows of features_enriched.

    \b
    Example:
      featurectl query "SELECT region, max(production_mw) AS peak FROM features_enriched GROUP BY region"
    """
    from featurectl.services.reading import default_query
    from featurectl.services.reading import query as run_query

    engine = open_engine_only(ctx)
    if output.endswith(".parquet"):
        out, output = Path(output), "parquet"
    if output == "parquet" or out is not None:
        if output in ("json", "csv"):
            raise UsageError(f"--out writes Parquet, not {output}", hint=f"redirect it: --output {output} > {out}")
        if out is None:
            raise UsageError("Parquet needs a file to go to", hint="add --out FILE.parquet")
        if as_of is not None:
            raise UsageError("--as-of prints rows", hint="with --output csv or json")
        rows = engine.export(sql or default_query(engine.inspect().seen_in(environment)), out, environment)
        click.echo(f"{rows:,} rows in {out}", err=True)
        return
    if output not in ("table", "json", "csv"):
        raise UsageError(f"unknown output {output!r}", hint="table, json, csv or parquet")
    then = time_of("--as-of", as_of) if as_of is not None else None
    with run_query(engine, sql, environment, then) as result:
        print_rows(result.columns, result.batches, output)


@click.command()
@click.argument("topic")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many rows.")
@output_option
@click.pass_context
def rejected(ctx: click.Context, topic: str, limit: int | None, output: str) -> None:
    """List the messages of a topic that its contract refused: where they are, their bytes, and why.

    \b
    Example:
      featurectl rejected clicks_raw --output json
    """
    from featurectl.services.reading import rejected as read_rejected

    with read_rejected(open_engine_only(ctx), topic, limit) as result:
        print_rows(result.columns, result.batches, output)


@click.command()
@output_option
@click.pass_context
def status(ctx: click.Context, output: str) -> None:
    """Show source tables, live views and builds under way: version, rows, newest event time, freshness, events that
    have not come in yet (JSON and CSV: by partition too), refused messages, and how a view was refreshed last: by row,
    partly or whole, in how long, and how many rows came or went. Where the log does not answer within 3
    seconds, the detail says so and the rest is shown.

    \b
    Example:
      featurectl status --output json
    """
    from featurectl.engines import open_engine
    from featurectl.log import open_log
    from featurectl.services.status import status as read_status

    settings = settings_of(ctx)
    hurried = settings.model_copy(update={"kafka_timeout": min(settings.kafka_timeout, _LOG_SECONDS)})
    log = open_log(hurried)
    rows = read_status(open_engine(settings, log), log)
    columns = _STATUS_COLUMNS if output == "table" else (*_STATUS_COLUMNS, *_STATUS_DETAILS)
    print_rows(columns, [[tuple(getattr(row, c) for c in columns) for row in rows]], output, _WIDEST_DETAIL)


@click.command("list")
@select_option
@env_option
@output_option
@click.pass_context
def list_views(ctx: click.Context, select: tuple[str, ...], environment: str | None, output: str) -> None:
    """List the project's views and tables, with entity, event time, grain, owner and what they read.

    \b
    Example:
      featurectl list --select tag:clicks
    """
    from featurectl.services.selecting import select_views

    engine, project = open_engine_and_project(ctx)
    chosen = select_views(project, select)
    live = engine.inspect().seen_in(environment).live
    rows = []
    for relation in project.relations():
        if chosen is not None and relation.name not in chosen:
            continue
        view = project.views.get(relation.name)
        rows.append(
            (
                relation.name,
                relation.kind,
                f"v{live[relation.name]}" if relation.name in live else None,
                ", ".join(view.entity) if view else None,
                view.metadata.event_time if view else None,
                ", ".join(view.metadata.tags) if view else None,
                ", ".join(relation.references),
                view.metadata.description if view else None,
            )
        )
    columns = ("name", "kind", "live", "entity", "event_time", "tags", "reads", "description")
    print_rows(columns, [rows], output)


@click.command()
@click.argument("name")
@env_option
@output_option
@click.pass_context
def describe(ctx: click.Context, name: str, environment: str | None, output: str) -> None:
    """Show a live view (or a version, name_vN): what it is, its columns, their types and descriptions.

    \b
    Example:
      featurectl describe features_enriched
    """
    from featurectl.services.reading import describe as read_description
    from featurectl.services.reading import refreshed_how

    engine = open_engine_only(ctx)
    version, columns = read_description(engine, name, environment)
    reach = refreshed_how(engine, version) if output == "table" else None
    if output == "table":
        click.echo(f"{version.name}: {version.metadata.get('description') or 'no description'}")
        for key in _SAID:
            value = version.metadata.get(key)
            if value:
                click.echo(f"  {key}: {', '.join(value) if isinstance(value, (list, tuple)) else value}")
        click.echo(f"  reads: {', '.join(version.inputs.values())}")
        if reach is not None:
            click.echo(f"  refreshed: {reach}")
        click.echo(f"  file: {version.file}")
        click.echo("")
    print_rows(("column", "type", "description"), [columns], output)
