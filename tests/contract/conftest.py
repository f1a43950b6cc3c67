from __future__ import annotations

import itertools
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.contract.case import Case
from tests.contract.serving import EMBEDDED_ON_KAFKA, ENGINES, GAPS, RISINGWAVE, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.workspace import Workspace

_numbers = itertools.count()
_NEEDS = {EMBEDDED_ON_KAFKA: [pytest.mark.kafka], RISINGWAVE: [pytest.mark.risingwave, pytest.mark.kafka]}
_ENGINES = [pytest.param(engine, marks=_NEEDS.get(engine, ())) for engine in ENGINES]


@pytest.fixture(scope="package", params=_ENGINES)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The project on one of the engines, applied once; all cases share it and each has keys of its own."""
    with ExitStack() as stack:
        yield serve(request.param, tmp_path_factory.mktemp("contract"), request, stack)


@pytest.fixture
def case(served: Workspace) -> Case:
    """What one case publishes and reads: a site, regions and a stretch of time that no other case touches."""
    return Case(served, next(_numbers))


@pytest.fixture(autouse=True)
def _gap(request: pytest.FixtureRequest) -> None:
    """A gap is an expected failure, and one that is none any more fails."""
    if "served" in request.fixturenames:
        engine = request.node.callspec.params["served"]
        reason = GAPS.get((request.node.originalname, engine))
        if reason is not None:
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
