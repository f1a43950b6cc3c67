"""`lineage` and `impact`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from featurectl.cli._context import open_engine_only, settings_of
from featurectl.errors import FeaturectlError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featurectl.engines.base import State
    from featurectl.services.tracing import Consumer, ImpactTrace, LineageTrace, Reached

__all__ = ["impact", "lineage"]

_output_option = click.option(
    "--output", "-o", type=click.Choice(["tree", "json", "mermaid"]), default="tree", show_default=True,
    help="How it is printed.",
)  # fmt: skip


@click.command()
@click.argument("column", metavar="VIEW.COLUMN")
@click.option("--all", "everything", is_flag=True, help="Follow filters, joins and keys too, not values alone.")
@_output_option
@click.pass_context
def lineage(ctx: click.Context, column: str, everything: bool, output: str) -> None:
    """Show where a column comes from, up to the fields of the topics. Reads SQL alone: nothing has to be applied.

    What it is computed from is the tree; what else decides on its value (a condition, a filter, a join, a key of a
    group or a window) stands beside. VIEW.* asks for the view's rows.

    \b
    Example:
      featurectl lineage features_enriched.clicks_24h
    """
    from featurectl.project import load_project
    from featurectl.services.tracing import trace_lineage

    trace = trace_lineage(load_project(settings_of(ctx)), column, everything=everything)
    if output == "json":
        click.echo(json.dumps(trace.as_json(), indent=2))
    elif output == "mermaid":
        _draw(trace.target, trace)
    else:
        _print_lineage(trace)


@click.command()
@click.argument("column", metavar="TABLE.COLUMN")
@click.option("--offline", is_flag=True, help="Do not ask the engine for pins, sinks and other readers.")
@_output_option
@click.pass_context
def impact(ctx: click.Context, column: str, offline: bool, output: str) -> None:
    """Show who depends on a column of a table or view, or on a field of a topic's messages: columns of views, pins,
    sinks. TABLE.* asks for all of it. Without a reachable engine the project alone answers.

    \b
    Example:
      featurectl impact clicks_raw.clicks
    """
    from featurectl.project import load_project
    from featurectl.services.tracing import trace_impact

    project = load_project(settings_of(ctx))
    trace = trace_impact(project, column, None if offline else _state(ctx))
    if output == "json":
        click.echo(json.dumps(trace.as_json(), indent=2))
    elif output == "mermaid":
        _draw(trace.source, trace)
    else:
        _print_impact(trace)


def _state(ctx: click.Context) -> State | None:
    """What the engine knows of readers outside; an engine that does not answer is no reason to say nothing."""
    try:
        return open_engine_only(ctx).inspect()
    except FeaturectlError as error:
        click.echo(f"note: the engine was not asked: {error}", err=True)
        return None


def _draw(root: str, trace: LineageTrace | ImpactTrace) -> None:
    from featurectl.cli._drawing import mermaid

    for line in mermaid(root, trace.nodes, trace.edges):
        click.echo(line)


def _print_lineage(trace: LineageTrace) -> None:
    from featurectl.cli._drawing import lineage_tree

    for line in lineage_tree(trace.target, trace.nodes, trace.edges):
        click.echo(line)
    click.echo("\nIt depends on, in tables:")
    _print_columns([(found.name, found.by) for found in trace.inputs])


def _print_columns(rows: Sequence[tuple[str, Sequence[str]]]) -> None:
    width = max((len(name) for name, _ in rows), default=0)
    for name, by in rows:
        click.echo(f"  {name:<{width}}  {', '.join(by)}")


def _print_impact(trace: ImpactTrace) -> None:
    from featurectl.cli._drawing import reader_tree

    for line in reader_tree(trace.source, [_place(found) for found in trace.affected]):
        click.echo(line)
    computed = sum(found.by[0] == "value" for found in trace.affected)
    views = len({found.relation for found in trace.affected})
    click.echo(f"\n{computed} columns are computed from it; {views} views depend on it in some way.")
    if trace.consumers:
        click.echo("Read from outside by:")
        _print_consumers(trace.consumers)
    elif trace.consumers is not None:
        click.echo("No pin, sink or other reader outside the project is known.")


def _place(found: Reached) -> tuple[str, str, Sequence[str]]:
    return found.relation, found.name.removeprefix(f"{found.relation}."), found.by


def _print_consumers(consumers: Sequence[Consumer]) -> None:
    for consumer in consumers:
        click.echo(f"  {consumer.kind} {consumer.name} reads {consumer.reads}")
