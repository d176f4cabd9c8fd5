"""`mlagent train steps` as a run: what it would do, and doing it."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlagent.engine.api import Engine
from jupyter_mlagent.training_events import HeldOutScored, TrainingState, TrainingStateChanged
from local_rl.policy.config import PolicyConfig
from local_rl.steps.background import Background
from local_rl.steps.collect import collect
from local_rl.steps.config import StepsConfig, Unit
from local_rl.steps.lab import Lab
from local_rl.steps.log import Log
from local_rl.steps.pool import Learned as KnownState
from local_rl.steps.pool import Pool, PoolState, load, save
from local_rl.training.recipe import Learned, Plan
from local_rl.training.run import Paused, Run, Wanted

if TYPE_CHECKING:
    from local_rl.steps.trainer import StepTrainer

POOL_FILE, KNOWN_FILE = "pool.jsonl", "pool_known.json"
ADAPTER, SERVING = "adapter", "serving"
PROMPT_TOKENS = 1536
"""Longest prompt that the engine's context has room for beside G replies."""

MEMORY_SHARE = 0.7
"""Of the free memory, for training; the rest is the engine's and the trials'."""


class StepsRecipe:
    config_type: type[Any] = StepsConfig

    def policy(self, config: StepsConfig) -> PolicyConfig:
        return config.policy

    def plan(self, config: StepsConfig) -> Plan:
        config.check()
        collected = collect(config)
        each = (
            f"{config.actions} episodes of {config.episode_steps} steps"
            if config.unit is Unit.EPISODE
            else f"{config.actions} actions in {config.states} state{'s' if config.states > 1 else ''}"
        )
        return Plan(
            updates=config.updates,
            examples=config.updates // config.passes * config.batch,
            lines=(
                *collected.lines(),
                f"{config.updates} updates, each from {each}, executed for real.",
            ),
            data_fingerprint=collected.fingerprint,
            prompt_tokens=PROMPT_TOKENS,
            reply_tokens=config.max_tokens,
            replies=at_once(config),
        )

    def train(self, config: StepsConfig, run: Run) -> Learned:
        from local_rl.policy.loading import load_policy

        config.check()
        config = replace(config, at_once=at_once(config))
        pool = _pool(config, run)
        policy = load_policy(
            config.policy, adapter=_phase_one(config), on_doing=lambda text: _say(run, f"{text}.")
        )
        log = Log(run.folder.path)
        with Background() as background:
            lab = Lab(config, _engine(config), pool, log, on_lost=lambda state, why: _lost(run, state, why))
            background.run(lab.open())
            try:
                work = _Work(config, run, policy, lab, log, background)
                return work.train()
            finally:
                background.run(lab.close())
                shutil.rmtree(run.folder.path / SERVING, ignore_errors=True)


RECIPE = StepsRecipe()


def at_once(config: StepsConfig) -> int:
    """Replies that are computed at once: all of a group, or as many as free memory holds.

    A CPU has no second chance as a GPU has: where its memory is short, the system ends a process.
    """
    from local_rl.training.starting import available_memory, base_of, memory_needed

    base, _ = base_of(config.policy)
    limit, _ = available_memory()
    count = min(config.at_once or config.actions, config.actions)
    while count > 1:
        part = Plan(
            updates=1,
            examples=count,
            lines=(),
            prompt_tokens=PROMPT_TOKENS,
            reply_tokens=config.max_tokens,
            replies=count,
        )
        if memory_needed(config.policy, base, part).total <= MEMORY_SHARE * limit:
            break
        count = (count + 1) // 2
    return count


class _Work:
    """One run's trainer with what it samples from."""

    def __init__(
        self, config: StepsConfig, run: Run, policy: Any, lab: Lab, log: Log, background: Background
    ) -> None:
        from local_rl.steps.serving import Serving

        self._config = config
        self._run = run
        self._policy = policy
        self._lab = lab
        self._log = log
        self._background = background
        self._serving = Serving(policy, run.folder.path / SERVING)
        self._began = time.monotonic()
        self._first_score: float | None = None
        self._trainer: StepTrainer | None = None

    def train(self) -> Learned:
        from local_rl.steps.hooks import StepHooks
        from local_rl.steps.trainer import StepTrainer
        from local_rl.training.callback import RunCallback
        from local_rl.training.folder import said_when_full

        trainer = StepTrainer(
            self._policy,
            self._sharing(),
            self._sample,
            self._run.checkpoints,
            on_memory=lambda count: _say(
                self._run, f"Memory was short: {count} replies are computed at once."
            ),
            on_checkpoint=self._keep_known,
        )
        self._trainer = trainer
        heard = RunCallback(self._run, trainer.progress)
        trainer.add_callback(heard)
        trainer.add_callback(StepHooks(self._after_update))
        checkpoint = self._run.latest_checkpoint()
        begun = int(checkpoint.name.rpartition("-")[2]) if checkpoint is not None else 0
        self._log.begin_at(begun)
        with said_when_full(self._run.folder.path):
            if not begun:
                self._measure(0)
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint is not None else None)
        update = trainer.state.global_step
        if heard.wanted is Wanted.PAUSE and update < self._config.updates:
            raise Paused(f"Paused after update {update}.")
        adapter = self._run.folder.path / ADAPTER
        self._policy.save_adapter(adapter)
        steps = update // self._config.passes * self._config.batch
        return Learned(peft=adapter, steps=steps, note=f"{update} updates of step-wise RL.")

    def _sharing(self) -> StepsConfig:
        from local_rl.policy.sharing import shares_prompts

        if not self._config.shared_prompt or shares_prompts(self._policy):
            return self._config
        _say(self._run, "This model's attention takes no mask of ours: prompts are computed once a reply.")
        return replace(self._config, shared_prompt=False)

    def _sample(self, update: int) -> Any:
        self._background.run(self._lab.use(self._serving.adapter(update)))
        return self._background.run(self._lab.groups(update))

    def _after_update(self, update: int) -> bool:
        """Whether the run ends here."""
        assert self._trainer is not None
        self._log.add_update(self._trainer.numbers())
        if self._config.held_out_every and update % self._config.held_out_every == 0:
            self._measure(update)
        minutes = (time.monotonic() - self._began) / 60
        return bool(self._config.minutes) and minutes >= self._config.minutes

    def _measure(self, update: int) -> None:
        if not self._config.held_out_every:
            return
        self._background.run(self._lab.use(self._serving.adapter(update)))
        score = self._background.run(self._lab.score())
        if self._first_score is None:
            self._first_score = self._told_first_score(score.mean)
        self._run.tell(
            HeldOutScored(
                update=update,
                score=score.mean,
                low=score.low,
                high=score.high,
                active_score=self._first_score,
            )
        )

    def _told_first_score(self, now: float) -> float:
        """Of the policy that the run began with, also after it was resumed."""
        told = (event for event in self._run.folder.events() if isinstance(event, HeldOutScored))
        return next((event.active_score for event in told), now)

    def _keep_known(self, checkpoint: Path) -> None:
        checkpoint.mkdir(parents=True, exist_ok=True)
        (checkpoint / KNOWN_FILE).write_bytes(msgspec.json.encode(self._lab.pool.learned))


def _pool(config: StepsConfig, run: Run) -> Pool:
    """The run's own states; what is known of them as of its latest checkpoint."""
    path = run.folder.path / POOL_FILE
    if not path.exists():
        save(collect(config).states, path)
    checkpoint = run.latest_checkpoint()
    known: dict[str, KnownState] = {}
    if checkpoint is not None and (checkpoint / KNOWN_FILE).exists():
        known = msgspec.json.decode((checkpoint / KNOWN_FILE).read_bytes(), type=dict[str, KnownState])
    return Pool(load(path), config.pool, known)


def _phase_one(config: StepsConfig) -> Path | None:
    """The adapter that is gone on from, in PEFT's form; None: the base."""
    from jupyter_mlagent.engine.catalog import resolve
    from local_rl.adapters.find import peft_folder
    from local_rl.policy.weights import identity

    name = config.policy.adapter
    return peft_folder(name, identity(resolve(config.policy.model))) if name else None


def _engine(config: StepsConfig) -> Engine:
    from jupyter_mlagent.engine.open import open_engine

    needed = PROMPT_TOKENS + max(config.actions, config.held_out_actions) * config.max_tokens
    return open_engine(config.policy.model, context_tokens=config.context_tokens or needed)


def _say(run: Run, reason: str) -> None:
    run.tell(TrainingStateChanged(state=TrainingState.RUNNING, reason=reason))


def _lost(run: Run, state: PoolState, why: str) -> None:
    _say(run, f"A state of {state.state.task_id} is left out from now on: {why}")
