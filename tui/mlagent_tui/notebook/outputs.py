"""Outputs of a cell (nbformat's shape) as sections: streams joined, tables, pictures, errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from textual.content import Content

from mlagent_tui.notebook.face import joined
from mlagent_tui.notebook.images import picture
from mlagent_tui.notebook.markdown import markdown_content
from mlagent_tui.notebook.section import Section
from mlagent_tui.notebook.tables import is_data_frame, table_content
from mlagent_tui.notebook.text import MOST_LINES, printed

Output = Mapping[str, Any]
OUTPUT, STDERR, ERROR = "cell--output", "cell--stderr", "cell--error"
IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
MOST_OUTPUTS = 40
"""Shown of one cell; a loop that displays a thousand figures shall not hide the notebook."""


def output_sections(
    outputs: Iterable[Output], width: int, *, most_lines: int | None = MOST_LINES, pictures: bool = True
) -> list[Section]:
    """In order; `most_lines=None` shows everything (the pager)."""
    together = _joined_streams(outputs)
    sections = [
        section
        for output in together[:MOST_OUTPUTS]
        if (section := _section(output, width, most_lines, pictures)) is not None
    ]
    if len(together) > MOST_OUTPUTS:
        note = f"⋯ {len(together) - MOST_OUTPUTS:,} more outputs"
        sections.append(Section(Content.styled(note, "$foreground-muted italic"), OUTPUT))
    return sections


def _joined_streams(outputs: Iterable[Output]) -> list[Output]:
    """One after another, text of the same stream is one output, however often it was flushed."""
    together: list[Output] = []
    parts: list[str] = []
    for output in outputs:
        if output.get("output_type") != "stream":
            parts = []
            together.append(output)
            continue
        if parts and together[-1].get("name") == output.get("name"):
            parts.append(joined(output.get("text", "")))
        else:
            parts = [joined(output.get("text", ""))]
            together.append({"output_type": "stream", "name": output.get("name"), "parts": parts})
    return [{**one, "text": "".join(one["parts"])} if "parts" in one else one for one in together]


def _section(output: Output, width: int, most_lines: int | None, pictures: bool) -> Section | None:
    match output.get("output_type"):
        case "stream":
            text = joined(output.get("text", ""))
            style = STDERR if output.get("name") == "stderr" else OUTPUT
            return Section(printed(text, most_lines), style) if text.strip() else None
        case "error":
            return Section(error_content(output, most_lines), ERROR)
        case "display_data" | "execute_result":
            return _displayed(output.get("data", {}), width, most_lines, pictures)
        case kind:
            return Section(Content.styled(f"[{kind}]", "$foreground-muted"), OUTPUT)


def error_content(output: Output, most_lines: int | None) -> Content:
    traceback = output.get("traceback") or [f"{output.get('ename')}: {output.get('evalue')}"]
    text = traceback if isinstance(traceback, str) else "\n".join(str(line) for line in traceback)
    return printed(text, most_lines)


def _displayed(data: Mapping[str, Any], width: int, most_lines: int | None, pictures: bool) -> Section | None:
    plain = joined(data.get("text/plain", ""))
    image = next((kind for kind in IMAGE_TYPES if kind in data), None)
    if image is not None:
        drawn = picture(joined(data[image]), width) if pictures else None
        label = Content.styled(f"[{image}] {plain}", "$foreground-muted")
        return Section(Content(""), OUTPUT, strips=drawn) if drawn else Section(label, OUTPUT)
    html = joined(data.get("text/html", ""))
    table = table_content(html, width) if is_data_frame(html) else None
    if table is not None:
        return Section(table, OUTPUT)
    if "text/markdown" in data:
        return Section(markdown_content(joined(data["text/markdown"])), OUTPUT)
    text = plain or joined(data.get("text/latex", ""))
    if text:
        return Section(printed(text, most_lines), OUTPUT)
    kinds = ", ".join(sorted(str(kind) for kind in data))
    return Section(Content.styled(f"[{kinds or 'nothing'}]", "$foreground-muted"), OUTPUT) if data else None
