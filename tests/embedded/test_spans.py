"""A piece whose times are known is left out only where none of its rows is asked for."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurectl.engines.embedded import engine
from featurectl.engines.embedded.home import Home
from featurectl.engines.embedded.pieces import Piece, Pieces, scan, scan_places
from featurectl.engines.embedded.spans import Span, ends_of, microseconds, times_of
from tests.workspace import SOLAR, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = datetime(2024, 1, 1)
MICROSECOND = timedelta(microseconds=1)
offsets = st.integers(-20, 20)
times = st.lists(
    st.none() | offsets | st.sampled_from(["infinity", "-infinity", "0044-03-15 (BC) 00:00:00"]), max_size=6
)
spans = st.tuples(st.none() | offsets, st.none() | offsets, st.booleans())


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[duckdb.DuckDBPyConnection, Home, Pieces]]:
    home = Home(tmp_path_factory.mktemp("home"))
    home.scratch.mkdir(parents=True)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        yield con, home, Pieces(con, home, fsync=False)


def _written(pieces: Pieces, values: list[Any], kind: str) -> Piece:
    """The values as times: microseconds after the start, or as they are."""
    said = [str(START + value * MICROSECOND) if isinstance(value, int) else value for value in values]
    rows = ", ".join("(NULL)" if each is None else f"('{each}')" for each in said) or "(NULL)"
    where = "" if values else " WHERE false"
    return pieces.write("r", f'SELECT v::{kind} AS "a ""time""" FROM (VALUES {rows}) AS t(v){where}')


@given(times, spans, st.sampled_from(["timestamp", "timestamptz"]))
@settings(max_examples=150)
def test_no_row_that_is_asked_for_is_left_out(
    writer: tuple[duckdb.DuckDBPyConnection, Home, Pieces],
    values: list[Any],
    asked: tuple[int | None, int | None, bool],
    kind: str,
) -> None:
    con, home, pieces = writer
    low, high, undated = asked
    first, last = (None if end is None else microseconds(START + end * MICROSECOND) for end in (low, high))
    piece = _written(pieces, values, kind)
    at = '"a ""time"""::TIMESTAMP'
    within = " AND ".join(
        [f"isfinite({at})"]
        if low is None and high is None
        else []
        + ([f"{at} >= make_timestamp({first})"] if first is not None else [])
        + ([f"{at} <= make_timestamp({last})"] if last is not None else [])
    )
    asked_for = f"{within} OR {at} IS NULL" if undated else within
    [(count,)] = con.execute(f"SELECT count(*) FROM {scan(home, [piece])} WHERE {asked_for}").fetchall()
    met = Span('a "time"', first, last, undated).meets(piece.times)
    assert met or not count
    finite = all(isinstance(value, int) or value is None for value in values)
    if finite and values and not count and low is not None and high is not None and low <= high and None not in values:
        outside = max(values) < low or min(values) > high
        assert met != outside


def test_what_is_not_known_is_opened() -> None:
    span = Span("t", 0, 10, undated=False)
    assert span.meets(None)
    assert span.meets(times_of({}))
    assert span.meets(times_of({'"t"': {"min": "infinity", "max": "infinity", "null_count": "0", "num_values": "1"}}))
    assert span.meets(times_of({'"t"': {"null_count": "1", "num_values": "2"}}))
    assert not span.meets(times_of({'"t"': {"null_count": "2", "num_values": "2"}}))
    other = {"min": "2024-01-01 00:00:00", "max": "2024-01-02 00:00:00", "null_count": "0", "num_values": "2"}
    assert not span.meets(times_of({'"t"': other}))
    assert span.meets(times_of({'"other"': other}))
    assert not span.meets(times_of({'"t"': {"null_count": "0", "num_values": "0"}}))  # a piece without rows


def test_places_are_of_the_pieces_they_stand_in(writer: tuple[duckdb.DuckDBPyConnection, Home, Pieces]) -> None:
    con, home, pieces = writer
    found = [pieces.write("p", f"SELECT range + {n} AS i FROM range(3)", checked=True) for n in (0, 10, 20, 30)]
    places = f"SELECT __piece, __place FROM {scan_places(home, found)} WHERE i IN (1, 12, 30, 31, 32)"
    left = pieces.without("p", found, places)
    assert [piece.rows for piece in left] == [2, 2, 3]  # a third of each: written anew, and the last is gone
    several = [Piece(p.file, p.rows, g.file, 1) for p, g in zip(found, _gone(pieces, (0, 1, 2, 0)), strict=True)]
    mixed = [several[0], found[1], several[2], found[3]]
    rows = con.execute(f"SELECT __piece, __place, i FROM {scan_places(home, mixed)} ORDER BY ALL").fetchall()
    expected = [(p, n, n + 10 * p) for p in range(4) for n in range(3) if (p, n) not in {(0, 0), (2, 2)}]
    assert rows == expected
    rows = con.execute(f"SELECT __piece, __place, i FROM {scan_places(home, mixed, [2, 3])} ORDER BY ALL").fetchall()
    assert rows == [row for row in expected if row[0] >= 2]
    values = con.execute(f"SELECT i FROM {scan(home, several)} ORDER BY 1").fetchall()
    assert values == [(n + 10 * p,) for p, gone in enumerate((0, 1, 2, 0)) for n in range(3) if n != gone]


def _gone(pieces: Pieces, places: tuple[int, ...]) -> list[Piece]:
    return [pieces.write("p", f"SELECT {place}::BIGINT AS place", checked=True) for place in places]


class Said:
    """A DuckDB connection that notes what it is asked."""

    def __init__(self, con: Any, said: list[str]) -> None:
        self._con, self._said = con, said

    def execute(self, sql: str, *rest: Any) -> Any:
        self._said.append(sql)
        return self._con.execute(sql, *rest)

    def cursor(self) -> Said:
        return Said(self._con.cursor(), self._said)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)


def test_the_ends_of_several_files() -> None:
    june, july = '{"at": [10, 21, false]}', '{"at": [30, 41, true]}'
    nothing = '{"at": [null, null, true]}'
    assert ends_of([june], "at") == (10, 21, False)
    assert ends_of([july, june], "at") == (10, 41, True)
    assert ends_of([june, nothing], "at") == (10, 21, True)
    assert ends_of([nothing], "at") == (None, None, True)
    assert ends_of([june, None], "at") is None
    assert ends_of([june], "other") is None
    assert ends_of([], "at") is None


def test_what_comes_on_time_opens_no_old_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path / "home")
    workspace.apply()
    message = b'{"timestamp": "2024-0%d-%02dT%02d:00:00Z", "production_mw": %d, "region": "DE"}'
    for month, days in ((1, 40), (6, 1)):  # unlike in size, so that neither is merged with the other
        workspace.publish(SOLAR, [message % (month, 1 + n // 24, n % 24, n) for n in range(days * 12)])
        workspace.refresh()
    views = ("solar_events", "solar_readings", "solar_hourly", "production_weather", "production_windows")
    old = {}
    for view in (*views, "features_enriched"):
        listed = workspace.rows(f"SELECT row_count, file FROM featurectl.pieces WHERE relation = '{view}_v1'")
        files = [file for rows, file in sorted(listed, reverse=True) if rows]
        assert len(files) == 2
        old[view] = files
    said: list[str] = []
    connect = engine.connect
    monkeypatch.setattr(engine, "connect", lambda *words, **named: Said(connect(*words, **named), said))
    later = Workspace(tmp_path / "home")
    later.publish(SOLAR, [message % (6, 1, 13, 7)])
    later.refresh()
    computed = [sql for sql in said if "featurectl_touched" in sql]
    assert len(computed) >= len(views)
    asked = [sql for sql in said if "min(lo)" in sql]
    assert len(asked) == 1  # of the features: of what windows give anew there is no file that tells its ends
    compared = [sql for sql in said if "FULL JOIN" in sql]
    assert compared  # the windows that end later stand there already
    assert all("production_windows_v1/" in sql for sql in compared)
    opened = {file for sql in computed for file in re.findall(r"pieces/(\w+/\w+[.]parquet)", sql)}
    for view, files in old.items():
        assert files[0] not in opened, view
    assert opened & {files[1] for files in old.values()}
    assert later.rows("SELECT count(*), max(production_mw) FROM solar_hourly WHERE hour >= '2024-06-01'") == [
        (13, 11.0)
    ]
