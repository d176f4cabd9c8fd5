"""Cells waiting to run and the one that runs; what it prints is looked at, never pushed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from jupyter_mlagent.errors import KernelError, MlagentError
from jupyter_mlagent.workbench import MAY_RAISE_TAG
from mlagent_tui.desk.bugs import bug_sentence
from mlagent_tui.desk.document import Document
from mlagent_tui.desk.events import CellChanged, Post, Said, Severity
from mlagent_tui.notebook.face import Activity

if TYPE_CHECKING:
    from jupyter_mlagent.workbench import Workbench

LOOK_SECONDS = 0.1
"""How often a running cell's outputs are looked at: 10,000 printed lines cost ten redraws a second."""


class Runner:
    """One cell at a time, in the order asked for; a cell that raises drops those waiting behind it."""

    def __init__(self, document: Document, post: Post, died: Callable[[str], None]) -> None:
        self._document = document
        self._post = post
        self._died = died
        self._waiting: list[str] = []
        self._task: asyncio.Task[None] | None = None
        self.current: str | None = None
        self.live: tuple[Mapping[str, Any], ...] = ()
        self.seconds: dict[str, float] = {}
        self.executed: set[str] = set()

    @property
    def busy(self) -> bool:
        return self._task is not None and not self._task.done()

    def activity(self, cell_id: str) -> Activity:
        if cell_id == self.current:
            return Activity.RUNNING
        return Activity.QUEUED if cell_id in self._waiting else Activity.IDLE

    def run(self, workbench: Workbench, cell_ids: Iterable[str]) -> asyncio.Task[None]:
        """Queue these cells; the task ends when nothing waits any more."""
        for cell_id in cell_ids:
            if cell_id not in self._waiting and cell_id != self.current:
                self._waiting.append(cell_id)
                self._post(CellChanged(cell_id))
        if not self.busy:
            self._task = asyncio.create_task(self._work(workbench))
        assert self._task is not None
        return self._task

    def forget(self) -> None:
        """Nothing waits and nothing has run: the kernel is a new one."""
        self.executed.clear()
        self._drop_waiting()

    async def finished(self) -> None:
        """Until nothing waits any more."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def close(self) -> None:
        self._drop_waiting()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _drop_waiting(self) -> None:
        dropped, self._waiting = self._waiting, []
        for cell_id in dropped:
            self._post(CellChanged(cell_id))

    async def _work(self, workbench: Workbench) -> None:
        while self._waiting:
            cell_id = self._waiting.pop(0)
            try:
                raised = await self._run_one(workbench, cell_id)
            except KernelError as error:
                self._drop_waiting()
                self._died(str(error))
                return
            except MlagentError as error:
                self._post(Said(str(error), Severity.ERROR))
                continue
            except Exception as error:
                self._drop_waiting()
                self._post(Said(bug_sentence(error), Severity.ERROR))
                return
            if raised:
                self._drop_waiting()

    async def _run_one(self, workbench: Workbench, cell_id: str) -> bool:
        """True when the cell raised although nothing says that it may."""
        if self._document.kind(cell_id) != "code" or not self._document.source(cell_id).strip():
            return False
        self.current, self.live = cell_id, ()
        self._post(CellChanged(cell_id))
        watching = asyncio.create_task(self._watch(workbench, cell_id))
        try:
            run = await workbench.run_cell(cell_id)
            self.seconds[cell_id] = run.seconds
            self.executed.add(cell_id)
            self._document.modified = True
            return run.error is not None and not self._may_raise(cell_id)
        finally:
            watching.cancel()
            self.current, self.live = None, ()
            self._post(CellChanged(cell_id))

    async def _watch(self, workbench: Workbench, cell_id: str) -> None:
        seen = (0, 0)
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            outputs = workbench.kernel.live_outputs
            mark = (len(outputs), sum(len(output.get("text", "")) for output in outputs[-1:]))
            if mark != seen:
                seen, self.live = mark, outputs
                self._post(CellChanged(cell_id))

    def _may_raise(self, cell_id: str) -> bool:
        with contextlib.suppress(StopIteration):
            node = next(cell for cell in self._document.notebook.node["cells"] if cell["id"] == cell_id)
            return MAY_RAISE_TAG in node["metadata"].get("tags", ())
        return False
