"""Where a trainer's groups come from: states drawn from the pool, actions of the policy as it is now."""

from __future__ import annotations

from collections.abc import Callable

from jupyter_mlagent.errors import EngineError, MlagentError
from local_rl.environment.environment import Environment
from local_rl.steps.advantage import EQUAL
from local_rl.steps.group import Group
from local_rl.steps.pool import Pool, PoolState
from local_rl.steps.rollout import Rollouts

SEED_STRIDE = 1000
"""Between the seeds of two updates: so many groups of one update have seeds of their own."""

OnGroup = Callable[[int, Group], None]
OnLost = Callable[[PoolState, str], None]


class StepSource:
    """Groups of G actions of one state each. To be used in one event loop."""

    def __init__(
        self,
        pool: Pool,
        environments: dict[str, Environment],
        rollouts: Rollouts,
        *,
        states: int,
        redraws: int,
        seed: int,
        on_group: OnGroup = lambda _update, _group: None,
        on_lost: OnLost = lambda _state, _why: None,
    ) -> None:
        """`environments`: by task, opened. `on_group` sees every group, also those that teach nothing."""
        self.pool = pool
        self._environments = environments
        self._rollouts = rollouts
        self._states = states
        self._redraws = redraws
        self._seed = seed
        self._on_group = on_group
        self._on_lost = on_lost

    async def groups(self, update: int) -> list[Group]:
        """For one update. A state that cannot be brought back is left out of the pool, another is drawn.

        Raises MlagentError when no state is left, or the engine cannot serve.
        """
        chosen: list[Group] = []
        spare = self._redraws
        attempt = 0
        while len(chosen) < self._states:
            (drawn,) = self.pool.draw(self._seed, update * SEED_STRIDE + attempt)
            group = await self._group(drawn, update, attempt)
            attempt += 1
            if group is None:
                continue
            if spare and not _teaches(group):
                spare -= 1
                continue
            chosen.append(group)
        return chosen

    async def _group(self, drawn: PoolState, update: int, attempt: int) -> Group | None:
        seed = (self._seed * 7919 + update) * SEED_STRIDE + attempt
        try:
            environment = self._environments[drawn.state.task_id]
            group = await self._rollouts.group(environment, drawn.state, key=drawn.key, seed=seed)
        except EngineError:
            raise
        except MlagentError as error:
            self.pool.lose(drawn.key, str(error))
            self._on_lost(drawn, str(error))
            return None
        self.pool.learn(drawn.key, group.deviation, group.mean_reward)
        self._on_group(update, group)
        return group


def _teaches(group: Group) -> bool:
    rewards = group.scored_rewards
    return len(rewards) > 1 and max(rewards) - min(rewards) > EQUAL
