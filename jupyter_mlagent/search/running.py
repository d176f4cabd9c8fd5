"""One search over a session: what every front end starts, steers and listens to.

The search works in processes of its own, which run the notebook's cells once more; neither the notebook nor
its kernel is touched. It ends with the cells of a path (`PathChosen`), which the front end inserts and runs
as it does an accepted proposal, then tells of with `accepted`.

    search = RunningSearch(session, cells, folder, SearchBudget(seconds=600), SearchSettings())
    async for event in search.events(): ...        # events.py
    search.pause(); search.prune(3); obey(search, command)        # commands.py, from the same event loop
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from jupyter_mlagent.acceptance import Acceptance
from jupyter_mlagent.errors import KernelError, MetricError, MlagentError
from jupyter_mlagent.events import Notice
from jupyter_mlagent.journal.lessons import told as told_insights
from jupyter_mlagent.records import Cell, Metric, Task
from jupyter_mlagent.search.beginning import Lessons, differs, fresh_tree, read_lessons, surroundings_of
from jupyter_mlagent.search.events import PathChosen, SearchBegan, SearchEnded, SearchEvent, SelectionBegan
from jupyter_mlagent.search.live import LiveExpander
from jupyter_mlagent.search.log import KeptTree
from jupyter_mlagent.search.memory import cells_at
from jupyter_mlagent.search.paths import acceptances
from jupyter_mlagent.search.resplit import finalists, select, told
from jupyter_mlagent.search.search import Search
from jupyter_mlagent.search.settings import SearchBudget, SearchSettings
from jupyter_mlagent.search.states import FIRST, LiveStates
from jupyter_mlagent.search.tree import ROOT, Tree
from jupyter_mlagent.search.value import alike
from jupyter_mlagent.search.view import NodeDetail
from jupyter_mlagent.session import Session
from jupyter_mlagent.trial.api import Probe
from jupyter_mlagent.trial.live_tree import LiveTree
from jupyter_mlagent.workbench import is_code

RESPLIT_SHARE = 0.5
"""Of the budget in seconds, what measuring on other splits may take beyond it."""


class RunningSearch:
    """`events` may be iterated once; `tree` is there once the first event has come.

    Commands act at once, or once there is a tree to act on; each raises MlagentError for a node there is not.
    """

    def __init__(
        self,
        session: Session,
        cells: Sequence[Cell],
        workspace: Path,
        budget: SearchBudget,
        settings: SearchSettings,
        *,
        workers: int = 1,
        log: Path | None = None,
        insights: bool = True,
    ) -> None:
        """`cells`: the notebook as it stands, up to the last that has run; `workspace`: the folder that its
        kernel began in; `log`: a file to keep the search in, and to go on from where it exists;
        `insights`: whether the journal's other notebooks may be drawn on."""
        self.session = session
        self.cells = tuple(cells)
        self.tree: Tree | None = None
        self.metric_in_kernel: float | None = None
        self._workspace = workspace
        self._budget = budget
        self._settings = settings
        self._workers = workers
        self._kept = KeptTree(log)
        self._draw_on_others = insights
        self._lessons = Lessons()
        self._search: Search | None = None
        self._expander: LiveExpander | None = None
        self._stopped = False
        self._paused = False
        self._chosen: int | None = None

    # -- what the person does

    def pause(self) -> None:
        """Begin no more expansions until `resume`; those under way end. The budget's clock stands still."""
        self._paused = True
        if self._search is not None:
            self._search.pause()

    def resume(self) -> None:
        self._paused = False
        if self._search is not None:
            self._search.resume()

    def stop(self) -> None:
        """End the search now; its best path is told of, without measuring on other splits."""
        self._stopped = True
        if self._search is not None:
            self._search.stop()

    def prune(self, node_id: int) -> None:
        """Take a branch out of the search and out of what may be the best; what runs in it is called off."""
        self._grown.prune(node_id)
        self._changed(node_id)

    def restore(self, node_id: int) -> None:
        self._grown.restore(node_id)
        self._changed(node_id)

    def pin(self, node_id: int, pinned: bool = True) -> None:
        """Let the search go on below this node for as long as it can."""
        self._grown.pin(node_id, pinned)
        self._changed(node_id)

    def hint(self, node_id: int, text: str) -> None:
        """What the person wants of this branch: for every prompt from here on down."""
        self._grown.hint(node_id, text)
        self._changed(node_id)

    def choose(self, node_id: int | None) -> None:
        """Which path is told of at the end; None: the best. Raises MlagentError for a step that failed."""
        if node_id is not None and (node_id == ROOT or not self._grown.node(node_id).works):
            raise MlagentError(f"Node {node_id} leads to no other state; choose a step that worked.")
        self._chosen = node_id

    def path(self, node_id: int) -> tuple[Acceptance, ...]:
        """The steps to a node, ready to be inserted and run, at any time."""
        self._grown.node(node_id)
        return acceptances(self._grown, node_id, self.cells)

    def look(self, node_id: int) -> NodeDetail:
        """A node in full: its trial, and the notebook as it stands there."""
        tree = self._grown
        return NodeDetail(
            node=node_id, trial=tree.node(node_id).trial, cells=cells_at(self.cells, tree, node_id)
        )

    def accepted(self, proposal_ids: Sequence[str]) -> None:
        """These steps, in order, are cells of the notebook now, and have run."""
        if self._expander is not None:
            self.session.adopt(self._expander.accepted(proposal_ids))

    @property
    def _grown(self) -> Tree:
        if self.tree is None:
            raise MlagentError("The search has not begun yet; wait until its first node is there.")
        return self.tree

    def _changed(self, node_id: int) -> None:
        if self._search is not None:
            self._search.changed()
        self._kept.mark(self._grown.node(node_id))

    # -- the search

    async def events(self) -> AsyncGenerator[SearchEvent]:
        """The last is `PathChosen`; closing the iterator ends everything at once.

        Raises MetricError when the session has no metric, KernelError when the notebook's state cannot be
        made anew or kept alive.
        """
        session = self.session
        if session.metric is None:
            raise MetricError("A search needs a metric; name one with --metric.")
        probe = await session.trials.probe()
        self.metric_in_kernel = (await session.read_metric(probe)).value
        around = await surroundings_of(session.trials)
        sources = tuple(cell.source for cell in self.cells if is_code(cell) and not cell.errored)
        states = self._states(sources, around)
        self._lessons = read_lessons(session, self.cells, probe, others=self._draw_on_others)
        if self._lessons.insights:
            yield Notice(text=told_insights(self._lessons.insights))
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(states.close)
            start = (await states.read_metric(FIRST, session.metric)).value
            if not alike(start, self.metric_in_kernel):
                yield Notice(text=differs(self.metric_in_kernel, start))
            async with contextlib.aclosing(self._grow(states, probe, session.metric, start)) as events:
                async for event in events:
                    yield event
        if self._kept.problem:
            yield Notice(text=self._kept.problem)
        async with contextlib.aclosing(self._select(sources, session.metric, around)) as last:
            async for event in last:
                yield event

    async def _grow(
        self, states: LiveStates, probe: Probe, metric: Metric, start: float | None
    ) -> AsyncGenerator[SearchEvent]:
        reward = self.session.settings.reward
        tree = self._kept.begin(fresh_tree(self.cells, start, metric, self._settings, reward))
        self._expander = self._make_expander(states, probe, metric)
        search = Search(
            tree,
            self._expander,
            self._budget,
            cells=self.cells,
            workers=self._workers,
            on_growth=self._kept.keep,
        )
        self.tree, self._search = tree, search
        if self._stopped:
            search.stop()
        if self._paused:
            search.pause()
        async with contextlib.aclosing(search.events()) as events:
            async for event in events:
                began = isinstance(event, SearchBegan)
                yield msgspec.structs.replace(event, metric=metric) if began else event
                if isinstance(event, SearchEnded):
                    self._search = None

    async def _select(
        self, sources: tuple[str, ...], metric: Metric, around: dict[str, Any]
    ) -> AsyncGenerator[SearchEvent]:
        """The path to keep, and what other splits of the data said of it."""
        tree = self._grown
        best = tree.best.id if tree.best is not None else None
        if self._chosen is not None:
            yield self._path(self._chosen, best, "You chose this path.")
            return
        nodes = finalists(tree)
        if self._stopped or not self._settings.resplits or len(nodes) < 2:
            yield self._path(best, best)
            return
        yield SelectionBegan(nodes=tuple(node.id for node in nodes), splits=self._settings.resplits)
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
            sentence = "There was no time to measure the best paths on other splits of the data."
            yield self._path(best, best, sentence)
        except KernelError as error:
            sentence = f"The best paths could not be measured on other splits of the data: {error}"
            yield self._path(best, best, sentence)
        else:
            if selection is None:
                yield self._path(best, best)
            else:
                yield self._path(selection.winner, best, told(selection, tree))

    def _path(self, node: int | None, best: int | None, sentence: str = "") -> PathChosen:
        steps = self.path(node) if node is not None else ()
        return PathChosen(node=node, steps=steps, changed=node != best, sentence=sentence)

    def _make_expander(self, states: LiveStates, probe: Probe, metric: Metric) -> LiveExpander:
        session = self.session
        return LiveExpander(
            notebook=session.notebook,
            task=Task(metric=metric, description=session.description),
            engine=session.engine,
            states=states,
            probe=probe,
            settings=session.settings,
            journal=session.journal,
            earlier=self._lessons.precedents,
            search=self._settings,
            insights=[insight.sentence for insight in self._lessons.insights],
        )

    def _states(self, sources: tuple[str, ...], around: dict[str, Any]) -> LiveStates:
        allow_unguarded = self.session.settings.allow_unguarded

        async def start() -> LiveTree:
            host = LiveTree(self._workspace, surroundings=around, allow_unguarded=allow_unguarded)
            await host.start()
            return host

        return LiveStates(start, sources, self.session.settings.limits)
