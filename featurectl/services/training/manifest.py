"""What a training set was made of, beside it as JSON: enough to make it again, or to say why it would be another."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from featurectl.errors import EngineError, UsageError
from featurectl.services.scratch import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Manifest", "differing", "hash_of_file", "manifest_path", "read_manifest", "write_manifest"]

_FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """The parts of a training set.

    `request` is what was asked for. `views` maps each version to its fingerprint, event time rules, and how many of
    the spine's rows found a row of it. `positions` are, per source table and partition, the offset of the first
    event that the features do not have. `columns` has each column's type, null share and, of numbers, its range,
    mean and standard deviation. `sha256` is of the Parquet file, `spine_hash` of the spine's values.
    """

    created_at: str
    target: str
    request: Mapping[str, Any]
    views: Mapping[str, Mapping[str, Any]]
    release: int | None
    git_commit: str | None
    positions: Mapping[str, Mapping[str, int]]
    rows: int
    spine_hash: str
    columns: Mapping[str, Mapping[str, Any]]
    sha256: str
    software: Mapping[str, str]
    format: int = field(default=_FORMAT)


def manifest_path(file: Path) -> Path:
    """Where the manifest of a training set is: beside it."""
    return file.with_name(f"{file.name}.manifest.json")


def write_manifest(manifest: Manifest, file: Path) -> Path:
    """Write it beside the training set, whole or not at all. Raises EngineError."""
    path = manifest_path(file)
    try:
        with replacing(path) as unfinished:
            unfinished.write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise EngineError(f"cannot write {path}: {error.strerror}") from error
    return path


def read_manifest(path: Path) -> Manifest:
    """Read one. Raises UsageError for what is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as a manifest: {error}", hint="it ends in .manifest.json") from error
    names = {each.name for each in fields(Manifest)}
    if not isinstance(content, dict) or names - content.keys():
        raise UsageError(f"{path} is no manifest of a training set", hint="it ends in .manifest.json")
    if content["format"] > _FORMAT:
        raise UsageError(f"{path} is of a newer featurectl", hint="upgrade featurectl")
    return Manifest(**{name: content[name] for name in names})


def hash_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def differing(old: Manifest, new: Manifest) -> list[str]:
    """What is another in a training set made again; nothing where it is the same, bit for bit."""
    if old.sha256 == new.sha256:
        return []
    found = []
    if old.spine_hash != new.spine_hash:
        found.append("the spine has other rows")
    for name, was in old.views.items():
        now = new.views.get(name)
        if now is None or now["fingerprint"] != was["fingerprint"]:
            found.append(f"{name} is {'gone' if now is None else 'of another meaning'}")
    for table, was_at in old.positions.items():
        now_at = new.positions.get(table, {})
        added = sum(now_at.values()) - sum(was_at.values())
        if added:
            found.append(f"{table} has {added:,} more events")
    found += [
        f"{name}: {key} {was[key]} → {new.columns.get(name, {}).get(key)}"
        for name, was in old.columns.items()
        for key in was
        if was[key] != new.columns.get(name, {}).get(key)
    ]
    found += [
        f"made by {name} {new.software.get(name)}, not {was}"
        for name, was in old.software.items()
        if new.software.get(name) != was
    ]
    return found or ["values that no figure of the manifest tells apart"]
