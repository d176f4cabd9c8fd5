"""Episode-wise, the ablation: G whole trajectories from a starter, every action with its trajectory's return.

What step-wise RL does without: every trajectory has to be walked to its end before anything is learned, its
prompts are all different, and one number judges all of its actions.
"""

from __future__ import annotations

import asyncio

import msgspec

from jupyter_mlagent.records import Anchor, Operator, Proposal, source_hash
from local_rl.environment.environment import Environment
from local_rl.environment.states import EnvState
from local_rl.steps.advantage import AdvantageConfig, Outcome, advantages
from local_rl.steps.group import Action, Group
from local_rl.steps.pool import Origin, Pool
from local_rl.steps.rollout import RolloutConfig, Rollouts
from local_rl.steps.source import SEED_STRIDE, OnGroup


class EpisodeSource:
    """For each update G episodes of one task; the groups hold one action each."""

    def __init__(
        self,
        pool: Pool,
        environments: dict[str, Environment],
        rollouts: Rollouts,
        config: RolloutConfig,
        advantage: AdvantageConfig,
        *,
        steps: int,
        seed: int,
        on_group: OnGroup = lambda _update, _group: None,
    ) -> None:
        """`rollouts` samples one reply at a time; `config` says how many episodes there are."""
        starters = [state for state in pool.states if state.origin is Origin.STARTER]
        self.pool = Pool(starters or pool.states, pool.config, pool.learned)
        self._environments = environments
        self._rollouts = rollouts
        self._episodes = config.actions
        self._advantage = advantage
        self._steps = steps
        self._seed = seed
        self._on_group = on_group

    async def groups(self, update: int) -> list[Group]:
        (drawn,) = self.pool.draw(self._seed, update * SEED_STRIDE)
        environment = self._environments[drawn.state.task_id]
        start = await environment.rebuild(drawn.state)
        walks = await asyncio.gather(
            *(self._walk(environment, start, update, number) for number in range(self._episodes))
        )
        outcomes = [_return_of(walk) for walk in walks]
        values = advantages(outcomes, self._advantage)
        self.pool.learn(drawn.key, 0.0, sum(outcome.reward for outcome in outcomes) / len(outcomes))
        groups = [
            msgspec.structs.replace(group, given_advantages=(value if group.actions[0].scored else 0.0,))
            for walk, value in zip(walks, values, strict=True)
            for group in walk
        ]
        for group in groups:
            self._on_group(update, group)
        return groups

    async def _walk(self, environment: Environment, start: EnvState, update: int, number: int) -> list[Group]:
        """Steps that made nothing worse are kept, as a person would."""
        state, walked = start, []
        for step in range(self._steps):
            seed = ((self._seed * 7919 + update) * SEED_STRIDE + number) * SEED_STRIDE + step
            group = await self._rollouts.group(environment, state, key=state.hash, seed=seed)
            walked.append(group)
            (action,) = group.actions
            if action.valid and action.reward > 0.5:
                state = await _following(environment, state, action) or state
        return walked


def _return_of(walk: list[Group]) -> Outcome:
    """The mean reward of a trajectory's scored actions."""
    rewards = [action.reward for group in walk for action in group.actions if action.scored]
    return Outcome(reward=sum(rewards) / len(rewards) if rewards else 0.0, scored=bool(rewards))


async def _following(environment: Environment, state: EnvState, action: Action) -> EnvState | None:
    step = await environment.step(
        state,
        Proposal(
            id=source_hash(action.code)[:12],
            operator=Operator.IMPROVE,
            plan="",
            code=action.code,
            source_hash=source_hash(action.code),
            anchor=Anchor(cell_id="", source_hash=source_hash("")),
        ),
    )
    return step.next_state
