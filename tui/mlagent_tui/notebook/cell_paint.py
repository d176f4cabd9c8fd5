"""A cell as rows of the screen: gutter, source, outputs. Pure but for the style lookup it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from textual.content import Content
from textual.highlight import highlight

from mlagent_tui.notebook.face import Activity, CellFace, joined
from mlagent_tui.notebook.markdown import markdown_content
from mlagent_tui.notebook.outputs import output_sections
from mlagent_tui.notebook.section import Section
from mlagent_tui.notebook.text import MOST_LINES

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


@lru_cache(maxsize=64)
def code_content(source: str) -> Content:
    """Python with syntax colours; magics and shell lines stay readable."""
    lines = source.split("\n")
    text = "\n".join(lines[:MOST_SOURCE_LINES])
    content = highlight(text or " ", language="python", tab_size=4)
    if len(lines) > MOST_SOURCE_LINES:
        more = f"\n⋯ {len(lines) - MOST_SOURCE_LINES:,} more lines · e opens all"
        content += Content.styled(more, "$foreground-muted italic")
    return content


@lru_cache(maxsize=512)
def code_line(line: str) -> Content:
    """One line by itself, for code that grows line by line: nothing before it is looked at again."""
    return highlight(line, language="python", tab_size=4) if line.strip() else Content(line)


def count_label(face: CellFace) -> str:
    match face.activity:
        case Activity.RUNNING:
            return "[*]"
        case Activity.QUEUED:
            return "[…]"
        case _:
            return "[ ]" if face.execution_count is None else f"[{face.execution_count}]"


def estimated_rows(face: CellFace) -> int:
    """The height without painting it: right unless lines wrap, tables or pictures are in it."""
    rows = face.source.count("\n") + 1
    if face.kind != "code":
        return rows
    rows = min(rows, MOST_SOURCE_LINES + 1) + bool(face.step)
    return rows + sum(_output_rows(output) for output in face.outputs[:8])


def _output_rows(output: Mapping[str, Any]) -> int:
    match output.get("output_type"):
        case "stream":
            text = joined(output.get("text", "")).rstrip("\n")
        case "error":
            text = "\n".join(map(str, output.get("traceback") or ("",)))
        case _:
            text = joined(output.get("data", {}).get("text/plain", ""))
    return min(text.count("\n") + 1, MOST_LINES + 1) if text else 0
