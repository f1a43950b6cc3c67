"""What differs between two queries: nothing for spelling, always something for meaning, and only what changed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurectl.dialect import differences, only_adds, parse_query
from featurectl.project import load_project
from featurectl.settings import load_settings
from tests.dialect.test_parsing import BASE, OTHER, SAME
from tests.workspace import ROOT

QUERIES = {name: view.text for name, view in load_project(load_settings(ROOT)).views.items()}
CHANGES = [
    ("SELECT a, b FROM t", "SELECT a, b + 1 AS b FROM t", [("column b", "b", "b + 1")]),
    ("SELECT a FROM t", "SELECT a, b FROM t", [("column b", None, "b")]),
    ("SELECT a FROM t WHERE b > 1", "SELECT a FROM t WHERE c AND b > 1", [("WHERE", None, "c")]),
    ("SELECT a FROM t", "SELECT a FROM u", [("FROM", "t", "u")]),
    (
        "SELECT a FROM HOP(t, ts, INTERVAL '1 hour', INTERVAL '24 hours')",
        "SELECT a FROM HOP(t, ts, INTERVAL '1 hour', INTERVAL '48 hours')",
        [
            (
                "FROM",
                "HOP(t, ts, INTERVAL '1 HOUR', INTERVAL '24 HOURS')",
                "HOP(t, ts, INTERVAL '1 HOUR', INTERVAL '48 HOURS')",
            )
        ],
    ),
    (
        "SELECT p.a, q.b FROM t AS p JOIN u AS q ON p.k = q.k",
        "SELECT x.a, q.b FROM t AS x LEFT JOIN u AS q ON x.k = q.k",
        [("JOIN", "JOIN u AS q ON p.k = q.k", "LEFT JOIN u AS q ON x.k = q.k")],
    ),
    (
        "SELECT l.a FROM t LEFT JOIN t AS l ON l.k = t.k - 1",
        "SELECT m.a FROM t LEFT JOIN t AS l ON l.k = t.k - 1 LEFT JOIN t AS m ON m.k = t.k - 2",
        [("column a", "l.a", "m.a"), ("JOIN", None, "LEFT JOIN t AS m ON m.k = t.k - 2")],
    ),
    (
        "WITH c AS (SELECT a FROM t), d AS (SELECT a FROM c) SELECT a FROM d",
        "WITH renamed AS (SELECT a FROM t), d AS (SELECT a FROM renamed WHERE a > 0) SELECT a FROM d",
        [("WITH d: WHERE", None, "a > 0")],
    ),
    (
        "SELECT a FROM (SELECT a, b FROM t) AS s GROUP BY a",
        "SELECT a FROM (SELECT a, c AS b FROM t) AS s GROUP BY a, b",
        [("FROM s: column b", "b", "c"), ("GROUP BY", None, "b")],
    ),
    ("SELECT a FROM t UNION ALL SELECT a FROM u", "SELECT a FROM t UNION ALL SELECT b FROM u", [
        ("second side of UNION: column a", "a", None), ("second side of UNION: column b", None, "b")]),
    ("SELECT a, b FROM t", "SELECT b, a FROM t", [("order of columns", "a, b", "b, a")]),
    ("SELECT a FROM t ORDER BY a", "SELECT a FROM t", [("ORDER BY", "ORDER BY a", None)]),
    ("SELECT a FROM t", "SELECT DISTINCT a FROM t", [("DISTINCT", None, "DISTINCT")]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), CHANGES)
def test_only_what_changed_is_shown(old: str, new: str, expected: list[tuple[str, str | None, str | None]]) -> None:
    found = differences(parse_query(old), parse_query(new))
    assert [(d.place, d.before, d.after) for d in found] == expected


@pytest.mark.parametrize("sql", SAME)
def test_spelling_is_no_difference(sql: str) -> None:
    assert differences(parse_query(BASE), parse_query(sql)) == ()


@pytest.mark.parametrize("sql", OTHER)
def test_meaning_is_a_difference_both_ways(sql: str) -> None:
    assert differences(parse_query(BASE), parse_query(sql))
    assert differences(parse_query(sql), parse_query(BASE))


def test_joins_in_another_order_are_one_difference() -> None:
    old, new = "SELECT t.a FROM t JOIN u ON true JOIN v ON true", "SELECT t.a FROM t JOIN v ON true JOIN u ON true"
    assert [d.place for d in differences(parse_query(old), parse_query(new))] == ["query"]


ADDS = [
    ("SELECT a FROM t", "SELECT b, a FROM t", True),
    ("SELECT t.a FROM t", "SELECT t.a, l.b FROM t LEFT JOIN u AS l ON l.k = t.k", True),
    ("SELECT a, sum(b) AS s FROM t GROUP BY a", "SELECT a, sum(b) AS s, max(b) AS m FROM t GROUP BY a", True),
    ("SELECT t.a FROM t", "SELECT t.a, l.b FROM t JOIN u AS l ON l.k = t.k", False),
    ("SELECT a FROM t", "SELECT a, b FROM t WHERE c", False),
    ("SELECT DISTINCT a FROM t", "SELECT DISTINCT a, b FROM t", False),
    ("SELECT a FROM t GROUP BY 1", "SELECT b, a FROM t GROUP BY 1", False),
    ("SELECT a FROM t UNION SELECT a FROM u", "SELECT a, b FROM t UNION SELECT a, b FROM u", False),
    ("SELECT a, b FROM t", "SELECT a, c FROM t", False),
]


@pytest.mark.parametrize(("old", "new", "adds"), ADDS)
def test_what_only_adds(old: str, new: str, adds: bool) -> None:
    assert only_adds(parse_query(old), parse_query(new)) is adds


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_a_query_does_not_differ_from_itself(name: str) -> None:
    query = parse_query(QUERIES[name])
    assert differences(query, parse_query(QUERIES[name])) == ()


@st.composite
def respelled(draw: st.DrawFn) -> tuple[str, str]:
    """A view of the project, and the same with other whitespace, letters and comments."""
    text = QUERIES[draw(st.sampled_from(sorted(QUERIES)))]
    parts = re.split(r"('(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*\n|\s+)", text)
    spaces = st.sampled_from([" ", "\n", "\t ", " /* a comment */ ", "\n-- another one\n"])
    spelled = [_respelled(part, draw, spaces) for part in parts]
    return text, "".join(spelled)


def _respelled(part: str, draw: st.DrawFn, spaces: st.SearchStrategy[str]) -> str:
    if part.startswith(("'", '"')):
        return part
    if part.startswith("--") or part.isspace():
        return draw(spaces)
    return part.upper() if draw(st.booleans()) else part


@given(respelled())
@settings(max_examples=40, deadline=None)
def test_formatting_never_changes_a_fingerprint(pair: tuple[str, str]) -> None:
    old, new = map(parse_query, pair)
    assert old.fingerprint == new.fingerprint
    assert differences(old, new) == ()


# Each replaces one thing by another that means something else, wherever it stands.
MUTATIONS = [
    (r"\b(\d+)\b", lambda m: str(int(m[1]) + 1)), (r" >= ", lambda m: " > "), (r" = ", lambda m: " <> "),
    (r"\bDESC\b", lambda m: "ASC"), (r"\bavg\(", lambda m: "sum("),
    (r"\bLEFT JOIN\b", lambda m: "JOIN"), (r" - ", lambda m: " + "), (r"IS NOT NULL", lambda m: "IS NULL"),
    (r"'([^']+)'", lambda m: f"'{m[1]}x'"), (r"\bcount\(", lambda m: "max("),
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, str]:
    """A view of the project, and the same with one thing changed that means something."""
    text = re.sub(r"--[^\n]*", "", QUERIES[draw(st.sampled_from(sorted(QUERIES)))])
    places = [(m, change) for pattern, change in MUTATIONS for m in re.finditer(pattern, text) if _means(text, m)]
    match, change = draw(st.sampled_from(places))
    return text, text[: match.start()] + change(match) + text[match.end() :]


def _means(text: str, match: re.Match[str]) -> bool:
    """Numbers and words inside a literal or a name are part of those."""
    before = text[: match.start()]
    return before.count("'") % 2 == 0 and before.count('"') % 2 == 0


@given(mutated())
@settings(max_examples=100, deadline=None)
def test_a_semantic_mutation_always_changes_the_fingerprint_and_is_shown(pair: tuple[str, str]) -> None:
    old, new = map(parse_query, pair)
    assert old.fingerprint != new.fingerprint
    assert differences(old, new)
