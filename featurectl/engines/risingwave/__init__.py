"""RisingWave over psycopg2: materialized views as versions, plain views as public names, a ledger in tables."""

from featurectl.engines.risingwave.engine import RisingWaveEngine

__all__ = ["RisingWaveEngine"]
