"""A command to the worker while it is under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from jupyter_mlagent.engine.api import GenerateDone
from jupyter_mlagent.engine.diagnosis import Death
from jupyter_mlagent.engine.protocol import (
    AdapterSet,
    Cancelled,
    Embedded,
    Event,
    Failed,
    Generated,
    TokensCounted,
)
from jupyter_mlagent.errors import EngineError


class WorkerDied(Exception):  # noqa: N818 - an event, not a mistake
    """The worker ended before it answered."""

    def __init__(self, death: Death) -> None:
        super().__init__(f"exit status {death.returncode}")
        self.death = death


class Call:
    """A command under way: its events in order, the last of them terminal."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel = cancel
        self._events: asyncio.Queue[Event | WorkerDied] = asyncio.Queue()
        self._on_end: Callable[[], None] | None = None
        self.ended = False

    def put(self, event: Event | WorkerDied) -> None:
        self._events.put_nowait(event)
        if _is_terminal(event) and not self.ended:
            self.ended = True
            if self._on_end:
                self._on_end()

    def cancel(self) -> None:
        """Ask the worker to stop; the call ends when it says so."""
        self._cancel()

    def when_ended(self, action: Callable[[], None]) -> None:
        """Call `action` once the terminal event is in, which it is not yet."""
        self._on_end = action

    async def events(self) -> AsyncIterator[Event]:
        """Events up to and including the terminal one.

        Raises EngineError when the worker refuses the command, WorkerDied when it ends.
        """
        while True:
            event = await self._events.get()
            if isinstance(event, WorkerDied):
                raise event
            if isinstance(event, Failed):
                raise EngineError(event.reason)
            yield event
            if _is_terminal(event):
                return

    async def answer(self) -> Event:
        """The one event of a command that has a single answer."""
        async for event in self.events():
            return event
        raise AssertionError("a call ends with a terminal event")


def _is_terminal(event: Event | WorkerDied) -> bool:
    if isinstance(event, Generated):
        return isinstance(event.event, GenerateDone)
    return isinstance(event, WorkerDied | Failed | Cancelled | TokensCounted | Embedded | AdapterSet)
