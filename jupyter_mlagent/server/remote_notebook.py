"""A notebook that is open in a browser, as the autopilot sees it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

from jupyter_mlagent.acceptance import Acceptance
from jupyter_mlagent.errors import NotebookError
from jupyter_mlagent.notebook import Gain
from jupyter_mlagent.records import Cell, Record
from jupyter_mlagent.server import messages
from jupyter_mlagent.session import Session
from jupyter_mlagent.workbench import Applied


class RemoteNotebook:
    """Cells are put in and run by `page`; its answers come through `applied`."""

    def __init__(self, page: Callable[[Record], None], cells: tuple[Cell, ...], session: Session) -> None:
        self.page = page
        self._cells = cells
        self._session = session
        self._numbers = itertools.count(1)
        self._awaited: dict[int, asyncio.Future[messages.Applied]] = {}
        self._kept: list[tuple[str, str]] = []

    @property
    def cells(self) -> tuple[Cell, ...]:
        return self._cells

    async def apply(self, acceptance: Acceptance, gain: Gain | None = None) -> Applied:
        """Raises NotebookError when the page cannot put the cell in or run it."""
        assert gain is not None
        number = next(self._numbers)
        answer: asyncio.Future[messages.Applied] = asyncio.get_running_loop().create_future()
        self._awaited[number] = answer
        self.page(messages.Apply(id=number, acceptance=acceptance, gain=gain))
        try:
            done = await answer
        finally:
            del self._awaited[number]
        if done.problem:
            raise NotebookError(done.problem)
        self._cells = done.cells
        self._kept.append((acceptance.proposal_id, done.cell_id))
        outcome = await self._session.confirm(acceptance)
        return Applied(cell_id=done.cell_id, run=done.run, outcome=outcome)

    def applied(self, answer: messages.Applied) -> None:
        awaited = self._awaited.get(answer.id)
        if awaited is not None and not awaited.done():
            awaited.set_result(answer)

    def undo(self) -> bool:
        if not self._kept:
            return False
        proposal_id, cell_id = self._kept.pop()
        self._cells = tuple(cell for cell in self._cells if cell.id != cell_id)
        self.page(messages.Retract(cell_id=cell_id))
        self._session.undo(proposal_id)
        return True
