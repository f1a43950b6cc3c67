"""Rows as text: a table for people, JSON and CSV for programs. Times are RFC 3339 in UTC, NULL stays NULL."""

from __future__ import annotations

import csv
import json
import math
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["plain", "print_rows"]

_WIDEST = 60
_NULL = "NULL"


def print_rows(
    columns: Sequence[str], batches: Iterable[Sequence[Sequence[Any]]], output: str, widest: int = _WIDEST
) -> None:
    """Print rows as `table`, `json` (an array of objects) or `csv` (NULL is empty), batch by batch where possible.

    A cell of a table that has more than `widest` characters is cut.
    """
    if output == "json":
        _print_json(columns, batches)
    elif output == "csv":
        _print_csv(columns, batches)
    else:
        _print_table(columns, [row for batch in batches for row in batch], widest)


def _print_json(columns: Sequence[str], batches: Iterable[Sequence[Sequence[Any]]]) -> None:
    lead = "[\n"
    for batch in batches:
        for row in batch:
            values = {name: plain(value) for name, value in zip(columns, row, strict=True)}
            click.echo(f"{lead}  {json.dumps(values, ensure_ascii=False)}", nl=False)
            lead = ",\n"
    click.echo("\n]" if lead != "[\n" else "[]")


def _print_csv(columns: Sequence[str], batches: Iterable[Sequence[Sequence[Any]]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for batch in batches:
        writer.writerows([["" if value is None else _text(value) for value in row] for row in batch])


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], widest: int) -> None:
    cells = [[_cell(value, widest) for value in row] for row in rows]
    right = [all(_is_number(row[i]) for row in rows) and bool(rows) for i in range(len(columns))]
    widths = [max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(columns)]
    click.echo(_line(columns, widths, right))
    click.echo("  ".join("-" * width for width in widths))
    for row in cells:
        click.echo(_line(row, widths, right))


def _line(values: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = (
        value.rjust(width) if to_right else value.ljust(width)
        for value, width, to_right in zip(values, widths, right, strict=True)
    )
    return "  ".join(padded).rstrip()


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float, Decimal)) and not isinstance(value, bool))


def _cell(value: Any, widest: int) -> str:
    if value is None:
        return _NULL
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e-4 or abs(value) >= 1e15 else f"{value:.4f}".rstrip("0").rstrip(".")
    text = str(_text(value)).replace("\n", "\\n").replace("\t", "\\t")
    return text if len(text) <= widest else f"{text[: widest - 1]}…"


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else _flat(value)


def _flat(value: Any) -> Any:
    flat = plain(value)
    return json.dumps(flat, ensure_ascii=False) if isinstance(flat, (dict, list)) else flat


def plain(value: Any) -> Any:  # noqa: PLR0911 - one line a type
    """A value as JSON can hold it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 2**53 else float(value)
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, (date, time, timedelta, UUID)):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _bytes(bytes(value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def _instant(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat("T")
    return value.astimezone(UTC).isoformat("T").replace("+00:00", "Z")


def _bytes(value: bytes) -> str:
    r"""Text where the bytes are UTF-8, else `\x` and hexadecimal, as PostgreSQL prints them."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return "\\x" + value.hex()
