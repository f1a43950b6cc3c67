"""Writes docs/conformance.md out of the cases themselves: `python -m tests.contract.conformance`.

The cases run on every engine in `make test`, and gaps fail strictly, so the table is true wherever the suite passes.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

from tests.contract.serving import ENGINES, GAPS

DOCUMENT = Path(__file__).parents[2] / "docs" / "conformance.md"
MODULES = {
    "test_hours": "Hours, revisions, windows, lags",
    "test_weather": "Weather, and what is not known",
    "test_refusing": "What is refused",
    "test_reading": "Reading",
}
_HEAD = """# What holds on every engine

The same SQL, the same events, the same answer: each line is a case of `tests/contract/` that runs on every engine named
here, servers and all. Made by `python -m tests.contract.conformance`; a test holds it equal to the cases.

RisingWave is where `FEATURECTL_TEST_RISINGWAVE_DSN` points, or the executable on PATH; without one its column is
skipped, and the run says so. Fractions are compared to 1e-9: in which order a sum of doubles is taken differs.
"""


def document() -> str:
    """The text of the whole document."""
    parts = [_HEAD]
    for module, title in MODULES.items():
        parts.append(f"\n## {title}\n\n| | {' | '.join(ENGINES)} |\n|---|{'---|' * len(ENGINES)}\n")
        parts += [_line(name, meaning) for name, meaning in _cases(module)]
    reasons = [f"- **{engine}**, {name}: {reason}\n" for (name, engine), reason in GAPS.items()]
    parts += ["\n## Gaps\n\n", *(reasons or ["None.\n"])]
    return "".join(parts)


def _cases(module: str) -> list[tuple[str, str]]:
    found = importlib.import_module(f"tests.contract.{module}")
    tests = [(name, f) for name, f in vars(found).items() if name.startswith("test_") and inspect.isfunction(f)]
    return [(name, (inspect.getdoc(function) or "").partition("\n")[0]) for name, function in tests]


def _line(name: str, meaning: str) -> str:
    marks = ["gap" if (name, engine) in GAPS else "✓" for engine in ENGINES]
    return f"| {meaning} | {' | '.join(marks)} |\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
