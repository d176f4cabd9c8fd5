"""The notebook as it would stand in a node of the search: to be read; nothing runs and nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Static

from jupyter_mlagent.records import Cell
from mlagent_tui.notebook.face import CellFace
from mlagent_tui.notebook.view import NotebookView


class NotebookAtNode(Screen[bool]):
    """Dismissed with True when this path is wanted in the notebook."""

    CSS_PATH = ["../notebook/view.tcss", "screen.tcss"]  # noqa: RUF012 - Textual's declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "leave(True)", "Keep this path", id="at_node.keep"),
        Binding("o", "output", "Output", show=False, id="at_node.output"),
        Binding("escape,q,g", "leave(False)", "Back", key_display="esc", id="at_node.back"),
    ]

    def __init__(self, title: str, cells: Sequence[Cell], select: str) -> None:
        super().__init__()
        self._title = title
        self._faces = faces_at(cells)
        self._select = select

    def compose(self) -> ComposeResult:
        yield Static(self._title, id="at-node-title", markup=False)
        yield NotebookView(id="at-node")
        yield Footer()

    def on_mount(self) -> None:
        view = self.query_one(NotebookView)
        view.show(self._faces, select=self._select)
        view.focus()

    def action_output(self) -> None:
        from mlagent_tui.notebook.pager import PagerScreen

        face = self.query_one(NotebookView).selected
        if face is not None and face.outputs:
            self.app.push_screen(PagerScreen(face))

    def action_leave(self, keep: bool) -> None:
        self.dismiss(keep)


def faces_at(cells: Sequence[Cell]) -> tuple[CellFace, ...]:
    return tuple(
        CellFace(
            id=cell.id,
            kind=cell.kind,
            source=cell.source,
            outputs=cell.outputs,
            execution_count=cell.execution_count,
        )
        for cell in cells
    )
