"""What was computed from a text, kept in a file by the text's hash: the next process computes nothing again."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["ContentCache", "source_stamp"]


def source_stamp(*folders: Path) -> str:
    """Tells one state of our own source from another: in an editable install the version stands still."""
    paths = (path for folder in folders for path in (folder.rglob("*.py") if folder.is_dir() else [folder]))
    return str(max((path.stat().st_mtime_ns for path in paths), default=0))


class ContentCache:
    """JSON values by content in `file` (None: nowhere), forgotten when `stamp` changes or nobody asked for them."""

    def __init__(self, file: Path | None, stamp: str) -> None:
        self._file, self._stamp = file, stamp
        self._known = self._load()
        self._used: dict[str, Any] = {}
        self._dirty = False

    def knows(self, content: str) -> bool:
        """Whether the value for a content need not be computed."""
        return _key(content) in self._known

    def put(self, content: str, value: Any) -> None:
        """Take over a value that JSON can hold, computed elsewhere."""
        self._known[_key(content)] = value
        self._dirty = True

    def get(self, content: str, compute: Callable[[], Any]) -> Any:
        """The value for a content; computed where it is not known, and then as JSON gives it back."""
        key = _key(content)
        if key not in self._known:
            self._known[key] = json.loads(json.dumps(compute()))
            self._dirty = True
        self._used[key] = self._known[key]
        return self._known[key]

    def save(self) -> None:
        """Write what was learnt. A cache that cannot be written costs time, never a failure."""
        if self._file is None or not self._dirty:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._file.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps({"key": self._stamp, "known": self._used}), encoding="utf-8")
            temporary.replace(self._file)
        except OSError:
            return

    def _load(self) -> dict[str, Any]:
        if self._file is None:
            return {}
        try:
            stored = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        known = stored.get("known") if isinstance(stored, dict) and stored.get("key") == self._stamp else None
        return known if isinstance(known, dict) else {}


def _key(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
