"""Engines: where versions and public views live. `open_engine` is the only place that knows their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from featurectl.engines.base import Engine
    from featurectl.log import EventLog
    from featurectl.settings import Settings

__all__ = ["open_engine"]


def open_engine(settings: Settings, log: EventLog) -> Engine:
    """The engine of the target that the settings name."""
    if settings.target == "embedded":
        from featurectl.engines.embedded import EmbeddedEngine

        return EmbeddedEngine(settings, log)
    from featurectl.engines.risingwave import RisingWaveEngine

    return RisingWaveEngine(settings, log)
