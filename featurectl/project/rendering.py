"""Jinja renders a file of the project to SQL, and every line of the result knows the line it came from.

Templates see the macros of `sql/macros/*.jinja`, `topic('name')`, `kafka_properties()`, `kafka_bootstrap_servers` and
`vars`; they do not see the target: one rendered text serves every engine.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import json
import os
import re
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from featurectl.errors import ProjectError, SettingsError
from featurectl.project.kafka_properties import kafka_properties

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featurectl.settings import Settings

__all__ = ["Rendered", "Renderer"]

_MACROS = "macros"
# An expression on one line that is sure to end where it seems to; what else is a template's, or changes line ends.
_EXPRESSION = re.compile(r"(?<!\{)\{\{((?![+-])[^{}\n]*[^{}\n+-])\}\}(?!\})")
_SPECIAL = re.compile(r"\{[{%#]|[}%#]\}|\r|\x0b|\x0c|\x1c|\x1d|\x1e|\x85|\u2028|\u2029")
# What a rendering cannot be remembered of: it reads other files, is by chance, or tells secrets.
_NAMES = ("random", "lipsum", "kafka_properties")
_MARKS = ("{%", *_NAMES)  # quicker to find than the expression
_ELSEWHERE = re.compile(rf"\{{%[-+]?\s*(include|import|extends|from)\b|\b({'|'.join(_NAMES)})\b")


@dataclass(frozen=True)
class Rendered:
    """Rendered text of `file`. `line_starts[i]` is the template's line for the text from `breaks[i]` on."""

    file: str
    text: str
    breaks: tuple[int, ...] = (0,)
    line_starts: tuple[int, ...] = (1,)
    literal: tuple[bool, ...] = (True,)

    def source_line(self, rendered_line: int) -> int:
        """The line of the file (from 1) that produced this line of the text (from 1)."""
        position = 0
        for _ in range(rendered_line - 1):
            position = self.text.find("\n", position) + 1
            if position == 0:
                break
        i = max(bisect.bisect_right(self.breaks, position) - 1, 0)
        if not self.literal[i]:
            return self.line_starts[i]
        return self.line_starts[i] + self.text.count("\n", self.breaks[i], position)

    def is_written_here(self, position: int) -> bool:
        """Whether the text at a place stands in the file itself, not in what a macro or a variable gave."""
        return self.literal[max(bisect.bisect_right(self.breaks, position) - 1, 0)]

    def from_position(self, start: int) -> Rendered:
        """The rest of the text from a position on, still knowing its lines."""
        i = max(bisect.bisect_right(self.breaks, start) - 1, 0)
        line = self.line_starts[i]
        if self.literal[i]:
            line += self.text.count("\n", self.breaks[i], start)
        later = [(b - start, n, lit) for b, n, lit in self._pieces() if b > start]
        pieces = [(0, line, self.literal[i]), *later]
        return Rendered(
            self.file,
            self.text[start:],
            tuple(p[0] for p in pieces),
            tuple(p[1] for p in pieces),
            tuple(p[2] for p in pieces),
        )

    def _pieces(self) -> zip[tuple[int, int, bool]]:
        return zip(self.breaks, self.line_starts, self.literal, strict=True)


class Renderer:
    """Renders files below a project directory."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self._root, self._start = root, f"{root}{os.sep}"
        self._expressions: dict[str, jinja2.Template] = {}
        self._given = (settings.topics, settings.engine_kafka_bootstrap_servers, settings.vars)
        self._env = jinja2.Environment(
            loader=jinja2.FileSystemLoader(str(root), encoding="utf-8"),
            undefined=jinja2.StrictUndefined,
            keep_trailing_newline=True,
            bytecode_cache=_bytecode_cache(settings),
            autoescape=False,  # noqa: S701 - the output is SQL, not HTML
        )
        self._env.globals.update(
            topic=settings.topic,
            kafka_bootstrap_servers=settings.engine_kafka_bootstrap_servers,
            kafka_properties=partial(kafka_properties, settings),
            vars=settings.vars,
        )
        for path in self._macros():
            self._add_macros(path)

    def name(self, path: Path) -> str:
        """A file's name in messages."""
        below = str(path).removeprefix(self._start)  # pathlib takes longer for all files than to look at them
        return below.replace(os.sep, "/") if len(below) < len(str(path)) else path.relative_to(self._root).as_posix()

    def key(self, path: Path) -> str | None:
        """Says the same exactly if the file would give the same; None where that depends on more than is looked at."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):  # rendering it says what is wrong
            return None
        if self._surroundings is None or (any(mark in text for mark in _MARKS) and _ELSEWHERE.search(text)):
            return None
        return f"{self._surroundings}\0{self.name(path)}\0{text}"

    @cached_property
    def _surroundings(self) -> str | None:
        """What every file's rendering depends on; None where that cannot be said."""
        macros = [path.read_text(encoding="utf-8") for path in self._macros()]
        if any(map(_ELSEWHERE.search, macros)):
            return None
        changed = Path(jinja2.__file__).stat().st_mtime_ns
        told = json.dumps([*self._given, macros, changed], sort_keys=True, default=repr)
        return hashlib.sha256(told.encode()).hexdigest()

    def _macros(self) -> list[Path]:
        return sorted((self._root / "sql" / _MACROS).glob("*.jinja"))

    def render(self, path: Path) -> Rendered:
        """Render one file. Raises ProjectError with the file and line of what is wrong."""
        file = self.name(path)
        plain = self._render_plain(path, file)
        return plain if plain is not None else self._render_any(file)

    def _render_plain(self, path: Path, file: str) -> Rendered | None:
        """A file of text and `{{ expressions }}` alone, each of which is compiled once for all files.

        None for any other file, and where anything is wrong: the whole template says what.
        """
        try:
            text = path.read_text(encoding="utf-8")
            pieces = list(self._pieces(text))
        except (OSError, ValueError, TypeError, ZeroDivisionError, jinja2.TemplateError, SettingsError):
            return None
        if not pieces or any(piece is None for piece, _, _ in pieces):
            return None
        starts = [0, *itertools.accumulate(len(piece or "") for piece, _, _ in pieces[:-1])]
        whole = "".join(piece or "" for piece, _, _ in pieces)
        _, lines, literal = zip(*pieces, strict=True)
        return Rendered(file, whole, tuple(starts), lines, literal)

    def _pieces(self, text: str) -> Iterator[tuple[str | None, int, bool]]:
        """Text and what expressions give, with the line and whether it is text; None for what is not so simple."""
        line = 1
        for number, part in enumerate(_EXPRESSION.split(text)):
            if number % 2 == 0:
                if part:
                    yield (part if not _SPECIAL.search(part) else None), line, True
                line += part.count("\n")
            else:
                yield self._evaluated(part), line, False

    def _evaluated(self, expression: str) -> str | None:
        """What an expression gives; None for a constant, which a template takes for text."""
        if expression not in self._expressions:
            self._expressions[expression] = self._env.from_string("{{" + expression + "}}")
        template = self._expressions[expression]
        found = list(template.root_render_func(template.new_context()))
        code = template.root_render_func.__code__
        return found[0] if len(found) == 1 and found[0] not in code.co_consts else None

    def _render_any(self, file: str) -> Rendered:
        try:
            template = self._env.get_template(file)
            return _render_with_lines(file, template)
        except jinja2.TemplateSyntaxError as error:
            raise ProjectError(
                f"template: {error.message}", file=_relative(error.filename, self._root) or file, line=error.lineno
            ) from error
        except (jinja2.TemplateError, TypeError, ValueError, ZeroDivisionError) as error:
            place = _template_frame(error, self._root) or (file, None)
            raise ProjectError(f"template: {error}", file=place[0], line=place[1]) from error
        except UnicodeDecodeError as error:
            raise ProjectError("is not UTF-8 text", file=file) from error

    def expand(self, template: str) -> str:
        """Render a piece of a template, such as the call of a macro. Raises ProjectError."""
        try:
            return self._env.from_string(template).render()
        except (jinja2.TemplateError, TypeError, ValueError, ZeroDivisionError) as error:
            raise ProjectError(f"template: {error}") from error

    def _add_macros(self, path: Path) -> None:
        file = self.name(path)
        try:
            module: Any = self._env.get_template(file).module
        except jinja2.TemplateSyntaxError as error:
            raise ProjectError(f"template: {error.message}", file=file, line=error.lineno) from error
        except jinja2.TemplateError as error:
            raise ProjectError(f"template: {error}", file=file) from error
        for name, value in vars(module).items():
            if isinstance(value, jinja2.runtime.Macro):
                self._env.globals[name] = value


def _bytecode_cache(settings: Settings) -> jinja2.BytecodeCache | None:
    """Compiled templates are kept, since compiling costs far more than rendering; without a folder they are not."""
    folder = settings.home_dir / "cache"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return jinja2.FileSystemBytecodeCache(str(folder))


def _render_with_lines(file: str, template: jinja2.Template) -> Rendered:
    # The compiled template is a generator: where it stands when it yields a piece is the piece's source line.
    # Literal text is among the code's constants; anything else is one expression, however many lines it gives.
    run = template.root_render_func
    constants = {c for c in run.__code__.co_consts if isinstance(c, str)}
    pieces = run(template.new_context())
    text: list[str] = []
    breaks: list[int] = []
    lines: list[int] = []
    literal: list[bool] = []
    position = 0
    for piece in pieces:
        frame: Any = pieces.gi_frame  # type: ignore[attr-defined]
        breaks.append(position)
        lines.append(template.get_corresponding_lineno(frame.f_lineno))
        literal.append(piece in constants)
        text.append(piece)
        position += len(piece)
    if not breaks:
        return Rendered(file, "")
    return Rendered(file, "".join(text), tuple(breaks), tuple(lines), tuple(literal))


def _relative(filename: str | None, root: Path) -> str | None:
    if filename is None:
        return None
    return filename.removeprefix(f"{root}/")


def _template_frame(error: BaseException, root: Path) -> tuple[str, int] | None:
    """The innermost frame that is a template of this project."""
    found = None
    trace = error.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            found = (_relative(template.filename, root) or "", template.get_corresponding_lineno(trace.tb_lineno))
        trace = trace.tb_next
    return found
