"""RisingWave's SQL, understood and translated to DuckDB's.

What is not known to mean the same on DuckDB is `UnsupportedOnEngine`, with file and line; nothing is
passed through.
"""

from featurectl.dialect._macros import MACROS, macros_for
from featurectl.dialect._query import (
    Difference,
    Query,
    differences,
    only_adds,
    output_types,
    parse_ddl,
    parse_query,
    parse_script,
    reading,
    translate,
    translate_query,
)
from featurectl.dialect._statements import (
    AlterTable,
    CreateFunction,
    CreateIndex,
    CreateSink,
    CreateSource,
    CreateSourceTable,
    CreateTable,
    CreateView,
    Dml,
    DropTable,
    EngineOnly,
    InsertValues,
    Statement,
)

__all__ = [
    "MACROS",
    "AlterTable",
    "CreateFunction",
    "CreateIndex",
    "CreateSink",
    "CreateSource",
    "CreateSourceTable",
    "CreateTable",
    "CreateView",
    "Difference",
    "Dml",
    "DropTable",
    "EngineOnly",
    "InsertValues",
    "Query",
    "Statement",
    "differences",
    "macros_for",
    "only_adds",
    "output_types",
    "parse_ddl",
    "parse_query",
    "parse_script",
    "reading",
    "translate",
    "translate_query",
]
