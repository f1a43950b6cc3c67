"""`rollback`, `history`, `gc`, `pin` and `unpin`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from featurectl.cli._context import end_progress, open_engine_only, output_option, progress_lines, settings_of
from featurectl.cli._render import print_rows
from featurectl.cli.environments import print_moves
from featurectl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from featurectl.services.collecting import Collection
    from featurectl.services.releasing import Rollback

__all__ = ["gc", "history", "pin", "rollback", "unpin"]


@click.command()
@click.argument("release", type=click.IntRange(min=1), required=False)
@click.option("--dry-run", is_flag=True, help="Say what would be shown, or what would have to be built; write nothing.")
@output_option
@click.pass_context
def rollback(ctx: click.Context, release: int | None, dry_run: bool, output: str) -> int:
    """Show again what a release showed: without RELEASE the one before what is live. Its versions stand, so nothing
    is built; where some were dropped it says which and does nothing. It is a release of its own, so it can be taken
    back too. Migrations stay.

    \b
    Example:
      featurectl rollback 7
    """
    from featurectl.services.releasing import plan_rollback
    from featurectl.services.releasing import rollback as run_rollback

    engine = open_engine_only(ctx)
    if dry_run:
        planned = plan_rollback(engine, release)
        _print_moves(planned, output)
        _say_gone(planned, output)
        return 1 if planned.gone else 0
    done = run_rollback(engine, settings_of(ctx).project_dir, release, progress_lines("rollback: "))
    end_progress()
    _print_moves(done, output)
    if output == "table" and done.release is None:
        click.echo(f"Nothing to do: release {done.target.number} shows what is live.")
    if output == "table" and done.release is not None:
        click.echo(
            f"Back to release {done.target.number} in {done.seconds:.1f} s: release {done.release.number}. "
            "Migrations stay."
        )
    return 0


@click.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The newest so many.")
@output_option
@click.pass_context
def history(ctx: click.Context, limit: int, output: str) -> None:
    """List releases, and what was begun and became none: when, what, by whom, from which plan and git commit, how
    long it took, how it ended. `*` is live.

    \b
    Example:
      featurectl history --output json
    """
    from featurectl.services.releasing import history as read_history

    rows = read_history(open_engine_only(ctx), limit)
    if output == "table":
        columns = ("release", "at", "command", "outcome", "who", "commit", "seconds", "detail")
        found = [
            (
                f"{row.release or '-'}{'*' if row.live else ''}", row.at.replace(microsecond=0),
                " ".join(filter(None, (row.command, row.environment))), row.outcome, row.who,
                row.git_commit[:9] if row.git_commit else None, row.seconds, row.detail,
            )
            for row in rows
        ]  # fmt: skip
        print_rows(columns, [found], output)
        return
    fields = (
        "release", "at", "command", "outcome", "who", "plan", "git_commit", "seconds", "environment", "live", "detail",
    )  # fmt: skip
    print_rows(fields, [[tuple(getattr(row, name) for name in fields) for row in rows]], output)


@click.command()
@click.option(
    "--keep", type=click.IntRange(min=0), default=1, show_default=True, metavar="N",
    help="So many releases before the live one can still be gone back to.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be dropped, and why the rest stays; write nothing.")
@output_option
@click.pass_context
def gc(ctx: click.Context, keep: int, dry_run: bool, output: str) -> None:
    """Drop old versions. Never one that is live, shown by an environment, pinned, or read by a version that stays or
    by what somebody else has built.

    \b
    Example:
      featurectl gc --keep 2 --dry-run
    """
    from featurectl.services.collecting import collect

    found = collect(open_engine_only(ctx), keep, dry_run=dry_run)
    rows = _collected(found, "would drop" if dry_run else "dropped")
    print_rows(("action", "name", "rows", "reason"), [rows], output)


@click.command()
@click.argument("consumer", required=False)
@click.argument("version", metavar="VIEW@vN", required=False)
@click.option("--list", "listed", is_flag=True, help="List the pins; so does no argument.")
@click.option(
    "--fingerprint", metavar="HEX", help="Refuse a version that means something else: its first 8 characters or more."
)
@output_option
@click.pass_context
def pin(
    ctx: click.Context, consumer: str | None, version: str | None, listed: bool, fingerprint: str | None, output: str
) -> None:
    """Say that a consumer relies on one version of a view: gc keeps it, plans name the consumer. It reads VIEW_vN, or
    asks for its pin. Without arguments: list the pins.

    \b
    Example:
      featurectl pin model:forecast features_enriched@v3
    """
    from featurectl.services.pinning import pin as make_pin
    from featurectl.services.pinning import pins

    engine = open_engine_only(ctx)
    if listed or consumer is None:
        fields = ("consumer", "view", "version", "fingerprint", "state", "pinned_at", "who")
        rows = [tuple(getattr(row, name) for name in fields) for row in pins(engine)]
        if output == "table":
            rows = [(*row[:3], row[3][:16], *row[4:]) for row in rows]
        print_rows(fields, [rows], output)
        return
    if version is None:
        raise UsageError("which version does it rely on?", hint=f"featurectl pin {consumer} VIEW@vN")
    made = make_pin(engine, consumer, version, fingerprint)
    click.echo(f"{made.consumer} relies on {made.version} ({made.fingerprint[:16]}).")


@click.command()
@click.argument("consumer")
@click.argument("view", metavar="VIEW[@vN]")
@click.pass_context
def unpin(ctx: click.Context, consumer: str, view: str) -> None:
    """Forget what a consumer relies on of a view.

    \b
    Example:
      featurectl unpin model:forecast features_enriched
    """
    from featurectl.services.pinning import unpin as remove_pin

    removed = remove_pin(open_engine_only(ctx), consumer, view)
    click.echo(f"{removed.consumer} relied on {removed.version}: no more.")


def _print_moves(planned: Rollback, output: str) -> None:
    rows = [(move.view, move.before, move.after, move.after in planned.gone) for move in planned.moves]
    if output != "table":
        print_rows(("view", "before", "after", "gone"), [rows], output)
        return
    print_moves(planned.moves, planned.gone)


def _say_gone(planned: Rollback, output: str) -> None:
    if output != "table":
        return
    if planned.gone:
        click.echo(
            f"Release {planned.target.number} would have to build {', '.join(planned.gone)}. Nothing was written."
        )
    else:
        click.echo(f"Release {planned.target.number}: all of its versions stand. Nothing was written.")


def _collected(found: Collection, word: str) -> list[Sequence[Any]]:
    """What goes first, then what stays."""
    rows: list[Sequence[Any]] = [(word, leftover.name, None, leftover.kind) for leftover in found.leftovers]
    rows += [(word, version.name, version.rows, "nobody needs it") for version in found.versions]
    rows += [("kept", name, None, reason) for name, reason in found.refused.items()]
    return rows + [("kept", name, None, "; ".join(reasons)) for name, reasons in sorted(found.kept.items())]
