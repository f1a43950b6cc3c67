"""`env list` and `env drop`, and the half of `apply` that promotes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from featurectl.cli._context import end_progress, open_engine_only, output_option, progress_lines, settings_of
from featurectl.cli._plan import print_comparison
from featurectl.cli._render import print_rows
from featurectl.errors import TooDifferent, UsageError

if TYPE_CHECKING:
    from featurectl.services.moving import Move

__all__ = ["env", "print_moves", "run_promotion"]


@click.group()
def env() -> None:
    """Preview environments: a schema of public views on versions that production shares. `featurectl apply --env NAME`
    makes one, `featurectl apply --env NAME --promote` makes live what it shows.

    \b
    Example:
      featurectl env list
    """


@env.command("list")
@output_option
@click.pass_context
def list_environments(ctx: click.Context, output: str) -> None:
    """List the environments: which views each shows otherwise than production does, and which of those production
    changed since.

    \b
    Example:
      featurectl env list --output json
    """
    from featurectl.services.previewing import environments

    rows = environments(open_engine_only(ctx))
    fields = ("name", "views", "differs", "behind", "based_on", "applied_at", "who", "git_commit", "plan")
    if output == "json":
        print_rows(fields, [[tuple(getattr(row, name) for name in fields) for row in rows]], output)
        return
    found = [
        (
            row.name, row.views, ", ".join(row.differs), ", ".join(row.behind), row.based_on,
            row.applied_at.replace(microsecond=0), row.who, row.git_commit and row.git_commit[:9], row.plan,
        )
        for row in rows
    ]  # fmt: skip
    print_rows(fields, [found], output)


@env.command("drop")
@click.argument("name")
@click.pass_context
def drop(ctx: click.Context, name: str) -> None:
    """Take an environment's public views away. Its versions stay until gc finds that nobody needs them.

    \b
    Example:
      featurectl env drop alice
    """
    from featurectl.services.previewing import drop_environment

    dropped = drop_environment(open_engine_only(ctx), name)
    click.echo(f"Dropped {dropped.name}: {len(dropped.live)} public views. featurectl gc drops the versions.")


def run_promotion(
    ctx: click.Context,
    environment: str | None,
    select: tuple[str, ...],
    *,
    allow_breaking: bool,
    accept_differences: bool,
) -> None:
    """Promote an environment and say what moved, and how far it is from what was live."""
    from featurectl.services.comparing import limits_from
    from featurectl.services.previewing import promote

    if environment is None:
        raise UsageError("which environment is to be promoted?", hint="featurectl apply --env NAME --promote")
    if select:
        raise UsageError("an environment is promoted whole", hint="leave --select out")
    try:
        done = promote(
            open_engine_only(ctx), environment, allow_breaking=allow_breaking, accept_differences=accept_differences,
            limits=limits_from(settings_of(ctx)), progress=progress_lines("promote: "),
        )  # fmt: skip
    except TooDifferent as error:
        end_progress()
        for found in error.comparisons:
            print_comparison(found, brief=True)
        raise
    end_progress()
    if done.release is None:
        click.echo(f"Nothing to do: production shows what {environment} shows.")
        return
    print_moves(done.moves)
    for found in done.comparisons:
        print_comparison(found, brief=True)
    for line in done.remarks:
        click.echo(f"accepted: {line}")
    click.echo(f"Promoted {environment} in {done.seconds:.1f} s: release {done.release.number}. Nothing was built.")


def print_moves(moves: tuple[Move, ...], gone: tuple[str, ...] = ()) -> None:
    """Which public name shows what now; `gone`: versions that do not stand any more."""
    for move in moves:
        dropped = " (dropped)" if move.after in gone else ""
        click.echo(f"{move.view:<24} {move.before or 'nothing'} → {move.after or 'nothing'}{dropped}")
