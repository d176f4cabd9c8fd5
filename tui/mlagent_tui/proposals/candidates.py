"""The candidates as a list, one row each, the chosen one marked."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget

from jupyter_mlagent.records import Verdict
from mlagent_tui.proposals.board import Board, Row, Stage
from mlagent_tui.proposals.words import result_content, stage_content
from mlagent_tui.sheet import Sheet

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
BAR = "▌"


class CandidateList(Sheet):
    """Rows of a board; knows which one is chosen by its reply index, so that ranking does not lose it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set()

    class Chosen(Message):
        """Another candidate is looked at."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._board = Board()
        self._chosen: int | None = None
        self._frame = 0

    @property
    def chosen(self) -> Row | None:
        rows = self._board.shown
        return next((row for row in rows if row.index == self._chosen), rows[0] if rows else None)

    def show(self, board: Board, frame: int = 0) -> None:
        """Draw the board as it is now; a new one starts at its best candidate. `frame`: of the marks of what
        is under way."""
        self._frame = frame % len(SPINNER)
        if board.working or not any(row.index == self._chosen for row in board.rows):
            rows = [row for row in board.shown if row.stage is not Stage.WAITING]
            # While replies are written the eye follows the one that is being written.
            self._chosen = rows[0].index if rows else None
        self._board = board
        self._draw()

    def ranked(self) -> None:
        """The ranking is there: look at the best."""
        rows = self._board.shown
        self._chosen = rows[0].index if rows else None
        self._draw()

    def move(self, step: int) -> None:
        rows = self._board.shown
        if not rows:
            return
        position = next((n for n, row in enumerate(rows) if row.index == self._chosen), 0)
        self._choose(rows[max(0, min(position + step, len(rows) - 1))])

    def _choose(self, row: Row) -> None:
        self._chosen = row.index
        self._draw()
        self._reveal()
        self.post_message(self.Chosen())

    def on_click(self, event: events.Click) -> None:
        rows = self._board.shown
        if 0 <= event.y < len(rows):
            self._choose(rows[event.y])

    def on_resize(self) -> None:
        self._draw()

    def _reveal(self) -> None:
        position = next((n for n, row in enumerate(self._board.shown) if row.index == self._chosen), 0)
        if isinstance(self.parent, Widget):
            self.parent.scroll_to_region(Region(0, position, 1, 1), animate=False)

    def _draw(self) -> None:
        width = self.size.width or 60
        self.draw_lines([self._line(row, width) for row in self._board.shown] or [Content("")])

    def _line(self, row: Row, width: int) -> Content:
        chosen = row.index == self._chosen
        mark = Content.styled(BAR if chosen else " ", "$primary")
        rank = Content.styled(f"{row.rank or '·':>2} ", "bold" if row.rank == 1 else "$foreground-muted")
        spinner = SPINNER[self._frame]
        right = (
            result_content(row, self._board.metric) if row.rank or row.trial else stage_content(row, spinner)
        )
        right = Content(" ") + right + Content(" ")
        room = max(4, width - 4 - cell_len(right.plain))
        words = row.reason if row.stage is Stage.DROPPED else row.plan.strip() or "…"
        quiet = row.stage is Stage.DROPPED or row.verdict is Verdict.REJECTED
        style = "$foreground-muted" if quiet else "bold" if chosen else ""
        plan = Content.styled(words.replace("\n", " "), style).truncate(room, ellipsis=True)
        plan = plan.pad_right(max(0, room - cell_len(plan.plain)))
        line = Content.assemble(mark, rank, plan, right)
        return line.stylize_before("on $boost") if chosen else line
