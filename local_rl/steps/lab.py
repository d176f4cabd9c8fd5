"""Everything that actions are sampled and executed with: the engine, environments, the pool, and the log."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import msgspec

from jupyter_mlagent.engine.api import Engine
from jupyter_mlagent.trial.api import TrialLimits
from local_rl.environment.environment import Environment, EnvSettings
from local_rl.environment.scheduler import Scheduler
from local_rl.environment.states import EnvState
from local_rl.steps.collect import held_out_states, training_tasks
from local_rl.steps.config import StepsConfig, Unit
from local_rl.steps.episode import EpisodeSource
from local_rl.steps.group import Group
from local_rl.steps.held_out import Score, measure
from local_rl.steps.log import Log
from local_rl.steps.pool import Pool
from local_rl.steps.rollout import Rollouts
from local_rl.steps.source import OnLost, StepSource
from local_rl.tasks.folder import TaskFolder

LIVE_STATES = 4
"""Kept alive of one task: the others come back by replay."""


class Lab:
    """To be used in one event loop. `open` it, `close` it."""

    def __init__(
        self,
        config: StepsConfig,
        engine: Engine,
        pool: Pool,
        log: Log,
        on_lost: OnLost = lambda _state, _why: None,
    ) -> None:
        self.pool = pool
        self._config = config
        self._engine = engine
        self._log = log
        self._on_lost = on_lost
        self._scheduler = Scheduler()
        self._entered = contextlib.AsyncExitStack()
        self._source: StepSource | EpisodeSource | None = None
        self._environments: dict[str, Environment] = {}
        self._held_out: list[tuple[Environment, EnvState]] = []

    async def open(self) -> None:
        """Raises MlagentError when the engine does not start or data cannot be made; closes what was open."""
        try:
            await self._engine.start()
            wanted = {state.state.task_id for state in self.pool.states}
            folders = [folder for folder in training_tasks(self._config) if folder.id in wanted]
            self._environments = {folder.id: await self._enter(folder) for folder in folders}
            self._source = self._make_source(self._environments)
            if self._config.held_out_every:
                await self._enter_held_out()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        await asyncio.shield(self._entered.aclose())
        await asyncio.shield(self._engine.close())

    def environment(self, task: str) -> Environment:
        """Of a task that is learned from."""
        return self._environments[task]

    async def groups(self, update: int) -> list[Group]:
        assert self._source is not None
        return await self._source.groups(update)

    async def use(self, adapter: Path | None) -> None:
        """Sample from this adapter from now on; None: the base."""
        await self._engine.load_adapter(adapter)

    async def score(self) -> Score:
        """Of the policy as it is, on the held-out states."""
        config = msgspec.structs.replace(self._config.rollout, actions=self._config.held_out_actions)
        rollouts = Rollouts(self._engine, config, self._scheduler)
        return await measure(rollouts, self._held_out, seed=self._config.seed)

    async def _enter(self, folder: TaskFolder) -> Environment:
        settings = EnvSettings(
            limits=TrialLimits(seconds=self._config.trial_seconds),
            live_states=LIVE_STATES,
            threads=self._config.trial_threads,
        )
        return await self._entered.enter_async_context(Environment(folder, settings))

    async def _enter_held_out(self) -> None:
        entered: dict[str, Environment] = {}
        for folder, state in held_out_states(self._config.held_out):
            if folder.id not in entered:
                entered[folder.id] = await self._enter(folder)
            self._held_out.append((entered[folder.id], state))

    def _make_source(self, environments: dict[str, Environment]) -> StepSource | EpisodeSource:
        config = self._config
        if config.unit is Unit.EPISODE:
            one = msgspec.structs.replace(config.rollout, actions=1)
            return EpisodeSource(
                self.pool,
                environments,
                Rollouts(self._engine, one, self._scheduler),
                config.rollout,
                config.advantage,
                steps=config.episode_steps,
                seed=config.seed,
                on_group=self._log.add_group,
            )
        return StepSource(
            self.pool,
            environments,
            Rollouts(self._engine, config.rollout, self._scheduler),
            states=config.states,
            redraws=config.redraws,
            seed=config.seed,
            on_group=self._log.add_group,
            on_lost=self._on_lost,
        )
