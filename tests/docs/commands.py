"""docs/commands.md from the commands' own help: `python -m tests.docs.commands` writes it, a test holds it equal."""

from __future__ import annotations

import click

from featurectl.cli import cli as featurectl
from producers.cli import cli as producers
from tests.workspace import ROOT

TARGET = ROOT / "docs" / "commands.md"
HEAD = """# Commands

Made from the commands' own `--help`. Exit codes everywhere: 0 done, 1 failed, 2 usage; `plan --detailed-exitcode`:
0 nothing to do, 2 changes, 1 any error, usage included. Usage is the words of the call: an unknown command, option or
name, nothing applied yet. A query that is refused, for its syntax or for a table or column that is not there, is 1.
Errors are one line on standard error, with a hint.
"""


def render() -> str:
    parts = [HEAD]
    for program, group in (("featurectl", featurectl), ("producers", producers)):
        names = ["-h", "--help"]
        context = click.Context(
            group, None, program, None, terminal_width=100, max_content_width=100, help_option_names=names
        )
        parts.append(f"## {program}\n\n```text\n{group.get_help(context)}\n```\n")
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            inner = click.Context(command, parent=context, info_name=name, terminal_width=100, max_content_width=100)
            parts.append(f"## {program} {name}\n\n```text\n{command.get_help(inner)}\n```\n")
            for below, sub in (command.commands if isinstance(command, click.Group) else {}).items():
                deeper = click.Context(sub, parent=inner, info_name=below, terminal_width=100, max_content_width=100)
                parts.append(f"## {program} {name} {below}\n\n```text\n{sub.get_help(deeper)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
