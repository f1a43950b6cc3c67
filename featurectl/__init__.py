"""A streaming-SQL-first feature platform. Start with `featurectl --help`.

From Python: `featurectl.connect()` reads features on the embedded target, `featurectl.FeatureStore()` makes training
sets on either, `featurectl.translate(sql)` shows what DuckDB is sent for a query in RisingWave's dialect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from featurectl.dialect import translate
    from featurectl.services.connecting import connect
    from featurectl.services.training.store import FeatureStore

__all__ = ["FeatureStore", "__version__", "connect", "translate"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Loaded on first use: the command line's --help needs neither DuckDB nor the SQL parser.
    if name == "connect":
        from featurectl.services.connecting import connect

        return connect
    if name == "translate":
        from featurectl.dialect import translate

        return translate
    if name == "FeatureStore":
        from featurectl.services.training.store import FeatureStore

        return FeatureStore
    raise AttributeError(f"module 'featurectl' has no attribute {name!r}")
