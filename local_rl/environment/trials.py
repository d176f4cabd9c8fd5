"""A state of an environment as the agent's requests see a kernel: probe, metric, trials."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from typing import Any

from jupyter_mlagent.records import Guard, Metric, Proposal, Trial, TryEngine, source_hash
from jupyter_mlagent.trial.api import MetricReading, Probe, TrialLimits
from local_rl.environment.environment import Attempt, Environment
from local_rl.environment.scheduler import Scheduler
from local_rl.environment.states import EnvState

WHY = "The state is alive in a process of its own."


class StateTrials:
    """`TrialRunner` over one state; what ended well stays alive until `discard_all_but`."""

    def __init__(self, environment: Environment, state: EnvState, scheduler: Scheduler | None = None) -> None:
        self._environment = environment
        self._state = state
        self._scheduler = scheduler or Scheduler()
        self._attempts: dict[str, Attempt] = {}

    async def probe(self) -> Probe:
        state = self._state
        return Probe(
            python=sys.executable,
            python_version=platform.python_version(),
            pid=os.getpid(),
            cwd="",
            execution_count=len(state.sources),
            variables=state.variables,
            engine=TryEngine.FORK,
            engine_reason=WHY,
            guard=Guard.NAMESPACES,
            guard_reason=WHY,
            history=state.sources,
        )

    async def read_metric(self, _metric: Metric, _limits: TrialLimits) -> MetricReading:
        return MetricReading(value=self._state.metric_value)

    async def try_cell(
        self,
        code: str,
        _metric: Metric | None,
        _limits: TrialLimits,
        *,
        metric_before: float | None = None,  # noqa: ARG002 - the state knows
        allow_unguarded: bool = False,  # noqa: ARG002 - the environment's settings say
        on_output: Callable[[dict[str, Any]], None] | None = None,  # noqa: ARG002 - nobody watches
    ) -> Trial:
        async with self._scheduler.slot():
            attempt = await self._environment.attempt(self._state, code)
        self._attempts[source_hash(code)] = attempt
        return attempt.trial

    async def adopt(self, proposal: Proposal) -> EnvState | None:
        """The state that a tried proposal led to; everything else that was tried ends."""
        attempt = self._attempts.pop(proposal.source_hash, None)
        await self.discard_all()
        if attempt is None:
            return None
        return await self._environment.adopt(self._state, proposal, attempt)

    async def discard_all(self) -> None:
        for attempt in self._attempts.values():
            await self._environment.discard(attempt)
        self._attempts = {}

    async def cancel(self) -> None:
        """Trials end with their environment; a request that is closed does not wait for them."""

    async def close(self) -> None:
        await self.discard_all()
