"""A search over an open notebook, down to cells in the notebook: what `run --search` and the terminal app do.

The best path becomes ordinary cells, run in the notebook's own kernel and measured again; what the kernel
does not confirm is taken out.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

from jupyter_mlagent.autopilot import FlightEnded, StepKept
from jupyter_mlagent.events import Notice
from jupyter_mlagent.search.events import PathChosen, SearchEnded, SearchEvent
from jupyter_mlagent.search.keeping import changed_meanwhile, keep_path
from jupyter_mlagent.search.running import RunningSearch
from jupyter_mlagent.search.settings import SearchBudget, SearchSettings
from jupyter_mlagent.search.tree import Tree
from jupyter_mlagent.workbench import Workbench

SearchFlightEvent = SearchEvent | StepKept | FlightEnded


class SearchFlight:
    """One search over one workbench, steered through `search`."""

    def __init__(
        self,
        workbench: Workbench,
        budget: SearchBudget,
        settings: SearchSettings,
        *,
        workers: int = 1,
        log: Path | None = None,
        insights: bool = True,
    ) -> None:
        self._workbench = workbench
        self.search = RunningSearch(
            workbench.session,
            workbench.cells,
            Path(workbench.kernel.cwd),  # where it began; a cell may have changed it
            budget,
            settings,
            workers=workers,
            log=log,
            insights=insights,
        )

    @property
    def tree(self) -> Tree | None:
        return self.search.tree

    def stop(self) -> None:
        """End the search now; its best path still goes into the notebook."""
        self.search.stop()

    async def events(self) -> AsyncGenerator[SearchFlightEvent]:
        """The last is `FlightEnded`; closing the iterator leaves the notebook as it is.

        Raises what `RunningSearch.events` raises.
        """
        search, chosen = self.search, PathChosen(node=None, steps=())
        reason, steps = "", 0
        async with contextlib.aclosing(search.events()) as events:
            async for event in events:
                yield event
                if isinstance(event, SearchEnded):
                    reason, steps = event.reason, event.steps
                elif isinstance(event, PathChosen):
                    chosen = event
        metric = self._workbench.session.metric
        assert metric is not None  # the search has one
        start = search.metric_in_kernel
        if chosen.steps and not await self._workbench.kernel.is_alive():
            yield Notice(text="The notebook's kernel had ended; it was started again and its cells were run.")
            await self._workbench.restart()
            await self._workbench.run_notebook()
        if chosen.steps and (notice := changed_meanwhile(search.cells, self._workbench.cells)):
            yield Notice(text=notice)
        kept = await keep_path(self._workbench, chosen.steps, start, metric)
        search.accepted([step.candidate.proposal.id for step in kept])
        for step in kept:
            yield step
        if chosen.steps and not kept:
            reason = f"{reason}, but the kernel did not confirm the best path"
        yield FlightEnded(
            steps=steps,
            kept=len(kept),
            metric_start=start,
            metric_end=kept[-1].metric_after if kept else start,
            reason=reason,
        )
