"""What a step is worth to the search: the reward module's number, and a bonus for a new best."""

from __future__ import annotations

import math

import msgspec

from jupyter_mlagent.records import Direction, Record, Trial, TrialStatus
from jupyter_mlagent.reward.reward import RewardConfig, is_readable, relative_gain, trial_reward
from jupyter_mlagent.search.settings import SearchSettings

ROUNDING = 1e-6
"""Relative difference of two readings that are the same: sums over threads differ in their last digits."""


class Value(Record):
    value: float
    """In [0, 1], what backpropagation carries up the tree."""
    scored: bool
    """False where the trial is no evidence either way."""
    best: bool
    """Whether the bonus for a new best was given."""
    reason: str


def works(trial: Trial, direction: Direction | None) -> bool:
    """Whether a cell ended well and, where there is a metric, left one that can be read."""
    readable = direction is None or is_readable(trial.metric_after)
    return trial.status is TrialStatus.OK and not trial.cheated and readable


def is_better(value: float | None, than: float | None, direction: Direction | None) -> bool:
    """Whether a metric's value beats another; any value beats one that cannot be read."""
    if direction is None or value is None or not is_readable(value):
        return False
    return than is None or not is_readable(than) or direction.sign * (value - than) > 0


def value_of(
    trial: Trial,
    *,
    base: float | None,
    best: float | None,
    direction: Direction | None,
    config: RewardConfig,
    settings: SearchSettings,
) -> Value:
    """(reward + bonus if it is the new best) / (1 + bonus), in [0, 1] as UCT's constant expects.

    `base` is the metric of the search's root and `best` the best that was found before this trial (the
    root's own included). The reward is measured against the root, not against the parent: siblings and
    cousins are then compared by where they stand, and a bad start earns no more for being easy to better.

    ML-Master (arXiv 2506.16499) adds to its reward for a new best result. Here the bonus rests on what the
    tree has measured, and only a step that works can earn it.
    """
    reward = trial_reward(msgspec.structs.replace(trial, metric_before=base), direction, config)
    new_best = works(trial, direction) and is_better(trial.metric_after, best, direction)
    bonus = settings.best_bonus if new_best else 0.0
    value = (reward.value + bonus) / (1.0 + settings.best_bonus)
    return Value(value=value, scored=reward.scored, best=new_best, reason=reward.reason)


def gained(
    before: float | None, after: float | None, direction: Direction | None, config: RewardConfig, least: float
) -> bool:
    """Whether a step bettered its parent's metric by at least `least`, relatively."""
    if direction is None or not is_better(after, before, direction):
        return False
    if before is None or after is None or not is_readable(before):
        return True
    return relative_gain(before, after, direction, config) >= least


def alike(one: float | None, other: float | None) -> bool:
    """Whether two readings are the same number but for rounding."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=ROUNDING, abs_tol=1e-12)
