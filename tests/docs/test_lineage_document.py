"""docs/lineage.md shows what the commands really print."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from featurectl.cli import main
from tests.docs.test_documents import blocks
from tests.workspace import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("block", [body for kind, body in blocks(ROOT / "docs" / "lineage.md") if kind == "console"])
def test_the_output_is_real(block: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command, _, said = block.partition("\n")
    words = shlex.split(command.removeprefix("$ featurectl "))
    with pytest.raises(SystemExit) as caught:
        main(["--project", str(ROOT), "--home", str(tmp_path), *words])
    assert caught.value.code == 0
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == said.splitlines()
