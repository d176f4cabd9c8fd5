"""The reward of an executed action, and the same without one of its parts, for ablations. Pure functions."""

from __future__ import annotations

import msgspec

from jupyter_mlagent.records import Direction, Record, Trial, TrialStatus
from jupyter_mlagent.reward.reward import CORNER_CASES, Reward, RewardConfig, trial_reward


class RewardParts(Record, frozen=True):
    """Which parts of the reward count; the method has all three."""

    errors: bool = True
    """False: a malformed or failing action earns the neutral reward instead of 0."""
    corner_cases: bool = True
    """False: a timeout, exhausted memory or a blocked action earns 0 and is learned from, instead of being
    left out. What could not be tried at all is left out in any case."""
    gain: bool = True
    """False: whatever runs earns the neutral reward, however much better the metric got."""


ALL_PARTS = RewardParts()


def action_reward(
    trial: Trial | None,
    direction: Direction | None,
    config: RewardConfig,
    parts: RewardParts = ALL_PARTS,
) -> Reward:
    """`trial` is None for a malformed reply."""
    reward = trial_reward(trial, direction, config)
    if _is_corner_case(trial):
        if parts.corner_cases:
            return reward
        return Reward(value=config.error, scored=True, reason=f"{reward.reason} (counted as failed)")
    failed = trial is None or trial.cheated or trial.status is TrialStatus.ERROR
    if failed and not parts.errors:
        return msgspec.structs.replace(reward, value=config.neutral)
    if not failed and not parts.gain and reward.scored:
        return msgspec.structs.replace(reward, value=config.neutral)
    return reward


def _is_corner_case(trial: Trial | None) -> bool:
    if trial is None or trial.cheated:
        return False
    return trial.status in CORNER_CASES - {TrialStatus.NOT_TRIED}
