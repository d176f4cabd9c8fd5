"""Asking for proposals and deciding on them: the session's calls, with the notebook kept in step."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from jupyter_mlagent import events
from jupyter_mlagent.errors import MetricError, MlagentError
from jupyter_mlagent.records import Direction, Metric, Operator, Verdict
from mlagent_tui.desk.bugs import bug_sentence
from mlagent_tui.desk.events import BoardChanged, CellsChanged, MetricWanted, Said, Severity, StatusChanged
from mlagent_tui.desk.status import KernelState
from mlagent_tui.proposals.board import Board

if TYPE_CHECKING:
    from jupyter_mlagent.workbench import Workbench
    from mlagent_tui.desk.desk import Desk


T = TypeVar("T")


async def settled(answer: T | Awaitable[T]) -> T:
    """A session on this machine answers at once, one on a server when it has heard from there."""
    return await answer if isinstance(answer, Awaitable) else answer


class Proposer:
    """One request at a time. Methods raise MlagentError with one sentence when they cannot be done now."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.board = Board()
        self._task: asyncio.Task[None] | None = None

    @property
    def working(self) -> bool:
        return self._task is not None and not self._task.done()

    # -- asking

    def ask(self, hint: str = "") -> None:
        """Start a request; the board tells how it goes. Runs the notebook first when nothing has run yet."""
        if self.working:
            raise MlagentError("A request is under way; stop it first.")
        if self._desk.pilot.flying:
            raise MlagentError("The autopilot is at work; stop it first.")
        if self._desk.explorer.searching:
            raise MlagentError("A search is under way; stop it first.")
        self._task = asyncio.create_task(self._work(hint))

    async def finished(self) -> None:
        """Wait for the request under way."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def stop(self) -> None:
        """End the request under way and its trial."""
        if self.working and self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self.board.stop()
            self._changed()

    async def _work(self, hint: str) -> None:
        self.board.begin()
        self._changed()
        try:
            workbench = await self._desk.ready()
            operator = await self.prepare(workbench)
            if operator is None and workbench.session.metric is None:
                self.board.stop()
                return
            stream = workbench.session.suggest(workbench.cells, hint=hint, operator=operator)
            async with contextlib.aclosing(stream):
                async for event in stream:
                    self.hear(event)
        except MlagentError as error:
            self.hear(events.Failed(request_id="", message=str(error)))
        except Exception as error:
            self.hear(events.Failed(request_id="", message=bug_sentence(error)))
        finally:
            self._doing("")
            self._changed()

    def hear(self, event: events.SuggestEvent) -> None:
        """Take an event of a request, of the autopilot's too."""
        self.board.hear(event)
        match event:
            case events.Started():
                self._desk.model_is(event.model)
                self._desk.status.metric_value = event.metric_before
                self._doing("proposing")
            case events.Ranked():
                self._doing("")
            case events.Failed():
                self._doing("")
                self._desk.post(Said(event.message, Severity.ERROR))
            case _:
                pass
        self._changed()

    async def prepare(self, workbench: Workbench) -> Operator | None:
        """Run the notebook if nothing ran, settle the metric. `debug` when a cell raised before any metric.

        Without either, the person is asked for a metric.
        """
        desk = self._desk
        assert desk.runner is not None
        if not desk.runner.executed:
            self._doing("running the notebook")
            await desk.runner.run(workbench, [face.id for face in desk.faces if face.kind == "code"])
            if desk.status.kernel is KernelState.DEAD:
                raise MlagentError("The kernel died; restart it first.")
            self._doing("proposing")
        if workbench.session.metric is not None:
            return None
        try:
            self._metric_is(await settled(workbench.session.set_metric(workbench.notebook.cells)))
        except MetricError as error:
            if any(cell.errored for cell in workbench.notebook.cells):
                return Operator.DEBUG
            desk.post(MetricWanted(str(error)))
        return None

    async def set_metric(self, expression: str, direction: Direction | None) -> None:
        """Raises MetricError when the expression will not do."""
        workbench = await self._desk.ready()
        wanted = workbench.session.set_metric(workbench.notebook.cells, expression or None, direction)
        self._metric_is(await settled(wanted))
        self._desk.status.metric_value = None

    def _metric_is(self, metric: Metric) -> None:
        self._desk.status.metric = metric
        self._desk.post(StatusChanged())

    # -- deciding

    async def accept(self, proposal_id: str, *, edited: str | None = None, run: bool = True) -> None:
        """Put it into the notebook, and run exactly that unless told not to."""
        from jupyter_mlagent.autopilot import gain_of

        desk = self._desk
        workbench = await desk.ready()
        document = desk.editable()
        candidate = workbench.session.candidate(proposal_id)
        cells = workbench.notebook.cells
        acceptance = await settled(workbench.session.accept(proposal_id, cells, edited_source=edited))
        gain = gain_of(candidate, workbench.session.metric)
        if not acceptance.tried:
            gain = msgspec.structs.replace(gain, before=None, after=None)
        cell_id = workbench.insert(acceptance, gain)

        def back() -> str:
            workbench.undo()
            row = self.board.row(proposal_id)
            if row is not None:
                row.undone = True
            self._changed()
            return acceptance.anchor.cell_id

        document.changed("the accepted step", back)
        desk.post(CellsChanged(select=cell_id))
        self._judged(proposal_id, Verdict.ACCEPTED if acceptance.tried else Verdict.EDITED)
        if not run:
            desk.post(Said("Accepted; it has not run yet."))
            return
        await desk.run([cell_id])
        if desk.status.kernel is KernelState.DEAD:
            return
        outcome = await workbench.session.confirm(acceptance)
        desk.status.metric_value = outcome.metric_after
        desk.post(StatusChanged())
        desk.post(Said(outcome.message, Severity.INFORMATION if outcome.matches else Severity.WARNING))

    async def reject(self, proposal_id: str) -> None:
        workbench = self._desk.workbench
        if workbench is None:
            raise MlagentError("There is no session any more; ask again.")
        session: Any = workbench.session
        await settled(session.reject(proposal_id))
        self._judged(proposal_id, Verdict.REJECTED)

    def _judged(self, proposal_id: str, verdict: Verdict) -> None:
        row = self.board.row(proposal_id)
        if row is not None:
            row.verdict = verdict
        self._changed()

    def overhear(self, message: Any) -> None:
        """What somebody else's front end does in the same notebook: it is shown here as well."""
        from jupyter_mlagent.server import messages

        match message:
            case messages.MetricChanged() | messages.RoomState():
                if message.metric is not None:
                    self._metric_is(message.metric)
            case messages.Judged():
                self._judged(message.proposal_id, message.verdict)
            case messages.Measured():
                self._desk.status.metric_value = message.metric_after
                self._desk.post(StatusChanged())
            case messages.Problem():
                self._desk.post(Said(message.message, Severity.WARNING))
            case messages.Working():
                self._doing("somebody else asks" if message.working else "")
            case _ if isinstance(message, events.SuggestEvent):
                if isinstance(message, events.Started):
                    self.board.begin()
                    self._desk.post(BoardChanged(begins=True))
                with contextlib.suppress(KeyError):  # of a request whose beginning was missed
                    self.hear(message)
            case _:
                pass

    def _doing(self, words: str) -> None:
        self._desk.status.doing = words
        self._desk.post(StatusChanged())

    def _changed(self) -> None:
        self._desk.post(BoardChanged())
