"""A piece of text that is drawn anew many times a second, at the price of what really changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget


@dataclass(frozen=True)
class _Painted:
    line: Content
    strips: tuple[Strip, ...]


class Sheet(Widget):
    """Like `Static`, but only lines that changed are painted, and only another height moves others."""

    DEFAULT_CSS = "Sheet { height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: tuple[Content, ...] = ()
        self._painted: list[_Painted] = []
        self._painted_for: tuple[Content, ...] | None = None
        self._rows: list[Strip] = []
        self._painted_with: object = None

    def draw(self, content: Content) -> None:
        self.draw_lines(content.split("\n", allow_blank=True))

    def draw_lines(self, lines: Sequence[Content]) -> None:
        """The same, for those who have the lines: what they kept of the last time costs nothing."""
        before = self._rows
        self._lines = tuple(lines)
        width = self.size.width
        if not self.is_mounted or not width:
            self.refresh(layout=True)
            return
        self._paint(width)
        if len(before) != len(self._rows):
            self.refresh(layout=bool(self.styles.height and self.styles.height.is_auto))
            return
        changed = [y for y, row in enumerate(self._rows) if row is not before[y]]
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    # -- for Textual

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._forget())

    def _forget(self) -> None:
        self._painted_with = None
        self.refresh()

    def render(self) -> Content:
        return Content("\n").join(self._lines)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        del container, viewport
        if not width:
            return 0
        self._paint(width)
        return len(self._rows)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        self._paint(width)
        return self._rows[y] if y < len(self._rows) else Strip.blank(width, self.visual_style.rich_style)

    # -- painting

    def _paint(self, width: int) -> None:
        selected = self.text_selection
        painted_with = (width, self.visual_style, selected)
        if painted_with != self._painted_with:
            self._painted_with, self._painted = painted_with, []
        elif self._painted_for is self._lines:
            return
        self._painted_for = self._lines
        if selected is not None:  # a selection is known by places in the whole text
            self._painted = []
            self._rows = self._strips(self.render(), width)
            return
        self._painted = [self._paint_line(number, line, width) for number, line in enumerate(self._lines)]
        self._rows = [strip for one in self._painted for strip in one.strips]

    def _paint_line(self, number: int, line: Content, width: int) -> _Painted:
        """As it was painted before, where it is the same one in the same place."""
        known = self._painted[number] if number < len(self._painted) else None
        if known is not None and _same(known.line, line):
            return known
        return _Painted(line, tuple(_placed(strip, number) for strip in self._strips(line, width)))

    def _strips(self, text: Content, width: int) -> list[Strip]:
        return Visual.to_strips(self, text, width, None, self.visual_style)


def _same(one: Content, other: Content) -> bool:
    return one is other or (one.plain == other.plain and one.spans == other.spans)


def _placed(strip: Strip, line: int) -> Strip:
    """With the number of its line, by which the mouse selects text."""
    if not line:
        return strip
    first = next(iter(strip), None)
    meta = first.style.meta if first is not None and first.style is not None else {}
    column, _ = meta.get("offset", (0, 0))
    return strip.apply_offsets(column, line)
