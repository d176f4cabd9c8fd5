"""The notebook's cells and file: changes with an undo for each, saves that overwrite nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlagent.errors import NotebookError
from jupyter_mlagent.notebook import NotebookFile
from mlagent_tui.notebook.face import CellFace, face_of, faces_of

RECOVERED = "{stem}.recovered-{number}.ipynb"


@dataclass(frozen=True)
class _Change:
    what: str
    back: Callable[[], str | None]
    """Takes the change back; returns the id of the cell to look at."""


class Document:
    """Every method that takes a cell id raises NotebookError when no cell has it."""

    def __init__(self, notebook: NotebookFile) -> None:
        self.notebook = notebook
        self.modified = False
        self._changes: list[_Change] = []
        self._stamp = notebook.glance()
        self._known_change: object = None

    @property
    def path(self) -> Path:
        return self.notebook.path

    @property
    def faces(self) -> tuple[CellFace, ...]:
        return faces_of(self.notebook.node)

    def face(self, cell_id: str) -> CellFace | None:
        """One of them, without making them all."""
        return next((face_of(cell) for cell in self.notebook.node["cells"] if cell["id"] == cell_id), None)

    def source(self, cell_id: str) -> str:
        return str(self._node(cell_id)["source"])

    def kind(self, cell_id: str) -> str:
        return str(self._node(cell_id)["cell_type"])

    def edit(self, cell_id: str, source: str) -> bool:
        """False when the text is what it was."""
        if self.source(cell_id) == source:
            return False
        before = self.notebook.set_source(cell_id, source)

        def back() -> str:
            self.notebook.put_back(before)
            return cell_id

        self.changed("the edit", back)
        return True

    def insert(self, beside: str | None, *, above: bool = False) -> str:
        """An empty code cell; returns its id."""
        order = [str(cell["id"]) for cell in self.notebook.node["cells"]]
        after: str | None = beside
        if above and beside in order:
            position = order.index(beside)
            after = order[position - 1] if position else None
        cell_id = self.notebook.insert_after(after, "")

        def back() -> str | None:
            self.notebook.remove(cell_id)
            return beside

        self.changed("the new cell", back)
        return cell_id

    def delete(self, cell_id: str) -> None:
        removed = self.notebook.remove(cell_id)

        def back() -> str:
            self.notebook.put_back(removed)
            return cell_id

        self.changed("the deletion", back)

    def changed(self, what: str, back: Callable[[], str | None]) -> None:
        """Something changed that `back` undoes."""
        self.modified = True
        self._changes.append(_Change(what, back))

    def undo(self) -> tuple[str, str | None] | None:
        """Take the last change back: what it was, and the cell to look at; None when there is none."""
        if not self._changes:
            return None
        change = self._changes.pop()
        self.modified = True
        return change.what, change.back()

    # -- the file

    def save(self) -> None:
        """Raises NotebookChangedError when the file is not the one that was read; nothing is written then."""
        self.notebook.save()
        self._saved()

    def save_as(self, path: Path) -> None:
        """Write a copy to a new file. Raises NotebookError when it exists."""
        self.notebook.save_as(path)
        self.modified = False

    def rescue(self) -> Path | None:
        """Put unsaved work on disk without asking: in place, or beside it when the file changed meanwhile."""
        if not self.modified:
            return None
        try:
            self.save()
            return self.path
        except NotebookError:
            return self._save_beside()

    def _save_beside(self) -> Path | None:
        for number in range(1, 100):
            target = self.path.with_name(RECOVERED.format(stem=self.path.stem, number=number))
            if target.exists():
                continue
            try:
                self.notebook.save_as(target)
                return target
            except NotebookError:
                return None
        return None

    def reload(self) -> None:
        """Take what is on disk; changes made here are lost. Raises NotebookError."""
        self.notebook = self.notebook.reopened()
        self._changes.clear()
        self._saved()

    def changed_on_disk(self) -> bool:
        """True once for each time another program wrote the file; reads it only when its time moved."""
        stamp = self.notebook.glance()
        if stamp in (self._stamp, self._known_change):
            return False
        self._known_change = stamp
        return self.notebook.written_elsewhere()

    def _saved(self) -> None:
        self.modified = False
        self._stamp = self.notebook.glance()
        self._known_change = None

    def _node(self, cell_id: str) -> Any:
        for cell in self.notebook.node["cells"]:
            if cell["id"] == cell_id:
                return cell
        raise NotebookError("This cell is not in the notebook any more.")
