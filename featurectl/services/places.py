"""Where an export goes: a folder, or a place in object storage. Both take a file whole or not at all."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from featurectl.buckets import Bucket, is_bucket
from featurectl.errors import EngineError
from featurectl.services.scratch import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Place", "place_of"]


class Place(Protocol):
    """Files by their names below it, with / between the parts."""

    def files(self, below: str) -> list[str]:
        """The names of the files below a folder, from there on."""
        ...

    def read(self, name: str) -> bytes | None:
        """A small file; None where there is none."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Replace a small file, whole."""
        ...

    def put(self, path: Path, name: str) -> None:
        """Move a file of this machine there, over what is there, whole."""
        ...

    def remove(self, folders: Sequence[str]) -> None:
        """Take folders away, with what is in them."""
        ...


def place_of(out: Path | str) -> Place:
    """The place that is meant. Raises UsageError, MissingExtra and BucketError."""
    return _Stored(Bucket(out)) if isinstance(out, str) and is_bucket(out) else _Folder(Path(out))


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def files(self, below: str) -> list[str]:
        folder = self._root / below
        return sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*") if path.is_file())

    def read(self, name: str) -> bytes | None:
        try:
            return (self._root / name).read_bytes()
        except OSError:
            return None

    def write(self, name: str, content: bytes) -> None:
        with _written(self._root / name) as unfinished:
            unfinished.write_bytes(content)

    def put(self, path: Path, name: str) -> None:
        with _written(self._root / name) as unfinished:
            shutil.move(path, unfinished)

    def remove(self, folders: Sequence[str]) -> None:
        try:
            for folder in folders:
                shutil.rmtree(self._root / folder)
        except OSError as error:
            raise EngineError(f"cannot remove {folder}: {error.strerror}", hint="is the folder yours?") from error


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            yield unfinished
    except OSError as error:
        raise EngineError(f"cannot write {path}: {error.strerror}", hint="is the folder yours?") from error


class _Stored:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def files(self, below: str) -> list[str]:
        return [found.name.removeprefix(f"{below}/") for found in self._bucket.list(f"{below}/")]

    def read(self, name: str) -> bytes | None:
        return self._bucket.read(name)

    def write(self, name: str, content: bytes) -> None:
        self._bucket.write(name, content)

    def put(self, path: Path, name: str) -> None:
        self._bucket.upload(path, name)
        path.unlink()

    def remove(self, folders: Sequence[str]) -> None:
        names = [found.name for folder in folders for found in self._bucket.list(f"{folder}/")]
        self._bucket.remove(names)
