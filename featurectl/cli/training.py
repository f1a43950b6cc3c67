"""`training-set`, `export`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featurectl.cli._context import (
    duration_of,
    end_progress,
    open_engine_only,
    output_option,
    progress_lines,
    settings_of,
    time_of,
)
from featurectl.cli._render import print_rows
from featurectl.errors import UsageError

if TYPE_CHECKING:
    from featurectl.services.training.building import TrainingSet
    from featurectl.services.training.request import Request

__all__ = ["export", "training_set"]


@click.command("training-set")
@click.option("--spine", metavar="FILE|SQL", help="Who and when: Parquet, CSV, or a query that begins with SELECT.")
@click.option("--features", "-f", metavar="NAMES", help="view, view.column, view@v3; several with commas.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The Parquet file.")
@click.option("--time", metavar="COLUMN", help="The spine's time [default: found by name and type].")
@click.option("--from", "start", metavar="TIME", help="Without a spine: every entity from this time on.")
@click.option("--to", "end", metavar="TIME", help="Until before this time.")
@click.option("--every", metavar="DURATION", help="So far apart, such as 1h [default: the view's grain].")
@click.option("--entities", metavar="NAMES|FILE", help="Only these: values with commas, or a Parquet or CSV file.")
@click.option("--label", metavar="COLUMN", help="What is to be predicted: column or view.column.")
@click.option("--horizon", metavar="DURATION", help="How long after each row's time the label is, such as 24h.")
@click.option("--split", metavar="TIMES", help="One or two times: train, (validation,) test in the column split.")
@click.option(
    "--embargo", metavar="DURATION", help="Rows so near before a split belong to no part [default: --horizon]."
)
@click.option(
    "--known-at", type=click.Choice(["spine"]),
    help="Each row as a reader saw it at that time: later revisions and late events are unseen.",
)  # fmt: skip
@click.option("--full-names", is_flag=True, help="Call features view__column.")
@click.option(
    "--from-manifest", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Make a training set again; exit code 1 if it is another, with what changed.",
)  # fmt: skip
@click.option("--no-record", is_flag=True, help="Do not pin the versions for this training set.")
@click.pass_context
def training_set(
    ctx: click.Context, /, out: Path | None, from_manifest: Path | None, no_record: bool, **asked: Any
) -> int:
    """Join features to labels as they were known at each label's time, and write Parquet with a manifest beside it.

    Of each view: the newest row of the entity with event time + available_after not later than the row's time, and
    within ttl where the view has one. Every row of the spine is there once, in its order.

    \b
    Example:
      featurectl training-set --spine labels.parquet --features features_enriched --out train.parquet
      featurectl training-set --from 2024-06-01 --to 2024-07-01 -f clicks --label n --horizon 24h --out t.parquet
    """
    from featurectl.services.training.building import build_training_set, rebuild_training_set

    if out is None:
        raise UsageError("where to write is not said", hint="--out train.parquet")
    engine, settings, say = open_engine_only(ctx), settings_of(ctx), progress_lines("")
    changed: list[str] = []
    try:
        if from_manifest is not None:
            made, changed = rebuild_training_set(
                engine, settings, from_manifest, out, spine=asked["spine"], progress=say
            )
        else:
            consumer = None if no_record else _consumer(out)
            made = build_training_set(engine, settings, _request(asked), out, consumer=consumer, progress=say)
    finally:
        end_progress()
    _tell(made)
    if from_manifest is not None:
        click.echo("the same, bit for bit" if not changed else "it is another:")
        for line in changed:
            click.echo(f"  {line}")
    return 1 if changed else 0


def _consumer(out: Path) -> str:
    """The name under which plans know the training set: by its path from here, or whole."""
    path = out.resolve().with_suffix("")
    named = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"training-set:{named.as_posix()}".replace(" ", "-")


def _request(asked: dict[str, Any]) -> Request:
    from featurectl.services.training.labels import Label, Split
    from featurectl.services.training.request import Request

    if not asked["features"]:
        raise UsageError("no feature is asked for", hint="--features features_enriched")
    horizon = duration_of("--horizon", asked["horizon"])
    if (asked["label"] is None) != (horizon is None):
        raise UsageError("--label and --horizon belong together", hint="--label production_mw --horizon 24h")
    label = Label(asked["label"], horizon) if asked["label"] is not None and horizon is not None else None
    split = None
    if asked["split"] is not None:
        embargo = duration_of("--embargo", asked["embargo"])
        times = tuple(time_of("--split", word) for word in asked["split"].split(","))
        split = Split(times, embargo if embargo is not None else horizon or timedelta(0))
    features = tuple(word for word in asked["features"].split(",") if word.strip())
    known_then = asked["known_at"] == "spine"
    grid = _grid(asked)
    return Request(features, asked["spine"], grid, asked["time"], label, split, asked["full_names"], known_then)


def _grid(asked: dict[str, Any]) -> Any:
    from featurectl.services.training.grid import Grid

    given = [name for name in ("start", "end", "every", "entities") if asked[name] is not None]
    if asked["spine"] is not None or not given:
        if given and asked["spine"] is not None:
            raise UsageError("a spine says who and when by itself", hint="leave --from, --to, --every, --entities out")
        return None
    if asked["start"] is None or asked["end"] is None:
        raise UsageError("--from and --to belong together", hint="--from 2024-06-01 --to 2024-07-01")
    entities: Any = asked["entities"]
    if entities is not None:
        is_file = entities.endswith((".parquet", ".csv"))
        entities = Path(entities) if is_file else tuple(word.strip() for word in entities.split(","))
    every = duration_of("--every", asked["every"])
    return Grid(time_of("--from", asked["start"]), time_of("--to", asked["end"]), every, entities)


def _tell(made: TrainingSet) -> None:
    click.echo(f"{made.rows:,} rows in {made.path} ({made.seconds:.1f} s), manifest beside it")
    for view, said in made.manifest.views.items():
        if "rows_found" not in said:  # of another time: what it was read for is told with the one asked for
            continue
        seen = f", {said['observed']:,} as it was seen then" if "observed" in said else ""
        click.echo(f"  {view}: {said['rows_found']:,} of {made.rows:,} rows found a row{seen}")
        for start, end in said.get("unobserved", ()):
            click.echo(f"  {view}: changes from {start} to {end} were lost; rows of that time go by rule")
    for view, count in made.ties.items():
        click.echo(f"  {view}: {count:,} rows found several of one entity and time; the last revision counts")
    for part, count in made.parts.items():
        click.echo(f"  {part}: {count:,}")
    missing = {name: count for name, count in made.missing.items() if count}
    if missing:
        click.echo(f"  NULL: {', '.join(f'{name} {count:,}' for name, count in missing.items())}")
    if made.unrecorded:
        click.echo(f"not recorded as a consumer: {made.unrecorded}", err=True)


@click.command()
@click.argument("views", nargs=-1, metavar="[VIEW]...")
@click.option(
    "--out", type=click.Path(file_okay=True, path_type=str), required=True, help="The folder, or s3://bucket/folder."
)
@output_option
@click.pass_context
def export(ctx: click.Context, views: tuple[str, ...], out: str, output: str) -> None:
    """Bring a folder of Parquet files up to date with live views (none named: all that have an entity and an event
    time): OUT/VIEW/version=N/month=YYYY-MM/features.parquet. Only months whose rows have changed are written.

    \b
    Example:
      featurectl export --out offline
    """
    from featurectl.buckets import is_bucket
    from featurectl.services.exporting import export as run_export

    try:
        if not out.strip():
            raise UsageError("where to export to is not said", hint="--out offline")
        if "://" in out and not is_bucket(out):
            raise UsageError(f"{out} is no place that can be written to", hint="a folder, or s3://bucket/folder")
        done = run_export(open_engine_only(ctx), settings_of(ctx), out, views, progress_lines(""))
    finally:
        end_progress()
    columns = ("view", "version", "months written", "kept", "removed", "rows")
    print_rows(columns, [[(e.view, e.version, e.written, e.kept, e.removed, e.rows) for e in done]], output)
