"""One trajectory: ask, try, keep what improved, again and again; graded after every step."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jupyter_mlagent.agent.failures import kind_of_trial
from jupyter_mlagent.agent.memory import MemoryEntry, remember_candidates
from jupyter_mlagent.autopilot import best_improving, why_nothing
from jupyter_mlagent.engine.api import Engine
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.events import Failed, Ranked
from jupyter_mlagent.records import Candidate, Operator, Trial, TrialError, TrialStatus
from jupyter_mlagent.session import MEMORY_ENTRIES, NEUTRAL
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.suggestion import Suggestion
from local_rl.environment.environment import Environment
from local_rl.environment.scheduler import Scheduler
from local_rl.environment.states import EnvState
from local_rl.environment.trials import StateTrials
from local_rl.scoreboard.records import EvaluationConfig, StepRow, Trajectory, TriedCell
from local_rl.tasks.errors import InvalidSubmission, TaskError

if TYPE_CHECKING:
    from jupyter_mlagent.journal import Journal

SEED_STRIDE = 1000
"""Between the seeds of two runs, so that no step of one has another's."""
NOT_SUBMITTABLE = "With the best candidate the notebook could not write its submission any more."


class Walk:
    """One trajectory under way."""

    def __init__(
        self,
        environment: Environment,
        engine: Engine,
        config: EvaluationConfig,
        *,
        scheduler: Scheduler | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._environment = environment
        self._engine = engine
        self._config = config
        self._scheduler = scheduler or Scheduler()
        self._journal = journal
        self._settings = SessionSettings(
            candidates=config.candidates,
            limits=environment.settings.limits,
            reward=environment.reward_config,
        )
        self._memory: list[MemoryEntry] = []
        self._history: list[tuple[Operator, bool]] = []
        self._parent_step: int | None = None
        self._graded = 0.0

    async def run(self, notebook: str, run: int) -> Trajectory:
        """Raises MlagentError when the engine or the environment is lost."""
        environment, config = self._environment, self._config
        spec = environment.folder.spec
        if spec.measured is None:
            raise TaskError(
                f"Task '{spec.id}' has no measured baseline; run `mlagent tasks check --measure`."
            )
        state = await environment.reset(notebook)
        seed = config.seed + run * SEED_STRIDE
        start_score = score = await self._grade(state)
        start_metric = state.metric_value
        began, self._graded = time.perf_counter(), 0.0
        rows: list[StepRow] = []
        stopped = ""
        for number in range(1, config.steps + 1):
            spent = time.perf_counter() - began - self._graded
            if config.seconds is not None and spent >= config.seconds:
                stopped = "the time is spent"
                break
            row, following = await self._step(state, number, seed + number)
            if following is not None:
                state = following
                score = await self._grade(state)
            rows.append(_with(row, metric=state.metric_value, score=score))
        return Trajectory(
            task=spec.id,
            notebook=notebook,
            run=run,
            seed=seed,
            direction=spec.direction,
            metric=spec.metric,
            baseline=spec.measured.baseline,
            start_metric=start_metric,
            start_score=start_score,
            steps=tuple(rows),
            final_score=score,
            seconds=time.perf_counter() - began - self._graded,
            stopped=stopped,
        )

    async def _step(self, state: EnvState, number: int, seed: int) -> tuple[StepRow, EnvState | None]:
        trials = StateTrials(self._environment, state, self._scheduler)
        suggestion = Suggestion(
            notebook=state.state.notebook,
            cells=state.cells,
            task=self._environment.task,
            probe=await trials.probe(),
            metric_before=state.metric_value,
            engine=self._engine,
            trials=trials,
            settings=self._settings,
            candidates=self._config.candidates,
            seed=seed,
            memory=tuple(self._memory[-MEMORY_ENTRIES:]),
            history=tuple(self._history),
        )
        began = time.perf_counter()
        try:
            ranked = await _ranked(suggestion)
            best = best_improving(ranked)
            following = await trials.adopt(best.proposal) if best is not None else None
        finally:
            await trials.discard_all()
        why = "" if best is not None else why_nothing(ranked)
        if following is not None and not await self._environment.can_submit(following):
            following, why = None, NOT_SUBMITTABLE
        seconds = time.perf_counter() - began
        self._remember(suggestion, ranked, best if following is not None else None)
        timings = ranked.timings
        row = StepRow(
            step=number,
            operator=suggestion.operator.value,
            sampled=self._config.candidates,
            malformed=ranked.dropped,
            tried=tuple(_tried(candidate) for candidate in ranked.candidates),
            kept=best.proposal.plan if best is not None and following is not None else "",
            why_not=why,
            seconds=seconds,
            sampling_seconds=timings.prompt_seconds + timings.sample_seconds,
            trial_seconds=timings.trial_seconds,
            prompt_tokens=timings.prompt_tokens,
            sampled_tokens=timings.sampled_tokens,
        )
        return row, following

    def _remember(self, suggestion: Suggestion, ranked: Ranked, kept: Candidate | None) -> None:
        self._memory.extend(remember_candidates(ranked.candidates))
        better = any(item.scored and item.reward > NEUTRAL for item in ranked.candidates)
        self._history.append((suggestion.operator, better))
        if self._journal is None:
            return
        ids = self._journal.record_suggestion(suggestion.record("scoreboard", self._parent_step))
        if kept is not None:
            self._parent_step = ids.get(kept.proposal.id, self._parent_step)

    async def _grade(self, state: EnvState) -> float | None:
        began = time.perf_counter()
        try:
            return await self._environment.grade(state)
        except InvalidSubmission:
            return None
        finally:
            self._graded += time.perf_counter() - began


async def _ranked(suggestion: Suggestion) -> Ranked:
    last: Ranked | None = None
    async with contextlib.aclosing(suggestion.events()) as events:
        async for event in events:
            if isinstance(event, Failed):
                raise MlagentError(event.message)
            if isinstance(event, Ranked):
                last = event
    if last is None:
        raise MlagentError("The engine ended without an answer; run the same command again to go on.")
    return last


def _tried(candidate: Candidate) -> TriedCell:
    trial = candidate.trial
    error = f"{trial.error.name}: {trial.error.value}" if trial.error is not None else ""
    return TriedCell(
        plan=candidate.proposal.plan,
        code=candidate.proposal.code,
        status=trial.status.value,
        error=error[:300] or (trial.reason[:300] if trial.metric_after is None else ""),
        metric_after=trial.metric_after,
        reward=candidate.reward,
        seconds=trial.total_seconds,
    )


def _with(row: StepRow, *, metric: float | None, score: float | None) -> StepRow:
    import msgspec

    return msgspec.structs.replace(row, metric=metric, score=score)


def error_kinds(rows: Sequence[StepRow]) -> dict[str, int]:
    """How often each kind of failure (see `agent/failures.py`) or `malformed` occurred, by frequency."""
    found: Counter[str] = Counter()
    for row in rows:
        found.update({"malformed": len(row.malformed)})
        found.update(_kind(cell) for cell in row.tried if cell.status != TrialStatus.OK)
    return {kind: count for kind, count in found.most_common() if count}


def _kind(cell: TriedCell) -> str:
    name, _, message = cell.error.partition(": ")
    status = TrialStatus(cell.status)
    error = TrialError(name=name, value=message) if status is TrialStatus.ERROR else None
    return kind_of_trial(Trial(status=status, error=error))
