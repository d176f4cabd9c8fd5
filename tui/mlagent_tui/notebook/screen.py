"""The main screen: notebook, proposals, and what is under way."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import Footer

from mlagent_tui.desk.events import (
    BoardChanged,
    CellChanged,
    CellsChanged,
    DeskEvent,
    MetricWanted,
    StatusChanged,
)
from mlagent_tui.notebook.cell_actions import CellActions
from mlagent_tui.notebook.pane import NotebookPane
from mlagent_tui.proposals.actions import ProposalActions
from mlagent_tui.proposals.panel import ProposalPanel
from mlagent_tui.statusline import StatusLine

LOOK_SECONDS = 2.0
"""Between two looks at whether another program wrote the file, or ended the kernel."""


class NotebookScreen(CellActions, ProposalActions):
    CSS_PATH = ["view.tcss", "screen.tcss", "../proposals/panel.tcss"]  # noqa: RUF012 - Textual's declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "propose", "Propose", id="propose"),
        Binding("h", "hint", "Hint", id="hint"),
        Binding("x,ctrl+enter,shift+enter", "run_cell", "Run", key_display="x", id="cell.run"),
        Binding("X", "run_all", "Run all", show=False, id="cell.run_all"),
        Binding("e,enter", "edit", "Edit", key_display="e", id="cell.edit"),
        Binding("E", "edit_outside", "Edit in $EDITOR", show=False, id="cell.edit_outside"),
        Binding("b", "insert(False)", "Insert below", show=False, id="cell.insert_below"),
        Binding("B", "insert(True)", "Insert above", show=False, id="cell.insert_above"),
        Binding("D", "delete", "Delete cell", show=False, id="cell.delete"),
        Binding("o", "output", "Output", show=False, id="cell.output"),
        Binding("u", "undo", "Undo", id="undo"),
        Binding("f", "autopilot", "Autopilot", id="autopilot"),
        Binding("t", "search", "Search tree", show=False, id="search"),
        Binding("l", "learning", "Learning", show=False, id="learning"),
        Binding("m", "metric", "Metric", show=False, id="metric"),
        Binding("ctrl+s", "save", "Save", id="save"),
        Binding("ctrl+o", "save_as", "Save a copy", show=False, id="save_as"),
        Binding("tab", "switch", "Switch side", show=False, id="switch"),
        Binding("escape", "back", "Stop / close", show=False, id="back"),
        Binding("ctrl+c", "interrupt", "Stop", show=False, id="interrupt"),
        Binding("R", "restart", "Restart kernel", show=False, id="restart"),
    ]

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status")
        with Container(id="body"):
            yield NotebookPane(id="pane")
            yield ProposalPanel(id="panel")
        yield Footer()

    def on_mount(self) -> None:
        self.view.show(self.desk.faces)
        self.view.focus()
        self._show_status()
        self.mlagent.news.subscribe(self, self.heard)
        self.set_interval(LOOK_SECONDS, self._look_around)

    def on_resize(self) -> None:
        self._show_status()

    def heard(self, event: DeskEvent) -> None:
        match event:
            case CellsChanged():
                self.view.show(self.desk.faces, select=event.select)
                self.panel.show(self.desk.proposer.board, self.desk)
            case CellChanged():
                face = self.desk.face(event.cell_id)
                if face is not None:
                    self.view.update_face(face)
            case StatusChanged():
                self._show_status()
            case BoardChanged():
                board = self.desk.proposer.board
                if event.begins:
                    self.show_panel(focus=False)
                self.panel.show(board, self.desk)
                verdicts = sum(row.open for row in board.rows)
                self.offer_keys(board.phase, verdicts)
            case MetricWanted():
                self.metric_wanted(event)
            case _:
                pass

    def on_candidate_list_chosen(self) -> None:
        self.refresh_bindings()

    def _show_status(self) -> None:
        desk = self.desk
        self.query_one(StatusLine).show(desk.path, desk.status, modified=desk.modified)

    def _look_around(self) -> None:
        self.run_worker(self.desk.look_at_kernel(), group="look", exclusive=True)
        document = self.desk.document
        if document is not None and self.is_current and document.changed_on_disk():
            self.ask_about_disk()

    # -- keys that depend on where one is

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """On the proposals, `e` edits the proposal; the footer shall not offer it twice."""
        del parameters
        return not (action == "edit" and self.is_mounted and self.panel.has_focus)

    def action_switch(self) -> None:
        if self.pane.editor is not None:
            return
        if self.view.has_focus:
            self.show_panel()
        else:
            self.view.focus()

    def action_back(self) -> None:
        """Stop a request; then leave the panel; then close it."""
        if self.desk.proposer.working:
            self.attempt(self.desk.proposer.stop())
        elif self.panel.has_focus:
            self.view.focus()
            if self.has_class("-narrow"):
                self.panel.remove_class("-shown")
        else:
            self.panel.remove_class("-shown")

    def action_autopilot(self) -> None:
        self.app.push_screen("autopilot")

    def action_search(self) -> None:
        self.app.push_screen("search")

    def action_learning(self) -> None:
        self.app.push_screen("learning")
