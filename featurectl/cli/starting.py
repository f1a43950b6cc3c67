"""`init`."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["init"]


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
def init(directory: Path) -> None:
    """Make a small project that applies and passes its tests: a topic, its views, their unit tests, some events.

    \b
    Example:
      featurectl init my_features && cd my_features && featurectl test
    """
    from featurectl.services.starting import create_project

    for path in create_project(directory):
        click.echo(f"created {directory / path}")
    click.echo(f"\nNext: cd {directory} && featurectl test && featurectl apply")
