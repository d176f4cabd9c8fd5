"""Trials with a script in place of a kernel: for unit tests of whatever stands on `TrialRunner`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from jupyter_mlagent.records import Guard, Metric, Trial, TrialStatus, TryEngine, Variable
from jupyter_mlagent.trial.api import MetricReading, Probe, TrialLimits


class ScriptedTrials:
    """`after` maps a piece of code to the metric it gives, or to a whole trial; other code changes nothing.

    `metric` is what the kernel measures now; a test that runs an accepted cell sets it.
    """

    def __init__(
        self,
        metric: float | None = 0.5,
        after: Mapping[str, float | Trial] | None = None,
        variables: tuple[Variable, ...] = (),
    ) -> None:
        self.metric = metric
        self.after = dict(after or {})
        self.variables = variables
        self.execution_count = 1
        self.tried: list[str] = []
        self.hang: asyncio.Event | None = None
        """While set and not released, trials wait on it."""
        self.cancelled = 0
        self.closed = False

    async def probe(self) -> Probe:
        return Probe(
            python="python",
            python_version="3.11",
            pid=0,
            cwd=".",
            execution_count=self.execution_count,
            variables=self.variables,
            engine=TryEngine.FORK,
            engine_reason="scripted",
            guard=Guard.NAMESPACES,
            guard_reason="",
        )

    async def read_metric(self, metric: Metric, limits: TrialLimits) -> MetricReading:
        del metric, limits
        return MetricReading(value=self.metric, reason="" if self.metric is not None else "not there yet")

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
        del metric, limits, allow_unguarded
        self.tried.append(code)
        if self.hang is not None:
            await self.hang.wait()
        if on_output is not None:
            on_output({"output_type": "stream", "name": "stdout", "text": "tried\n"})
        result = next((value for piece, value in self.after.items() if piece in code), metric_before)
        if isinstance(result, Trial):
            return msgspec.structs.replace(result, metric_before=metric_before)
        return Trial(
            status=TrialStatus.OK,
            metric_before=metric_before,
            metric_after=result,
            seconds=0.1,
            engine=TryEngine.FORK,
            guard=Guard.NAMESPACES,
        )

    async def cancel(self) -> None:
        self.cancelled += 1
        if self.hang is not None:
            self.hang.set()

    async def close(self) -> None:
        self.closed = True
