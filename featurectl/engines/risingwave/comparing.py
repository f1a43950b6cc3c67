"""Two versions at one epoch, by batch queries of the server; only figures come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurectl.engines.comparing import compare_versions
from featurectl.engines.risingwave.connection import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featurectl.engines.base import Version
    from featurectl.engines.comparing import VersionComparison
    from featurectl.settings import Settings

__all__ = ["compare"]


def compare(settings: Settings, mark: str, old: Version, new: Version, key: Sequence[str]) -> VersionComparison:
    """Compare on a session of its own, in a read-only transaction: RisingWave answers all of it from one epoch, in
    which both versions have read the same events. `mark` is the comment before each statement."""
    what = f"comparing {old.name} with {new.name}"
    session = Session(settings, "compare")
    session.mark = mark
    try:
        session.run("BEGIN READ ONLY", what)
        return compare_versions(lambda sql: session.rows(sql, what), old, new, key)
    finally:
        session.close()
