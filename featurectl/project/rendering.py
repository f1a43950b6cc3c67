"""Jinja renders a file of the project to SQL, and every line of the result knows the line it came from.

Templates see the macros of `sql/macros/*.jinja`, `topic('name')`, `kafka_properties()`, `kafka_bootstrap_servers` and
`vars`; they do not see the target: one rendered text serves every engine.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import jinja2

from featurectl.errors import ProjectError
from featurectl.project.kafka_properties import kafka_properties

if TYPE_CHECKING:
    from pathlib import Path

    from featurectl.settings import Settings

__all__ = ["Rendered", "Renderer"]

_MACROS = "macros"


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
        self._root = root
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
        for path in sorted((root / "sql" / _MACROS).glob("*.jinja")):
            self._add_macros(path)

    def render(self, path: Path) -> Rendered:
        """Render one file. Raises ProjectError with the file and line of what is wrong."""
        file = path.relative_to(self._root).as_posix()
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
        file = path.relative_to(self._root).as_posix()
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
