"""Names and values as RisingWave's SQL text."""

from __future__ import annotations

__all__ = ["comment", "quote", "text_literal"]


def quote(name: str) -> str:
    """An identifier, quoted.

    >>> quote('odd"name')
    '"odd""name"'
    """
    return '"' + name.replace('"', '""') + '"'


def text_literal(value: str | None) -> str:
    r"""A string literal; a backslash is a backslash.

    >>> text_literal("it's")
    "'it''s'"
    >>> text_literal(None)
    'NULL'
    """
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def comment(command: str, plan: str | None = None, step: int | None = None) -> str:
    """What stands before each statement, so that the server's list of statements says whose it is.

    >>> comment("apply", "9f2c", 3)
    '/* featurectl apply plan=9f2c step=3 */ '
    """
    words = [command, f"plan={plan}" if plan else "", f"step={step}" if step is not None else ""]
    return f"/* featurectl {' '.join(word for word in words if word)} */ ".replace("*/ */", "*/")
