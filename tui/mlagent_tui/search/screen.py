"""The search: its tree as it grows, the node under the cursor, and what may be done to a branch."""

from __future__ import annotations

import os
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.widgets import Footer

from jupyter_mlagent.search.settings import SearchBudget
from mlagent_tui.autopilot.screen import MINUTES
from mlagent_tui.desk.events import DeskEvent, Searched, StatusChanged
from mlagent_tui.search.actions import SearchActions
from mlagent_tui.search.draw import head_content
from mlagent_tui.search.node import NodeSheets
from mlagent_tui.search.tree import TreeSheet
from mlagent_tui.sheet import Sheet
from mlagent_tui.statusline import StatusLine

FRAME_SECONDS = 0.15
"""Between two drawings of the tree; what happened meanwhile costs one."""


class SearchScreen(SearchActions):
    CSS_PATH = ["screen.tcss"]  # noqa: RUF012 - Textual's declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "start", "Start", id="search.start"),
        Binding("space", "pause", "Pause/resume", id="search.pause"),
        Binding("s,ctrl+c", "stop", "Stop", key_display="s", id="search.stop"),
        Binding("j,down", "move(1)", "Move", key_display="j/k", id="search.next"),
        Binding("k,up", "move(-1)", show=False, id="search.previous"),
        Binding("left,less_than_sign", "parent", "To its parent", show=False, id="search.parent"),
        Binding("b", "best", "To the best", show=False, id="search.best"),
        Binding("d", "turn", "Code/diff", id="search.turn"),
        Binding("g", "look", "Notebook here", id="search.look"),
        Binding("a", "keep", "Keep path", id="search.keep"),
        Binding("x", "prune", "Prune", id="search.prune"),
        Binding("i", "pin", "Pin", id="search.pin"),
        Binding("h", "hint", "Hint", id="search.hint"),
        Binding("w", "export", "Export", show=False, id="search.export"),
        Binding("pagedown", "scroll_node(1)", "Scroll the node", show=False, id="search.scroll_down"),
        Binding("pageup", "scroll_node(-1)", show=False, id="search.scroll_up"),
        Binding("right_square_bracket", "minutes(1)", "Minutes", key_display="[/]", id="search.longer"),
        Binding("left_square_bracket", "minutes(-1)", show=False, id="search.shorter"),
        Binding("plus,equals_sign", "workers(1)", "Workers", key_display="+/-", id="search.more_workers"),
        Binding("minus", "workers(-1)", show=False, id="search.fewer_workers"),
        Binding("u", "undo", "Undo last", show=False, id="search.undo"),
        Binding("escape,t", "back", "Back", key_display="esc", id="search.back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.minutes = 0.0
        self.side_by_side = 1
        self._dirty = True

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status")
        with Container(id="search"):
            with Vertical(id="search-main"):
                yield Sheet(id="search-head")
                with VerticalScroll(id="tree-scroll", can_focus=False):
                    yield TreeSheet(id="tree")
            yield NodeSheets(id="node")
        yield Footer()

    def on_mount(self) -> None:
        self.minutes = self.mlagent.settings.autopilot_minutes
        self.mlagent.news.subscribe(self, self.heard)
        self.set_interval(FRAME_SECONDS, self._tick)

    def heard(self, event: DeskEvent) -> None:
        if isinstance(event, Searched | StatusChanged):
            self._dirty = True

    def on_screen_resume(self) -> None:
        self.draw()

    def on_resize(self) -> None:
        self._dirty = True

    def on_tree_sheet_moved(self) -> None:
        self._draw_node()
        self.query_one(NodeSheets).scroll_home(animate=False)

    def _tick(self) -> None:
        if self._dirty and self.is_current:
            self.draw()

    def draw(self) -> None:
        if not self.is_current:
            return
        self._dirty = False
        desk, explorer = self.desk, self.desk.explorer
        record = explorer.record
        self.offer_keys(explorer.searching, record is not None and bool(record.nodes))
        self.query_one(StatusLine).show(desk.path, desk.status, modified=desk.modified)
        workers = "1 worker" if self.side_by_side == 1 else f"{self.side_by_side} workers"
        budget = f"{self.minutes:g} minutes, {workers}"
        self.query_one("#search-head", Sheet).draw(head_content(record, budget, explorer.searching))
        self.query_one(TreeSheet).show(record)
        self._draw_node()

    def _draw_node(self) -> None:
        record = self.desk.explorer.record
        node = self.query_one(TreeSheet).chosen
        self.query_one(NodeSheets).show(node, record.summary if record else "")

    # -- keys that only move or show

    def action_move(self, step: int) -> None:
        self.query_one(TreeSheet).move(step)

    def action_parent(self) -> None:
        self.query_one(TreeSheet).up()

    def action_best(self) -> None:
        record = self.desk.explorer.record
        if record is not None and record.best is not None:
            self.query_one(TreeSheet).go(record.best)

    def action_turn(self) -> None:
        self.query_one(NodeSheets).next_side()
        self._draw_node()

    def action_scroll_node(self, pages: int) -> None:
        node = self.query_one(NodeSheets)
        node.scroll_to(y=node.scroll_offset.y + pages * max(1, node.size.height - 2), animate=False)

    def action_minutes(self, change: int) -> None:
        later = [minutes for minutes in MINUTES if (minutes - self.minutes) * change > 0]
        if later:
            self.minutes = min(later, key=lambda minutes: abs(minutes - self.minutes))
        self.draw()

    def action_workers(self, change: int) -> None:
        self.side_by_side = max(1, min(os.cpu_count() or 1, self.side_by_side + change))
        self.draw()

    def action_start(self) -> None:
        budget = SearchBudget(seconds=self.minutes * 60)
        width = self.mlagent.settings.candidates
        self.try_to(lambda: self.desk.explorer.start(budget, width, self.side_by_side))
        self.draw()

    def action_back(self) -> None:
        self.app.pop_screen()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys are offered where they do something; None greys them out."""
        del parameters
        explorer = self.desk.explorer
        grown = explorer.record is not None and bool(explorer.record.nodes)
        if action in ("stop", "pause"):
            return True if explorer.searching else None
        if action in ("start", "minutes", "workers", "undo"):
            return None if explorer.searching else True
        if action in ("turn", "look", "keep", "export", "best", "parent"):
            return True if grown else None
        if action in ("prune", "pin", "hint"):
            return True if grown and explorer.searching else None
        return True
