"""RisingWave's SQL, understood and translated to DuckDB's.

What is not known to mean the same on DuckDB is `UnsupportedOnEngine`, with file and line; nothing is
passed through.
"""

from featurectl.dialect._macros import MACROS
from featurectl.dialect._query import Query, output_types, parse_query, translate, translate_query

__all__ = ["MACROS", "Query", "output_types", "parse_query", "translate", "translate_query"]
