"""`render`."""

from __future__ import annotations

import click

from featurectl.cli._context import settings_of

__all__ = ["render"]


@click.command()
@click.argument("name")
@click.option(
    "--target", "-t", type=click.Choice(["embedded", "risingwave"]), help="Only what this engine would be sent."
)
@click.pass_context
def render(ctx: click.Context, name: str, target: str | None) -> None:
    """Show the SQL that each engine would be sent for a view, a migration (0001) or a table: RisingWave the rendered
    text as it is, the embedded engine its translation, both with public names where a build reads versions. A macro
    by its name shows its source, a call of it what it gives. Nothing is sent.

    \b
    Example:
      featurectl render features_enriched --target embedded
    """
    from featurectl.project import load_project
    from featurectl.services.rendering import TARGETS
    from featurectl.services.rendering import render as render_sql

    settings = settings_of(ctx)
    project = load_project(settings)
    texts = {one: render_sql(project, settings, name, one) for one in ([target] if target else TARGETS)}
    if len(set(texts.values())) == 1:
        click.echo(next(iter(texts.values())))
        return
    click.echo("\n\n".join(f"-- {one}\n{text}" for one, text in texts.items()))
