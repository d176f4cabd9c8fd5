"""A notebook cell's source as a Python syntax tree, magics and shell lines included."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable
from functools import lru_cache

PYTHON_CELL_MAGICS = frozenset({"time", "timeit", "capture", "prun"})
"""Cell magics whose body is Python run in the user's namespace; the bodies of all others are opaque."""

_MOST_MENDINGS = 50
_CELL_MAGIC = re.compile(r"\A\s*%%(\w+)[^\n]*\n?")
_MAGIC_LINE = re.compile(r"^\s*(?:\w[\w., ]*=\s*)?[%!?]|\?\s*$", re.MULTILINE)


class CellSyntaxError(ValueError):
    """The cell is not Python; `line` is 1-based, None where unknown."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


class Places:
    """A source that is edited at places its syntax tree names, the last place first."""

    def __init__(self, text: str) -> None:
        self.source = text.encode()
        self._starts = [0]
        for line in self.source.split(b"\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)

    @property
    def text(self) -> str:
        return self.source.decode(errors="replace")

    def start(self, node: ast.expr | ast.keyword) -> int:
        """In bytes."""
        return self._starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.keyword) -> int:
        """In bytes."""
        return self._starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)

    def replace(self, start: int, end: int, text: str) -> None:
        """What stands before `start` keeps its place."""
        self.source = self.source[:start] + text.encode() + self.source[end:]


def parse_cell(source: str) -> ast.Module | None:
    """The cell's syntax tree (shared: do not change it), or None where the cell is not Python."""
    try:
        return parse_strictly(source)
    except CellSyntaxError:
        return None


@lru_cache(maxsize=1024)
def parse_strictly(source: str) -> ast.Module:
    """The cell's syntax tree (shared: do not change it). Raises CellSyntaxError."""
    body = _python_body(source)
    try:
        return _parse(body)
    except CellSyntaxError:
        if not _MAGIC_LINE.search(body):
            raise
    return _parse(_without_magics(body))


def mended(code: str, mend: Callable[[str, ast.Module], str | None]) -> str:
    """The cell after `mend` has changed one place after another, until it returns None.

    Code that is not plain Python comes back as it is, and so does what a change would break.
    """
    if cell_magic(code) is not None:
        return code
    for _ in range(_MOST_MENDINGS):
        module = parse_cell(code)
        changed = None if module is None else mend(code, module)
        if changed is None or parse_cell(changed) is None:
            return code
        code = changed
    return code


def assigned(module: ast.Module) -> dict[str, list[ast.expr]]:
    """What each name of the cell is bound to by plain assignments, in whatever block."""
    made: dict[str, list[ast.expr]] = {}
    for node in ast.walk(module):
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Name):
                        made.setdefault(target.id, []).append(value)
    return made


def cell_magic(source: str) -> str | None:
    """Name of the cell magic (`%%time` -> `time`) that the cell starts with."""
    found = _CELL_MAGIC.match(source)
    return found[1] if found else None


def _python_body(source: str) -> str:
    found = _CELL_MAGIC.match(source)
    if found is None:
        return source
    # The blank line keeps line numbers those of the cell.
    return "\n" * found[0].count("\n") + source[found.end() :] if found[1] in PYTHON_CELL_MAGICS else ""


def _without_magics(source: str) -> str:
    # IPython costs a quarter of a second to import, and most cells hold no magic.
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return str(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError, RecursionError):
        return source


def _parse(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except SyntaxError as error:
            raise CellSyntaxError(error.msg, error.lineno) from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise CellSyntaxError(str(error) or type(error).__name__, None) from None
