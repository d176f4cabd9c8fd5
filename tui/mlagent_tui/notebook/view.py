"""The notebook as one scrolled text: only cells in sight are painted, so that its length costs nothing.

One widget, not one per cell: 500 widgets cost seconds to mount and a frame's budget to scroll.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer
from textual.visual import Visual

from mlagent_tui.notebook.cell_paint import GUTTER, estimated_rows, sections_of
from mlagent_tui.notebook.face import Activity, CellFace
from mlagent_tui.notebook.layout import RowLayout
from mlagent_tui.notebook.section import Section

PAINT_SLICE, PAINT_PAUSE, PAINT_REST = 0.006, 0.02, 0.15
"""Seconds of painting ahead, between two slices of it for whatever else is to be done, and after the last
movement before it begins: the frame that shows the movement comes first."""
NEAR = 24
"""Cells before and behind what is in sight that are painted ahead."""
MOST_PAINTED = 160
"""Cells whose rows are kept: they are a hundred times the size of their text."""
GAP_ROWS = 1
BAR, NO_BAR = "▌", " "


class NotebookView(ScrollView, can_focus=True):
    """Cells with a cursor. Holds no notebook: it shows the faces that it is given."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Next cell", show=False, id="notebook.next"),
        Binding("k,up", "move(-1)", "Previous cell", show=False, id="notebook.previous"),
        Binding("g,home", "edge(-1)", "First cell", show=False, id="notebook.first"),
        Binding("G,end", "edge(1)", "Last cell", show=False, id="notebook.last"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, id="notebook.page_down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="notebook.page_up"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "cell--code",
        "cell--markdown",
        "cell--raw",
        "cell--output",
        "cell--stderr",
        "cell--error",
        "cell--label",
        "cell--label-busy",
        "cell--step",
        "cell--bar",
        "cell--bar-blurred",
    }

    @dataclass
    class Selected(Message):
        """The cursor moved to another cell."""

        cell_id: str

    @dataclass
    class Opened(Message):
        """The person wants to edit this cell."""

        cell_id: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.faces: tuple[CellFace, ...] = ()
        self.cursor = 0
        self._rows = RowLayout()
        self._painted: dict[str, tuple[CellFace, int, list[Strip]]] = {}
        self._ahead: Iterator[int] = iter(())
        self._painter: Timer | None = None

    # -- what to show

    def show(self, faces: Sequence[CellFace], select: str | None = None) -> None:
        """Show these cells; the cursor stays on its cell, or goes to `select`."""
        wanted = select or (self.selected.id if self.selected else None)
        heights = {face.id: self._rows.height(number) for number, face in enumerate(self.faces)}
        known = {face.id: face for face in self.faces}
        self.faces = tuple(faces)
        self._rows = RowLayout(
            [
                heights[face.id] if known.get(face.id) == face else estimated_rows(face) + GAP_ROWS
                for face in self.faces
            ]
        )
        ids = [face.id for face in self.faces]
        self._painted = {key: value for key, value in self._painted.items() if key in set(ids)}
        position = ids.index(wanted) if wanted in ids else min(self.cursor, max(0, len(ids) - 1))
        self._set_cursor(position)
        self._settle()
        self._reveal(position)
        self._start_painting_ahead()

    def update_face(self, face: CellFace) -> None:
        """Replace one cell in place; unknown ids are ignored (the cell was deleted meanwhile)."""
        for number, old in enumerate(self.faces):
            if old.id == face.id:
                self.faces = (*self.faces[:number], face, *self.faces[number + 1 :])
                if self._in_sight(number):
                    before = self._rows.height(number)
                    self._settle()
                    self._redraw(number, whole=self._rows.height(number) != before)
                return

    def face(self, cell_id: str) -> CellFace | None:
        return next((face for face in self.faces if face.id == cell_id), None)

    @property
    def selected(self) -> CellFace | None:
        return self.faces[self.cursor] if self.cursor < len(self.faces) else None

    def select(self, cell_id: str) -> None:
        for number, face in enumerate(self.faces):
            if face.id == cell_id:
                self._set_cursor(number)
                self._reveal(number)

    def text_region(self, cell_id: str) -> Region:
        """Where that cell's source stands in this widget now: where an editor goes."""
        number = next(n for n, face in enumerate(self.faces) if face.id == cell_id)
        top = self._rows.top(number) - self.scroll_offset.y
        return Region(GUTTER, top, self.text_width - GUTTER, self._rows.height(number) - GAP_ROWS)

    @property
    def text_width(self) -> int:
        """Columns that cells can use: without the scrollbar."""
        return self.scrollable_content_region.width

    # -- moving

    def action_move(self, step: int) -> None:
        self._go(self.cursor + step)

    def action_edge(self, end: int) -> None:
        self._go(0 if end < 0 else len(self.faces) - 1)

    def action_page(self, pages: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + pages * max(1, self.size.height - 2), animate=False)
        middle = self._rows.block_at(self.scroll_offset.y + self.size.height // 2)
        if middle is not None:
            self._set_cursor(middle)

    def _go(self, position: int) -> None:
        if self.faces:
            position = max(0, min(position, len(self.faces) - 1))
            self._set_cursor(position)
            self._reveal(position)

    def _set_cursor(self, position: int) -> None:
        changed = position != self.cursor
        before, self.cursor = self.cursor, position
        for block in (before, position):
            if block < len(self._rows):
                self._redraw(block)
        if changed and self.selected is not None:
            self.post_message(self.Selected(self.selected.id))

    def _reveal(self, position: int) -> None:
        if not self.faces or not self.size.height:
            return
        self._correct(position)
        top, height = self._rows.top(position), self._rows.height(position)
        view_top, view_height = self.scroll_offset.y, self.size.height
        if top < view_top or height >= view_height:
            self.scroll_to(y=top, animate=False)
        elif top + height > view_top + view_height:
            self.scroll_to(y=top + height - view_height, animate=False)

    def _redraw(self, block: int, *, whole: bool = False) -> None:
        """One cell; with `whole` everything, since what is below it moved."""
        if whole:
            self.refresh()
        else:
            self.refresh_lines(self._rows.top(block), self._rows.height(block))

    def on_click(self, event: events.Click) -> None:
        block = self._rows.block_at(event.y + self.scroll_offset.y)
        if block is None:
            return
        self._set_cursor(block)
        if event.chain == 2 and self.selected is not None:
            self.post_message(self.Opened(self.selected.id))

    # -- painting

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._repaint())

    def _repaint(self) -> None:
        self._painted.clear()
        self._settle()
        self.refresh()
        self._start_painting_ahead()

    def on_resize(self) -> None:
        self._painted.clear()
        self._settle()
        self._reveal(self.cursor)
        self._start_painting_ahead()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        self._settle()
        super().watch_scroll_y(old_value, new_value)
        self._start_painting_ahead()

    def render_line(self, y: int) -> Strip:
        row = y + self.scroll_offset.y
        block = self._rows.block_at(row)
        base = self.visual_style.rich_style
        if block is None:
            return Strip.blank(self.text_width, base)
        strips = self._strips(block)
        inside = row - self._rows.top(block)
        body = strips[inside] if inside < len(strips) else Strip.blank(self.text_width - 1, base)
        return Strip.join([self._bar(block, inside < len(strips)), body])

    def _bar(self, block: int, inside: bool) -> Strip:
        if block != self.cursor or not inside:
            return Strip([Segment(NO_BAR, self.visual_style.rich_style)], 1)
        name = "cell--bar" if self.has_focus else "cell--bar-blurred"
        return Strip([Segment(BAR, self.get_component_rich_style(name))], 1)

    def _in_sight(self, block: int) -> bool:
        return block in self._rows.blocks_between(
            self.scroll_offset.y, self.scroll_offset.y + self.size.height
        )

    def _settle(self) -> None:
        """Paint what is in sight, so that heights there are exact before anything is drawn."""
        if not self.text_width:
            return
        for _ in range(8):
            top = self.scroll_offset.y
            blocks = self._rows.blocks_between(top, top + self.size.height)
            corrected = [self._correct(block) for block in blocks]
            if not any(corrected):
                break
        size = Size(self.text_width, self._rows.total)
        if size != self.virtual_size:
            self.virtual_size = size

    def _correct(self, block: int) -> bool:
        """Make one block's height exact; True when it was not. What is in sight does not move."""
        top = self._rows.top(block)
        grown = self._rows.set_height(block, len(self._strips(block)) + GAP_ROWS)
        if grown:
            self.virtual_size = Size(self.text_width, self._rows.total)
            if top < self.scroll_offset.y:
                self.scroll_to(y=self.scroll_offset.y + grown, animate=False)
        return bool(grown)

    def _start_painting_ahead(self) -> None:
        """Cells near to what is in sight, when nothing else is to do."""
        top = self.scroll_offset.y
        seen = self._rows.blocks_between(top, top + self.size.height)
        near = range(max(0, seen.start - NEAR), min(len(self.faces), seen.stop + NEAR))
        self._ahead = iter(near)
        if self._painter is not None:
            self._painter.stop()
        self._painter = self.set_timer(PAINT_REST, self._paint_ahead)

    def _paint_ahead(self) -> None:
        began = time.perf_counter()
        for block in self._ahead:
            if block < len(self.faces):
                self._correct(block)
            if time.perf_counter() - began > PAINT_SLICE:
                self._painter = self.set_timer(PAINT_PAUSE, self._paint_ahead)
                return

    def _strips(self, block: int) -> list[Strip]:
        face, width = self.faces[block], self.text_width
        known = self._painted.get(face.id)
        if known is not None and known[0] == face and known[1] == width:
            return known[2]
        strips: list[Strip] = []
        if width > GUTTER + 2:
            for section in sections_of(face, width - GUTTER - 2):
                strips += self._section_strips(section, face, width)
        self._painted.pop(face.id, None)
        self._painted[face.id] = (face, width, strips)
        while len(self._painted) > MOST_PAINTED:
            del self._painted[next(iter(self._painted))]
        return strips

    def _section_strips(self, section: Section, face: CellFace, width: int) -> list[Strip]:
        """Rows of `width - 1` cells: label, one column of padding, text on the section's background."""
        style = self.get_visual_style(section.style)
        text_width = width - GUTTER - 2
        rows = list(section.strips)
        if section.content.plain or not rows:
            rows = Visual.to_strips(self, section.content, text_width, None, style, pad=True) + rows
        side = Strip([Segment(" ", style.rich_style)], 1)
        busy = face.activity is not Activity.IDLE
        label_style = self.get_visual_style("cell--label-busy" if busy else "cell--label").rich_style
        out = []
        for number, row in enumerate(rows):
            label = section.label if number == 0 else ""
            gutter = Strip([Segment(label.rjust(GUTTER - 2) + " ", label_style)], GUTTER - 1)
            padded = row.adjust_cell_length(text_width, style.rich_style)
            out.append(Strip.join([gutter, side, padded, side]))
        if section.style == "cell--code" and face.step:
            out.append(self._step_strip(face, width))
        return out

    def _step_strip(self, face: CellFace, width: int) -> Strip:
        style = self.get_visual_style("cell--step")
        note = Content(f"✓ accepted step  {face.step}" if "→" in face.step else "✓ accepted step")
        (row, *_) = Visual.to_strips(self, note, width - GUTTER - 2, 1, style, pad=True)
        base = self.visual_style.rich_style
        lead = Strip([Segment(" " * GUTTER, base)], GUTTER)
        return Strip.join([lead, row]).adjust_cell_length(width - 1, base)
