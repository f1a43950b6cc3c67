"""`init`: a small project that applies and passes its tests, to be changed into one's own."""

from __future__ import annotations

import re
from pathlib import Path

from featurectl.errors import FeaturectlError, UsageError

__all__ = ["create_project"]

_TEMPLATE = Path(__file__).parent / "template"
_NAMED = ("featurectl.toml", "README.md")


def create_project(folder: Path) -> list[Path]:
    """Write the template into a new or empty folder; returns the files, relative to it.

    Raises UsageError for a folder that has something in it, FeaturectlError if it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty", hint="give a new folder")
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", folder.resolve().name) or "project"
    written = []
    try:
        for source in sorted(path for path in _TEMPLATE.rglob("*") if path.is_file()):
            relative = source.relative_to(_TEMPLATE)
            target = folder / (".gitignore" if relative.name == "gitignore" else relative)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text(encoding="utf-8")
            target.write_text(text.replace("{name}", name) if relative.name in _NAMED else text, encoding="utf-8")
            written.append(target.relative_to(folder))
    except OSError as error:
        raise FeaturectlError(f"cannot write {error.filename}: {error.strerror}") from error
    return written
