"""docs/lint.md from the table of rules: `python -m tests.docs.lint` writes it, a test holds it equal."""

from __future__ import annotations

from featurectl.project.lint import RULES
from tests.workspace import ROOT

TARGET = ROOT / "docs" / "lint.md"
TABLES = {
    "orders": {
        "k": "varchar",
        "t": "timestamptz",
        "o": "bigint",
        "i": "int",
        "n": "numeric",
        "v": "double precision",
    },
    "payments": {"k": "varchar", "t": "timestamptz", "x": "double precision"},
}
HEAD = """# Lint

`featurectl lint` holds the queries of `sql/` against the rules below; `featurectl plan` does it too and lists what it
finds after the plan. No engine is asked, and an unchanged view is not looked at twice. Exit code 1 if there is an
error, with `--strict` also for a warning. Tests ask a real RisingWave (2.6.3) about every example of this page: it
refuses what RW1xx says it refuses, takes what the others show, and takes each mend.

A finding that is meant is let be by a comment behind it, or alone on the line above, with the reason:

```sql
-- lint: allow RW202 because the order before is meant, however long ago
lag(n) OVER (PARTITION BY k ORDER BY o, t) AS order_before
```

Of a macro's text, the line of the macro's call counts. A rule that needs the type of a column says nothing where the
type is not known, such as above a view that the embedded engine cannot run.
"""


def _definition(name: str) -> str:
    return f"{name} ({', '.join(f'{column} {of}' for column, of in TABLES[name].items())})"


def render() -> str:
    rows = [f"| {rule.code} | {rule.name} | {rule.severity} | {rule.why} | {rule.mend} |" for rule in RULES.values()]
    table = ["| code | name | severity | why | mend |", "|---|---|---|---|---|", *rows]
    tables = [f"Examples, over two streams of events with the event time `t`: `{_definition('orders')}`,"]
    tables.append(f"`{_definition('payments')}`.")
    parts = [HEAD, "\n".join(table) + "\n", "\n".join(tables) + "\n"]
    parts += [
        f"**{rule.code}** {rule.name}\n\n```sql\n{rule.bad}\n-- mended:\n{rule.good}\n```\n"
        for rule in RULES.values()
        if rule.bad
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
