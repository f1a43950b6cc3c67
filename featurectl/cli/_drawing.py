"""Lineage as text: a tree for a terminal, a Mermaid flowchart for a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from featurectl.services.tracing import Edge, Node

__all__ = ["lineage_tree", "mermaid", "reader_tree"]

_WIDTH = 100


def lineage_tree(root: str, nodes: Iterable[Node], edges: Sequence[Edge]) -> Iterator[str]:
    """What `root` is computed from, upwards; the other things on which each column depends follow it in one line."""
    said = {node.name: node.description for node in nodes}
    below: dict[str, list[str]] = {}
    beside: dict[str, dict[str, list[str]]] = {}
    for edge in edges:
        for by in edge.by:
            if by == "value":
                below.setdefault(edge.reader, []).append(edge.reads)
            else:
                beside.setdefault(edge.reader, {}).setdefault(by, []).append(edge.reads)
    yield from _branches(root, "", "", below, beside, said, set())


def _branches(
    name: str,
    lead: str,
    indent: str,
    below: dict[str, list[str]],
    beside: dict[str, dict[str, list[str]]],
    said: dict[str, str],
    shown: set[str],
) -> Iterator[str]:
    again = name in shown and (name in below or name in beside)
    comment = f"  -- {said[name]}" if said.get(name) else ""
    yield f"{lead}{name}{' (above)' if again else comment}"
    if again:
        return
    shown.add(name)
    children = below.get(name, [])
    bar = "│  " if children else "   "
    for by, reads in beside.get(name, {}).items():
        yield from _wrapped(f"{indent}{bar}{by}: ", _short(reads))
    for place, child in enumerate(children):
        last = place == len(children) - 1
        lead, deeper = ("└─ ", "   ") if last else ("├─ ", "│  ")
        yield from _branches(child, indent + lead, indent + deeper, below, beside, said, shown)


def _short(names: Iterable[str]) -> list[str]:
    """Columns of the same relation after the first by their column alone."""
    found, last = [], ""
    for name in sorted(names):
        relation, _, column = name.partition(".")
        found.append(f".{column}" if relation == last else name)
        last = relation
    return found


def _wrapped(lead: str, words: list[str]) -> Iterator[str]:
    line = lead + words[0]
    for word in words[1:]:
        if len(line) + len(word) + 2 > _WIDTH:
            yield line + ","
            start = lead[: len(lead) - len(lead.lstrip("│ "))]
            line = start + " " * (len(lead) - len(start)) + word
        else:
            line += f", {word}"
    yield line


def reader_tree(root: str, affected: Iterable[tuple[str, str, Sequence[str]]]) -> Iterator[str]:
    """Whom `root` reaches, by view: (view, column, ways). Columns that are computed from it come first."""
    views: dict[str, dict[tuple[str, ...], list[str]]] = {}
    for view, column, by in affected:
        way = ("value",) if by[0] == "value" else tuple(by)
        views.setdefault(view, {}).setdefault(way, []).append("its rows" if column == "*" else column)
    yield root
    for place, (view, groups) in enumerate(views.items()):
        last = place == len(views) - 1
        yield f"{'└─ ' if last else '├─ '}{view}"
        for way, columns in sorted(groups.items(), key=lambda group: (group[0][0] != "value", group[0])):
            yield from _wrapped(f"{'   ' if last else '│  '}   {', '.join(way)}: ", columns)


def mermaid(root: str, nodes: Iterable[Node], edges: Iterable[Edge]) -> Iterator[str]:
    """A flowchart: a box for each relation, solid arrows for values, dotted ones for the rest."""
    listed = list(nodes)
    ids = {node.name: f"n{place}" for place, node in enumerate(listed)}
    yield "flowchart LR"
    for place, relation in enumerate(dict.fromkeys(node.relation for node in listed)):
        yield f'  subgraph r{place}["{_escaped(relation)}"]'
        yield from (
            f'    {ids[node.name]}["{"its rows" if node.column == "*" else _escaped(node.column)}"]'
            for node in listed
            if node.relation == relation
        )
        yield "  end"
    for edge in edges:
        others = [by for by in edge.by if by != "value"]
        if "value" in edge.by:
            yield f"  {ids[edge.reads]} --> {ids[edge.reader]}"
        if others:
            yield f'  {ids[edge.reads]} -. "{", ".join(others)}" .-> {ids[edge.reader]}'
    yield f"  style {ids[root]} stroke-width:3px"


def _escaped(text: str) -> str:
    return text.replace('"', "#quot;")
