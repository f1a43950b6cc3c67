"""DuckDB reads a chunk as the log wrote it: no quoting, no guessing."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import duckdb

from featurectl.log import MAX_EVENT_BYTES, Event, FileLog

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = "{'o': 'BIGINT', 'at': 'BIGINT', 'encoding': 'VARCHAR', 'key': 'VARCHAR', 'value': 'VARCHAR'}"
FORMAT = "delim='\t', header=false, quote='', escape='', auto_detect=false"
READ = f"SELECT * FROM read_csv(?, {FORMAT}, columns={COLUMNS})"
EVENTS = [
    Event(b'{"a": "quote \\" and backslash \\\\ and comma, \'"}', 'key "quoted"'),
    Event(b'"', "\\"),
    Event(b"'", "a\tb%"),
    Event(b" spaces ", " "),
    Event("ünïcödé \u2028 \u0085".encode(), "ß"),
    Event(b"\xef\xbb\xbfa byte order mark"),
    Event(b"NULL", "NULL"),
    Event(b"# no comment"),
    Event(b"", ""),
    Event(b"a\nb\0c\td\r\xff"),
    Event(b'"' * MAX_EVENT_BYTES, "large"),
    Event(b"\n" * MAX_EVENT_BYTES, "\t" * (1 << 16)),
    Event(b"after", None),
]


def test_duckdb_reads_what_read_gives(tmp_path: Path) -> None:
    log = FileLog(tmp_path, segment_bytes=1 << 20, buffer_bytes=1)
    with log.writer("t") as writer:
        writer.append(EVENTS)
    rows = []
    for chunk in log.chunks("t", {}):
        rows += duckdb.execute(READ, [str(chunk.path)]).fetchall()
    assert [decoded(*row) for row in rows] == [
        (record.offset, record.ingested_us, record.key, record.value) for record in log.read("t")
    ]
    assert len(rows) == len(EVENTS)


def decoded(
    offset: int, at: int, encoding: str, key: str | None, value: str | None
) -> tuple[int, int, str | None, bytes]:
    raw = (value or "").encode()
    for code, char in (("%00", "\0"), ("%0D", "\r"), ("%0A", "\n"), ("%09", "\t"), ("%25", "%")):
        key = key.replace(code, char) if key else key
    return offset, at, key[1:] if key else None, base64.b64decode(raw) if encoding == "b" else raw
