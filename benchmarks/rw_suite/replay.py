"""Replays an entry file and judges each SELECT that has expected rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.rw_suite.comparing import line_of, same_line, same_rows
from benchmarks.rw_suite.records import read_records
from featurectl.errors import FeaturectlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.rw_suite.engines import Answer, Engine
    from benchmarks.rw_suite.records import Record

__all__ = ["VERDICTS", "Judged", "replay"]

VERDICTS = ("same", "named error", "different", "crash")
# Errors while DuckDB computes: a cast or a function that fails outside a view, and a sum of more than 28 digits
_NAMED = re.compile(
    r"^Invalid Input Error: ([\w() .:'+-]+ failed|division by zero)$|^Out of Range Error: Overflow in HUGEINT addition"
)
_QUERY = re.compile(r"\s*(--[^\n]*\n\s*|/\*.*?\*/\s*)*(\(\s*)*(SELECT|WITH|VALUES)\b", re.I | re.S)
_ORDER = re.compile(r"\border\s+by\s+([^()]*?)(\blimit\b|\boffset\b|\bfetch\b|$)", re.I | re.S)


@dataclass(frozen=True)
class Judged:
    """A SELECT and what came of it."""

    record: Record
    verdict: str
    detail: str = ""


def replay(path: Path, make: Callable[[], Engine]) -> Iterator[Judged]:
    """Runs a file's records on a new engine."""
    engine = make()
    for record in read_records(path):
        if record.fails or not record.sql:
            continue
        if record.kind == "query" and record.expected is not None and _QUERY.match(record.sql):
            yield _judged(engine, record)
        else:
            try:
                engine.run(record.sql)
            except Exception:  # noqa: BLE001 - the engine remembers; what reads it is judged
                continue


def _judged(engine: Engine, record: Record) -> Judged:
    try:
        answer = engine.ask(record.sql)
    except FeaturectlError as error:
        return Judged(record, "named error", str(error).splitlines()[0])
    except Exception as error:  # noqa: BLE001 - a crash is a verdict
        if _NAMED.search(str(error)):
            return Judged(record, "named error", str(error).splitlines()[0])
        return Judged(record, "crash", f"{type(error).__name__}: {str(error).splitlines()[0]}")
    ours = [line_of(row, answer.types) for row in answer.rows]
    theirs = list(record.expected or ())
    if record.sort == "valuesort":
        ours, theirs = ([word for line in lines for word in line.split()] for lines in (ours, theirs))
    if same_rows(ours, theirs, False) and (record.sort or _in_order(record.sql, answer, ours, theirs)):
        return Judged(record, "same")
    return Judged(record, "different", f"{ours[:6]} ≠ {theirs[:6]}")


def _in_order(sql: str, answer: Answer, ours: list[str], theirs: list[str]) -> bool:
    """Where the query orders its rows: the order, but for rows that its keys do not tell apart."""
    found = list(_ORDER.finditer(sql))
    if not found or same_rows(ours, theirs, True):
        return True
    keys = [
        re.sub(r"\s+(asc|desc)\b|\s+nulls\s+(first|last)\b", "", key.strip(), flags=re.I).lower().split(".")[-1]
        for key in found[-1][1].split(",")
    ]
    columns = [name.lower() for name in answer.columns]
    places = [int(key) - 1 if key.isdigit() else columns.index(key) if key in columns else -1 for key in keys]
    if -1 in places:
        return False
    rows = dict(zip(ours, answer.rows, strict=True))
    matched = [next((row for line, row in rows.items() if same_line(line, other)), None) for other in theirs]
    return [[row[p] for p in places] for row in matched if row] == [[row[p] for p in places] for row in answer.rows]
