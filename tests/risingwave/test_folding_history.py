"""What RisingWave's recorded changes become once they are older than a view keeps them: files, without a server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import duckdb
import pytest

from featurectl.engines.base import Version
from featurectl.engines.risingwave.change_store import DELTA, EPOCH, SEEN, ChangeStore, Contents, Part
from featurectl.engines.risingwave.collecting import Collector
from featurectl.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    Change = tuple[str, int, int]

VIEW = Version(
    "places", 1, "f", "f", "n", "", "places.sql", {}, {"history": {"keep": "1 hour"}}, {"place": "varchar"}
)  # fmt: skip
MINUTE_MS = 60_000


class Files:
    """The files of one version: a base with places a and b, and changes of some minutes ago."""

    def __init__(self, folder: Path) -> None:
        settings = load_settings(folder, home=folder / "home")
        self.store = ChangeStore(settings)
        # Folding needs no session: only the files and DuckDB's limits.
        self.collector = Collector.__new__(Collector)
        self.collector._store, self.collector._settings = self.store, settings
        self.now = time.time_ns() // 1_000_000
        self.contents = Contents("s", "", (), position=0, looked_at=0, looked_epoch=0, seen=0)
        path, self.contents = self.store.new_file(VIEW.name, "base", self.contents)
        with duckdb.connect() as con:
            con.execute(f"COPY (SELECT unnest(['a', 'b']) AS place, 1::BIGINT AS {DELTA}) TO '{path}' (FORMAT parquet)")
        self.contents = Contents("s", path.name, (), self.now, 0, 0, 0, (), self.contents.number)

    def add(self, *changes: Change) -> None:
        """One more file of changes: place, +1 or -1, minutes ago."""
        path, contents = self.store.new_file(VIEW.name, "changes", self.contents)
        values = ", ".join(f"('{p}', {d}, {self.now - m * MINUTE_MS})" for p, d, m in changes)
        with duckdb.connect() as con:
            con.execute(
                f"COPY (SELECT place, {DELTA}::INTEGER AS {DELTA}, {EPOCH}::BIGINT AS {EPOCH}, {EPOCH}::BIGINT * 1000"
                f" AS {SEEN} FROM (VALUES {values}) AS v(place, {DELTA}, {EPOCH})) TO '{path}' (FORMAT parquet)"
            )
        epochs = [self.now - minutes * MINUTE_MS for _, _, minutes in changes]
        parts = (*contents.parts, Part(path.name, len(changes), min(epochs), max(epochs)))
        self.contents = Contents("s", contents.base, parts, self.now, 0, 0, 0, (), contents.number)

    def fold(self) -> Contents:
        return self.collector._folded(VIEW, self.contents)

    def base(self, contents: Contents) -> list[tuple[str, int]]:
        return self._read(f"SELECT place, {DELTA} FROM {self.store.scan(VIEW.name, [contents.base])} ORDER BY 1")

    def changes(self, contents: Contents) -> list[tuple[str, int]]:
        scan = self.store.scan(VIEW.name, [part.file for part in contents.parts])
        return self._read(f"SELECT place, {DELTA} FROM {scan} ORDER BY {EPOCH}, place")

    @staticmethod
    def _read(sql: str) -> list[tuple[str, int]]:
        with duckdb.connect() as con:
            return con.execute(sql).fetchall()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_old_changes_become_part_of_the_base_and_young_ones_stay(files: Files) -> None:
    files.add(("a", -1, 180), ("c", 1, 170))
    files.add(("c", 1, 150), ("d", 1, 140), ("d", -1, 20), ("b", -1, 10))
    folded = files.fold()
    assert files.base(folded) == [("b", 1), ("c", 2), ("d", 1)]  # a row that is there twice counts twice
    assert files.changes(folded) == [("d", -1), ("b", -1)]
    [part] = folded.parts
    assert (part.rows, part.first, part.last) == (2, files.now - 20 * MINUTE_MS, files.now - 10 * MINUTE_MS)
    assert (folded.position, folded.subscription) == (files.contents.position, "s")
    files.store.write(VIEW.name, folded)
    assert {path.name for path in files.store.folder(VIEW.name).iterdir()} == {"contents.json", folded.base, part.file}
    assert files.store.read(VIEW.name, "s") == folded


def test_when_all_changes_are_old_no_file_of_them_is_left(files: Files) -> None:
    files.add(("a", -1, 180), ("b", -1, 170))
    folded = files.fold()
    assert (files.base(folded), folded.parts) == ([], ())


@pytest.mark.parametrize("minutes", [10, 61])
def test_what_is_young_or_hardly_older_is_not_written_anew(files: Files, minutes: int) -> None:
    files.add(("a", -1, minutes))
    assert files.fold() is files.contents
