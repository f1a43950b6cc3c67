"""What is asked of a training set, and the same as JSON, so that it can be asked again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from featurectl.errors import UsageError
from featurectl.services.training.features import spelled
from featurectl.services.training.grid import Grid  # noqa: TC001 - pydantic reads the types
from featurectl.services.training.labels import Label, Split  # noqa: TC001
from featurectl.services.training.spine import is_sql
from featurectl.services.training.topics import TopicVersion, asked_again

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from featurectl.services.training.features import FeatureGroup

__all__ = ["Request", "document_of", "request_of"]


@dataclass(frozen=True)
class Request:
    """What a training set is to have. One of `spine` (a file, a query, a frame) and `grid` says which rows.

    `features` are spelled as for `feature_groups`; `time` names the spine's time, None: it is looked for;
    `full_names`: features are called `view__column`; `known_then`: each row in the state in which a reader saw it.
    """

    features: tuple[str, ...]
    spine: Any = None
    grid: Grid | None = None
    time: str | None = None
    label: Label | None = None
    split: Split | None = None
    full_names: bool = False
    known_then: bool = False


def document_of(request: Request, groups: Sequence[FeatureGroup], label: FeatureGroup | None) -> dict[str, Any]:
    """The request as JSON can hold it: features and label with their versions, full paths; a frame is left out.

    What a reader saw is asked for by the view's name: it was of the version of the time.
    """
    spine, grid, wanted = request.spine, request.grid, request.label
    if isinstance(spine, str | Path) and not is_sql(spine):
        spine = str(Path(spine).resolve())
    if grid is not None and isinstance(grid.entities, Path):
        grid = replace(grid, entities=grid.entities.resolve())
    if wanted is not None and label is not None:
        is_topic = isinstance(label.version, TopicVersion)
        wanted = asked_again(wanted, label.version) if is_topic else replace(wanted, feature=spelled([label])[0])
    features = spelled(groups, follow=request.known_then)
    kept = spine if isinstance(spine, str) else None
    asked = replace(request, features=tuple(features), spine=kept, grid=grid, label=wanted)
    document: dict[str, Any] = TypeAdapter(Request).dump_python(asked, mode="json")
    return document


def request_of(document: Mapping[str, Any]) -> Request:
    """The request that a document holds. Raises UsageError for one that is none."""
    try:
        return TypeAdapter(Request).validate_python(document)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        raise UsageError(
            f"the manifest's request cannot be read: {'.'.join(map(str, problem['loc']))}: {problem['msg']}"
        ) from error
