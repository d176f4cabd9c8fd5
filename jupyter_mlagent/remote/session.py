"""The session that the server holds for a notebook, as everyone who looks at it shares it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import msgspec

from jupyter_mlagent import events
from jupyter_mlagent.acceptance import Acceptance, Outcome
from jupyter_mlagent.autopilot import Budget
from jupyter_mlagent.errors import MetricError, MlagentError
from jupyter_mlagent.records import Candidate, Cell, Direction, Metric, Operator, Record
from jupyter_mlagent.remote.channel import Channel, Connected, FromServer
from jupyter_mlagent.server import messages
from jupyter_mlagent.settings import SessionSettings

Listener = Callable[[Record], None]
STOPPED = "The request was stopped by somebody else."
LAST = (events.Ranked, events.Failed)


def _nobody(message: Record) -> None:
    del message


class RemoteSession:
    """The methods of `Session` that a front end calls; those that need the server's answer are awaited.

    What others do in the same notebook is told to `listener`.
    """

    def __init__(self, settings: SessionSettings) -> None:
        self.settings = settings
        self.metric: Metric | None = None
        self.listener: Listener = _nobody
        self.working = False
        self.channel: Channel
        self._outstanding: dict[str, Candidate] = {}
        self._mine: asyncio.Queue[Any] | None = None
        self._numbers: dict[str, int] = {}

    def hear(self, message: Record) -> None:
        """Everything that the channel brings."""
        match message:
            case messages.RoomState():
                self.metric, self.working = message.metric, message.working
                self._replay(message)
            case messages.MetricChanged():
                self.metric = message.metric
            case messages.Working():
                self.working = message.working
            case events.Started():
                self._outstanding = {}
            case events.Ranked():
                self._outstanding = {item.proposal.id: item for item in message.candidates}
            case Connected(there=False) if self._mine is not None:
                self._mine.put_nowait(events.Failed(request_id="", message=message.sentence))
            case _:
                pass
        if self._mine is not None and not isinstance(message, messages.RoomState | Connected):
            self._mine.put_nowait(message)
        else:
            self.listener(message)

    def _replay(self, state: messages.RoomState) -> None:
        """What happened since the last request began, for whoever comes later."""
        for raw in (*state.search, *state.events):
            with contextlib.suppress(msgspec.ValidationError):
                event = msgspec.convert(raw, FromServer)
                if isinstance(event, events.Ranked):
                    self._outstanding = {item.proposal.id: item for item in event.candidates}
                self.listener(event)

    # -- metric

    async def set_metric(
        self, cells: Sequence[Cell], expression: str | None = None, direction: Direction | None = None
    ) -> Metric:
        """Raises MetricError."""
        try:
            await self.channel.ask(
                lambda id: messages.SetMetric(
                    id=id, cells=tuple(cells), expression=expression, direction=direction
                )
            )
        except MlagentError as error:
            raise MetricError(str(error)) from error
        if self.metric is None:
            raise MetricError("The server took no metric; name one.")
        return self.metric

    # -- propose

    async def suggest(
        self,
        cells: Sequence[Cell],
        *,
        candidates: int | None = None,
        hint: str = "",
        operator: Operator | None = None,
        **others: Any,
    ) -> AsyncGenerator[events.SuggestEvent]:
        """The last event is `Ranked` or `Failed`. Closing the iterator stops the request, for everyone."""
        del others
        wish = messages.Ask(
            cells=tuple(cells),
            hint=hint,
            candidates=candidates or self.settings.candidates,
            operator=operator,
            allow_unguarded=self.settings.allow_unguarded,
        )
        begun = False
        async with contextlib.aclosing(self.follow(wish)) as stream:
            async for message in stream:
                if isinstance(message, messages.Working):
                    if begun and not message.working:
                        yield events.Failed(request_id="", message=STOPPED)
                        return
                    begun = message.working
                elif isinstance(message, messages.Judged | messages.MetricChanged | messages.EngineChanged):
                    self.listener(message)
                elif isinstance(message, events.SuggestEvent):
                    yield message
                    if isinstance(message, LAST):
                        return

    async def follow(self, wish: Record) -> AsyncGenerator[Any]:
        """Say it, then hear everything until the iterator is closed; closed early it stops the work."""
        self._mine = asyncio.Queue()
        finished = False
        try:
            self.channel.say(wish)
            while True:
                message = await self._mine.get()
                finished = isinstance(message, LAST)
                yield message
        finally:
            self._mine = None
            if not finished:
                with contextlib.suppress(MlagentError):
                    self.channel.say(messages.Stop())

    def flight(self, cells: Sequence[Cell], budget: Budget) -> messages.Fly:
        """What is said to the server's autopilot."""
        return messages.Fly(
            cells=tuple(cells),
            steps=budget.steps,
            seconds=budget.seconds,
            candidates=budget.candidates,
            allow_unguarded=self.settings.allow_unguarded,
        )

    # -- verdicts

    def candidate(self, proposal_id: str) -> Candidate:
        try:
            return self._outstanding[proposal_id]
        except KeyError:
            raise MlagentError(
                f"There is no proposal '{proposal_id}' waiting; ask for suggestions again."
            ) from None

    async def accept(
        self, proposal_id: str, cells: Sequence[Cell], *, edited_source: str | None = None
    ) -> Acceptance:
        answer = await self.channel.ask(
            lambda id: messages.Accept(
                id=id, proposal_id=proposal_id, cells=tuple(cells), edited_source=edited_source
            )
        )
        acceptance: Acceptance = answer.acceptance
        return acceptance

    async def confirm(self, acceptance: Acceptance) -> Outcome:
        found = await self.channel.ask(lambda id: messages.Ran(id=id, proposal_id=acceptance.proposal_id))
        return Outcome(metric_after=found.metric_after, matches=found.matches, message=found.message)

    async def reject(self, proposal_id: str, reason: str = "") -> None:
        await self.channel.ask(lambda id: messages.Reject(id=id, proposal_id=proposal_id, reason=reason))
        self._outstanding.pop(proposal_id, None)

    def undo(self, proposal_id: str) -> None:
        with contextlib.suppress(MlagentError):
            self.channel.say(messages.Undo(proposal_id=proposal_id))
