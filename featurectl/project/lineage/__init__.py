"""From field to feature: which columns, and which fields of a topic's messages, a column of a view depends on, and how.

Read out of the queries alone, offline; nothing is declared twice.
"""

from featurectl.project.lineage.graph import Impact, LineageGraph, Upstream
from featurectl.project.lineage.parts import ROWS, By, Ref

__all__ = ["ROWS", "By", "Impact", "LineageGraph", "Ref", "Upstream"]
