"""A search that the Jupyter server runs over the notebook, started here or elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from jupyter_mlagent import events
from jupyter_mlagent.autopilot import StepKept
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.events import Notice
from jupyter_mlagent.search.commands import SearchAnswer, SearchCommand, SearchLook, SearchPath
from jupyter_mlagent.search.events import PathChosen, SearchEvent
from jupyter_mlagent.search.settings import SearchBudget, SearchSettings
from jupyter_mlagent.server import messages

if TYPE_CHECKING:
    from jupyter_mlagent.remote.workbench import RemoteWorkbench, Undoable


class RemoteSearch:
    """The server has one search a notebook; whoever looks at it sees and steers the same one."""

    def __init__(
        self, workbench: RemoteWorkbench, budget: SearchBudget, settings: SearchSettings, workers: int
    ) -> None:
        self._workbench = workbench
        self._wish = messages.Explore(
            cells=workbench.cells,
            steps=budget.steps,
            seconds=budget.seconds,
            candidates=settings.width,
            workers=workers,
            allow_unguarded=workbench.session.settings.allow_unguarded,
        )

    async def events(self) -> AsyncGenerator[SearchEvent]:
        """Start it. The last is `PathChosen`; closing the iterator ends the search, for everyone."""
        begun = False
        async with contextlib.aclosing(self._workbench.session.follow(self._wish)) as stream:
            async for message in stream:
                match message:
                    case events.Failed() | messages.Problem():
                        raise MlagentError(message.message)
                    case messages.Working() if begun and not message.working:
                        raise MlagentError("The search was stopped by somebody else.")
                    case messages.Working():
                        begun = message.working
                    case messages.Judged() | messages.MetricChanged() | messages.EngineChanged():
                        self._workbench.session.listener(message)
                    case _ if isinstance(message, SearchEvent):
                        yield message
                        if isinstance(message, PathChosen):
                            return

    async def obey(self, command: SearchCommand) -> SearchAnswer | None:
        """Raises MlagentError while the server is not there."""
        channel = self._workbench.channel
        if isinstance(command, SearchLook | SearchPath):
            return await channel.ask_of_node(command)
        channel.say(command)
        return None

    async def keep(self, node: int, notebook: Undoable) -> tuple[list[StepKept], str]:
        """Put the path to a node into the notebook; a search under way ends first."""
        kept: list[StepKept] = []
        notice = ""
        wish = messages.SearchKeep(node=node, cells=self._workbench.cells)
        async with contextlib.aclosing(self._workbench.served(wish, notebook)) as stream:
            async for event in stream:
                match event:
                    case StepKept():
                        kept.append(event)
                    case Notice():
                        notice = event.text
                    case events.Failed() | messages.Problem():
                        raise MlagentError(event.message)
                    case _:
                        pass
        return kept, notice

    async def export(self, form: str) -> str:
        return await self._workbench.server.search_export(self._workbench.notebook.remote_path, form)
