"""docs/dialect.md says what the tests show."""

from __future__ import annotations

from tests.dialect.documents import DOCUMENT, document


def test_the_document_is_that_of_the_tests() -> None:
    assert DOCUMENT.read_text("utf-8") == document(), "run `python -m tests.dialect.documents`"
