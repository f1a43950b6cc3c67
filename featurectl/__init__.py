"""A streaming-SQL-first feature platform. Start with `featurectl --help`.

From Python: `featurectl.connect()` reads features on the embedded target, `featurectl.FeatureStore()` makes training
sets on either (`Grid`, `Label` and `Split` say of what), `featurectl.translate(sql)` shows what DuckDB is sent for a
query in RisingWave's dialect.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from featurectl.dialect import translate
    from featurectl.services.connecting import connect
    from featurectl.services.training.grid import Grid
    from featurectl.services.training.labels import Label, Split
    from featurectl.services.training.store import FeatureStore

__all__ = ["FeatureStore", "Grid", "Label", "Split", "__version__", "connect", "translate"]

__version__ = "0.1.0"

# Loaded on first use: the command line's --help needs neither DuckDB nor the SQL parser.
_PLACES = {
    "FeatureStore": "featurectl.services.training.store",
    "Grid": "featurectl.services.training.grid",
    "Label": "featurectl.services.training.labels",
    "Split": "featurectl.services.training.labels",
    "connect": "featurectl.services.connecting",
    "translate": "featurectl.dialect",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'featurectl' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
