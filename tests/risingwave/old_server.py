"""A server that speaks just enough of PostgreSQL's protocol to say its version: no old RisingWave is at hand."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SSL_REQUEST = 80877103
_PARAMETERS = {"client_encoding": "UTF8", "DateStyle": "ISO, MDY", "server_version": "9.5.0"}


@contextmanager
def says_its_version(version: str) -> Iterator[int]:
    """The port of a server that lets everybody in and answers every statement with `version`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, version), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, version: str) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # the test is over
            return
        with connection, connection.makefile("rwb") as stream:
            _greet(stream)
            while (kind := stream.read(1)) == b"Q":
                stream.read(struct.unpack("!i", stream.read(4))[0] - 4)
                _answer(stream, version)
            assert kind in (b"", b"X")


def _greet(stream) -> None:  # type: ignore[no-untyped-def]
    length, code = struct.unpack("!ii", stream.read(8))
    if code == _SSL_REQUEST:
        stream.write(b"N")
        stream.flush()
        length, code = struct.unpack("!ii", stream.read(8))
    stream.read(length - 8)
    stream.write(_message(b"R", struct.pack("!i", 0)))
    for name, value in _PARAMETERS.items():
        stream.write(_message(b"S", f"{name}\0{value}\0".encode()))
    stream.write(_message(b"K", struct.pack("!ii", 1, 1)) + _message(b"Z", b"I"))
    stream.flush()


def _answer(stream, text: str) -> None:  # type: ignore[no-untyped-def]
    column = b"version\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0)
    value = text.encode()
    stream.write(_message(b"T", struct.pack("!h", 1) + column))
    stream.write(_message(b"D", struct.pack("!hi", 1, len(value)) + value))
    stream.write(_message(b"C", b"SELECT 1\0") + _message(b"Z", b"I"))
    stream.flush()


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body
