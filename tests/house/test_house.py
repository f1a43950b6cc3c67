"""The rules of the house, measured: sizes, excepts, types, and who may import whom (CONTRIBUTING.md)."""

from __future__ import annotations

import ast
import importlib
import re
import statistics
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.house.source import MODULES, ROOT, Module

# From the bottom up: a room imports only itself and what stands before it.
ROOMS = (
    "errors",
    "stopping",
    "buckets",
    "settings",
    "log",
    "dialect",
    "project",
    "engines",
    "services",
    "serving",
    "cli",
)
SHARED_ROOMS = {"errors", "stopping", "buckets", "settings", "log"}  # what producers may use of featurectl
MODULE_LINES, FUNCTION_LINES, FUNCTION_MEDIAN = 600, 60, 10


def is_command_line(module: Module) -> bool:
    """Whether the module is one of those that may print and know click."""
    return module.name.startswith(("featurectl.cli", "producers.cli", "featurectl.__main__"))


def nothing(found: list[str]) -> None:
    """Fail with one line for each place that was found."""
    assert not found, "\n" + "\n".join(found)


def test_modules_are_small() -> None:
    lines = {module.name: module.text.count("\n") for module in MODULES}
    nothing([f"{name}: {count} lines" for name, count in lines.items() if count > MODULE_LINES])


def test_functions_are_small() -> None:
    lengths = {
        f"{module.at(function)} {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for module in MODULES
        for function in module.functions()
    }
    nothing([f"{place}: {length} lines" for place, length in lengths.items() if length > FUNCTION_LINES])
    assert statistics.median(lengths.values()) <= FUNCTION_MEDIAN


def test_functions_say_what_they_return() -> None:
    nothing([f"{m.at(f)} {f.name}" for m in MODULES for f in m.functions() if f.returns is None])


def test_broad_excepts_have_a_reason_beside_them() -> None:
    found = []
    for module in MODULES:
        lines = module.text.splitlines()
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            broad = node.type is None or re.search("'(Base)?Exception'", ast.dump(node.type))
            comment = lines[node.lineno - 1].partition("#")[2]
            if broad and len(re.sub(r"noqa: *[A-Z0-9, ]+", "", comment).split()) < 3:
                found.append(module.at(node))
    nothing(found)


def test_modules_import_each_other_without_cycles() -> None:
    names = {module.name for module in MODULES}
    graph: dict[str, set[str]] = {}
    for module in MODULES:
        targets = {_module_of(name, names) for _, name in module.imports(at_load=True)}
        graph[module.name] = {t for t in targets if t and t != module.name and not module.name.startswith(f"{t}.")}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


def _module_of(name: str, names: set[str]) -> str | None:
    if name in names:
        return name
    parent = name.rpartition(".")[0]
    return parent if parent in names else None


def _room(name: str) -> str:
    """`featurectl.log.files` is in the room `log`, `__main__` in cli's; the package itself is in none."""
    room = [*name.split("."), ""][1]
    return "cli" if room == "__main__" else room


def test_every_module_stands_in_a_room() -> None:
    rooms = {_room(module.name) for module in MODULES if module.name.startswith("featurectl")}
    assert rooms - {""} <= set(ROOMS), "a new room needs its place in ROOMS"


def test_rooms_use_only_those_below_them() -> None:
    found = []
    for module in MODULES:
        room = _room(module.name)
        if not module.name.startswith("featurectl.") or room not in ROOMS:
            continue
        above = ROOMS[ROOMS.index(room) + 1 :]
        for node, name in module.imports():
            if name.split(".")[0] == "featurectl" and _room(name) in above:
                found.append(f"{module.at(node)} {room} imports {name}")
    nothing(found)


def test_producers_and_featurectl_share_only_the_log() -> None:
    found = []
    for module in MODULES:
        other = "producers" if module.name.startswith("featurectl") else "featurectl"
        for node, name in module.imports():
            shared = other == "featurectl" and _room(name) not in set(ROOMS) - SHARED_ROOMS
            if name.split(".")[0] == other and not shared:
                found.append(f"{module.at(node)} imports {name}")
    nothing(found)


def test_only_the_command_line_knows_click_and_prints() -> None:
    found = []
    for module in (m for m in MODULES if not is_command_line(m)):
        found += [module.at(node) for node, name in module.imports() if name.split(".")[0] == "click"]
        found += [module.at(node) for node in ast.walk(module.tree) if _prints(node)]
    nothing(found)


def _prints(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "print"
    return isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.stdout"


def test_featurectl_knows_no_domain() -> None:
    files = [path for path in (ROOT / "featurectl").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    domain = re.compile(rb"solar|weather", re.IGNORECASE)
    found = [path for path in files if domain.search(path.read_bytes()) or domain.search(path.name.encode())]
    nothing([str(path.relative_to(ROOT)) for path in found])


@pytest.mark.parametrize("module", [m for m in MODULES if "__all__" in m.text], ids=lambda m: m.name)
def test_what_a_module_exports_is_there(module: Module) -> None:
    loaded = importlib.import_module(module.name)
    nothing([name for name in loaded.__all__ if not hasattr(loaded, name)])
