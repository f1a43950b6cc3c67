"""docs/environments.md is run from its first command to its last, and prints what the document says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.docs.test_documents import copy, outputs, walked
from tests.workspace import ROOT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["copy"]

# Times of day and who it was are another one's.
VARYING = re.compile(r"\d{4}-\d\d-\d\dT\S+Z|root|NULL|\b[0-9a-f]{9,12}\b|(?<= )who +(?=git)|-{4,}")


def test_environments_as_the_document_says(copy: Path, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "environments.md").read_text(encoding="utf-8")
    for body, printed in walked(text, copy, tmp_path / "home"):
        have = {same(line) for line in printed.splitlines()}
        missing = [line for line in outputs(body) if same(line) not in have]
        assert missing == [], printed


def same(line: str) -> str:
    return " ".join(VARYING.sub("", line).split())
