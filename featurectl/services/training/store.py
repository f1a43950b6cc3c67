"""Training sets in a notebook: `featurectl.FeatureStore`."""

from __future__ import annotations

import shutil
import tempfile
import warnings
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from featurectl.engines.embedded.connect import text_literal
from featurectl.errors import EngineError, MissingExtra
from featurectl.services.scratch import replacing
from featurectl.services.training.building import build_training_set
from featurectl.services.training.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from featurectl.services.training.building import TrainingSet
    from featurectl.services.training.grid import Grid
    from featurectl.services.training.labels import Label, Split
    from featurectl.services.training.manifest import Manifest

__all__ = ["FeatureStore", "HistoricalFeatures"]


class FeatureStore:
    """The features of a project, on the target that its settings name."""

    def __init__(self, project: str | Path = ".", home: str | Path | None = None, target: str | None = None) -> None:
        """Read the settings of a project. `home` and `target` go over what they say.

        Raises:
            SettingsError: the settings are wrong.
        """
        from featurectl.engines import open_engine
        from featurectl.log import open_log
        from featurectl.settings import load_settings

        where = Path(home).resolve() if home is not None else None
        self._settings = load_settings(Path(project), home=where, target=target)
        self._engine = open_engine(self._settings, open_log(self._settings))

    def get_historical_features(
        self,
        entities: Any = None,
        features: Sequence[str] | str = ("features_enriched",),
        *,
        grid: Grid | None = None,
        time: str | None = None,
        label: Label | None = None,
        split: Split | None = None,
        full_names: bool = False,
        known_then: bool = False,
    ) -> HistoricalFeatures:
        """Features as they were known at each row's time: the newest row of the entity with
        `event_time + available_after` not later than that.

        Args:
            entities: Who and when: a pandas, Polars or Arrow table, the path of a Parquet or CSV file, or a query.
                Its rows, their order and its other columns stay.
            features: `view`, `view.column`, `view@v3` or `view@v3.column`.
            grid: Instead of `entities`: every entity at every step of a range.
            time: The column with each row's time; None: it is looked for by name and type.
            label: A value some time later, as a column.
            split: Adds the column `split`.
            full_names: Call features `view__column`.
            known_then: Take each row in the state in which a reader saw it at that time, from the recorded history.

        Raises:
            UsageError, SpineError, EngineError: as `build_training_set` says.
        """
        folder = Path(tempfile.mkdtemp(prefix="featurectl-"))
        try:
            names = (features,) if isinstance(features, str) else tuple(features)
            asked = Request(names, entities, grid, time, label, split, full_names, known_then)
            made = build_training_set(self._engine, self._settings, asked, folder / "features.parquet")
        except BaseException:  # an interrupt too: nobody else knows of the folder
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return HistoricalFeatures(made, folder)


class HistoricalFeatures:
    """A training set, in a file of its own for as long as this lives."""

    def __init__(self, made: TrainingSet, folder: Path) -> None:
        self._made = made
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    @property
    def manifest(self) -> Manifest:
        """What it was made of."""
        return self._made.manifest

    def to_df(self) -> Any:
        """A pandas DataFrame. Raises MissingExtra without pandas."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # DuckDB's own way with pandas, which nobody here chose
            return self._as(lambda relation: relation.df())

    def to_polars(self) -> Any:
        """A Polars DataFrame. Raises MissingExtra without Polars or Arrow."""
        return self._as(lambda relation: relation.pl())

    def to_arrow(self) -> Any:
        """A pyarrow Table. Raises MissingExtra without pyarrow."""
        return self._as(lambda relation: relation.to_arrow_table())

    def to_parquet(self, path: str | Path) -> Path:
        """A Parquet file; replaces what is there, whole. Raises EngineError."""
        target = Path(path)
        try:
            with replacing(target) as unfinished:
                shutil.copyfile(self._made.path, unfinished)
        except OSError as error:
            raise EngineError(f"cannot write {target}: {error.strerror}") from error
        return target

    def _as(self, convert: Callable[[duckdb.DuckDBPyRelation], Any]) -> Any:
        with duckdb.connect() as con:
            con.execute("SET TimeZone = 'UTC'")
            try:
                return convert(con.sql(f"SELECT * FROM read_parquet({text_literal(str(self._made.path))})"))
            except (ImportError, duckdb.InvalidInputException) as error:
                raise MissingExtra(
                    f"this needs a library that is not installed: {str(error).splitlines()[0]}",
                    hint="pip install 'featurectl[notebook]'",
                ) from error
