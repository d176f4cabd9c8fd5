"""What the session needs of a kernel and of the trials in it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol, runtime_checkable

from jupyter_mlagent.records import Guard, Metric, Record, Trial, TryEngine, Variable


class KernelLink(Protocol):
    """A way to reach one live kernel: local, on a Jupyter server, or the one we run in (magics)."""

    async def evaluate(self, expression: str) -> str:
        """Evaluate one expression silently on the idle kernel's main thread; its value is a `str`.

        Leaves no trace in history, execution count or user variables (`user_expressions` of a silent, empty
        execute request). Raises KernelError when the kernel is dead, or busy for longer than the link waits,
        or the expression raised (the message names the exception).
        """
        ...

    @property
    def python(self) -> str | None:
        """The interpreter to start fresh kernels with; None: ask the kernel (`sys.executable`)."""
        ...


class TrialLimits(Record):
    """What one trial may use."""

    seconds: float = 60.0
    memory_bytes: int | None = None
    """Beyond what the kernel holds; None: a share of what the machine has free."""
    disk_bytes: int = 1 << 30
    processes: int = 64
    output_bytes: int = 4 << 20
    metric_seconds: float = 30.0


class Probe(Record):
    """What the kernel is and holds."""

    python: str
    python_version: str
    pid: int
    cwd: str
    execution_count: int
    variables: tuple[Variable, ...]
    engine: TryEngine
    """The best try engine that is safe here,"""
    engine_reason: str
    """and why."""
    guard: Guard
    guard_reason: str
    history: tuple[str, ...] = ()
    """Sources executed so far, in order: what the fresh engine replays."""


class MetricReading(Record):
    """The metric's value in the kernel as it stands; `value` is None when it could not be read."""

    value: float | None
    reason: str = ""


class TrialRunner(Protocol):
    """Trials in copies of one kernel. Not re-entrant: one call at a time, except `cancel`."""

    async def probe(self) -> Probe: ...

    async def read_metric(self, metric: Metric, limits: TrialLimits) -> MetricReading:
        """Evaluate the metric in a copy of the kernel as it stands (nothing of it runs in the kernel)."""
        ...

    async def try_cell(
        self,
        code: str,
        metric: Metric | None,
        limits: TrialLimits,
        *,
        metric_before: float | None = None,
        allow_unguarded: bool = False,
        on_output: Callable[[dict[str, Any]], None] | None = None,
    ) -> Trial:
        """Run `code` in a copy of the kernel; never raises for what the code does.

        With no guard available and `allow_unguarded` false the trial is `not_tried` and says so.
        """
        ...

    async def cancel(self) -> None:
        """End the trial under way; its `try_cell` returns `not_tried`."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class Preparing(Protocol):
    """A `TrialRunner` that can do beforehand what takes long about a trial."""

    async def prepare(
        self, metric: Metric | None, limits: TrialLimits, *, allow_unguarded: bool = False
    ) -> None:
        """Have copies of the kernel wait for the trials to come, as long as the kernel does not change.

        They take memory (tens of megabytes, and what the kernel overwrites meanwhile) until `release`.
        """
        ...

    async def release(self) -> None:
        """End what waits."""
        ...


@contextlib.asynccontextmanager
async def prepared(
    trials: TrialRunner, metric: Metric | None, limits: TrialLimits, *, allow_unguarded: bool = False
) -> AsyncIterator[None]:
    """While trials are to come: copies of the kernel that wait for them, where the runner can make some."""
    if not isinstance(trials, Preparing):
        yield
        return
    try:
        await trials.prepare(metric, limits, allow_unguarded=allow_unguarded)
        yield
    finally:
        await trials.release()
