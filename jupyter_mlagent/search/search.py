"""The driver: expansions by several workers at once, until the budget is spent or somebody stops it.

Anytime: the tree's best path is ready as ordinary cells at every moment, and closing the events ends
everything at once. Whatever an expansion does, it gives back what the tree lent it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

from jupyter_mlagent.agent.dedupe import normalised_key
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Cell, Record
from jupyter_mlagent.search.events import (
    ExpansionBegan,
    ExpansionFailed,
    NodeGrown,
    SearchEnded,
    SearchEvent,
)
from jupyter_mlagent.search.expander import Expander, Expansion, Order, TriedStep
from jupyter_mlagent.search.memory import cells_at, recall, tried_codes
from jupyter_mlagent.search.node import Node
from jupyter_mlagent.search.tree import Lease, Tree

TIME, STEPS, TOKENS = "the time is spent", "the steps are done", "the tokens are spent"
STOPPED, EXHAUSTED = "it was stopped", "every branch has ended"
SEED_STRIDE = 7919
"""Between the seeds of two expansions, so that neighbouring seeds of a search share none."""


class SearchBudget(Record):
    """Whatever is spent first ends the search; with no limit it ends when every branch has."""

    seconds: float | None = None
    steps: int | None = None
    """Nodes grown."""
    tokens: int | None = None


class Search:
    """One search over one tree; `events` may be iterated once."""

    def __init__(
        self,
        tree: Tree,
        expander: Expander,
        budget: SearchBudget,
        *,
        cells: Sequence[Cell] = (),
        workers: int = 1,
        clock: Callable[[], float] = time.monotonic,
        on_growth: Callable[[Node], None] | None = None,
    ) -> None:
        """`cells`: the notebook as it stands at the root; `on_growth` hears of each new node."""
        self.tree = tree
        self._expander = expander
        self._budget = budget
        self._cells = tuple(cells)
        self._workers = workers
        self._clock = clock
        self._on_growth = on_growth or (lambda _: None)
        self._tokens = 0
        self._grown_before = len(tree.growths)
        self._began = 0.0
        self._own = 0.0
        self._stopped = False
        self._paused = False
        self._woken = asyncio.Event()
        self._working: dict[asyncio.Task[Expansion], Lease] = {}

    # -- what the person does

    def pause(self) -> None:
        """Begin no more expansions until `resume`; those under way end. Time goes on."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._woken.set()

    def stop(self) -> None:
        """End now; expansions under way are called off."""
        self._stopped = True
        self._woken.set()

    # -- the search

    async def events(self) -> AsyncGenerator[SearchEvent]:
        """Everything that happens, the last is `SearchEnded`; closing the iterator stops the search."""
        self._began = self._clock()
        try:
            while not (reason := self._over()):
                for event in self._begin():
                    yield event
                if not self._working and not self._paused:
                    reason = EXHAUSTED
                    break
                for task in await self._next():
                    for event in self._settle(task):
                        yield event
        finally:
            await self._call_off()
        yield self._ended(reason)

    def _over(self) -> str:
        budget = self._budget
        if self._stopped:
            return STOPPED
        if budget.seconds is not None and self._seconds >= budget.seconds:
            return TIME
        if budget.steps is not None and self._steps >= budget.steps:
            return STEPS
        return TOKENS if budget.tokens is not None and self._tokens >= budget.tokens else ""

    @property
    def progress(self) -> float:
        """The share of the budget that is spent, in [0, 1]; of several limits the one that is nearest."""
        budget = self._budget
        spent = [(self._seconds, budget.seconds), (self._steps, budget.steps), (self._tokens, budget.tokens)]
        return min(1.0, max((done / whole for done, whole in spent if whole), default=0.0))

    @property
    def _seconds(self) -> float:
        return self._clock() - self._began

    @property
    def _steps(self) -> int:
        return len(self.tree.growths) - self._grown_before

    def _begin(self) -> Iterable[SearchEvent]:
        """Give every idle worker an expansion."""
        while len(self._working) < self._workers and not self._paused and not self._stopped:
            began = time.perf_counter()
            left = self._steps_left()
            lease = None if left == 0 else self.tree.select(self.progress, left)
            if lease is None:
                return
            task = asyncio.create_task(self._expander.expand(self._order(lease)))
            self._working[task] = lease
            self._own += time.perf_counter() - began
            yield ExpansionBegan(node=lease.node, operator=lease.operator, width=lease.width)

    def _steps_left(self) -> int | None:
        if self._budget.steps is None:
            return None
        under_way = sum(lease.width for lease in self._working.values())
        return max(0, self._budget.steps - self._steps - under_way)

    def _order(self, lease: Lease) -> Order:
        tree, node = self.tree, self.tree.node(lease.node)
        path = tree.path(node.id)
        return Order(
            node=node.id,
            operator=lease.operator,
            width=lease.width,
            cells=cells_at(self._cells, tree, node.id),
            sources=tuple(step.proposal.code for step in path if step.proposal is not None),
            metric=node.metric,
            memory=recall(tree, node.id),
            tried=tried_codes(tree, node.id),
            hint=tree.hint_for(node.id),
            seed=tree.settings.seed + SEED_STRIDE * lease.id,
        )

    async def _next(self) -> list[asyncio.Task[Expansion]]:
        """The expansions that have ended, in the order they were begun; none when it is time to look up."""
        self._woken.clear()
        if self._stopped:
            return []
        left = None if self._budget.seconds is None else max(0.0, self._budget.seconds - self._seconds)
        woken = asyncio.create_task(self._woken.wait())
        try:
            done, _ = await asyncio.wait(
                {*self._working, woken}, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            woken.cancel()
        return [task for task in self._working if task in done]

    def _settle(self, task: asyncio.Task[Expansion]) -> Iterable[SearchEvent]:
        """Take in how an expansion ended; nothing it may have raised ends the search."""
        began = time.perf_counter()
        lease = self._working.pop(task)
        expansion, failed = _result(task)
        if expansion is None:
            self.tree.fail(lease, failed)
            yield ExpansionFailed(node=lease.node, reason=failed)
            return
        self._tokens += expansion.tokens
        steps = self._new(expansion.steps, lease)
        grown = self.tree.finish(lease, [(step.proposal, step.trial) for step in steps])
        for node in grown:
            self._on_growth(node)
        self._own += time.perf_counter() - began
        if not grown:
            yield ExpansionFailed(
                node=lease.node, reason="; ".join(expansion.dropped) or "Nothing new was found."
            )
        for node in grown:
            yield NodeGrown(
                node=node.id,
                parent=lease.node,
                metric=node.trial.metric_after if node.trial else None,
                works=node.works,
                best=node.best_when_grown,
            )

    def _new(self, steps: Sequence[TriedStep], lease: Lease) -> list[TriedStep]:
        """The steps that differ from their siblings by normalised syntax tree, and from each other."""
        seen = {normalised_key(code) for code in tried_codes(self.tree, lease.node)}
        found = []
        for step in steps[: lease.width]:
            key = normalised_key(step.proposal.code)
            if key not in seen:
                seen.add(key)
                found.append(step)
        return found

    async def _call_off(self) -> None:
        working, self._working = self._working, {}
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        for lease in working.values():
            self.tree.release(lease)

    def _ended(self, reason: str) -> SearchEnded:
        best = self.tree.best
        return SearchEnded(
            reason=reason,
            steps=self._steps,
            tokens=self._tokens,
            seconds=self._seconds,
            own_seconds=self._own,
            metric_start=self.tree.nodes[0].metric,
            metric_best=best.metric if best else None,
            path=tuple(node.id for node in self.tree.best_path),
        )


def _result(task: asyncio.Task[Expansion]) -> tuple[Expansion | None, str]:
    """What an expansion brought, or one sentence: why it failed."""
    if task.cancelled():
        return None, "The expansion was cancelled."
    error = task.exception()
    if error is None:
        return task.result(), ""
    if isinstance(error, MlagentError):
        return None, str(error)
    return None, f"This is a bug in mlagent ({type(error).__name__}: {error})."
