"""docs/conformance.md lists the cases as they are, and every case says what it holds."""

from __future__ import annotations

from pathlib import Path

from tests.contract.conformance import DOCUMENT, MODULES, document


def test_the_document_is_that_of_the_cases() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "python -m tests.contract.conformance"


def test_every_case_is_in_it() -> None:
    here = {path.stem for path in Path(__file__).parent.glob("test_*.py")} - {Path(__file__).stem}
    assert here == set(MODULES)
    assert "|  |" not in document()
