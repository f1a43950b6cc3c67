"""The recorded solar production of Germany on Kafka and RisingWave: the golden values of the embedded engine."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.embedded.test_germany import (
    AREAS,
    _messages,
    test_a_year_without_gaps_has_every_lag_but_the_first,
    test_every_hour_of_every_area_has_a_row,
    test_golden_values,
    test_the_areas_sum_to_germany,
)
from tests.workspace import SOLAR

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.risingwave.workspace import ServerWorkspace

__all__ = [
    "AREAS",
    "test_a_year_without_gaps_has_every_lag_but_the_first",
    "test_every_hour_of_every_area_has_a_row",
    "test_golden_values",
    "test_the_areas_sum_to_germany",
]


LIVE = 2_000  # events that come when the views are there already


@pytest.fixture(scope="module")
def germany(
    risingwave_workspace: Callable[..., ServerWorkspace], shared_data: Callable[[str], Path]
) -> ServerWorkspace:
    rng = random.Random(2019)
    messages = _messages(shared_data("germany/time_series_60min_DE_TSO_2019.csv.gz"))
    messages += rng.sample(messages, len(messages) // 20)
    rng.shuffle(messages)
    workspace = risingwave_workspace(applied=False)
    workspace.publish(SOLAR, messages[:-LIVE])
    workspace.apply()
    for batch in (messages[-LIVE : -LIVE // 2], messages[-LIVE // 2 :]):
        workspace.publish(SOLAR, batch)
        workspace.refresh()
    return workspace
