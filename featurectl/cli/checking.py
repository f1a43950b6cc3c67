"""`verify` and `doctor`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from featurectl.cli._context import (
    end_progress,
    output_option,
    progress_lines,
    select_option,
    settings_of,
)
from featurectl.cli._render import plain, print_rows

if TYPE_CHECKING:
    from featurectl.engines.parity import Example
    from featurectl.engines.raw_parity import RawPartition, RawTable
    from featurectl.services.verifying import Verification, ViewParity

__all__ = ["doctor", "verify"]

_VIEW_COLUMNS = ("view", "version", "rows", "recomputed", "missing", "extra", "rows that differ", "cells that differ")
_SOURCE_COLUMNS = (
    "topic",
    "partition",
    "stored offsets",
    "rows",
    "beside the log",
    "missing",
    "extra",
    "differ",
    "twice",
)
_EXAMPLE_COLUMNS = ("where", "what", "key", "column", "recomputed", "served")


@click.command()
@click.argument("views", nargs=-1, metavar="[VIEW]...")
@select_option
@click.option("--engine", type=click.Choice(["embedded", "risingwave"]), help="Whose rows [default: the target's].")
@click.option(
    "--tolerance", type=click.FloatRange(min=0), default=1e-9, show_default=True,
    help="How far a fractional number may be off, absolutely or by its size.",
)  # fmt: skip
@click.option("--examples", type=click.IntRange(min=0), default=5, show_default=True, metavar="N", help="Of each kind.")
@click.option("--output", "-o", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_context
def verify(
    ctx: click.Context,
    views: tuple[str, ...],
    select: tuple[str, ...],
    engine: str | None,
    tolerance: float,
    examples: int,
    output: str,
) -> int:
    """Compute live views (default: all) from the stored raw events by DuckDB, whole, and compare with what the engine
    serves: rows missing and extra, cells that differ. Compares the stored raw events with the log, as far as that
    still reaches. All is of one moment, and held on disk. Exit code 1 if anything differs.

    \b
    Example:
      featurectl verify features_enriched --engine risingwave
    """
    from featurectl.engines import open_engine
    from featurectl.engines.parity import Tolerance
    from featurectl.log import open_log
    from featurectl.services.verifying import verify as run_verify

    flags: dict[str, Any] = ctx.find_root().obj
    flags["target"] = engine or flags["target"]
    settings = settings_of(ctx)
    log = open_log(settings)
    chosen = (*views, *_selected(ctx, select))
    result = run_verify(
        open_engine(settings, log),
        settings,
        log,
        chosen,
        tolerance=Tolerance(tolerance, tolerance),
        examples=examples,
        progress=progress_lines(""),
    )
    end_progress()
    if output == "json":
        click.echo(json.dumps(_as_json(result), indent=2, ensure_ascii=False))
    else:
        _print(result)
    return 0 if result.is_equal else 1


@click.command()
@output_option
@click.pass_context
def doctor(ctx: click.Context, output: str) -> int:
    """Look at everything that the target needs: libraries, engine, disk, clock, topics. A line each: ok, warning or
    error, with what to do. Writes nothing. Exit code 1 on an error.

    \b
    Example:
      featurectl doctor --target risingwave
    """
    from featurectl.engines import open_engine
    from featurectl.log import open_log
    from featurectl.services.diagnosing import diagnose

    settings = settings_of(ctx)
    log = open_log(settings)
    findings = list(diagnose(open_engine(settings, log), log, settings))
    rows = [(f.check, f.level, f.message, f.remedy) for f in findings]
    if output == "table":
        for check, level, message, remedy in rows:
            click.echo(f"{level:<8} {check}: {message}{f' ({remedy})' if remedy else ''}")
    else:
        print_rows(("check", "level", "message", "remedy"), [rows], output)
    return 1 if any(f.level == "error" for f in findings) else 0


def _selected(ctx: click.Context, select: tuple[str, ...]) -> list[str]:
    if not select:
        return []
    from featurectl.project import load_project
    from featurectl.services.selecting import select_views

    return sorted(select_views(load_project(settings_of(ctx)), select) or ())


def _print(result: Verification) -> None:
    print_rows(_VIEW_COLUMNS, [[_view_row(view) for view in result.views]], "table")
    for view in result.views:
        for what, names in (("lacks", view.comparison.columns_missing), ("has besides", view.comparison.columns_extra)):
            if names:
                click.echo(f"{view.view} {what} the columns {', '.join(names)}")
    click.echo("")
    rows = [_source_row(source, part) for source in result.sources for part in source.partitions]
    print_rows(_SOURCE_COLUMNS, [rows], "table")
    for source in result.sources:
        if source.not_compared is not None:
            click.echo(f"{source.table} was not compared with the log: {source.not_compared}")
    examples = [_example_row(v.view, e) for v in result.views for e in v.comparison.examples]
    examples += [_raw_example(s, p) for s in result.sources for p in s.partitions if p.examples]
    if examples:
        click.echo("")
        print_rows(_EXAMPLE_COLUMNS, [examples], "table")
    rows_compared = sum(view.comparison.served_rows for view in result.views)
    verdict = "equal" if result.is_equal else "NOT equal"
    what = f"{rows_compared:,} rows of {len(result.views)} views on {result.engine}"
    click.echo(f"\n{verdict}: {what}, in {result.seconds:.1f} s")


def _view_row(view: ViewParity) -> tuple[Any, ...]:
    found = view.comparison
    cells = ", ".join(f"{name}: {count:,}" for name, count in found.cells.items())
    return (
        view.view, view.version, found.served_rows, found.expected_rows, found.missing, found.extra,
        found.differing_rows, cells or "0",
    )  # fmt: skip


def _source_row(source: RawTable, part: RawPartition) -> tuple[Any, ...]:
    stored = "none" if part.first is None else f"{part.first:,} to {part.last:,}"
    return (
        source.topic, part.partition, stored, part.rows, _reach(part), part.missing, part.extra, part.differing,
        part.doubled,
    )  # fmt: skip


def _reach(part: RawPartition) -> str:
    """Which of the stored offsets the log was there for."""
    if part.log_first is None:
        return "not compared"
    if part.last is None or part.log_first > part.last:
        return "the log has none of them"
    gone = part.first is not None and part.log_first > part.first
    return f"from {part.log_first:,} on: the log has lost those before" if gone else "all"


def _example_row(view: str, example: Example) -> tuple[Any, ...]:
    key = ", ".join(f"{name}={plain(value)}" for name, value in example.key.items())
    return (view, example.kind, key, example.column or "", example.expected, example.served)


def _raw_example(source: RawTable, part: RawPartition) -> tuple[Any, ...]:
    offsets = ", ".join(map(str, part.examples))
    return (source.table, "differs from the log", f"partition {part.partition}, offsets {offsets}", "", None, None)


def _as_json(result: Verification) -> dict[str, Any]:
    """For machines; keys only ever get added."""
    return {
        "equal": result.is_equal,
        "engine": result.engine,
        "seconds": round(result.seconds, 3),
        "views": [_view_json(view) for view in result.views],
        "sources": [_source_json(source) for source in result.sources],
    }


def _view_json(view: ViewParity) -> dict[str, Any]:
    found = view.comparison
    return {
        "view": view.view,
        "version": view.version,
        "equal": found.is_equal,
        "rows": found.served_rows,
        "recomputed": found.expected_rows,
        "missing": found.missing,
        "extra": found.extra,
        "differing_rows": found.differing_rows,
        "differing_cells": dict(found.cells),
        "matched_by": list(found.matched_by),
        "columns_missing": list(found.columns_missing),
        "columns_extra": list(found.columns_extra),
        "examples": [plain(vars(example)) for example in found.examples],
    }


def _source_json(source: RawTable) -> dict[str, Any]:
    partitions = [{**plain(vars(part)), "equal": part.is_equal} for part in source.partitions]
    return {
        "table": source.table,
        "topic": source.topic,
        "equal": source.is_equal,
        "not_compared": source.not_compared,
        "partitions": partitions,
    }
