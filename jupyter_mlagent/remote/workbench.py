"""A notebook, a kernel and a session of a Jupyter server: the same as a workbench on this machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, Protocol

from jupyter_mlagent import events
from jupyter_mlagent.autopilot import Budget, FlightEnded, FlightEvent
from jupyter_mlagent.errors import MlagentError, NotebookError
from jupyter_mlagent.kernel import CellRun
from jupyter_mlagent.records import Cell, Record
from jupyter_mlagent.remote.channel import Channel, Connected
from jupyter_mlagent.remote.kernel import RemoteKernel
from jupyter_mlagent.remote.notebook import RemoteFile
from jupyter_mlagent.remote.server import Server
from jupyter_mlagent.remote.session import RemoteSession
from jupyter_mlagent.server import messages
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.workbench import Workbench

LOOK_SECONDS = 2.0
"""Between two looks at whether somebody saved the notebook."""
NO_RUN = CellRun(outputs=(), execution_count=None, seconds=0.0)


class Undoable(Protocol):
    """Whoever shows the notebook while the autopilot changes it."""

    def undo(self) -> bool: ...


class RemoteWorkbench(Workbench):
    """Made by `join`. The kernel and the session go on when we leave: they are the server's."""

    notebook: RemoteFile
    # The same methods; what asks the server is awaited.
    kernel: RemoteKernel  # type: ignore[assignment]
    session: RemoteSession  # type: ignore[assignment]

    def __init__(
        self, server: Server, notebook: RemoteFile, kernel: RemoteKernel, session: RemoteSession
    ) -> None:
        super().__init__(notebook, kernel, session)  # type: ignore[arg-type]
        self.server = server
        self.channel = Channel(server.address, notebook.remote_path, self._heard)
        session.channel = self.channel

    async def restart(self) -> None:
        """A fresh kernel; another one when the server does not know the old one any more."""
        try:
            await self.kernel.restart()
        except NotebookError:
            wanted = self.notebook.kernelspec
            self.kernel.kernel_id, _ = await self.server.session(self.notebook.remote_path, wanted)
        self._executed.clear()
        self._greet()

    def _heard(self, message: Any) -> None:
        if isinstance(message, Connected) and message.there:
            self._greet()
        self.session.hear(message)

    def _greet(self) -> None:
        self.channel.say(messages.Hello(kernel_id=self.kernel.kernel_id))

    def fly(self, notebook: Undoable, budget: Budget) -> AsyncGenerator[FlightEvent]:
        """The server flies; cells that it keeps are put in and run here. Closing the iterator stops it."""
        return self.served(self.session.flight(self.cells, budget), notebook)

    async def served(self, wish: Record, notebook: Undoable) -> AsyncGenerator[Any]:
        """Say it, then do what the server asks for in this notebook, until its flight has ended."""
        begun = False
        async with contextlib.aclosing(self.session.follow(wish)) as stream:
            async for message in stream:
                match message:
                    case messages.Apply():
                        self.channel.say(await self._apply(message))
                    case messages.Retract():
                        notebook.undo()
                    case messages.Working() if begun and not message.working:
                        return
                    case messages.Working():
                        begun = message.working
                    case messages.Judged() | messages.MetricChanged() | messages.EngineChanged():
                        self.session.listener(message)
                    case events.Failed() if not self.channel.connected:
                        raise MlagentError(message.message)
                    case _:
                        yield message
                        if isinstance(message, FlightEnded):
                            return

    async def _apply(self, wish: messages.Apply) -> messages.Applied:
        cell_id, run, problem = "", NO_RUN, ""
        try:
            cell_id = self.insert(wish.acceptance, wish.gain)
            run = await self._run(cell_id, wish.acceptance.source)
        except MlagentError as error:
            problem = str(error)
        return messages.Applied(id=wish.id, cell_id=cell_id, run=run, cells=self.cells, problem=problem)

    async def watch_file(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with contextlib.suppress(MlagentError):
                self.notebook.latest = await self.server.stamp(self.notebook.remote_path)

    def mark_as_run(self, cells: tuple[Cell, ...]) -> None:
        """The kernel was there before us: what the notebook says has run, has run."""
        self._executed |= {cell.id for cell in cells if cell.execution_count is not None}


@contextlib.asynccontextmanager
async def join(
    server: Server,
    notebook: RemoteFile,
    settings: SessionSettings,
    listener: Callable[[Any], None],
) -> AsyncIterator[RemoteWorkbench]:
    """Join the notebook's kernel and session; one is started when the notebook has none.

    Raises KernelError, MlagentError.
    """
    kernel_id, was_there = await server.session(notebook.remote_path, notebook.kernelspec)
    session = RemoteSession(settings)
    session.listener = listener
    workbench = RemoteWorkbench(server, notebook, RemoteKernel(server, kernel_id), session)
    if was_there:
        workbench.mark_as_run(notebook.cells)
    staying = [asyncio.create_task(workbench.channel.run()), asyncio.create_task(workbench.watch_file())]
    try:
        yield workbench
    finally:
        for task in staying:
            task.cancel()
        workbench.channel.close()
        await asyncio.gather(*staying, return_exceptions=True)
