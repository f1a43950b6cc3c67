"""The file log in one process: bytes, offsets, resuming, segments, refusals."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurectl.errors import LogError
from featurectl.log import MAX_EVENT_BYTES, MAX_KEY_BYTES, Event, FileLog, open_log
from featurectl.log.kafka import KafkaLog
from featurectl.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

AWKWARD = [
    b"",
    b"\n",
    b"\t",
    b"\r",
    b"\0",
    b"\xff\xfe",
    b"\xc3",
    b"\xa9",
    b"%0A",
    b"a\r\n",
    "é\u2028".encode(),
]
VALUES = st.one_of(st.binary(max_size=60), st.sampled_from(AWKWARD), st.text(max_size=30).map(str.encode))
KEYS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(["%25", "=", "\t"])
EVENTS = st.lists(st.builds(Event, VALUES, KEYS), max_size=30)


def fill(log: FileLog, count: int, topic: str = "t") -> list[Event]:
    events = [Event(b'{"n":%d}' % n, f"k{n % 3}") for n in range(count)]
    with log.writer(topic) as writer:
        for event in events:
            writer.append([event])
            writer.flush()
    return events


def values(log: FileLog, start: int = 0, topic: str = "t") -> list[bytes]:
    return [record.value for record in log.read(topic, start=start)]


def lines_of(log: FileLog, start: int = 0, max_bytes: int = 256 << 20) -> list[bytes]:
    chunks = log.chunks("t", {0: start}, max_bytes)
    return [line for chunk in chunks for line in chunk.path.read_bytes().splitlines(keepends=True)]


@settings(max_examples=150, deadline=None)
@given(batches=st.lists(EVENTS, max_size=5), segment_bytes=st.integers(1, 400))
def test_bytes_come_back_as_they_went_in(batches: list[list[Event]], segment_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = FileLog(Path(folder), segment_bytes=segment_bytes, buffer_bytes=64)
        with log.writer("t") as writer:
            for batch in batches:
                assert writer.append(batch) == len(batch)
                writer.flush()
        expected = [event for batch in batches for event in batch]
        read = list(log.read("t"))
        assert [Event(record.value, record.key) for record in read] == expected
        assert [record.offset for record in read] == list(range(len(expected)))
        assert log.end_offsets("t") == {0: len(expected)}


def test_reading_resumes_from_every_offset(make_log: Callable[..., FileLog]) -> None:
    log = make_log()
    expected = [event.value for event in fill(log, 60)]
    for start in range(61):
        assert values(log, start) == expected[start:]


def test_resuming_finds_its_line_among_lines_of_any_length(make_log: Callable[..., FileLog]) -> None:
    log = make_log(segment_bytes=64 << 20)
    sizes = [1 if n % 7 else 150_000 for n in range(400)]
    with log.writer("t") as writer:
        writer.append([Event(b"%03d" % n + b"x" * size) for n, size in enumerate(sizes)])
    for start in [*range(0, 400, 13), 6, 7, 8, 398, 399]:
        assert next(log.read("t", start=start)).offset == start


def segments(log_folder: Path) -> list[Path]:
    return sorted((log_folder / "t").glob("*.log"))


def test_a_full_segment_is_followed_by_one_named_by_its_first_offset(
    make_log: Callable[..., FileLog], tmp_path: Path
) -> None:
    fill(make_log(), 60)
    files = segments(tmp_path / "log")
    assert len(files) > 5
    for file, following in pairwise(files):
        assert file.stat().st_size >= 300
        last = file.read_bytes().splitlines()[-1]
        assert int(following.stem) == int(last.split(b"\t")[0]) + 1


def test_an_empty_new_segment_of_a_killed_writer_is_continued(make_log: Callable[..., FileLog], tmp_path: Path) -> None:
    log = make_log(segment_bytes=1)
    expected = [event.value for event in fill(log, 3)]
    (tmp_path / "log" / "t" / f"{3:020d}.log").touch()
    assert log.end_offsets("t") == {0: 3}
    assert values(log) == expected
    assert len(lines_of(log)) == 3
    fill(log, 1)
    assert [record.offset for record in log.read("t")] == [0, 1, 2, 3]


@pytest.mark.parametrize("torn", [b"3\t17", b"\0" * 5000, b"\x8f\xff rubbish", b"3\t1\tr\t=k\thalf", b"\0\0rubbish\n"])
def test_a_torn_end_is_not_read_and_is_cut_off_by_the_next_writer(
    make_log: Callable[..., FileLog], tmp_path: Path, torn: bytes
) -> None:
    log = make_log(segment_bytes=1 << 20)
    expected = [event.value for event in fill(log, 3)]
    with segments(tmp_path / "log")[0].open("ab") as file:
        file.write(torn)
    assert values(log) == expected
    assert len(lines_of(log)) == 3
    assert log.end_offsets("t") == {0: 3}
    fill(log, 1)
    assert values(log) == [*expected, b'{"n":0}']
    assert [record.offset for record in log.read("t")] == [0, 1, 2, 3]


def test_a_torn_end_of_a_sealed_segment_is_not_part_of_a_chunk(
    make_log: Callable[..., FileLog], tmp_path: Path
) -> None:
    log = make_log(segment_bytes=60)
    fill(log, 9)
    with segments(tmp_path / "log")[0].open("ab") as file:
        file.write(b"\0\0\0")
    assert [line.split(b"\t")[0] for line in lines_of(log)] == [b"%d" % n for n in range(9)]


def test_a_writer_sees_what_another_appended_meanwhile(make_log: Callable[..., FileLog]) -> None:
    log = make_log()
    with log.writer("t") as one, make_log(segment_bytes=1).writer("t") as other:
        for n in range(12):
            writer = (one, other)[n % 2]
            writer.append([Event(b"%d" % n)])
            writer.flush()
    assert [(record.offset, record.value) for record in log.read("t")] == [(n, b"%d" % n) for n in range(12)]


@pytest.mark.parametrize("max_bytes", [1, 50, 100, 1000, 1 << 20])
def test_chunks_hold_the_same_records_as_read(make_log: Callable[..., FileLog], max_bytes: int) -> None:
    from featurectl.log._lines import decode_line

    log = make_log()
    fill(log, 60)
    for start in range(0, 61, 7):
        assert [decode_line(line) for line in lines_of(log, start, max_bytes)] == list(log.read("t", start=start))


def test_chunks_state_their_offsets_and_keep_to_their_size(make_log: Callable[..., FileLog]) -> None:
    log = make_log()
    fill(log, 60)
    position, longest = 5, 40
    for chunk in log.chunks("t", {0: 5}, max_bytes=100):
        lines = chunk.path.read_bytes().splitlines()
        assert (chunk.topic, chunk.partition, chunk.first_offset) == ("t", 0, position)
        assert [int(line.split(b"\t")[0]) for line in lines] == list(range(position, chunk.next_offset))
        assert chunk.path.stat().st_size <= 100 + longest
        position = chunk.next_offset
    assert position == 60


def test_sealed_segments_are_chunks_as_they_stand_and_copies_are_removed(
    make_log: Callable[..., FileLog], tmp_path: Path
) -> None:
    log = make_log()
    fill(log, 60)
    paths = [chunk.path for chunk in log.chunks("t", {})]
    files = segments(tmp_path / "log")
    assert paths[:-1] == files[:-1]
    assert paths[-1] not in files
    assert not list((tmp_path / "log" / "t").glob(".chunk-*"))


@pytest.mark.parametrize("leave", ["close", "del"])
def test_a_copy_is_removed_when_its_iterator_is_left(
    make_log: Callable[..., FileLog], tmp_path: Path, leave: str
) -> None:
    log = make_log()
    fill(log, 3)
    iterator = iter(log.chunks("t", {0: 1}))
    path = next(iterator).path
    assert path.exists()
    if leave == "close":
        iterator.close()  # type: ignore[attr-defined]
    del iterator
    gc.collect()
    assert not path.exists()


def test_copies_that_a_killed_reader_left_are_removed_once_old(
    make_log: Callable[..., FileLog], tmp_path: Path
) -> None:
    log = make_log()
    fill(log, 3)
    old, young = (tmp_path / "log" / "t" / f".chunk-{age}.tsv" for age in ("old", "young"))
    old.touch()
    young.touch()
    os.utime(old, (0, 0))
    assert len(lines_of(log)) == 3
    assert (old.exists(), young.exists()) == (False, True)


def test_an_open_segment_is_read_to_its_end_as_seen(make_log: Callable[..., FileLog]) -> None:
    log = make_log(segment_bytes=1 << 20)
    fill(log, 3)
    reading = log.chunks("t", {})
    chunk = next(iter(reading))
    fill(log, 2)
    assert (chunk.next_offset, len(chunk.path.read_bytes().splitlines())) == (3, 3)
    assert log.end_offsets("t") == {0: 5}


def test_a_position_past_the_end_is_refused(make_log: Callable[..., FileLog]) -> None:
    log = make_log()
    fill(log, 3)
    assert values(log, 3) == []
    for reading in (log.read("t", start=4), log.chunks("t", {0: 4}), log.read("absent", start=1)):
        with pytest.raises(LogError, match="past the end"):
            next(iter(reading))


def test_a_partition_that_files_do_not_have_is_refused(make_log: Callable[..., FileLog]) -> None:
    with pytest.raises(LogError, match="no partition 3"):
        list(make_log().read("t", partition=3))
    with pytest.raises(LogError, match="no partition 1"):
        list(make_log().chunks("t", {0: 0, 1: 5}))


def test_a_damaged_line_is_an_error_that_says_where(make_log: Callable[..., FileLog], tmp_path: Path) -> None:
    log = make_log(segment_bytes=1 << 20)
    fill(log, 3)
    file = segments(tmp_path / "log")[0]
    first, second, third = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + b"x" * (len(second) - 1) + b"\n" + third)
    with pytest.raises(LogError, match=rf"{file.name} is damaged at byte {len(first)}"):
        values(log)


def test_topics_that_exist(make_log: Callable[..., FileLog]) -> None:
    log = make_log()
    assert log.topics() == []
    assert log.end_offsets("a") == {}
    for topic in ("b", "a.c-D_9"):
        log.writer(topic).close()
    assert log.topics() == ["a.c-D_9", "b"]
    assert log.end_offsets("b") == {0: 0}
    assert list(log.read("b")) == []
    assert list(log.chunks("absent", {})) == []


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "a b", "ä", "a\n", "a" * 250])
def test_names_that_no_topic_can_have(make_log: Callable[..., FileLog], name: str) -> None:
    with pytest.raises(LogError, match="cannot be a topic's name"):
        make_log().writer(name)


def test_an_event_over_the_limit_is_refused_and_the_log_goes_on(make_log: Callable[..., FileLog]) -> None:
    log = make_log()
    largest = Event(b"x" * MAX_EVENT_BYTES, "k" * MAX_KEY_BYTES)
    with log.writer("t") as writer:
        for refused in (Event(b"x" * (MAX_EVENT_BYTES + 1)), Event(b"", "é" * (MAX_KEY_BYTES // 2 + 1))):
            with pytest.raises(LogError, match="the limit is"):
                writer.append([Event(b"before"), refused, Event(b"never")])
        writer.append([largest])
    assert values(log) == [b"before", b"before", largest.value]


def test_a_key_that_is_not_text_is_refused(make_log: Callable[..., FileLog]) -> None:
    log = make_log()
    with pytest.raises(LogError, match="is not text"), log.writer("t") as writer:
        writer.append([Event(b"a", "\ud800")])
    assert values(log) == []


def test_nothing_is_acknowledged_before_flush_and_all_of_it_after(make_log: Callable[..., FileLog]) -> None:
    log = make_log()
    writer = log.writer("t")
    writer.append([Event(b"a")])
    assert values(log) == []
    writer.flush()
    assert values(log) == [b"a"]
    writer.append([Event(b"b")])
    writer.close()
    writer.close()
    assert values(log) == [b"a", b"b"]
    with pytest.raises(LogError, match="writer is closed"):
        writer.append([])


def test_a_writer_keeps_what_was_appended_before_an_error_of_its_user(
    make_log: Callable[..., FileLog],
) -> None:
    log = make_log()
    with pytest.raises(ZeroDivisionError), log.writer("t") as writer:
        writer.append([Event(b"a")])
        raise ZeroDivisionError
    assert values(log) == [b"a"]


def test_a_topic_that_was_removed_meanwhile_is_an_error(make_log: Callable[..., FileLog], tmp_path: Path) -> None:
    log = make_log()
    with pytest.raises(LogError, match="removed while"), log.writer("t") as writer:
        writer.append([Event(b"a")])
        shutil.rmtree(tmp_path / "log" / "t")
        writer.flush()


def test_a_place_that_cannot_be_written_is_an_error_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file, not a folder")
    with pytest.raises(LogError, match=r"topic t: cannot open it for writing: (Not a directory|File exists)"):
        FileLog(tmp_path / "log").writer("t")


def test_fsync_changes_no_byte(make_log: Callable[..., FileLog]) -> None:
    log = make_log(fsync=True)
    expected = [event.value for event in fill(log, 20)]
    assert values(log) == expected
    assert len(lines_of(log, 3)) == 17


def test_the_settings_name_the_log(tmp_path: Path) -> None:
    log = open_log(load_settings(tmp_path, home=Path("h")))
    fill(log, 1)  # type: ignore[arg-type]
    assert (tmp_path / "h" / "log" / "t").is_dir()
    assert isinstance(open_log(load_settings(tmp_path, log="kafka")), KafkaLog)
    assert isinstance(open_log(load_settings(tmp_path, target="risingwave")), KafkaLog)
