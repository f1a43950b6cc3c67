"""DuckDB, in process: computes whole views over immutable pieces, and gives readers snapshots."""

from featurectl.engines.embedded.engine import EmbeddedEngine

__all__ = ["EmbeddedEngine"]
