"""The workbench's notebook for whoever changes it step by step, with the screen told of every change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlagent_tui.desk.events import CellsChanged

if TYPE_CHECKING:
    from jupyter_mlagent.acceptance import Acceptance
    from jupyter_mlagent.notebook import Gain
    from jupyter_mlagent.records import Cell
    from jupyter_mlagent.workbench import Applied, Workbench
    from mlagent_tui.desk.desk import Desk


class NotebookOnScreen:
    """What the autopilot and the search put their cells into."""

    def __init__(self, desk: Desk, workbench: Workbench) -> None:
        self._desk = desk
        self._workbench = workbench

    @property
    def cells(self) -> tuple[Cell, ...]:
        return self._workbench.cells

    async def apply(self, acceptance: Acceptance, gain: Gain | None = None) -> Applied:
        applied = await self._workbench.apply(acceptance, gain)
        self._desk.editable().modified = True
        self._desk.post(CellsChanged(select=applied.cell_id))
        return applied

    def undo(self) -> bool:
        undone = self._workbench.undo()
        self._desk.post(CellsChanged())
        return undone
