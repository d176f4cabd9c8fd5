"""Searches: the core's tree search over the notebook on the screen, and what a person says to it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlagent.errors import MlagentError
from mlagent_tui.desk.bugs import bug_sentence
from mlagent_tui.desk.events import (
    CellsChanged,
    MetricWanted,
    Said,
    Searched,
    Severity,
    StatusChanged,
)
from mlagent_tui.desk.onscreen import NotebookOnScreen

if TYPE_CHECKING:
    from jupyter_mlagent.search.commands import SearchAnswer, SearchCommand
    from jupyter_mlagent.search.settings import SearchBudget
    from jupyter_mlagent.workbench import Workbench
    from mlagent_tui.desk.desk import Desk
    from mlagent_tui.search.door import SearchDoor
    from mlagent_tui.search.record import SearchRecord

NO_SEARCH = "There is no search yet; enter starts one."


class Explorer:
    """One search at a time; the last one's tree stays until the next: any path of it can still be kept."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.record: SearchRecord | None = None
        self.keeping = False
        """Cells of a path are being put into the notebook and run."""
        self._elsewhere = False
        """A search of somebody else is under way."""
        self._door: SearchDoor | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def searching(self) -> bool:
        return self._working or self._elsewhere

    @property
    def _working(self) -> bool:
        return self._task is not None and not self._task.done()

    def overhear(self, event: Any) -> None:
        """Of a search that was started in another front end of the same notebook."""
        from jupyter_mlagent.search.events import PathChosen, SearchBegan, SearchEvent
        from jupyter_mlagent.server.messages import Working
        from mlagent_tui.search.record import SearchRecord

        workbench = self._desk.workbench
        if self._working:
            return
        if isinstance(event, SearchBegan) and workbench is not None:
            self.record = SearchRecord(event.budget)
            self._door = _door(workbench, event.budget)
            self._elsewhere = True
        if self.record is not None and self._elsewhere and isinstance(event, SearchEvent):
            self.record.hear(event)
        if isinstance(event, PathChosen) or (isinstance(event, Working) and not event.searching):
            self._elsewhere = False
        self._changed()

    def start(self, budget: SearchBudget, width: int, workers: int) -> None:
        """Raises MlagentError while something else is under way."""
        from mlagent_tui.search.record import SearchRecord

        if self._desk.busy or self.searching:
            raise MlagentError("Something is under way; stop it first.")
        self.record = SearchRecord(budget)
        self._door = None
        self._task = asyncio.create_task(self._work(self.record, width, workers))

    async def finished(self) -> None:
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def close(self) -> None:
        """End it at once; nothing of it goes into the notebook."""
        if self._working and self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def obey(self, command: SearchCommand) -> SearchAnswer | None:
        """Raises MlagentError when there is no search, or no such node."""
        if self._door is None:
            raise MlagentError("The search has not begun yet." if self.searching else NO_SEARCH)
        answer = await self._door.obey(command)
        self._changed()
        return answer

    async def keep(self, node: int) -> None:
        """Put the path to a node into the notebook; a search under way ends with it."""
        from jupyter_mlagent.search.commands import SearchChoose, SearchStop

        if self._working:
            await self.obey(SearchChoose(node=node))
            await self.obey(SearchStop())
            return
        if self._desk.busy:
            raise MlagentError("Something is under way; stop it first.")
        workbench = await self._desk.ready()
        self._task = asyncio.create_task(self._guarded(self._keep(workbench, node)))
        await self.finished()

    async def export(self, path: Path) -> None:
        """Raises MlagentError when there is nothing to write, or the file is there already."""
        if self._door is None:
            raise MlagentError(NO_SEARCH)
        text = await self._door.export("json" if path.suffix == ".json" else "html")
        try:
            with path.open("x", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except FileExistsError:
            raise MlagentError(f"{path} exists; name another file.") from None
        except OSError as error:
            raise MlagentError(f"{path} cannot be written ({error.strerror}).") from error

    # -- the work

    async def _work(self, record: SearchRecord, width: int, workers: int) -> None:
        desk = self._desk
        self._doing("search: begins")
        try:
            await self._guarded(self._search(record, width, workers))
        finally:
            record.stopped("ended before a path was chosen")
            desk.status.doing = ""
            desk.post(StatusChanged())
            self._changed()

    async def _search(self, record: SearchRecord, width: int, workers: int) -> None:
        desk = self._desk
        workbench = await desk.ready()
        await desk.proposer.prepare(workbench)
        self._doing("search: runs the notebook once more")
        if workbench.session.metric is None:
            record.stopped("it needs a metric")
            desk.post(MetricWanted("A search needs a metric to know what is better.", go_on=False))
            return
        self._door = _door(workbench, record.budget, width, workers)
        async with contextlib.aclosing(self._door.events()) as events:
            async for event in events:
                record.hear(event)
                self._doing(f"search: {record.steps} tried{', paused' if record.paused else ''}")
                self._changed()
        if record.chosen is not None and record.chosen.node is not None:
            await self._keep(workbench, record.chosen.node)

    async def _keep(self, workbench: Workbench, node: int) -> None:
        desk = self._desk
        assert self._door is not None and desk.runner is not None
        await desk.runner.finished()
        self.keeping = True
        self._doing("search: keeps its path")
        try:
            kept, notice = await self._door.keep(node, NotebookOnScreen(desk, workbench))
        finally:
            self.keeping = False
            self._doing("")
            desk.post(CellsChanged())
        if notice:
            desk.post(Said(notice, Severity.WARNING))
        for step in kept:
            desk.editable().changed("the search's step", lambda: _took_back(workbench))
            desk.status.metric_value = step.metric_after
        if kept:
            words = "1 cell" if len(kept) == 1 else f"{len(kept)} cells"
            desk.post(CellsChanged(select=kept[-1].cell_id))
            desk.post(Said(f"The search's path is in the notebook: {words}; u takes them back one by one."))
        else:
            desk.post(Said("The kernel did not confirm that path; it is not kept.", Severity.WARNING))

    async def _guarded(self, work) -> None:  # type: ignore[no-untyped-def]
        """What is refused, or was not foreseen, becomes one sentence."""
        try:
            await work
        except MlagentError as error:
            self._failed(str(error))
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._failed(bug_sentence(error))
        except Exception as error:
            self._failed(bug_sentence(error))

    def _failed(self, sentence: str) -> None:
        if self.record is not None:
            self.record.stopped(sentence)
        self._desk.post(Said(sentence, Severity.ERROR))

    def _doing(self, words: str) -> None:
        self._desk.status.doing = words
        self._desk.post(StatusChanged())

    def _changed(self) -> None:
        self._desk.post(Searched())


def _door(workbench: Workbench, budget: SearchBudget, width: int = 1, workers: int = 1) -> SearchDoor:
    from jupyter_mlagent.remote.search import RemoteSearch
    from jupyter_mlagent.remote.workbench import RemoteWorkbench
    from jupyter_mlagent.search.settings import SearchSettings
    from mlagent_tui.search.door import LocalSearch

    settings = SearchSettings(width=width)
    if isinstance(workbench, RemoteWorkbench):
        return RemoteSearch(workbench, budget, settings, workers)
    return LocalSearch(workbench, budget, settings, workers)


def _took_back(workbench: Workbench) -> None:
    workbench.undo()
