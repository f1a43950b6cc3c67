"""Replays RisingWave's public end-to-end suite (sqllogictest files) on DuckDB."""
