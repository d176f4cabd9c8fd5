"""A notebook file, a kernel of its own and a session over both: what the CLI and the terminal app use."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlagent.acceptance import Acceptance, Outcome
from jupyter_mlagent.engine.api import Engine
from jupyter_mlagent.errors import KernelError
from jupyter_mlagent.journal import Journal
from jupyter_mlagent.kernel import CellRun, LocalKernel
from jupyter_mlagent.notebook import Gain, NotebookFile, RemovedCell, open_notebook
from jupyter_mlagent.records import Cell, Record
from jupyter_mlagent.session import Session
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.trial.link import ClientLink
from jupyter_mlagent.trial.runner import KernelTrials

if TYPE_CHECKING:
    from jupyter_mlagent.autopilot import Budget, FlightEvent
    from jupyter_mlagent.autopilot import Notebook as FlownNotebook

MAY_RAISE_TAG = "raises-exception"
"""Jupyter's own tag for cells that are meant to raise."""


class Progress(Record):
    """One code cell of the notebook has run; `position` counts code cells from 1."""

    position: int
    total: int
    run: CellRun


class Applied(Record):
    """An accepted proposal, now a cell of the notebook that has run."""

    cell_id: str
    run: CellRun
    outcome: Outcome


class Workbench:
    """Made by `open_workbench`; cells change in memory until `save_as` or `save`."""

    def __init__(self, notebook: NotebookFile, kernel: LocalKernel, session: Session) -> None:
        self.notebook = notebook
        self.kernel = kernel
        self.session = session
        self._executed: set[str] = set()
        self._undo: list[tuple[str, str, RemovedCell | None]] = []

    @property
    def executed(self) -> frozenset[str]:
        """Ids of the cells that have run in this kernel."""
        return frozenset(self._executed)

    def fly(self, notebook: FlownNotebook, budget: Budget) -> AsyncGenerator[FlightEvent]:
        """The autopilot over `notebook`, which shows what it does; closing the iterator stops it."""
        from jupyter_mlagent.autopilot import fly

        return fly(self.session, notebook, budget)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The notebook up to the last cell that has run: what the kernel's state comes from."""
        cells = self.notebook.cells
        last = max((i for i, cell in enumerate(cells) if cell.id in self._executed), default=-1)
        if last < 0:
            return cells
        rest = cells[last + 1 :]
        following = next((i for i, cell in enumerate(rest) if is_code(cell)), len(rest))
        return cells[: last + 1 + following]

    async def run_notebook(self, on_cell: Callable[[Progress], None] | None = None) -> CellRun | None:
        """Run the code cells that have not run yet, in order; stops at one that raises and returns it.

        Raises KernelError, which names the cell, when the kernel dies under one.
        """
        todo = [cell for cell in self.notebook.cells if is_code(cell)]
        for position, cell in enumerate(todo, start=1):
            if cell.id in self._executed:
                continue
            try:
                run = await self._run(cell.id, cell.source)
            except KernelError as error:
                number = self.notebook.cells.index(cell) + 1
                raise KernelError(f"{error} It was cell {number}.") from error
            if on_cell is not None:
                on_cell(Progress(position=position, total=len(todo), run=run))
            if run.error is not None and not self._may_raise(cell.id):
                return run
        return None

    async def run_cell(self, cell_id: str) -> CellRun:
        """Run one code cell as it stands. Raises NotebookError (it is gone) and KernelError."""
        return await self._run(cell_id, self.notebook.source(cell_id))

    async def restart(self) -> None:
        """A fresh kernel for the same notebook; its outputs stay, its variables are gone."""
        await self.session.trials.close()
        await self.kernel.restart()
        self._executed.clear()
        self.session.trials = KernelTrials(ClientLink(await self.kernel.link_client(), python=None))

    async def apply(self, acceptance: Acceptance, gain: Gain | None = None) -> Applied:
        """Put an accepted proposal into the notebook, run exactly it, and compare with its trial.

        Raises KernelError when the kernel dies; the cell is then in the notebook, without outputs.
        """
        cell_id = self.insert(acceptance, gain)
        run = await self._run(cell_id, acceptance.source)
        return Applied(cell_id=cell_id, run=run, outcome=await self.session.confirm(acceptance))

    def insert(self, acceptance: Acceptance, gain: Gain | None = None) -> str:
        """Put an accepted proposal into the notebook without running it; returns its cell's id."""
        anchor = acceptance.anchor
        removed: RemovedCell | None = None
        if anchor.replaces:
            removed = self.notebook.replace(anchor.cell_id, acceptance.source, gain=gain)
            cell_id = anchor.cell_id
        else:
            cell_id = self.notebook.insert_after(anchor.cell_id or None, acceptance.source, gain=gain)
        self._undo.append((acceptance.proposal_id, cell_id, removed))
        return cell_id

    def undo(self) -> bool:
        """Take the last accepted cell out of the notebook again; what it did in the kernel stays there."""
        if not self._undo:
            return False
        proposal_id, cell_id, removed = self._undo.pop()
        if removed is None:
            self.notebook.remove(cell_id)
        else:
            self.notebook.put_back(removed)
        self.session.undo(proposal_id)
        return True

    async def _run(self, cell_id: str, source: str) -> CellRun:
        run = await self.kernel.run_cell(source)
        self._executed.add(cell_id)
        self.notebook.attach_outputs(cell_id, run.outputs, run.execution_count)
        return run

    def _may_raise(self, cell_id: str) -> bool:
        node = next(cell for cell in self.notebook.node["cells"] if cell["id"] == cell_id)
        return MAY_RAISE_TAG in node["metadata"].get("tags", ())


def is_code(cell: Cell) -> bool:
    return cell.kind == "code" and bool(cell.source.strip())


@contextlib.asynccontextmanager
async def open_workbench(
    path: Path,
    *,
    engine: Engine,
    journal: Journal | None = None,
    settings: SessionSettings | None = None,
    kernelspec: str | None = None,
    description: str = "",
    notebook: NotebookFile | None = None,
    kernel_outlives_us: bool = False,
) -> AsyncIterator[Workbench]:
    """Read the notebook (unless it is given) and start its kernel; kernel and trials end with the context.

    The engine stays open: it belongs to the caller. Raises NotebookError and KernelError.
    """
    notebook = notebook or open_notebook(path)
    kernel = LocalKernel(
        kernelspec or notebook.kernelspec, cwd=path.resolve().parent, outlives_us=kernel_outlives_us
    )
    async with kernel:
        trials = KernelTrials(ClientLink(await kernel.link_client(), python=None))
        session = Session(
            str(path.resolve()),
            engine=engine,
            trials=trials,
            journal=journal,
            settings=settings,
            description=description,
        )
        try:
            yield Workbench(notebook, kernel, session)
        finally:
            await session.close()
