"""A cell as rows of the screen: gutter, source, outputs. Pure but for the style lookup it is given."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content
from textual.highlight import highlight

from mlagent_tui.notebook.face import Activity, CellFace
from mlagent_tui.notebook.markdown import markdown_content
from mlagent_tui.notebook.outputs import output_sections
from mlagent_tui.notebook.section import Section

GUTTER = 7
"""Columns left of a cell's text: the selection bar and the execution count."""
MOST_SOURCE_LINES = 400
CODE, MARKDOWN, RAW = "cell--code", "cell--markdown", "cell--raw"

Sections = Callable[[CellFace, int], list[Section]]


def sections_of(face: CellFace, width: int) -> list[Section]:
    """Everything of one cell, from top to bottom, for text `width` columns wide."""
    match face.kind:
        case "markdown":
            return [Section(markdown_content(face.source), MARKDOWN)]
        case "raw":
            return [Section(Content(face.source), RAW, label="raw")]
        case _:
            body = Section(code_content(face.source), CODE, label=count_label(face))
            return [body, *output_sections(face.outputs, width)]


def code_content(source: str) -> Content:
    """Python with syntax colours; magics and shell lines stay readable."""
    lines = source.split("\n")
    text = "\n".join(lines[:MOST_SOURCE_LINES])
    content = highlight(text or " ", language="python", tab_size=4)
    if len(lines) > MOST_SOURCE_LINES:
        more = f"\n⋯ {len(lines) - MOST_SOURCE_LINES:,} more lines · e opens all"
        content += Content.styled(more, "$foreground-muted italic")
    return content


def count_label(face: CellFace) -> str:
    match face.activity:
        case Activity.RUNNING:
            return "[*]"
        case Activity.QUEUED:
            return "[…]"
        case _:
            return "[ ]" if face.execution_count is None else f"[{face.execution_count}]"


def estimated_rows(face: CellFace) -> int:
    """A cheap guess at the height before a cell is painted; made exact when it comes into view."""
    rows = face.source.count("\n") + 2
    if face.kind == "code":
        rows += min(24, sum(_output_rows(output) for output in face.outputs[:8]))
    return rows


def _output_rows(output: object) -> int:
    data = output.get("text", "") if isinstance(output, dict) else ""
    return len(data) if isinstance(data, list) else str(data).count("\n") + 1
