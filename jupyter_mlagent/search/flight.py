"""A search over an open notebook, from its kernel's state to cells in the notebook: what `run --search` does.

The search works in processes of its own, which run the notebook's cells once more; the kernel is not touched
until the search has ended. Then the best path becomes ordinary cells, run in the kernel and measured again;
what the kernel does not confirm is taken out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec

from jupyter_mlagent.autopilot import FlightEnded, StepKept, gain_of
from jupyter_mlagent.errors import KernelError, MetricError, MlagentError
from jupyter_mlagent.events import Notice
from jupyter_mlagent.records import (
    Anchor,
    Candidate,
    Cell,
    Metric,
    Operator,
    Task,
    source_hash,
)
from jupyter_mlagent.search.events import SearchEnded, SearchEvent
from jupyter_mlagent.search.live import LiveExpander
from jupyter_mlagent.search.log import SearchLog, read_log
from jupyter_mlagent.search.node import Node, next_hash
from jupyter_mlagent.search.resplit import select, told
from jupyter_mlagent.search.search import Search, SearchBudget
from jupyter_mlagent.search.settings import SearchSettings
from jupyter_mlagent.search.states import FIRST, LiveStates
from jupyter_mlagent.search.tree import ROOT, Tree
from jupyter_mlagent.search.value import alike, is_better
from jupyter_mlagent.session import Acceptance
from jupyter_mlagent.trial.api import Probe, TrialRunner
from jupyter_mlagent.trial.live_tree import LiveTree
from jupyter_mlagent.trial.runner import KernelTrials
from jupyter_mlagent.workbench import Workbench, is_code

RESPLIT_SHARE = 0.5
"""Of the budget in seconds, what measuring on other splits may take beyond it."""

SearchFlightEvent = SearchEvent | Notice | StepKept | FlightEnded


class SearchFlight:
    """One search over one workbench; `tree` is there once the first event has come."""

    def __init__(
        self,
        workbench: Workbench,
        budget: SearchBudget,
        settings: SearchSettings,
        *,
        workers: int = 1,
        log: Path | None = None,
    ) -> None:
        self._workbench = workbench
        self._budget = budget
        self._settings = settings
        self._workers = workers
        self._log = log
        self._writer: SearchLog | None = None
        self._log_problem = ""
        self.tree: Tree | None = None
        self._search: Search | None = None
        self._stopped = False

    def stop(self) -> None:
        """End the search now; its best path still goes into the notebook."""
        self._stopped = True
        if self._search is not None:
            self._search.stop()

    async def events(self) -> AsyncGenerator[SearchFlightEvent]:
        """The last is `FlightEnded`; closing the iterator leaves the notebook as it is.

        Raises MetricError when the session has no metric, KernelError when the notebook's state cannot be
        made anew or kept alive.
        """
        session = self._workbench.session
        if session.metric is None:
            raise MetricError("A search needs a metric; name one with --metric.")
        cells = self._workbench.cells
        probe = await session.trials.probe()
        in_kernel = (await session.read_metric(probe)).value
        around = await surroundings_of(session.trials)
        sources = tuple(cell.source for cell in cells if is_code(cell) and not cell.errored)
        states = self._states(sources, around)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(states.close)
            start = (await states.read_metric(FIRST, session.metric)).value
            if not alike(start, in_kernel):
                yield Notice(text=_differs(in_kernel, start))
            self.tree = tree = self._begun(self._tree(cells, start, session.metric))
            expander = self._expander(states, probe, session.metric)
            self._search = Search(
                tree, expander, self._budget, cells=cells, workers=self._workers, on_growth=self._write
            )
            if self._stopped:
                self._search.stop()
            reason, steps = "", 0
            async with contextlib.aclosing(self._search.events()) as events:
                async for event in events:
                    yield event
                    if isinstance(event, SearchEnded):
                        reason, steps = event.reason, event.steps
        if self._log_problem:
            yield Notice(text=self._log_problem)
        path, notice = await self._selected(tree, sources, session.metric, around)
        if notice:
            yield Notice(text=notice)
        kept = await _keep(self._workbench, path, in_kernel, session.metric)
        for step in kept:
            expander.accepted(step.candidate.proposal)
            yield step
        if path and not kept:
            reason = f"{reason}, but the kernel did not confirm the best path"
        yield FlightEnded(
            steps=steps,
            kept=len(kept),
            metric_start=in_kernel,
            metric_end=kept[-1].metric_after if kept else in_kernel,
            reason=reason,
        )

    async def _selected(
        self, tree: Tree, sources: tuple[str, ...], metric: Metric, around: dict[str, Any]
    ) -> tuple[list[Node], str]:
        """The path to keep, and what other splits of the data said of it."""
        if self._stopped or not self._settings.resplits:
            return tree.best_path, ""
        limit = None if self._budget.seconds is None else RESPLIT_SHARE * self._budget.seconds
        try:
            async with asyncio.timeout(limit):
                selection = await select(
                    tree,
                    sources,
                    metric,
                    lambda changed: self._states(changed, around),
                    splits=self._settings.resplits,
                )
        except TimeoutError:
            return tree.best_path, "There was no time to measure the best paths on other splits of the data."
        except KernelError as error:
            return (
                tree.best_path,
                f"The best paths could not be measured on other splits of the data: {error}",
            )
        if selection is None:
            return tree.best_path, ""
        return tree.path(selection.winner), told(selection, tree)

    def _expander(self, states: LiveStates, probe: Probe, metric: Metric) -> LiveExpander:
        session = self._workbench.session
        return LiveExpander(
            notebook=session.notebook,
            task=Task(metric=metric, description=session.description),
            engine=session.engine,
            states=states,
            probe=probe,
            settings=session.settings,
            journal=session.journal,
        )

    def _states(self, sources: tuple[str, ...], around: dict[str, Any]) -> LiveStates:
        workspace = Path(self._workbench.kernel.cwd)  # where it began; a cell may have changed it
        allow_unguarded = self._workbench.session.settings.allow_unguarded

        async def start() -> LiveTree:
            host = LiveTree(workspace, surroundings=around, allow_unguarded=allow_unguarded)
            await host.start()
            return host

        return LiveStates(start, sources, self._workbench.session.settings.limits)

    def _begun(self, fresh: Tree) -> Tree:
        """The tree that the log holds, where there is one, else the fresh one; kept from now on.

        Raises MlagentError when the log is another notebook's, or cannot be read or written.
        """
        if self._log is None:
            return fresh
        tree = fresh
        if self._log.exists():
            tree = read_log(self._log)
            same = tree.nodes[ROOT].state_hash == fresh.nodes[ROOT].state_hash
            if not same or tree.direction is not fresh.direction:
                raise MlagentError(
                    f"{self._log} holds a search over other cells than this notebook's; name another file."
                )
        self._writer = SearchLog(self._log, tree)
        return tree

    def _write(self, node: Node) -> None:
        """A full disk costs the log, not the search."""
        if self._writer is None:
            return
        try:
            self._writer.keep(node)
        except MlagentError as error:
            self._writer, self._log_problem = None, str(error)

    def _tree(self, cells: tuple[Cell, ...], start: float | None, metric: Metric) -> Tree:
        last = next((cell for cell in reversed(cells) if is_code(cell)), None)
        failing = last is not None and last.errored
        state_hash = metric.expression
        for cell in cells:
            if is_code(cell) and not cell.errored:
                state_hash = next_hash(state_hash, cell.source)
        return Tree(
            state_hash=state_hash,
            metric=start,
            direction=metric.direction,
            settings=self._settings,
            reward=self._workbench.session.settings.reward,
            operator=Operator.DEBUG if failing else Operator.DRAFT,
        )


async def _keep(
    workbench: Workbench, path: list[Node], before: float | None, metric: Metric
) -> list[StepKept]:
    """Put a path into the notebook and run it; all of it goes again unless the end is a real gain."""
    kept: list[StepKept] = []
    at, value = "", before
    for node in path:
        candidate = _candidate(node)
        anchor = _anchor(workbench, candidate, at)
        acceptance = Acceptance(
            proposal_id=candidate.proposal.id,
            source=candidate.proposal.code,
            source_hash=candidate.proposal.source_hash,
            anchor=anchor,
            tried=True,
            expected=candidate,
        )
        applied = await workbench.apply(acceptance, gain_of(candidate, metric))
        after = applied.outcome.metric_after
        kept.append(
            StepKept(
                step=len(kept) + 1,
                candidate=candidate,
                cell_id=applied.cell_id,
                metric_before=value,
                metric_after=after,
            )
        )
        at, value = applied.cell_id, after
        if applied.run.error is not None:
            break
    if len(kept) < len(path) or not is_better(value, before, metric.direction):
        for _ in kept:
            workbench.undo()
        return []
    return kept


def _candidate(node: Node) -> Candidate:
    assert node.proposal is not None and node.trial is not None
    return Candidate(
        rank=1, proposal=node.proposal, trial=node.trial, reward=node.own_value, scored=node.scored
    )


def _anchor(workbench: Workbench, candidate: Candidate, at: str) -> Anchor:
    """Where a step's cell goes: in the place of a cell it repairs, else after the step before it."""
    anchor = candidate.proposal.anchor
    cells = {cell.id: cell for cell in workbench.notebook.cells}
    if anchor.cell_id in cells and (anchor.replaces or not at):
        return anchor
    last = at or next((cell.id for cell in reversed(workbench.cells) if is_code(cell)), "")
    source = cells[last].source if last else ""
    return msgspec.structs.replace(anchor, cell_id=last, source_hash=source_hash(source), replaces=False)


def _differs(in_kernel: float | None, again: float | None) -> str:
    def shown(value: float | None) -> str:
        return "nothing readable" if value is None else f"{value:.6g}"

    return (
        f"Run once more, the notebook measures {shown(again)}, not {shown(in_kernel)}; the search begins "
        "from there. Something in the notebook is random; give it a seed (random_state=...)."
    )


async def surroundings_of(trials: TrialRunner) -> dict[str, Any]:
    """Raises KernelError when the kernel is not a process of this machine, where states can be made anew."""
    if not isinstance(trials, KernelTrials):
        raise KernelError("A search needs a kernel on this machine; open the notebook here.")
    return await trials.surroundings()
