"""The file log among real processes: writers at once, readers beside them, kills, a full disk."""

from __future__ import annotations

import random
import signal
import subprocess
from collections import defaultdict
from typing import TYPE_CHECKING

from featurectl.log import FileLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WRITERS, EVENTS = 4, 3000

WRITE = """
from featurectl.log import Event, FileLog
name, count = sys.argv[2], int(sys.argv[3])
with FileLog(root, segment_bytes=20_000, buffer_bytes=700).writer("t") as writer:
    for n in range(count):
        writer.append([Event(b"%d" % n + b" x" * (n % 50), name)])
        if n % 7 == 0:
            writer.flush()
"""

# Says which event was acknowledged last, by a pipe, after each flush; until it is killed.
WRITE_UNTIL_KILLED = """
import itertools, os
from featurectl.log import Event, FileLog
writer = FileLog(root, segment_bytes=50_000, buffer_bytes=4000).writer("t")
for batch in itertools.count():
    writer.append([Event(b"%d %d " % (batch, n) + b"x" * (n * 37 % 5000), sys.argv[2]) for n in range(40)])
    writer.flush()
    os.write(1, b"%d\\n" % batch)
"""

WRITE_TO_A_FULL_DISK = """
import resource
from featurectl.errors import LogError
from featurectl.log import Event, FileLog
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
writer = FileLog(root, buffer_bytes=1 << 20).writer("t")
acknowledged = 0
writer.append([Event(b"first")])
writer.flush()
writer.append([Event(b"%03d " % n + b"x" * 300) for n in range(100)])
try:
    writer.flush()
except LogError as error:
    print(error, "|", error.hint)
seen = [record.value[:3] for record in FileLog(root).read("t")]
try:
    writer.flush()
except LogError:
    print("still full")
assert [record.value[:3] for record in FileLog(root).read("t")] == seen, "a reader's records changed"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.append([Event(b"last")])
writer.flush()
"""


def follow(log: FileLog, done: Callable[[], bool]) -> Iterator[tuple[int, bytes, str | None]]:
    """What a reader that polls sees, until `done` held before a poll that found nothing."""
    position = 0
    while True:
        last = done()
        start = position
        for record in log.read("t", start=position):
            position = record.offset + 1
            yield record.offset, record.value, record.key
        if last and position == start:
            return


def test_writers_at_once_and_a_reader_beside_them(tmp_path: Path, script: Callable[[str], list[str]]) -> None:
    log = FileLog(tmp_path / "log")
    writers = [subprocess.Popen([*script(WRITE), f"w{n}", str(EVENTS)]) for n in range(WRITERS)]
    seen = list(follow(log, lambda: all(writer.poll() is not None for writer in writers)))
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    assert [offset for offset, _, _ in seen] == list(range(WRITERS * EVENTS))
    by_key: dict[str | None, list[bytes]] = defaultdict(list)
    for _, value, key in seen:
        by_key[key].append(value)
    expected = [b"%d" % n + b" x" * (n % 50) for n in range(EVENTS)]
    assert by_key == {f"w{n}": expected for n in range(WRITERS)}
    assert [(record.offset, record.value, record.key) for record in log.read("t")] == seen


def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path, script: Callable[[str], list[str]]) -> None:
    log, rng = FileLog(tmp_path / "log"), random.Random(20)
    acknowledged: dict[str, int] = {}
    before: list[tuple[int, bytes, str | None]] = []
    for run in range(12):
        acknowledged[f"run{run}"] = write_and_kill([*script(WRITE_UNTIL_KILLED), f"run{run}"], rng)
        now = [(record.offset, record.value, record.key) for record in log.read("t")]
        assert now[: len(before)] == before, "offsets are stable"
        assert [offset for offset, _, _ in now] == list(range(len(now))), "offsets are dense"
        before = now
    for key, last_batch in acknowledged.items():
        found = {tuple(map(int, value.split()[:2])) for _, value, of in before if of == key}
        wanted = {(batch, n) for batch in range(last_batch + 1) for n in range(40)}
        assert wanted <= found
    assert sum(acknowledged.values()) > 12


def write_and_kill(command: list[str], rng: random.Random) -> int:
    """Kill -9 after some acknowledged batches, at no particular moment; return the last one's number."""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(rng.randrange(1, 30)):
            last = writer.stdout.readline()
        for _ in range(rng.randrange(20_000)):  # somewhere within the next batches, without a clock
            pass
        writer.send_signal(signal.SIGKILL)
        return int((writer.stdout.read().splitlines() or [last])[-1])


def test_two_processes_killed_in_turn_beside_a_third(tmp_path: Path, script: Callable[[str], list[str]]) -> None:
    steady = subprocess.Popen([*script(WRITE), "steady", "2000"])
    rng = random.Random(7)
    for run in range(4):
        write_and_kill([*script(WRITE_UNTIL_KILLED), f"run{run}"], rng)
    assert steady.wait() == 0
    records = list(FileLog(tmp_path / "log").read("t"))
    assert [record.offset for record in records] == list(range(len(records)))
    values = [record.value for record in records if record.key == "steady"]
    assert values == [b"%d" % n + b" x" * (n % 50) for n in range(2000)]


def test_a_full_disk_leaves_a_log_that_can_be_read_and_continued(
    tmp_path: Path, script: Callable[[str], list[str]]
) -> None:
    done = subprocess.run(script(WRITE_TO_A_FULL_DISK), capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "topic t: cannot append: File too large | free space on the disk and go on: what was acknowledged is there",
        "still full",
    ]
    records = list(FileLog(tmp_path / "log").read("t"))
    assert [record.value[:3] for record in records] == [b"fir", *(b"%03d" % n for n in range(100)), b"las"]
    assert [record.offset for record in records] == list(range(102))
