"""One notebook's session on the server: who looks at it, what it is doing, and what a reloaded page needs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Protocol

from jupyter_mlagent import events
from jupyter_mlagent.acceptance import Acceptance, StaleProposalError
from jupyter_mlagent.autopilot import gain_of
from jupyter_mlagent.errors import KernelError, MlagentError
from jupyter_mlagent.journal import Journal
from jupyter_mlagent.metrics import found_metrics
from jupyter_mlagent.records import Cell, Record, Verdict
from jupyter_mlagent.search.commands import SearchAnswer, SearchCommand, obey
from jupyter_mlagent.server import messages
from jupyter_mlagent.server.completion import Completions
from jupyter_mlagent.server.engine import SharedEngine
from jupyter_mlagent.server.exploration import NO_SEARCH, Exploration
from jupyter_mlagent.server.kernels import NoKernel
from jupyter_mlagent.server.log import EventLog
from jupyter_mlagent.server.remote_notebook import RemoteNotebook
from jupyter_mlagent.session import Session
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.trial.api import TrialRunner

UNEXPECTED = "The request failed for a reason that is a fault of mlagent; the server's log has the details."
KERNEL_LOST = "The kernel was restarted since this was tried; run your cells and ask again."

Listener = Callable[[Record], None]


class TrialSource(Protocol):
    """Where rooms get trial runners for kernels (see `ServerTrials`)."""

    def process_of(self, kernel_id: str) -> object: ...

    async def open(self, kernel_id: str) -> TrialRunner: ...


class Room:
    """Survives page reloads and kernel restarts; one request or flight at a time.

    Listeners (one a page) hear every event; answers go to the page that asked.
    """

    def __init__(
        self, notebook: str, engine: SharedEngine, trials: TrialSource, journal: Journal | None
    ) -> None:
        self.session = Session(notebook, engine=engine, trials=NoKernel(), journal=journal)
        self.completions = Completions(engine, notebook)
        self._engine = engine
        self._trials = trials
        self._kernel_id: str | None = None
        self._kernel_process: object = None
        self._listeners: list[Listener] = []
        self._log = EventLog()
        self._work: asyncio.Task[None] | None = None
        self._remote: RemoteNotebook | None = None
        self._exploration: Exploration | None = None
        self._searching = False
        self._trying = asyncio.Lock()
        self._acceptances: dict[str, Acceptance] = {}

    # -- who looks

    def join(self, listener: Listener) -> messages.RoomState:
        self._listeners.append(listener)
        return self.state

    def leave(self, listener: Listener) -> None:
        """A page closed; a flight that it applied steps for ends, since nobody else can."""
        self._listeners.remove(listener)
        if self._remote is not None and self._remote.page == listener:
            self._stop_soon()

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    @property
    def state(self) -> messages.RoomState:
        return messages.RoomState(
            metric=self.session.metric,
            working=self._working,
            flying=self._flying,
            events=self._log.events,
            engine=self._engine.status,
            journal_problem=self.session.journal_problem,
            searching=self._searching,
            search=() if self._exploration is None else self._exploration.told,
        )

    @property
    def _working(self) -> bool:
        return self._work is not None

    @property
    def _flying(self) -> bool:
        return self._remote is not None

    def tell(self, message: Record) -> None:
        for listener in tuple(self._listeners):
            listener(message)

    def _happened(self, event: Record) -> None:
        self._log.add(event)
        self.tell(event)

    # -- proposing

    def hello(self, kernel_id: str | None) -> None:
        self._kernel_id = kernel_id

    async def ask(self, wish: messages.Ask) -> None:
        """Start a request; one under way ends first, but no search."""
        self._leave_the_search_alone()
        await self.stop()
        self._begin(self._follow(self._suggest(wish), wish.allow_unguarded))

    async def fly(self, wish: messages.Fly, page: Listener) -> None:
        """Start the autopilot; `page` puts its cells in and runs them."""
        self._leave_the_search_alone()
        await self.stop()
        self._remote = RemoteNotebook(page, wish.cells, self.session)
        self._begin(self._follow(self._flight(wish, self._remote), wish.allow_unguarded))

    async def explore(self, wish: messages.Explore) -> None:
        """Start a search; it needs no page until a path of it is kept."""
        self._leave_the_search_alone()
        await self.stop()
        exploration = Exploration(self.session, wish)
        self._exploration, self._searching = exploration, True
        self._begin(self._follow(self._explored(exploration, wish), wish.allow_unguarded))

    def steer(self, command: SearchCommand) -> SearchAnswer | None:
        """Do what a page says to the search; raises MlagentError for a node there is not."""
        return obey(self.exploration.search, command)

    async def keep(self, wish: messages.SearchKeep, page: Listener) -> None:
        """End the search and have `page` put one of its paths into the notebook."""
        exploration = self.exploration
        exploration.search.path(wish.node)
        exploration.search.stop()
        if self._work is not None:
            await asyncio.wait({self._work})
        self._remote = RemoteNotebook(page, wish.cells, self.session)
        unguarded = self.session.settings.allow_unguarded
        self._begin(self._follow(exploration.keep(wish.node, self._remote), unguarded))

    @property
    def exploration(self) -> Exploration:
        """The search under way, or the last one; raises MlagentError when there was none."""
        if self._exploration is None:
            raise MlagentError(NO_SEARCH)
        return self._exploration

    def _leave_the_search_alone(self) -> None:
        if self._searching:
            raise MlagentError("A search over this notebook is under way; stop it first.")

    async def stop(self) -> None:
        """End the request or flight under way, and wait until it has let go of the kernel."""
        work = self._work
        if work is not None:
            work.cancel()
            await asyncio.wait({work})

    def _stop_soon(self) -> None:
        if self._work is not None:
            self._work.cancel()

    def applied(self, answer: messages.Applied) -> None:
        if self._remote is not None:
            self._remote.applied(answer)

    def _begin(self, work: Awaitable[None]) -> None:
        self._log.clear()
        task = asyncio.ensure_future(work)
        self._work = task
        self.tell(messages.Working(working=True, flying=self._flying, searching=self._searching))
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[None]) -> None:
        if self._work is task:
            self._work = self._remote = None
            self._searching = False
            self.tell(messages.Working(working=False, flying=False))

    async def _follow(self, stream: AsyncGenerator[Record], allow_unguarded: bool) -> None:
        async with self._trying:
            self.session.settings = SessionSettings(allow_unguarded=allow_unguarded)
            try:
                await self._reach_kernel()
                async with contextlib.aclosing(stream):
                    async for event in stream:
                        self._happened(event)
            except MlagentError as error:
                self._happened(events.Failed(request_id="", message=str(error)))
            except asyncio.CancelledError:
                self._happened(events.Notice(text="Stopped."))
                raise
            except Exception:
                logging.getLogger(__name__).exception("A request for %s failed", self.session.notebook)
                self._happened(events.Failed(request_id="", message=UNEXPECTED))

    async def _suggest(self, wish: messages.Ask) -> AsyncGenerator[Record]:
        stream = self.session.suggest(
            wish.cells,
            candidates=wish.candidates,
            hint=wish.hint,
            operator=wish.operator,
            focus_cell_id=wish.focus_cell_id,
        )
        with contextlib.suppress(MlagentError):
            self._need_metric(wish.cells)
        async with contextlib.aclosing(stream):
            async for event in stream:
                yield event

    async def _explored(self, exploration: Exploration, wish: messages.Explore) -> AsyncGenerator[Record]:
        self._need_metric(wish.cells)
        async with contextlib.aclosing(exploration.events()) as stream:
            async for event in stream:
                yield event

    def _need_metric(self, cells: tuple[Cell, ...]) -> None:
        """Find one where none is set; raises MetricError when there is none to be found."""
        if self.session.metric is None:
            self.session.set_metric(cells)
            self.tell(messages.MetricChanged(metric=self.session.metric))

    async def _flight(self, wish: messages.Fly, notebook: RemoteNotebook) -> AsyncGenerator[Record]:
        from jupyter_mlagent.autopilot import Budget, fly

        self._need_metric(wish.cells)
        budget = Budget(steps=wish.steps, seconds=wish.seconds, candidates=wish.candidates)
        async with contextlib.aclosing(fly(self.session, notebook, budget)) as stream:
            async for event in stream:
                yield event

    def _kernel_lost(self) -> bool:
        """Whether the kernel that the proposals were tried in was restarted or exchanged since."""
        if self._kernel_id is None or self._kernel_process is None:
            return False
        try:
            return self._trials.process_of(self._kernel_id) != self._kernel_process
        except KernelError:
            return True

    async def _reach_kernel(self) -> None:
        """Trials in the kernel that the notebook has now, which may have been exchanged or restarted."""
        if self._kernel_id is None:
            raise KernelError("This notebook has no running kernel; start one and ask again.")
        process = self._trials.process_of(self._kernel_id)
        if process != self._kernel_process:
            self._kernel_process = None
            await self.session.use_trials(await self._trials.open(self._kernel_id))
            self._kernel_process = process

    # -- verdicts

    def accept(self, wish: messages.Accept) -> messages.Accepted | messages.Problem:
        if self._kernel_lost():
            return messages.Problem(id=wish.id, message=KERNEL_LOST, stale=True)
        try:
            acceptance = self.session.accept(wish.proposal_id, wish.cells, edited_source=wish.edited_source)
        except MlagentError as error:
            return messages.Problem(
                id=wish.id, message=str(error), stale=isinstance(error, StaleProposalError)
            )
        self._acceptances[wish.proposal_id] = acceptance
        verdict = Verdict.ACCEPTED if acceptance.tried else Verdict.EDITED
        self._happened(messages.Judged(proposal_id=wish.proposal_id, verdict=verdict))
        gain = gain_of(acceptance.expected, self.session.metric)
        return messages.Accepted(id=wish.id, acceptance=acceptance, gain=gain)

    async def ran(self, wish: messages.Ran) -> None:
        """Measure again after an accepted cell ran, and tell everyone how it compares with its trial."""
        acceptance = self._acceptances.get(wish.proposal_id)
        if acceptance is None:
            raise MlagentError("That proposal was not accepted here; nothing to compare.")
        async with self._trying:
            await self._reach_kernel()
            outcome = await self.session.confirm(acceptance)
        self._happened(
            messages.Measured(
                id=wish.id,
                proposal_id=wish.proposal_id,
                metric_after=outcome.metric_after,
                matches=outcome.matches,
                message=outcome.message,
            )
        )

    def reject(self, wish: messages.Reject) -> messages.Done:
        self.session.reject(wish.proposal_id, wish.reason)
        self._happened(messages.Judged(proposal_id=wish.proposal_id, verdict=Verdict.REJECTED))
        return messages.Done(id=wish.id)

    def undo(self, wish: messages.Undo) -> None:
        self.session.undo(wish.proposal_id)

    # -- metric

    def find_metrics(self, wish: messages.FindMetrics) -> messages.FoundMetrics:
        found = found_metrics(wish.cells)
        return messages.FoundMetrics(
            id=wish.id,
            metrics=tuple(
                messages.FoundMetric(expression=one.expression, direction=one.direction, origin=one.origin)
                for one in found
            ),
        )

    def set_metric(self, wish: messages.SetMetric) -> messages.Done:
        self.session.set_metric(wish.cells, wish.expression, wish.direction)
        self.tell(messages.MetricChanged(metric=self.session.metric))
        return messages.Done(id=wish.id)

    async def close(self) -> None:
        await self.stop()
        await self.completions.close()
        await self.session.close()
