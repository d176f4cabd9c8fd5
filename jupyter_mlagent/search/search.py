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
from jupyter_mlagent.records import Cell
from jupyter_mlagent.search.events import (
    BudgetSpent,
    ExpansionBegan,
    ExpansionFailed,
    SearchBegan,
    SearchEnded,
    SearchEvent,
    SearchPaused,
    SearchResumed,
)
from jupyter_mlagent.search.expander import Expander, Expansion, TriedStep
from jupyter_mlagent.search.explain import explain
from jupyter_mlagent.search.memory import tried_codes
from jupyter_mlagent.search.meter import Meter
from jupyter_mlagent.search.node import Node
from jupyter_mlagent.search.orders import order_of
from jupyter_mlagent.search.settings import SearchBudget
from jupyter_mlagent.search.telling import Told
from jupyter_mlagent.search.tree import Lease, Tree
from jupyter_mlagent.search.view import views_of

STOPPED, EXHAUSTED = "it was stopped", "every branch has ended"


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
        self._cells = tuple(cells)
        self._workers = workers
        self._on_growth = on_growth or (lambda _: None)
        self._meter = Meter(tree, budget, clock)
        self._told = Told(tree)
        self._untold: list[SearchEvent] = []
        self._stopped = False
        self._lost = ""
        self._woken = asyncio.Event()
        self._working: dict[asyncio.Task[Expansion], Lease] = {}

    # -- what the person does

    def pause(self) -> None:
        """Begin no more expansions until `resume`; those under way end. The budget's clock stands still."""
        if not self._meter.paused:
            self._meter.pause()
            self._tell(SearchPaused(under_way=len(self._working)))

    def resume(self) -> None:
        if self._meter.paused:
            self._meter.resume()
            self._tell(SearchResumed())

    def stop(self) -> None:
        """End now; expansions under way are called off."""
        self._stopped = True
        self._woken.set()

    def changed(self) -> None:
        """The tree was changed by hand (pruned, pinned, given a hint): tell of it, and act on it at once."""
        for task, lease in self._working.items():
            if not self.tree.in_search(self.tree.node(lease.node)):
                task.cancel()
        self._tell(*self._told.changes())

    # -- the search

    async def events(self) -> AsyncGenerator[SearchEvent]:
        """Everything that happens, the last is `SearchEnded`; closing the iterator stops the search."""
        self._meter.begin()
        yield SearchBegan(
            nodes=views_of(self.tree),
            direction=self.tree.direction,
            budget=self._meter.budget,
            workers=self._workers,
        )
        try:
            while not (reason := STOPPED if self._stopped else self._meter.over):
                self._begin()
                for event in self._news():
                    yield event
                if not self._working and not self._meter.paused and not self._stopped:
                    reason = self._exhausted
                    break
                for task in await self._next():
                    self._settle(task)
        finally:
            await self._call_off()
        self._tell(*self._told.changes())
        for event in self._news():
            yield event
        yield self._ended(reason)

    def _tell(self, *events: SearchEvent) -> None:
        self._untold += events
        self._woken.set()

    def _news(self) -> Iterable[SearchEvent]:
        while self._untold:
            yield self._untold.pop(0)

    def _begin(self) -> None:
        """Give every idle worker an expansion."""
        while len(self._working) < self._workers and not self._meter.paused and not self._stopped:
            with self._meter.own():
                left = self._meter.steps_left(sum(lease.width for lease in self._working.values()))
                lease = None if left == 0 else self.tree.select(self._meter.progress, left)
                if lease is None:
                    return
                order = order_of(self.tree, lease, self._cells, self._tell)
                self._working[asyncio.create_task(self._expander.expand(order))] = lease
                self._tell(
                    ExpansionBegan(node=lease.node, operator=lease.operator, width=lease.width),
                    *self._told.changes(),
                )

    async def _next(self) -> list[asyncio.Task[Expansion]]:
        """The expansions that have ended, in the order they were begun; none when it is time to look up."""
        if self._stopped or self._untold:
            return []
        self._woken.clear()
        woken = asyncio.create_task(self._woken.wait())
        try:
            done, _ = await asyncio.wait(
                {*self._working, woken},
                timeout=self._meter.seconds_left,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            woken.cancel()
        return [task for task in self._working if task in done]

    def _settle(self, task: asyncio.Task[Expansion]) -> None:
        """Take in how an expansion ended; nothing it may have raised ends the search."""
        with self._meter.own():
            lease = self._working.pop(task)
            expansion, failed = _result(task)
            grown: list[Node] = []
            if expansion is not None:
                self._meter.tokens += expansion.tokens
                self._meter.own_seconds += expansion.own_seconds
                steps = self._new(expansion.steps, lease)
                grown = self.tree.finish(lease, [(step.proposal, step.trial) for step in steps])
                failed = "; ".join(expansion.dropped) or "Nothing new was found."
                self._lost = ""
            elif task.cancelled() and not self.tree.in_search(self.tree.node(lease.node)):
                self.tree.release(lease)  # the person pruned its branch
            else:
                self.tree.fail(lease, failed)
                self._lost = failed
            for node in grown:
                self._on_growth(node)
            if not grown:
                self._tell(ExpansionFailed(node=lease.node, reason=failed))
            self._tell(*self._told.changes(grown), self._spent())

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

    @property
    def _exhausted(self) -> str:
        """With the cause where engine or kernel were lost for good."""
        return f"{EXHAUSTED}, the last by a failure: {self._lost}" if self._lost else EXHAUSTED

    def _spent(self) -> BudgetSpent:
        meter = self._meter
        return BudgetSpent(
            steps=meter.steps, tokens=meter.tokens, seconds=meter.seconds, progress=meter.progress
        )

    def _ended(self, reason: str) -> SearchEnded:
        best, meter = self.tree.best, self._meter
        return SearchEnded(
            reason=reason,
            steps=meter.steps,
            tokens=meter.tokens,
            seconds=meter.seconds,
            own_seconds=meter.own_seconds,
            metric_start=self.tree.nodes[0].metric,
            metric_best=best.metric if best else None,
            path=tuple(node.id for node in self.tree.best_path),
            summary=explain(self.tree),
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
