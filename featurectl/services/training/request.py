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


def document_of(request: Request, groups: Sequence[FeatureGroup]) -> dict[str, Any]:
    """The request as JSON can hold it: features with their versions, a file's full path; a frame is left out."""
    spine = request.spine
    if isinstance(spine, str | Path) and not is_sql(spine):
        spine = str(Path(spine).resolve())
    kept = spine if isinstance(spine, str) else None
    asked = replace(request, features=tuple(spelled(groups)), spine=kept)
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
