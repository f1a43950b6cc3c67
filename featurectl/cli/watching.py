"""`gaps`, `freshness`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from featurectl.cli._context import Time, duration_of, open_engine_only, output_option
from featurectl.cli._render import print_rows

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["freshness", "gaps"]


@click.command()
@click.argument("views", nargs=-1, metavar="[VIEW]...")
@click.option("--from", "start", type=Time(), help="Expect every entity from here on [default: its first row].")
@click.option("--to", "end", type=Time(), help="Until before here [default: the view's last row].")
@output_option
@click.pass_context
def gaps(ctx: click.Context, views: tuple[str, ...], start: datetime | None, end: datetime | None, output: str) -> None:
    """List, for each entity of views with a grain, the steps that should be there and are not, as ranges, with the
    likely cause: no event came, messages of that time were refused (with the reason), or nothing came since.

    \b
    Example:
      featurectl gaps clicks_hourly --from 2024-06-01 --to 2024-07-01
    """
    from featurectl.services.gaps import find_gaps

    found = find_gaps(open_engine_only(ctx), views, start, end)
    rows = [(g.view, ", ".join(map(str, g.entity)), g.start, g.end, g.steps, g.cause) for g in found]
    print_rows(("view", "entity", "from", "to", "missing", "cause"), [rows], output)


@click.command()
@click.option("--limit", metavar="DURATION", help="For views whose metadata says no `freshness`, such as 3h.")
@output_option
@click.pass_context
def freshness(ctx: click.Context, limit: str | None, output: str) -> int:
    """Show how old the newest event time of each view is. The exit code is 1 if one is older than its `freshness` in
    the view's metadata, or than --limit; a view without rows is stale, too.

    \b
    Example:
      featurectl freshness --limit 3h || notify
    """
    from featurectl.services.status import status

    given = duration_of("--limit", limit)
    usual = given.total_seconds() if given is not None else None
    rows = []
    for row in status(open_engine_only(ctx)):
        allowed = usual if row.freshness_limit is None and row.newest is not None else row.freshness_limit
        if row.kind == "view" and (allowed is not None or row.newest is not None):  # others have no event time
            rows.append((row.name, row.newest, row.freshness_seconds, allowed, _judged(row.freshness_seconds, allowed)))
    print_rows(("view", "newest", "age_seconds", "limit_seconds", "state"), [rows], output)
    return 1 if any(state == "stale" for *_, state in rows) else 0


def _judged(age: float | None, allowed: float | None) -> str:
    if allowed is None:
        return "no limit"
    return "fresh" if age is not None and age <= allowed else "stale"
