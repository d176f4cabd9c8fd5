"""The view, and over one of its cells the editor."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container

from mlagent_tui.notebook.cell_paint import GUTTER
from mlagent_tui.notebook.editor import CellEditor
from mlagent_tui.notebook.view import NotebookView

LEAST_ROWS = 2


class NotebookPane(Container):
    """One editor at a time."""

    def compose(self) -> ComposeResult:
        yield NotebookView(id="notebook")
        # Always there and hidden: a text area that is taken out can still be asked to draw itself once more.
        yield CellEditor(id="cell-editor")

    @property
    def view(self) -> NotebookView:
        return self.query_one(NotebookView)

    @property
    def editor(self) -> CellEditor | None:
        """The editor while it is open."""
        editor = self.query_one(CellEditor)
        return editor if editor.has_class("-open") else None

    def edit(self, cell_id: str, source: str, kind: str) -> None:
        self.view.select(cell_id)
        editor = self.query_one(CellEditor)
        editor.add_class("-open")
        editor.open(cell_id, source, python=kind == "code")
        self._place(editor)
        editor.focus()
        self.call_after_refresh(self._place, editor)

    def close_editor(self) -> None:
        self.query_one(CellEditor).remove_class("-open")
        self.view.focus()

    def on_text_area_changed(self) -> None:
        if self.editor is not None:
            self._place(self.editor)

    def on_resize(self) -> None:
        if self.editor is not None:
            self.call_after_refresh(self._place, self.editor)

    def _place(self, editor: CellEditor) -> None:
        """Over the cell's text; a long text takes the height there is and scrolls."""
        room = max(LEAST_ROWS, self.size.height - 1)
        region = self.view.text_region(editor.cell_id)
        rows = min(room, max(LEAST_ROWS, editor.wrapped_document.height + 1, min(region.height, 4)))
        top = max(0, min(region.y, room - rows))
        editor.styles.offset = (GUTTER - 1, top)
        editor.styles.width = max(20, self.size.width - GUTTER)
        editor.styles.height = rows
