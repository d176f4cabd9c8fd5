"""The trials of one request: each proposal is tried as it comes, while the model still writes the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from jupyter_mlagent.agent.static_check import check_cell
from jupyter_mlagent.events import SuggestEvent, TrialFinished, TrialOutput, TrialStarted
from jupyter_mlagent.records import Candidate, Metric, Proposal, Trial, TrialError, TrialStatus, TryEngine
from jupyter_mlagent.reward.reward import rank, trial_reward
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.trial.api import TrialRunner, prepared


class Trying:
    """`twin`, asked before each trial, says why a cell is not worth one ("" where it is); `drop` hears it."""

    def __init__(
        self,
        *,
        trials: TrialRunner,
        metric: Metric | None,
        metric_before: float | None,
        known_names: frozenset[str],
        settings: SessionSettings,
        emit: Callable[[SuggestEvent], None],
        twin: Callable[[str], Awaitable[str]] | None,
        drop: Callable[[Proposal, str], None],
    ) -> None:
        self._trials = trials
        self._metric = metric
        self._metric_before = metric_before
        self._known_names = known_names
        self._settings = settings
        self._emit = emit
        self._twin = twin
        self._drop = drop
        self._tried: list[tuple[Proposal, Trial]] = []
        self._waiting: asyncio.Queue[Proposal | None] = asyncio.Queue()
        self.seconds = 0.0
        """Spent in trials until now."""
        self.first_ended: float | None = None
        """Of `time.perf_counter`."""

    def add(self, proposal: Proposal) -> None:
        self._waiting.put_nowait(proposal)

    def end(self) -> None:
        """No proposal comes after those that were added."""
        self._waiting.put_nowait(None)

    def ranking(self) -> tuple[Candidate, ...]:
        """What was tried until now, best first."""
        direction = self._metric.direction if self._metric else None
        return rank(self._tried, direction, self._settings.reward)

    async def run(self) -> None:
        """Until `end`. While the model writes, copies of the kernel are made ready for what it proposes."""
        async with prepared(
            self._trials,
            self._metric,
            self._settings.limits,
            allow_unguarded=self._settings.allow_unguarded,
        ):
            while (proposal := await self._waiting.get()) is not None:
                await self._try_one(proposal)

    async def _try_one(self, proposal: Proposal) -> None:
        if self._twin is not None and (reason := await self._twin(proposal.code)):
            self._drop(proposal, reason)
            return
        self._emit(TrialStarted(proposal_id=proposal.id))
        began = time.perf_counter()
        trial = self._static_trial(proposal) or await self._try(proposal)
        ended = time.perf_counter()
        self.seconds += ended - began
        self.first_ended = self.first_ended or ended
        self._tried.append((proposal, trial))
        direction = self._metric.direction if self._metric else None
        reward = trial_reward(trial, direction, self._settings.reward)
        self._emit(TrialFinished(proposal_id=proposal.id, trial=trial, reward=reward.value))

    async def _try(self, proposal: Proposal) -> Trial:
        return await self._trials.try_cell(
            proposal.code,
            self._metric,
            self._settings.limits,
            metric_before=self._metric_before,
            allow_unguarded=self._settings.allow_unguarded,
            on_output=lambda output: self._emit(TrialOutput(proposal_id=proposal.id, output=output)),
        )

    def _static_trial(self, proposal: Proposal) -> Trial | None:
        """The trial of a cell that cannot run: it does not compile, or uses a name nobody defined."""
        problem = next((found for found in check_cell(proposal.code, self._known_names) if found.fatal), None)
        if problem is None:
            return None
        return Trial(
            status=TrialStatus.ERROR,
            metric_before=self._metric_before,
            error=TrialError(name=problem.name, value=problem.sentence),
            engine=TryEngine.STATIC,
            reason=problem.sentence,
        )
