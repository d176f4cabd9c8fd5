"""Flies: the core's `fly` over the notebook on the screen."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from jupyter_mlagent.errors import MlagentError
from mlagent_tui.desk.bugs import bug_sentence
from mlagent_tui.desk.events import CellsChanged, Flown, MetricWanted, Said, Severity, StatusChanged
from mlagent_tui.desk.onscreen import NotebookOnScreen

if TYPE_CHECKING:
    from jupyter_mlagent.autopilot import Budget, FlightEvent
    from jupyter_mlagent.workbench import Workbench
    from mlagent_tui.autopilot.flight import Flight
    from mlagent_tui.desk.desk import Desk


class Pilot:
    """One flight at a time; the last one's record stays until the next."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.flight: Flight | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def flying(self) -> bool:
        return self._task is not None and not self._task.done()

    def start(self, budget: Budget) -> None:
        """Raises MlagentError while something else is under way."""
        from mlagent_tui.autopilot.flight import Flight

        if self._desk.busy or self._desk.explorer.searching:
            raise MlagentError("Something is under way; stop it first.")
        self.flight = Flight(budget)
        self._task = asyncio.create_task(self._work(budget, self.flight))

    async def finished(self) -> None:
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def stop(self) -> None:
        """At once; what was kept stays."""
        if self.flying and self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self, budget: Budget, flight: Flight) -> None:
        desk = self._desk
        board = desk.proposer.board
        try:
            workbench = await desk.ready()
            await desk.proposer.prepare(workbench)
            if workbench.session.metric is None:
                flight.ended = "it needs a metric"
                desk.post(MetricWanted("The autopilot needs a metric to know what is better.", go_on=False))
                return
            notebook = NotebookOnScreen(desk, workbench)
            async with contextlib.aclosing(workbench.fly(notebook, budget)) as events:
                async for event in events:
                    self._hear(event, flight, workbench)
        except MlagentError as error:
            flight.ended = str(error)
            desk.post(Said(str(error), Severity.ERROR))
        except Exception as error:
            flight.ended = bug_sentence(error)
            desk.post(Said(flight.ended, Severity.ERROR))
        finally:
            flight.stopped()
            board.stop()
            desk.status.doing = ""
            desk.post(StatusChanged())
            desk.post(CellsChanged())

    def _hear(self, event: FlightEvent, flight: Flight, workbench: Workbench) -> None:
        from jupyter_mlagent.autopilot import FlightEnded, StepBegan, StepKept, StepSkipped

        desk = self._desk
        flight.hear(event)
        match event:
            case StepBegan():
                desk.proposer.board.begin()
                desk.status.doing = f"autopilot: step {event.step} of {flight.budget.steps}"
                desk.post(StatusChanged())
            case StepKept():
                desk.status.metric_value = event.metric_after
                desk.editable().changed("the autopilot's step", lambda: _took_back(workbench))
                desk.post(CellsChanged(select=event.cell_id))
            case StepSkipped():
                desk.post(CellsChanged())
            case FlightEnded():
                pass
            case _:
                desk.proposer.hear(event)
        desk.post(Flown(event))


def _took_back(workbench: Workbench) -> None:
    workbench.undo()
