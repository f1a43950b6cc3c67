"""A local HTTP server that answers as a script says, a clock that nobody waits for, projects to produce into."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from featurectl.settings import Settings, load_settings
from featurectl.stopping import Stop
from producers.registry import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """What the server does with one request. `fault`: `silent` never answers, `cut` ends the connection."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    fault: str = ""


@dataclass
class Server:
    """`script` holds the answers in order, the last of them for ever; `asked` what was asked, with the query."""

    url: str
    script: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)

    def next_answer(self, target: str) -> Answer:
        parts = urlsplit(target)
        self.asked.append((parts.path, dict(parse_qsl(parts.query))))
        self.reached.set()
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on loopback; ends with the test."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = state.next_answer(self.path)
            if answer.fault == "silent":
                state.closing.wait(30)
            if answer.fault:
                self.close_connection = True
                return
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        state = Server(f"http://127.0.0.1:{listening.server_address[1]}")
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield state
        state.closing.set()
        listening.shutdown()
        thread.join()


@dataclass
class Clock:
    """Time that passes only when somebody sleeps."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """A factory: settings of a project in the test's directory, whatever the environment says."""
    for name in ("KAFKA_TOPIC_SOLAR", "KAFKA_TOPIC_WEATHER", "FEATURECTL_HOME", "FEATURECTL_LOG", "FEATURECTL_FSYNC"):
        monkeypatch.delenv(name, raising=False)

    def make(**flags: Any) -> Settings:
        return load_settings(tmp_path, **flags)

    return make


@pytest.fixture
def wanted(project: Callable[..., Settings]) -> Callable[..., Request]:
    """A factory of requests: `wanted("2024-06-01", "2024-06-02", regions=("DE",))`."""

    def make(start: str, end: str, *, regions: tuple[str, ...] = (), seed: int = 0, now: str = "2030-01-01") -> Request:
        instants = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end, now)]
        return Request(instants[0], instants[1], regions, seed, instants[2], project(), Stop())

    return make
