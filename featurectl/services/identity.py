"""Which project and which engine a plan is about: digests that are other as soon as something moved."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from featurectl.engines.base import State
    from featurectl.project import Project

__all__ = ["digest", "engine_digest", "project_digest"]


def project_digest(project: Project) -> str:
    """Of every view and migration: its text, what it means, its metadata."""
    views = [
        (v.name, v.file, v.fingerprint, v.text, v.metadata.model_dump_json(), sorted(v.descriptions.items()))
        for v in project.views.values()
    ]
    return digest([views, [(m.number, m.name, m.checksum) for m in project.migrations]])


def engine_digest(state: State) -> str:
    """Of the ledger, without what only says how many rows there are: events arrive all the time."""
    versions = [
        (v.name, v.own_fingerprint, v.normaliser, sorted(v.inputs.items()), v.metadata, sorted(v.descriptions.items()))
        for v in state.versions
    ]
    return digest(
        [
            versions,
            sorted(state.live.items()),
            sorted(state.next_numbers.items()),
            [(m.number, m.checksum) for m in state.migrations],
            sorted((pin.consumer, pin.version) for pin in state.pins),
            sorted((o.name, o.kind, o.reads) for o in state.outsiders),
        ]
    )


def digest(value: Any) -> str:
    """A hash of plain values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
