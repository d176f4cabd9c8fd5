"""How much better an action was than its siblings: group-relative advantages. Pure functions.

The baseline of an action is the mean reward of the OTHER scored actions of its group (leave-one-out, RLOO,
arXiv 2402.14740), so that it does not depend on the action itself and the gradient has no bias. What GRPO
(arXiv 2402.03300) takes, the mean of the whole group, is the same but for the factor G / (G - 1).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from jupyter_mlagent.records import Record

EQUAL = 1e-9
"""Rewards that lie closer together than this are equal: a group without differences teaches nothing."""


class AdvantageConfig(Record, frozen=True):
    scale: bool = True
    """Divide by the group's standard deviation, so that a late state, whose rewards lie close together,
    teaches as much as an early one."""
    least_deviation: float = 0.1
    """Smallest standard deviation that is divided by: differences far below it are the metric's noise."""
    distinct: bool = True
    """A program that was sampled k times counts 1/k in each of its samples where its advantage is positive:
    otherwise the most frequent good program drives out the others. Bad ones count in full."""


class Outcome(Record, frozen=True):
    """Of one action, what its advantage depends on."""

    reward: float
    scored: bool = True
    """False: no evidence either way (a timeout, not tried); it gets no advantage and is in no baseline."""
    program: str = ""
    """Equal for samples that are the same program (`dedupe.normalised_key`); empty: none."""


def advantages(group: Sequence[Outcome], config: AdvantageConfig) -> list[float]:
    """One number for each action; all 0 when fewer than two are scored or their rewards are all equal."""
    scored = [place for place, outcome in enumerate(group) if outcome.scored]
    result = [0.0] * len(group)
    rewards = [group[place].reward for place in scored]
    if len(scored) < 2 or max(rewards) - min(rewards) <= EQUAL:
        return result
    mean = math.fsum(rewards) / len(rewards)
    unit = _unit(rewards, mean, config)
    copies = Counter(group[place].program for place in scored if group[place].program)
    for place, reward in zip(scored, rewards, strict=True):
        # reward - mean of the others = (reward - mean of all) * n / (n - 1)
        value = (reward - mean) * len(rewards) / (len(rewards) - 1) / unit
        if config.distinct and value > 0:
            value /= copies[group[place].program] or 1
        result[place] = value
    return result


def deviation(rewards: Sequence[float]) -> float:
    """The standard deviation of a group's scored rewards: how much there is to learn from its state."""
    if not rewards:
        return 0.0
    mean = math.fsum(rewards) / len(rewards)
    return math.sqrt(math.fsum((reward - mean) ** 2 for reward in rewards) / len(rewards))


def _unit(rewards: Sequence[float], mean: float, config: AdvantageConfig) -> float:
    if not config.scale:
        return 1.0
    variance = math.fsum((reward - mean) ** 2 for reward in rewards) / len(rewards)
    return max(math.sqrt(variance), config.least_deviation)
