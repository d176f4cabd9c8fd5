"""What of a search's budget is spent (pauses are free), and what the search itself took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from jupyter_mlagent.search.settings import SearchBudget
from jupyter_mlagent.search.tree import Tree

TIME, STEPS, TOKENS = "the time is spent", "the steps are done", "the tokens are spent"


class Meter:
    """`clock` does not count while the machine sleeps, where the system has such a clock (Linux, macOS)."""

    def __init__(self, tree: Tree, budget: SearchBudget, clock: Callable[[], float] = time.monotonic) -> None:
        self.budget = budget
        self.tokens = 0
        self.own_seconds = 0.0
        self._tree = tree
        self._clock = clock
        self._grown_before = len(tree.growths)
        self._began: float | None = None
        self._paused_at: float | None = None
        self._paused_for = 0.0

    def begin(self) -> None:
        self._began = self._clock()
        if self.paused:
            self._paused_at = self._began

    def pause(self) -> None:
        self._paused_at = self._clock()

    def resume(self) -> None:
        if self._paused_at is not None and self._began is not None:
            self._paused_for += self._clock() - self._paused_at
        self._paused_at = None

    @property
    def paused(self) -> bool:
        return self._paused_at is not None

    @property
    def seconds(self) -> float:
        if self._began is None:
            return 0.0
        now = self._clock() if self._paused_at is None else self._paused_at
        return now - self._began - self._paused_for

    @property
    def seconds_left(self) -> float | None:
        """None: no limit, or none while it is paused."""
        if self.budget.seconds is None or self.paused:
            return None
        return max(0.0, self.budget.seconds - self.seconds)

    @property
    def steps(self) -> int:
        return len(self._tree.growths) - self._grown_before

    def steps_left(self, under_way: int) -> int | None:
        """None: no limit."""
        return None if self.budget.steps is None else max(0, self.budget.steps - self.steps - under_way)

    @property
    def over(self) -> str:
        """Which part of the budget is spent; empty while none is."""
        budget = self.budget
        if budget.seconds is not None and self.seconds >= budget.seconds:
            return TIME
        if budget.steps is not None and self.steps >= budget.steps:
            return STEPS
        return TOKENS if budget.tokens is not None and self.tokens >= budget.tokens else ""

    @property
    def progress(self) -> float:
        """The share of the budget that is spent, in [0, 1]; of several limits the one that is nearest."""
        budget = self.budget
        spent = [(self.seconds, budget.seconds), (self.steps, budget.steps), (self.tokens, budget.tokens)]
        return min(1.0, max((done / whole for done, whole in spent if whole), default=0.0))

    @contextlib.contextmanager
    def own(self) -> Iterator[None]:
        """Around what the search itself does, beside waiting for model and trials."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.own_seconds += time.perf_counter() - began
