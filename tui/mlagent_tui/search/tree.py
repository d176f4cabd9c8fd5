"""The tree as rows with a cursor on one node."""

from __future__ import annotations

from collections import Counter

from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget

from jupyter_mlagent.search.tree import ROOT
from jupyter_mlagent.search.view import NodeView
from mlagent_tui.search.draw import branch_content
from mlagent_tui.search.record import Branch, SearchRecord
from mlagent_tui.sheet import Sheet


class TreeSheet(Sheet):
    """The cursor stays on its node while the tree grows around it."""

    class Moved(Message):
        """Another node is looked at."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._branches: list[Branch] = []
        self._record: SearchRecord | None = None
        self._cursor = ROOT

    @property
    def chosen(self) -> NodeView | None:
        return None if self._record is None else self._record.nodes.get(self._cursor)

    def show(self, record: SearchRecord | None) -> None:
        self._record = record
        self._branches = record.branches() if record else []
        if self.chosen is None:
            self._cursor = ROOT
        self._draw()

    def move(self, step: int) -> None:
        """Up or down the rows."""
        place = self._place
        if self._branches:
            self.go(self._branches[max(0, min(place + step, len(self._branches) - 1))].node.id)

    def up(self) -> None:
        """To the parent."""
        node = self.chosen
        if node is not None and node.parent is not None:
            self.go(node.parent)

    def go(self, node_id: int) -> None:
        self._cursor = node_id
        self._draw()
        self._reveal()
        self.post_message(self.Moved())

    def on_click(self, event: events.Click) -> None:
        if 0 <= event.y < len(self._branches):
            self.go(self._branches[event.y].node.id)

    def on_resize(self) -> None:
        self._draw()

    @property
    def _place(self) -> int:
        return next((n for n, one in enumerate(self._branches) if one.node.id == self._cursor), 0)

    def _reveal(self) -> None:
        if isinstance(self.parent, Widget):
            self.parent.scroll_to_region(Region(0, self._place, 1, 1), animate=False)

    def _draw(self) -> None:
        width = self.size.width or 60
        trying = Counter(self._record.trying.values() if self._record else ())
        self.draw_lines(
            [
                branch_content(
                    branch, width, chosen=branch.node.id == self._cursor, trying=trying[branch.node.id]
                )
                for branch in self._branches
            ]
        )
