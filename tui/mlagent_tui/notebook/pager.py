"""All of a cell's outputs, however long."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual
from textual.widgets import Footer, Static

from mlagent_tui.notebook.face import CellFace
from mlagent_tui.notebook.outputs import output_sections

MOST_LINES = 100_000
"""Of one output; painted lines stay in memory."""


class OutputText(ScrollView, can_focus=True):
    """Painted once, then only scrolled."""

    def __init__(self, face: CellFace) -> None:
        super().__init__()
        self._face = face
        self._strips: list[Strip] = []

    def on_resize(self) -> None:
        width = max(20, self.size.width - 1)
        self._strips = []
        for section in output_sections(self._face.outputs, width, most_lines=MOST_LINES):
            if section.content.plain:
                style = self.visual_style
                self._strips += Visual.to_strips(self, section.content, width, None, style, pad=True)
            self._strips += section.strips
        self.virtual_size = Size(width, len(self._strips))

    def render_line(self, y: int) -> Strip:
        row = y + self.scroll_offset.y
        strip = self._strips[row] if row < len(self._strips) else Strip.blank(self.size.width)
        return strip.adjust_cell_length(self.size.width, self.rich_style)


class PagerScreen(Screen[None]):
    CSS_PATH = "pager.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,o", "leave", "Back", id="pager.back"),
        Binding("j", "scroll(1)", show=False, id="pager.down"),
        Binding("k", "scroll(-1)", show=False, id="pager.up"),
        Binding("g", "edge(False)", "Top", id="pager.top"),
        Binding("G", "edge(True)", "End", id="pager.end"),
        Binding("space", "page", "Page", id="pager.page"),
    ]

    def __init__(self, face: CellFace) -> None:
        super().__init__()
        self._face = face

    def compose(self) -> ComposeResult:
        count = "" if self._face.execution_count is None else f" [{self._face.execution_count}]"
        yield Static(f"Output of cell{count}", id="pager-title", markup=False)
        yield OutputText(self._face)
        yield Footer()

    @property
    def _text(self) -> OutputText:
        return self.query_one(OutputText)

    def action_leave(self) -> None:
        self.dismiss()

    def action_scroll(self, rows: int) -> None:
        self._text.scroll_relative(y=rows, animate=False)

    def action_edge(self, end: bool) -> None:
        self._text.scroll_to(y=self._text.virtual_size.height if end else 0, animate=False)

    def action_page(self) -> None:
        self._text.scroll_page_down(animate=False)
