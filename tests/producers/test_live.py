"""Live mode and signals: what is new is sent once, and a process that is told to stop has flushed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from featurectl.errors import SourceError, UsageError
from featurectl.log import FileLog, open_log
from featurectl.stopping import Stop, StopRequested
from producers.commands import produce
from producers.publishing import batched
from producers.registry import Feed, Request, Source, SourceUnavailable, load_producer
from tests.producers.conftest import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from featurectl.settings import Settings
    from tests.producers.conftest import Server

TOPIC = "solar_production_raw"
DEADLINE_S = 60


def event(minute: int, mw: float) -> bytes:
    stamp = f"2024-06-01T00:{minute:02d}:00Z"
    return json.dumps({"timestamp": stamp, "production_mw": mw, "region": "DE"}).encode()


class Polls:
    """Runs live mode over scripted polls: what each one brings, an error among it is raised."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.requests: list[Request] = []

    def run(self, *script: Sequence[bytes | Exception] | Exception) -> list[float]:
        stop, left = Stop(), list(script)

        def opened(request: Request) -> Feed:
            self.requests.append(request)
            brings = left.pop(0)
            if isinstance(brings, Exception):
                raise brings
            return Feed(_bringing(brings) if left else _stopping(brings, stop))

        producer = replace(load_producer("solar"), sources={"scripted": Source(opened)})
        produce(producer, settings=self.settings, mode="live", interval=0.001, stop=stop)
        records = open_log(self.settings).read(TOPIC)
        return [json.loads(record.value)["production_mw"] for record in records]


def _bringing(messages: Sequence[bytes | Exception]) -> Iterator[bytes]:
    for message in messages:
        if isinstance(message, Exception):
            raise message
        yield message


def _stopping(messages: Sequence[bytes | Exception], stop: Stop) -> Iterator[bytes]:
    yield from _bringing(messages)
    stop.ask()


@pytest.fixture
def polls(project: Callable[..., Settings]) -> Polls:
    return Polls(project())


def test_what_was_sent_is_not_sent_again_unless_it_was_revised(polls: Polls) -> None:
    sent = polls.run(
        [event(0, 1), event(15, 2)],
        [event(0, 1), event(15, 2), event(30, 3)],
        [event(15, 2.5), event(30, 3)],
        [event(30, 3), event(15, 2.5)],
    )
    assert sent == [1, 2, 3, 2.5]


def test_a_revision_back_to_the_first_value_is_news(polls: Polls) -> None:
    assert polls.run([event(0, 1)], [event(0, 2)], [event(0, 1)]) == [1, 2, 1]


def test_what_is_refused_is_refused_once(polls: Polls) -> None:
    bad = event(0, -1)
    assert polls.run([bad, event(15, 2)], [bad, event(15, 2)], [bad, event(15, 2)]) == [2]
    assert len(list(open_log(polls.settings).read(f"{TOPIC}_rejected"))) == 1


def test_a_source_that_is_away_is_asked_again_for_all_that_was_missed(
    polls: Polls, capsys: pytest.CaptureFixture[str]
) -> None:
    away = SourceUnavailable("nobody there", hint="wait")
    missed = [event(0, 1), event(15, 2), event(30, 3)]
    assert polls.run([event(0, 1)], [event(15, 2), away], away, missed) == [1, 2, 3]
    first, second, third, fourth = (request.start for request in polls.requests)
    assert first < second == third == fourth, "the range begins where the last poll that worked had come to"
    assert capsys.readouterr().err.count("poll_failed") == 2


def test_an_error_that_will_not_pass_ends_live_mode_after_a_flush(polls: Polls) -> None:
    with pytest.raises(SourceError, match="refused"):
        polls.run([event(0, 1)], [event(15, 2), SourceError("refused")], [])
    assert len(list(open_log(polls.settings).read(TOPIC))) == 2


def test_what_live_mode_cannot_mean(project: Callable[..., Settings], tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.touch()
    with pytest.raises(UsageError, match="a file is not live"):
        produce("solar", settings=project(), source=str(path), mode="live")


# Being asked to stop


def test_a_stop_keeps_what_was_read_by_then() -> None:
    def messages() -> Iterator[bytes]:
        yield b"a"
        yield b"b"
        raise StopRequested

    assert list(batched(messages(), Stop())) == [[b"a", b"b"]]


def test_an_error_comes_after_what_was_read_before_it() -> None:
    batches = batched(_bringing([b"a", SourceError("x")]), Stop())
    assert next(batches) == [b"a"]
    with pytest.raises(SourceError):
        next(batches)


def test_asking_ends_a_wait_in_another_thread() -> None:
    stop = Stop()
    waiting = threading.Thread(target=stop.wait, args=(DEADLINE_S,))
    waiting.start()
    stop.ask()
    stop.ask()
    waiting.join(DEADLINE_S / 2)
    assert not waiting.is_alive()
    assert stop.wait(0)
    with pytest.raises(StopRequested):
        stop.sleep(0)


def test_a_signal_interrupts_only_where_it_may() -> None:
    before = signal.getsignal(signal.SIGINT)  # ignored, where the tests run in the background
    stop = Stop()
    with stop.on_signals(), pytest.raises(StopRequested), stop.interruptible():
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):  # the handler runs between two of these
            pass
    assert stop.asked
    calm = Stop()
    with calm.on_signals():
        os.kill(os.getpid(), signal.SIGINT)
    assert calm.asked
    assert signal.getsignal(signal.SIGINT) is before


# Real processes


@pytest.fixture
def producers(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A factory of running `producers` commands in the test's project."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", "from producers.cli import main; main()", *words, "--project", str(tmp_path)],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for_events(log: FileLog, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while log.end_offsets(TOPIC).get(0, 0) == 0:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "words",
    [("--mode", "live", "--interval", "3600"), ("--mode", "stream", "--interval", "0.01"), ("--from", "1990-01-01")],
)
def test_a_signal_ends_a_run_with_everything_flushed(
    producers: Callable[..., subprocess.Popen[str]], tmp_path: Path, words: tuple[str, ...], number: int
) -> None:
    log = FileLog(tmp_path / ".featurectl" / "log")
    process = producers("solar", *words)
    wait_for_events(log, process)
    process.send_signal(number)
    output, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (0, "")
    said = re.fullmatch(rf"([0-9,]+) events published to {TOPIC}(, [0-9,]+ skipped)?, stopped\n", output)
    assert said is not None, output
    assert int(said[1].replace(",", "")) == len(list(log.read(TOPIC)))


def test_a_signal_ends_a_request_that_nobody_answers(
    producers: Callable[..., subprocess.Popen[str]], server: Server
) -> None:
    server.script = [Answer(fault="silent")]
    process = producers("solar", "--source", "api", "--regions", "DE", ENERGY_CHARTS_URL=server.url)
    assert server.reached.wait(DEADLINE_S)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=DEADLINE_S / 4)
    assert (process.returncode, output) == (0, f"0 events published to {TOPIC}, stopped\n")


def test_a_signal_ends_the_wait_of_a_timed_replay(
    producers: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(event(0, 1) + b"\n" + event(59, 2))
    process = producers("replay", "solar", str(path), "--speed", "1")
    wait_for_events(FileLog(tmp_path / ".featurectl" / "log"), process)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, output) == (0, f"1 events published to {TOPIC}, stopped\n")
