"""The curve over updates: the mean reward of the policy's actions on tasks it does not learn from."""

from __future__ import annotations

import random
from collections.abc import Sequence

from jupyter_mlagent.records import Record
from local_rl.environment.environment import Environment
from local_rl.environment.states import EnvState
from local_rl.steps.rollout import Rollouts

DRAWS = 2000
CONFIDENCE = 0.95


class Score(Record):
    """Of one policy: a mean over states, each the mean of its scored actions."""

    mean: float
    low: float
    high: float
    """Bootstrap interval over states."""
    valid: float
    by_state: dict[str, float]


async def measure(
    rollouts: Rollouts,
    states: Sequence[tuple[Environment, EnvState]],
    *,
    seed: int,
) -> Score:
    """The same seeds each time, so that two measurements differ by the policy alone.

    Raises MlagentError when a state cannot be brought back or the engine cannot serve.
    """
    by_state: dict[str, float] = {}
    valid: list[float] = []
    for number, (environment, state) in enumerate(states):
        key = f"{state.task_id}/{state.notebook}"
        group = await rollouts.group(environment, state, key=key, seed=seed + number)
        valid.append(group.valid_share)
        if group.scored_rewards:
            by_state[key] = group.mean_reward
    means = list(by_state.values())
    low, high = interval(means, seed)
    return Score(
        mean=sum(means) / len(means) if means else 0.0,
        low=low,
        high=high,
        valid=sum(valid) / len(valid) if valid else 0.0,
        by_state=by_state,
    )


def interval(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """Of the mean, by resampling; (mean, mean) of a single value."""
    if not values:
        return 0.0, 0.0
    chooser = random.Random(seed)
    means = sorted(sum(chooser.choices(values, k=len(values))) / len(values) for _ in range(DRAWS))
    tail = int(DRAWS * (1 - CONFIDENCE) / 2)
    return means[tail], means[-tail - 1]
