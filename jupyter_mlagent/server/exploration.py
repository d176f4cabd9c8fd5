"""A search over one notebook, as its room has it: told to every page, steered by any, there when it ended."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from jupyter_mlagent.autopilot import FlightEnded, StepKept
from jupyter_mlagent.errors import MetricError, MlagentError
from jupyter_mlagent.events import Notice
from jupyter_mlagent.records import Record
from jupyter_mlagent.search.events import (
    BestChanged,
    BudgetSpent,
    PathChosen,
    SearchBegan,
    SearchEnded,
    SearchEvent,
    SearchPaused,
    SearchResumed,
)
from jupyter_mlagent.search.keeping import changed_meanwhile, keep_path
from jupyter_mlagent.search.running import RunningSearch
from jupyter_mlagent.search.settings import SearchBudget, SearchSettings
from jupyter_mlagent.search.tree import Tree
from jupyter_mlagent.search.view import views_of
from jupyter_mlagent.server import messages
from jupyter_mlagent.server.remote_notebook import RemoteNotebook
from jupyter_mlagent.session import Session

NO_SEARCH = "There is no search over this notebook; start one first."


class Exploration:
    """Its tree outlives the search: any path of it can be looked at, or kept, until the next one begins."""

    def __init__(self, session: Session, wish: messages.Explore) -> None:
        self._session = session
        self._wish = wish
        self._began: SearchBegan | None = None
        self._latest: dict[type[Record], Record] = {}
        self.search = RunningSearch(
            session,
            wish.cells,
            _folder_of(session.notebook),
            SearchBudget(steps=wish.steps, seconds=wish.seconds),
            SearchSettings(width=wish.candidates),
            workers=wish.workers,
        )

    @property
    def tree(self) -> Tree:
        """Raises MlagentError while there is none."""
        if self.search.tree is None:
            raise MlagentError("The search has not begun yet; wait until its first node is there.")
        return self.search.tree

    @property
    def told(self) -> tuple[Record, ...]:
        """What a page that comes later has to hear: the tree as it is, and the last of each kind of news."""
        if self._began is None:
            return ()
        return (msgspec.structs.replace(self._began, nodes=views_of(self.tree)), *self._latest.values())

    async def events(self) -> AsyncGenerator[SearchEvent]:
        async with contextlib.aclosing(self.search.events()) as events:
            async for event in events:
                self._remember(event)
                yield event

    async def keep(self, node: int, notebook: RemoteNotebook) -> AsyncGenerator[Record]:
        """Put the path to a node into the notebook, and leave it there where its kernel confirms the gain."""
        session, search = self._session, self.search
        if session.metric is None:
            raise MetricError("A search needs a metric; set one first.")
        start = (await session.read_metric()).value
        if notice := changed_meanwhile(search.cells, notebook.cells):
            yield Notice(text=notice)
        path = search.path(node)
        kept: list[StepKept] = await keep_path(notebook, path, start, session.metric)
        search.accepted([step.candidate.proposal.id for step in kept])
        for step in kept:
            yield step
        yield FlightEnded(
            steps=len(path),
            kept=len(kept),
            metric_start=start,
            metric_end=kept[-1].metric_after if kept else start,
            reason="" if kept else "the kernel did not confirm the path",
        )

    def _remember(self, event: SearchEvent) -> None:
        match event:
            case SearchBegan():
                self._began = event
            case SearchPaused() | SearchResumed():
                self._latest[SearchPaused] = event
            case BestChanged() | BudgetSpent() | SearchEnded() | PathChosen():
                self._latest[type(event)] = event


def _folder_of(notebook: str) -> Path:
    """Where a kernel of this notebook begins."""
    folder = Path(notebook).parent
    if not folder.is_dir():
        raise MlagentError(f"The folder {folder} is not on this server's disk; a search needs it.")
    return folder
