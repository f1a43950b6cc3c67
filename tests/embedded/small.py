"""The small project of the RisingWave tests, on the embedded target."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from featurectl.engines import open_engine
from featurectl.log import FileLog
from featurectl.settings import load_settings
from tests.risingwave.project import FILES, SmallProject

if TYPE_CHECKING:
    from pathlib import Path


class EmbeddedProject(SmallProject):
    def __init__(self, folder: Path, files: dict[str, str] = FILES) -> None:
        self.folder = folder
        for name, text in files.items():
            self.write(name, text)
        home = folder / "home"
        self.environment = {"FEATURECTL_TARGET": "embedded", "FEATURECTL_HOME": str(home)}
        self.settings = load_settings(folder, home=home, target="embedded")
        self.engine = open_engine(self.settings, FileLog(folder / "log"))

    def files_of_rows(self) -> set[str]:
        """The folders of relations that hold rows."""
        return {entry.name for entry in os.scandir(self.folder / "home" / "pieces") if entry.is_dir()}
