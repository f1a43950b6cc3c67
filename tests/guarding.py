"""Servers that a killed run of the tests does not leave behind.

Fixtures stop what they started; a run that is ended by SIGKILL has none of them run. So one process more holds the
other end of a pipe: when that closes, whatever is still on its list is ended.
"""

from __future__ import annotations

import functools
import subprocess
import sys

_WATCH = """
import os, signal, sys
alive = set()
for line in sys.stdin:
    (alive.discard if line[0] == "-" else alive.add)(abs(int(line)))
for pid in alive:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""


def guard(server: subprocess.Popen[bytes]) -> None:
    """End the server when this process ends, in whatever way."""
    _say(server.pid)


def release(server: subprocess.Popen[bytes]) -> None:
    """The server is gone: its number may belong to somebody else from now on."""
    _say(-server.pid)


def _say(number: int) -> None:
    stream = _watcher().stdin
    assert stream is not None
    stream.write(f"{number}\n".encode())
    stream.flush()


@functools.cache
def _watcher() -> subprocess.Popen[bytes]:
    # A session of its own: an interrupt at the keyboard goes to all of the run's.
    return subprocess.Popen([sys.executable, "-c", _WATCH], stdin=subprocess.PIPE, start_new_session=True)
