"""Where the unit tests of a project's views run: what each engine has of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

__all__ = ["Sandbox"]


class Sandbox(Protocol):
    """A throw-away place with a project's tables, in which a test defines views or gives them rows."""

    def __enter__(self) -> Sandbox: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def give_messages(self, source_table: str, messages: Sequence[bytes]) -> None:
        """Messages of a topic, in the order of the log."""
        ...

    def give_rows(self, relation: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of a table or view, instead of those that it would have."""
        ...

    def define(self, view_name: str) -> None:
        """The project's own view; what it reads must be there."""
        ...

    def rows(self, view_name: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """The view's rows."""
        ...

    def typed(self, view_name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        """Rows as written in a test, as values of the view's types."""
        ...

    def columns(self, relation: str) -> list[str]:
        """The relation's columns, in order."""
        ...
