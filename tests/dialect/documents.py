"""Writes docs/dialect.md out of the tests themselves: `python -m tests.dialect.documents`.

Each line of the table is a query of `values/`, whose rows were recorded from a real RisingWave and are answered by
DuckDB in `test_values`; each refusal is a case of `test_parsing`. The figures of RisingWave's own suite are those that
`benchmarks/bench_dialect.py --save` wrote last.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.dialect.test_parsing import UNSUPPORTED
from tests.dialect.test_values import DEVIATIONS, SAME, Values

DOCUMENT = Path(__file__).parents[2] / "docs" / "dialect.md"
TEXTS = Path(__file__).parent / "dialect.md"
FIGURES = Path(__file__).parents[2] / "benchmarks" / "rw_suite" / "figures.json"
VERDICTS = ("same", "named error", "different", "crash")


def document() -> str:
    """The text of the whole document."""
    parts = {"SUPPORTED": _supported(), "DEVIATIONS": _deviations(), "REFUSED": _refused(), "SUITE": _suite()}
    text = TEXTS.read_text("utf-8")
    for name, part in parts.items():
        assert f"<!-- {name} -->\n" in text, f"{TEXTS.name} has no place for {name}"
        text = text.replace(f"<!-- {name} -->\n", part)
    return text


def _supported() -> str:
    lines = ["| what | cases | for example |\n|---|---|---|\n"]
    lines += [f"| {_title(values)} | {len(values.queries)} | {'; '.join(_examples(values))} |\n" for values in SAME]
    return "".join(lines)


def _title(values: Values) -> str:
    """The comment on the first line of the file."""
    first = values.setup.partition("\n")[0]
    return first.removeprefix("-- ").rstrip(".") if first.startswith("-- ") else values.name


def _examples(values: Values) -> list[str]:
    """The titles of the queries that have one, else the functions that occur."""
    titles = [title for title in values.queries if not title.isdigit()]
    if titles and len(titles) <= 40:
        return [title.partition(";")[0].replace("|", "\\|") for title in titles]
    called = re.findall(r"\b([a-z_]{3,})\(", " ".join([*values.queries.values(), *titles]))
    return [f"`{name}`" for name in sorted(set(called))]


def _deviations() -> str:
    return "".join(f"- {title[0].upper()}{title[1:]}.\n" for title in DEVIATIONS.queries)


def _refused() -> str:
    return "".join(f"- `{' '.join(sql.split())}`\n" for sql, _, _ in UNSUPPORTED)


def _suite() -> str:
    figures: dict[str, dict[str, int]] = json.loads(FIGURES.read_text("utf-8"))
    lines = [
        "| directory | SELECTs | same | named error | different | crash | same % |\n|---|---|---|---|---|---|---|\n"
    ]
    for group in sorted(figures, key=lambda name: (name == "ALL", name)):
        counts = [figures[group].get(verdict, 0) for verdict in VERDICTS]
        share = 100 * counts[0] / sum(counts)
        lines.append(f"| {group} | {sum(counts)} | {' | '.join(map(str, counts))} | {share:.1f} |\n")
    return "".join(lines)


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
