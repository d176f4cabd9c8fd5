"""Where a search runs: beside the kernel on this machine, or on the Jupyter server that was joined."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.search.commands import SearchAnswer, SearchCommand, SearchPath, obey
from jupyter_mlagent.search.settings import SearchBudget, SearchSettings

if TYPE_CHECKING:
    from jupyter_mlagent.autopilot import Notebook, StepKept
    from jupyter_mlagent.search.events import SearchEvent
    from jupyter_mlagent.workbench import Workbench


class SearchDoor(Protocol):
    """Methods raise MlagentError with one sentence when they cannot be done now."""

    def events(self) -> AsyncGenerator[SearchEvent]:
        """The last is `PathChosen`; closing the iterator ends the search at once."""
        ...

    async def obey(self, command: SearchCommand) -> SearchAnswer | None: ...

    async def keep(self, node: int, notebook: Notebook) -> tuple[list[StepKept], str]:
        """Put the path to a node into the notebook: the steps that its kernel confirmed, and a sentence
        where something has to be said."""
        ...

    async def export(self, form: str) -> str:
        """The tree as `html`, or as `json` in the shape of AIDE's journal."""
        ...


class LocalSearch:
    """The core's search over this workbench."""

    def __init__(
        self, workbench: Workbench, budget: SearchBudget, settings: SearchSettings, workers: int
    ) -> None:
        from jupyter_mlagent.search.running import RunningSearch

        self._workbench = workbench
        self._search = RunningSearch(
            workbench.session,
            workbench.cells,
            Path(workbench.kernel.cwd),  # where it began; a cell may have changed it
            budget,
            settings,
            workers=workers,
        )

    def events(self) -> AsyncGenerator[SearchEvent]:
        return self._search.events()

    async def obey(self, command: SearchCommand) -> SearchAnswer | None:
        return obey(self._search, command)

    async def keep(self, node: int, notebook: Notebook) -> tuple[list[StepKept], str]:
        from jupyter_mlagent.search.commands import NodePath
        from jupyter_mlagent.search.keeping import changed_meanwhile, keep_path

        session = self._workbench.session
        answer = obey(self._search, SearchPath(node=node))
        assert isinstance(answer, NodePath)
        if session.metric is None:
            raise MlagentError("A path is kept by what it measures; name a metric first.")
        before = (await session.read_metric()).value
        notice = changed_meanwhile(self._search.cells, notebook.cells)
        kept = await keep_path(notebook, answer.steps, before, session.metric)
        self._search.accepted([step.candidate.proposal.id for step in kept])
        return kept, notice

    async def export(self, form: str) -> str:
        from jupyter_mlagent.search.export import aide_journal, page

        if self._search.tree is None:
            raise MlagentError("The search has not begun yet; there is nothing to write.")
        title = f"Search over {Path(self._workbench.session.notebook).name}"
        return aide_journal(self._search.tree) if form == "json" else page(self._search.tree, title)
