"""A streaming-SQL-first feature platform. Start with `featurectl --help`."""

__version__ = "0.1.0"
