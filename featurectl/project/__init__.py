"""Reads and renders `sql/` and `migrations/`: the graph, its fingerprints, its errors. No engine needed."""

from featurectl.project.load import load_project
from featurectl.project.model import FeatureView, Migration, Project, SourceTable

__all__ = ["FeatureView", "Migration", "Project", "SourceTable", "load_project"]
