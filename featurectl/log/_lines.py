"""How one record is a line of text: the format that `Chunk` promises, written and read."""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from featurectl.errors import LogError
from featurectl.log._base import Event, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LINE_START", "decode_line", "encode_lines", "encode_records", "key_bytes"]

LINE_START = re.compile(rb"([0-9]{1,19})\t[0-9]{1,19}\t[rb]\t")

_UNSAFE = (b"\t", b"\r", b"\0")
# The percent sign first when encoding, last when decoding.
_ESCAPES = (("%", "%25"), ("\t", "%09"), ("\n", "%0A"), ("\r", "%0D"), ("\0", "%00"))


def encode_lines(events: Sequence[Event], first_offset: int, ingested_us: int) -> list[bytes]:
    """One line for each event, offsets counting up from `first_offset`."""
    if _all_plain([event.value for event in events]):
        middle = b"\t%d\tr\t" % ingested_us
        return [
            b"%d%b%b\t%b\n" % (offset, middle, _encode_key(key), value)
            for offset, (value, key) in enumerate(events, first_offset)
        ]
    return [_encode_line(event, offset, ingested_us) for offset, event in enumerate(events, first_offset)]


def encode_records(records: Sequence[Record]) -> list[bytes]:
    """One line for each record, with its own offset and time."""
    if _all_plain([record.value for record in records]):
        return [
            b"%d\t%d\tr\t%b\t%b\n" % (offset, ingested_us, _encode_key(key), value)
            for _, offset, ingested_us, key, value in records
        ]
    return [_encode_line(Event(value, key), offset, ingested_us) for _, offset, ingested_us, key, value in records]


def decode_line(line: bytes) -> Record:
    """The record in a line, with or without its newline. Raises ValueError for anything else."""
    offset, ingested_us, encoding, key, value = line.removesuffix(b"\n").split(b"\t")
    if encoding == b"b":
        value = base64.b64decode(value, validate=True)
    elif encoding != b"r":
        raise ValueError(f"unknown encoding {encoding!r}")
    return Record(0, int(offset), int(ingested_us), _decode_key(key), value)


def key_bytes(key: str) -> bytes:
    """A key in UTF-8. Raises LogError for half a surrogate pair."""
    try:
        return key.encode()
    except UnicodeEncodeError as error:
        raise LogError(f"key {key!r} is not text: {error.reason}") from None


def _all_plain(values: list[bytes]) -> bool:
    # One look at all values together, several times faster than a look at each. The newlines between
    # them keep a value from completing the UTF-8 of its neighbour, and counting them finds those within.
    joined = b"\n".join(values)
    return joined.count(b"\n") == len(values) - 1 and _is_plain(joined)


def _is_plain(value: bytes) -> bool:
    return not any(byte in value for byte in _UNSAFE) and (value.isascii() or _is_utf8(value))


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _encode_line(event: Event, offset: int, ingested_us: int) -> bytes:
    if b"\n" not in event.value and _is_plain(event.value):
        encoding, text = b"r", event.value
    else:
        encoding, text = b"b", binascii.b2a_base64(event.value, newline=False)
    return b"%d\t%d\t%b\t%b\t%b\n" % (offset, ingested_us, encoding, _encode_key(event.key), text)


@lru_cache(maxsize=4096)
def _encode_key(key: str | None) -> bytes:
    if key is None:
        return b""
    for char, code in _ESCAPES:
        key = key.replace(char, code)
    return b"=" + key_bytes(key)


@lru_cache(maxsize=4096)
def _decode_key(field: bytes) -> str | None:
    if not field:
        return None
    if not field.startswith(b"="):
        raise ValueError(f"key {field!r} does not begin with '='")
    key = field[1:].decode()
    for char, code in reversed(_ESCAPES):
        key = key.replace(code, char)
    return key
