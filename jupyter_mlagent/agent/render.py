"""Cells, outputs and variables as text for a prompt, each at several lengths."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from jupyter_mlagent.agent.clip import clip_lines, one_line, printable
from jupyter_mlagent.agent.names import names_of
from jupyter_mlagent.records import Cell, Variable

LINE = 200
"""Longest line of a cell or output, in characters."""

OUTPUT_HEAD, OUTPUT_TAIL, OUTPUT_LINE = 3, 3, 90
SOURCE_HEAD, SOURCE_TAIL = 14, 8
LONGEST_SOURCE = 160, 40
RAW = 20_000
"""Characters looked at from each end of a text: a prompt shows less, and cleaning 50 MB takes seconds."""

OUTPUTS = 20
"""Outputs of one cell looked at from each end."""

VARIABLE = 180
NAME = 80

_PLAIN_COLUMN = re.compile(r"^(.+?): u?(?:int|float)\d+, (?!.*(?:missing|\{)).*$")

_FAILING_LINE = re.compile(r"^-+> *(\d+) (.*)$", re.MULTILINE)


def cell_levels(number: int, cell: Cell) -> tuple[str, ...]:
    """The cell from full length to one line; the last level is empty (left out)."""
    if cell.kind != "code":
        text = printable(_ends(cell.source)).strip()
        return (f"Notes: {one_line(text, 400)}", f"Notes: {one_line(text, 120)}", "") if text else ("",)
    source = printable(_ends(cell.source)).strip("\n")
    if not source:
        return ("",)
    output = render_outputs(cell.outputs)
    full = clip_lines(source, *LONGEST_SOURCE, 4 * LINE)
    short = clip_lines(source, SOURCE_HEAD, SOURCE_TAIL, LINE)
    levels = [
        _cell(number, full, output),
        _cell(number, full),
        _cell(number, short),
        _outline(number, source),
        "",
    ]
    return tuple(dict.fromkeys(levels))


def _cell(number: int, source: str, output: str = "") -> str:
    # Fenced, since a small model takes cells marked by comments for one program and goes on with it.
    text = f"Cell {number}:\n```python\n{source}\n```"
    return f"{text}\nOutput:\n{output}" if output else text


def _outline(number: int, source: str) -> str:
    """One line: what the cell binds."""
    names = names_of(source)
    bound = [name for name in names.bound if not name.startswith("_")]
    if not bound:
        return f"Cell {number}: {one_line(source, 100)}"
    what = "imports" if names.imported and len(bound) > 12 else one_line(", ".join(bound), 160)
    return f"Cell {number} defines: {what}"


def render_outputs(
    outputs: Sequence[dict[str, Any]], head: int = OUTPUT_HEAD, tail: int = OUTPUT_TAIL
) -> str:
    """The text of a cell's outputs, clipped; pictures, HTML and widgets never enter."""
    looked_at = outputs if len(outputs) <= 2 * OUTPUTS else [*outputs[:OUTPUTS], *outputs[-OUTPUTS:]]
    parts = [text for output in looked_at if (text := _output_text(output))]
    return clip_lines("\n".join(parts), head, tail, OUTPUT_LINE) if parts else ""


def _output_text(output: dict[str, Any]) -> str:
    kind = output.get("output_type")
    if kind == "stream":
        return printable(_ends(_joined(output.get("text", "")))).strip("\n")
    if kind == "error":
        return render_error(output)
    data = output.get("data")
    plain = _joined(data.get("text/plain", "")) if isinstance(data, dict) else ""
    text = printable(_ends(plain)).strip("\n")
    # What stands for a figure or a widget says nothing: `<Figure size 640x480 with 1 Axes>`.
    return "" if text.startswith("<") and text.endswith(">") and "\n" not in text else text


def render_error(output: dict[str, Any]) -> str:
    """`ValueError: Input contains NaN`, after the failing line of the cell where the traceback tells."""
    name = one_line(printable(str(output.get("ename", "Error"))), NAME)
    value = printable(_ends(str(output.get("evalue", ""))))
    traceback = printable(_ends("\n".join(str(line) for line in output.get("traceback") or ())))
    failing = _FAILING_LINE.search(traceback)
    at = f"line {failing[1]}: {one_line(failing[2], LINE)}\n" if failing else ""
    return f"{at}{name}: {clip_lines(value, 4, 4, LINE)}"


def _columns(detail: str) -> str:
    """Columns of plain numbers by name only, on one line: every digit is a token."""
    lines = detail.split("\n")
    plain = [match[1] for line in lines if (match := _PLAIN_COLUMN.match(line))]
    others = [line for line in lines if not _PLAIN_COLUMN.match(line)]
    return "\n".join([*others, f"number columns: {', '.join(plain)}"] if plain else others)


def error_line(output: dict[str, Any]) -> str:
    """`ValueError: Input contains NaN` alone."""
    lines = printable(_ends(str(output.get("evalue", "")))).strip().split("\n")
    return one_line(f"{printable(str(output.get('ename', 'Error')))}: {lines[0]}", LINE)


def _ends(text: str) -> str:
    return text if len(text) <= 2 * RAW else f"{text[:RAW]}\n...\n{text[-RAW:]}"


def _joined(text: Any) -> str:
    return "".join(text) if isinstance(text, list) else str(text)


def render_variable(variable: Variable) -> str:
    summary = one_line(printable(variable.summary), VARIABLE) or variable.type
    return f"- {variable.name}: {summary}"


def render_detail(variable: Variable, lines: int) -> str:
    """The variable's line with the first lines of its detail below it."""
    detail = clip_lines(_columns(printable(variable.detail)), lines, 0, LINE) if variable.detail else ""
    indented = "\n".join(f"    {line}" for line in detail.split("\n")) if detail else ""
    return f"{render_variable(variable)}\n{indented}" if indented else render_variable(variable)
