"""From the event log's chunks to rows of a source table: bytes as they came, with where and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.engines.embedded.connect import quote, text_literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from featurectl.log import Chunk

__all__ = ["chunk_query", "empty_query"]

# RisingWave's types of the INCLUDE columns: an offset is text there, so it is text here.
_TYPES = {"data": "BLOB", "partition": "VARCHAR", "offset": "VARCHAR", "timestamp": "TIMESTAMPTZ", "key": "BLOB"}

# The longest line of a chunk fits: 16 MiB of another producer's message in base64. Twice that for the buffer,
# which would be 16 lines if nothing were said.
_LINES = (
    "read_csv({path}, delim = '\t', header = false, quote = '', escape = '', comment = '', auto_detect = false,"
    " max_line_size = 33554432, buffer_size = 67108864, columns = {{'log_offset': 'BIGINT', 'ingested_us': 'BIGINT',"
    " 'encoding': 'VARCHAR', 'key': 'VARCHAR', 'value': 'VARCHAR'}})"
)
_VALUES = {
    # An empty field is NULL to the CSV reader; an empty message is an empty message.
    "data": "CASE WHEN encoding = 'r' THEN encode(coalesce(value, '')) ELSE from_base64(coalesce(value, '')) END",
    "partition": "'{partition}'",
    "offset": "log_offset::VARCHAR",
    "timestamp": "make_timestamptz(ingested_us)",
    "key": "encode(url_decode(substr(key, 2)))",
}


def chunk_query(chunk: Chunk, columns: Mapping[str, str]) -> str:
    """The rows of a chunk; `columns` maps roles (data, partition, offset, timestamp, key) to column names."""
    values = ", ".join(
        f"{_VALUES[role].format(partition=chunk.partition)} AS {quote(name)}" for role, name in columns.items()
    )
    return f"SELECT {values} FROM {_LINES.format(path=text_literal(str(chunk.path)))}"


def empty_query(columns: Mapping[str, str]) -> str:
    """No rows, with a source table's columns."""
    values = ", ".join(f"NULL::{_TYPES[role]} AS {quote(name)}" for role, name in columns.items())
    return f"SELECT {values} WHERE false"
