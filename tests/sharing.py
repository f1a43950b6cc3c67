"""Which tests run in one process where several processes run them (`pytest -n 2`): those that share a server.

pytest-xdist's own groups are marks that it writes into a test's id, which pytest 9.2 does not let it do.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

# Where the tests of a server are: beginnings of an id, or (in brackets) of a parameter.
SERVERS = {
    "risingwave": (
        "tests/risingwave/",
        "tests/clients/",
        "tests/deploy/test_services_run.py",
        "tests/dialect/test_values.py::test_risingwave",
        "tests/dialect/test_random_queries.py::test_risingwave",
        "tests/project/test_lint_rules.py",
        "[risingwave]",
        "[RisingWave, Kafka",
    ),
    "kafka": ("tests/kafka/", "[embedded, Kafka"),
}

# Tests that need a server and are at none of these places: tests/house wants none.
STRAYS = pytest.StashKey[list[str]]()


def share(nodeid: str) -> str:
    """The name of what a test shares with others: a server, or its module."""
    for server, places in SERVERS.items():
        if any(place in nodeid if place[0] == "[" else nodeid.startswith(place) for place in places):
            return server
    return nodeid.partition("::")[0]


class ByServer(LoadScopeScheduling):
    """Hands out all tests of a server to one process, all others module by module."""

    def _split_scope(self, nodeid: str) -> str:
        return share(nodeid)
