"""What keys do to cells and to the file: run, edit, insert, delete, undo, save."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.notebook.write import NotebookChangedError
from mlagent_tui.desk.events import CellsChanged, Said, StatusChanged
from mlagent_tui.desk.status import KernelState
from mlagent_tui.deskscreen import DeskScreen
from mlagent_tui.dialogs.choice import Answer, ChoiceScreen
from mlagent_tui.notebook.face import CellFace
from mlagent_tui.notebook.pane import NotebookPane
from mlagent_tui.notebook.view import NotebookView

if TYPE_CHECKING:
    from mlagent_tui.notebook.editor import CellEditor

CHANGED = "This notebook was saved by another program since it was read."


class CellActions(DeskScreen):
    """Actions of the notebook screen; the bindings stand there."""

    @property
    def pane(self) -> NotebookPane:
        return self.query_one(NotebookPane)

    @property
    def view(self) -> NotebookView:
        return self.pane.view

    @property
    def _cell(self) -> CellFace | None:
        return self.view.selected

    # -- running

    def action_run_cell(self) -> None:
        if self._cell is None:
            return
        cell_id = self._cell.id
        self.view.action_move(1)
        self.attempt(self.desk.run([cell_id]), group="run")

    def action_run_all(self) -> None:
        self.attempt(self.desk.run([face.id for face in self.desk.faces if face.kind == "code"]), group="run")

    def action_interrupt(self) -> None:
        if not self.desk.busy:
            self.notify("Nothing is running. q leaves.")
            return
        self.attempt(self._interrupt())

    async def _interrupt(self) -> None:
        await self.desk.stop()
        if self.desk.runner is not None and self.desk.runner.busy:
            await self.desk.interrupt()

    def action_restart(self) -> None:
        def answered(answer: str | None) -> None:
            if answer == "restart":
                self.attempt(self._restart())

        if self.desk.status.kernel in (KernelState.DEAD, KernelState.ABSENT):
            self.attempt(self._restart())
            return
        question = "Restart the kernel?"
        answers = [Answer("r", "Restart", "restart", danger=True), Answer("c", "Cancel", "cancel")]
        self.app.push_screen(
            ChoiceScreen(question, answers, detail="Its variables are lost; the notebook stays as it is."),
            answered,
        )

    async def _restart(self) -> None:
        await self.desk.restart()
        self.desk.post(Said("The kernel is a fresh one."))

    # -- editing

    def action_edit(self) -> None:
        if self._cell is None:
            return
        try:
            document = self.desk.editable()
            self.pane.edit(self._cell.id, document.source(self._cell.id), self._cell.kind)
        except MlagentError as error:
            self.desk.post(Said(str(error)))

    def on_notebook_view_opened(self) -> None:
        self.action_edit()

    def on_cell_editor_left(self, event: CellEditor.Left) -> None:
        self.pane.close_editor()
        if event.how != "discard":
            self.try_to(lambda: self._keep(event.cell_id, event.text))
        if event.how == "run":
            self.attempt(self.desk.run([event.cell_id]), group="run")

    def action_edit_outside(self) -> None:
        self.try_to(self._edit_outside)

    def _edit_outside(self) -> None:
        from mlagent_tui.notebook.external import edited, editor_command

        if self._cell is None:
            return
        cell = self._cell
        document = self.desk.editable()
        command = editor_command(self.mlagent.settings.editor)
        with self.app.suspend():
            text = edited(document.source(cell.id), command, ".py" if cell.kind == "code" else ".md")
        self._keep(cell.id, text)

    def _keep(self, cell_id: str, text: str) -> None:
        if self.desk.editable().edit(cell_id, text):
            self.desk.post(CellsChanged(select=cell_id))
            self.desk.post(StatusChanged())

    def action_insert(self, above: bool) -> None:
        beside = self._cell.id if self._cell else None
        try:
            cell_id = self.desk.editable().insert(beside, above=above)
        except MlagentError as error:
            self.desk.post(Said(str(error)))
            return
        self.view.show(self.desk.faces, select=cell_id)
        self.desk.post(StatusChanged())
        self.pane.edit(cell_id, "", "code")

    def action_delete(self) -> None:
        if self._cell is not None and self.try_to(lambda: self.desk.editable().delete(self._cell.id)):  # type: ignore[union-attr]
            self.desk.post(CellsChanged())
            self.desk.post(StatusChanged())
            self.desk.post(Said("Deleted the cell; u brings it back."))

    def action_undo(self) -> None:
        self.try_to(self.desk.undo)

    def action_output(self) -> None:
        from mlagent_tui.notebook.pager import PagerScreen

        if self._cell is not None and self._cell.outputs:
            self.app.push_screen(PagerScreen(self._cell))

    # -- the file

    def action_save(self) -> None:
        try:
            self.desk.editable().save()
        except NotebookChangedError as error:
            self.ask_about_disk(str(error))
            return
        except MlagentError as error:
            self.desk.post(Said(str(error)))
            return
        self.desk.post(StatusChanged())
        self.desk.post(Said(f"Saved {self.desk.path.name}."))

    def action_save_as(self) -> None:
        from mlagent_tui.dialogs.line import LineScreen

        path = self.desk.path
        suggested = str(path.with_name(f"{path.stem}-improved.ipynb"))

        def named(name: str | None) -> None:
            if name and self.try_to(lambda: self.desk.editable().save_as(Path(name).expanduser())):
                self.desk.post(StatusChanged())
                self.desk.post(Said(f"Saved a copy as {name}."))

        self.app.push_screen(LineScreen("Save a copy as", value=suggested), named)

    def ask_about_disk(self, sentence: str = CHANGED) -> None:
        """The file is another program's now: nothing is overwritten."""
        if self.desk.document is not None:
            self.desk.document.changed_on_disk()  # asked once: the next look at the file shall not ask again

        def answered(answer: str | None) -> None:
            if answer == "copy":
                self.action_save_as()
            elif answer == "reload":
                self._reload()

        detail = "Your changes are here, unsaved." if self.desk.modified else "You have no unsaved changes."
        answers = [
            Answer("s", "Save a copy", "copy"),
            Answer("l", "Load theirs", "reload", danger=self.desk.modified),
            Answer("c", "Go on", "cancel"),
        ]
        self.app.push_screen(ChoiceScreen(sentence, answers, detail=detail), answered)

    def _reload(self) -> None:
        if self.try_to(self.desk.reload):
            self.desk.post(Said("Loaded what is on disk."))
