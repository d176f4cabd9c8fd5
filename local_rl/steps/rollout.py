"""G actions for one state: sampled in one batch, each executed for real in a copy of the live state.

The prompt is the one that a person's request would get, the openings included. Sampling and trials overlap;
equal programs are executed once. Temperature is 1 and nothing is cut from the distribution, unlike in a
person's request: the engine's log-probabilities are then those of the distribution that was drawn from.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

import msgspec

from jupyter_mlagent.agent.dedupe import normalised_key
from jupyter_mlagent.agent.operators import choose_operator
from jupyter_mlagent.agent.parser import STOP, Malformed, parse_reply
from jupyter_mlagent.agent.static_check import check_cell
from jupyter_mlagent.engine.api import Engine, EngineInfo, GenerateRequest, ReplyDone, SamplingOptions
from jupyter_mlagent.engine.closable import closable
from jupyter_mlagent.errors import EngineError, MlagentError
from jupyter_mlagent.prompting import FittedPrompt, fit_prompt
from jupyter_mlagent.records import Record, Sample, Trial, TrialError, TrialStatus, TryEngine
from jupyter_mlagent.settings import SessionSettings
from local_rl.environment.environment import Environment
from local_rl.environment.scheduler import Scheduler
from local_rl.environment.states import EnvState
from local_rl.steps.group import Action, Group
from local_rl.steps.rewards import ALL_PARTS, RewardParts, action_reward


class RolloutConfig(Record, frozen=True):
    actions: int = 8
    """G."""
    max_tokens: int = 256
    """Longest reply; one that is cut off is malformed."""
    openings: bool = True
    """Most replies start with a plan from the catalogue of ideas, as in a person's request; the plan is
    given and not learned, what is written for it is. False: every reply is all the policy's own."""
    parts: RewardParts = ALL_PARTS


class Rollouts:
    """Samples and executes; one engine, an environment for each task, one scheduler over all trials."""

    def __init__(self, engine: Engine, config: RolloutConfig, scheduler: Scheduler | None = None) -> None:
        self._engine = engine
        self._config = config
        self._scheduler = scheduler or Scheduler()

    async def group(self, environment: Environment, state: EnvState, *, key: str, seed: int) -> Group:
        """Raises MlagentError when the state cannot be brought back or the engine cannot serve."""
        began = time.perf_counter()
        info = await self._engine.start()
        if not info.logprobs:
            raise EngineError(f"{info.model} gives no log-probabilities, which training needs.")
        state = await environment.rebuild(state)
        prompt = await self._prompt(info, environment, state, seed)
        work = _Work(environment, state, prompt, self._config, self._scheduler)
        request = self._request(prompt, state, seed)
        sampled = time.perf_counter()
        try:
            async with asyncio.TaskGroup() as trials:
                async with contextlib.aclosing(closable(self._engine.generate(request))) as events:
                    async for event in events:
                        if isinstance(event, ReplyDone):
                            trials.create_task(work.take(event.index, event.sample))
                sampling_seconds = time.perf_counter() - sampled
        except* MlagentError as errors:
            raise _first(errors) from None
        return Group(
            state=key,
            task=environment.folder.id,
            notebook=state.notebook,
            messages=request.messages,
            prefill=request.prefill,
            actions=tuple(work.actions[index] for index in sorted(work.actions)),
            metric_before=state.metric_value,
            sampling_seconds=sampling_seconds,
            seconds=time.perf_counter() - began,
        )

    async def _prompt(
        self, info: EngineInfo, environment: Environment, state: EnvState, seed: int
    ) -> FittedPrompt:
        settings = SessionSettings(max_tokens=self._config.max_tokens, min_tokens=self._config.max_tokens)
        return await fit_prompt(
            self._engine,
            info,
            state.state,
            environment.task,
            operator=choose_operator(state.state, environment.task),
            hint="",
            memory=(),
            seed=seed,
            replies=self._config.actions,
            settings=settings,
        )

    def _request(self, prompt: FittedPrompt, state: EnvState, seed: int) -> GenerateRequest:
        return GenerateRequest(
            messages=prompt.messages,
            prefill=prompt.prefill,
            prefills=prompt.prefills if self._config.openings else (),
            n=self._config.actions,
            options=SamplingOptions(
                max_tokens=prompt.max_tokens, temperature=1.0, top_p=1.0, top_k=0, seed=seed, stop=STOP
            ),
            cache_key=f"{state.task_id}/{state.hash}",
        )


class _Work:
    """One group's replies as they come in."""

    def __init__(
        self,
        environment: Environment,
        state: EnvState,
        prompt: FittedPrompt,
        config: RolloutConfig,
        scheduler: Scheduler,
    ) -> None:
        self.actions: dict[int, Action] = {}
        self._environment = environment
        self._state = state
        self._prompt = prompt
        self._config = config
        self._scheduler = scheduler
        self._names = frozenset(variable.name for variable in state.variables)
        self._there = {normalised_key(cell.source) for cell in state.cells if cell.kind == "code"}
        self._trials: dict[str, asyncio.Task[Trial]] = {}

    async def take(self, index: int, sample: Sample) -> None:
        openings = self._prompt.prefills if self._config.openings else ()
        action = Action(
            text=sample.text,
            opening=openings[index] if openings else "",
            token_ids=sample.token_ids,
            logprobs=sample.logprobs,
        )
        parsed = parse_reply(
            sample.text,
            finish_reason=sample.finish_reason,
            existing=self._there,
            known_names=self._names,
            expected=self._prompt.expected,
        )
        if isinstance(parsed, Malformed):
            self.actions[index] = self._worth(action, None, reason=parsed.reason)
            return
        program = normalised_key(parsed.code)
        if program not in self._trials:
            self._trials[program] = asyncio.create_task(self._try(parsed.code))
        trial = await self._trials[program]
        action = msgspec.structs.replace(action, program=program, code=parsed.code)
        self.actions[index] = self._worth(action, trial)

    def _worth(self, action: Action, trial: Trial | None, reason: str = "") -> Action:
        reward = action_reward(
            trial,
            self._environment.folder.spec.direction,
            self._environment.reward_config,
            self._config.parts,
        )
        return msgspec.structs.replace(
            action,
            status=trial.status.value if trial is not None else "",
            reward=reward.value,
            scored=reward.scored,
            reason=reason or _why(trial) or reward.reason,
            metric_after=trial.metric_after if trial is not None else None,
            seconds=trial.total_seconds if trial is not None else 0.0,
        )

    async def _try(self, code: str) -> Trial:
        problem = next((found for found in check_cell(code, self._names) if found.fatal), None)
        if problem is not None:
            return Trial(
                status=TrialStatus.ERROR,
                metric_before=self._state.metric_value,
                error=TrialError(name=problem.name, value=problem.sentence),
                engine=TryEngine.STATIC,
            )
        try:
            async with self._scheduler.slot():
                attempt = await self._environment.attempt(self._state, code, keep=False)
        except MlagentError as error:  # the machine's fault, not the proposal's
            return Trial(status=TrialStatus.NOT_TRIED, reason=str(error))
        return attempt.trial


def _why(trial: Trial | None) -> str:
    if trial is None or trial.error is None:
        return ""
    return f"{trial.error.name}: {trial.error.value}"[:300]


def _first(errors: ExceptionGroup[MlagentError]) -> MlagentError:
    error = errors.exceptions[0]
    return error if isinstance(error, MlagentError) else _first(error)
