"""Events in files: NDJSON line by line as it is, CSV and Parquet by the names of their columns."""

from __future__ import annotations

import atexit
import csv
import gzip
import io
import json
import math
import re
import shutil
import zlib
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import chain
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, TYPE_CHECKING, Annotated, Any, cast, get_args, get_origin

from featurectl.buckets import Bucket
from featurectl.errors import SourceError, UsageError
from producers._times import rfc3339
from producers.registry import Feed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pydantic import BaseModel

    from featurectl.buckets import StoredObject

__all__ = ["is_lines", "open_bucket", "open_file", "open_files"]

_LINES = (".ndjson", ".jsonl", ".json")
_ROWS = 5_000
_KNOWN = "known: .ndjson .jsonl .json .csv (also .gz), .parquet"
# Objects that were brought here, by place, name and tag.
_here: dict[tuple[str, str, str], Path] = {}
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:[eE][+-]?[0-9]+)?")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?")


def open_file(path: Path, contract: type[BaseModel] | None) -> Feed:
    """The messages in a file; its name says what it is (.ndjson, .jsonl, .json, .csv, .parquet, and .gz on top).

    Lines of JSON come byte for byte. Rows of CSV and Parquet become JSON objects by the names of the columns:
    an empty CSV cell is null, and a CSV cell is a number where the contract wants one.

    Raises:
        UsageError: No such file, or not a format known.
        SourceError: The file cannot be read (while iterating).
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    kind = _kind(path)
    if kind in _LINES:
        return _streamed(path, _lines)
    if kind == ".csv":
        numbers = _number_fields(contract)
        return _streamed(path, lambda file: _csv_rows(file, numbers))
    if path.suffix == ".parquet":
        return Feed(_parquet_rows(path))
    raise UsageError(f"{path.name}: not a format known", hint=_KNOWN)


def open_files(paths: Sequence[Path], contract: type[BaseModel] | None) -> Feed:
    """The messages of several files, one file after the other. Raises as `open_file` does."""
    feeds = [open_file(path, contract) for path in paths]
    return Feed(chain.from_iterable(feed.messages for feed in feeds))


def open_bucket(place: str, contract: type[BaseModel] | None) -> Feed:
    """The messages of the files below a place in object storage, by name. Each is brought here once a process.

    Raises:
        UsageError: Nothing of a known format is there.
        BucketError: The object storage did not answer, or refused.
    """
    bucket = Bucket(place)
    names = [found for found in bucket.list() if _kind(Path(found.name)) in (*_LINES, ".csv", ".parquet")]
    if not names:
        raise UsageError(
            f"there are no events at {place}", hint="known: .ndjson .jsonl .json .csv (also .gz), .parquet"
        )
    return open_files([_brought(bucket, found) for found in names], contract)


def _brought(bucket: Bucket, found: StoredObject) -> Path:
    """The object as a file of this machine, which goes with the process."""
    key = (bucket.place, found.name, found.tag)
    if key not in _here:
        path = _folder() / f"{len(_here)}-{Path(found.name).name}"
        bucket.download(found.name, path)
        _here[key] = path
    return _here[key]


@cache
def _folder() -> Path:
    folder = Path(mkdtemp(prefix="producers-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def is_lines(path: Path) -> bool:
    """Whether the file holds one message a line, so that it can be passed on byte for byte."""
    return _kind(path) in _LINES


def _kind(path: Path) -> str:
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def _streamed(path: Path, rows: Callable[[IO[bytes]], Iterator[bytes]]) -> Feed:
    """A feed of a file that is read from its beginning to its end, compressed or not."""
    size, opened = max(1, path.stat().st_size), []

    def messages() -> Iterator[bytes]:
        with _mapped_errors(path), path.open("rb") as file:
            opened.append(file)
            source = gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file
            yield from rows(cast("IO[bytes]", source))

    def fraction() -> float:
        return min(1.0, opened[0].tell() / size) if opened and not opened[0].closed else float(bool(opened))

    return Feed(messages(), fraction=fraction)


@contextmanager
def _mapped_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    for line in file:
        yield line[:-1] if line.endswith(b"\n") else line


def _csv_rows(file: IO[bytes], numbers: frozenset[str]) -> Iterator[bytes]:
    with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        header = text.readline()
        separator = max(",;\t", key=header.count)
        names = next(csv.reader([header], delimiter=separator), [])
        for row in csv.DictReader(text, names, restkey="", delimiter=separator):
            cells = (f"{json.dumps(name)}: {_cell(value, is_number=name in numbers)}" for name, value in row.items())
            yield f"{{{', '.join(cells)}}}".encode()


def _cell(value: Any, *, is_number: bool) -> str:
    """A CSV cell as JSON text: a number keeps its digits, and what is none stays text for the contract to refuse."""
    if not value:
        return "null"
    if is_number and _JSON_NUMBER.fullmatch(value):
        return str(value)
    if is_number and _DECIMAL.fullmatch(value):
        return repr(float(value))
    return json.dumps(value)


def _number_fields(contract: type[BaseModel] | None) -> frozenset[str]:
    fields = contract.model_fields if contract else {}
    return frozenset(name for name, field in fields.items() if {float, int}.intersection(_types(field.annotation)))


def _types(annotation: Any) -> set[Any]:
    """The plain types in an annotation: float and None of `Annotated[float, …] | None`."""
    if get_origin(annotation) is Annotated:
        return _types(get_args(annotation)[0])
    return {annotation}.union(*map(_types, get_args(annotation)))


def _parquet_rows(path: Path) -> Iterator[bytes]:
    import duckdb

    try:
        with duckdb.connect() as connection:
            result = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
            names = [column[0] for column in result.description or []]
            while rows := result.fetchmany(_ROWS):
                for row in rows:
                    yield json.dumps({n: _plain(v) for n, v in zip(names, row, strict=True)}, default=_as_json).encode()
    except duckdb.Error as error:
        raise SourceError(f"{path} cannot be read: {error}") from error


def _plain(value: Any) -> Any:
    # JSON has no NaN; as text it is refused as what it is, not a number, instead of breaking the message.
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value) if value.tzinfo else value.isoformat()
    return float(value) if isinstance(value, Decimal) else str(value)
