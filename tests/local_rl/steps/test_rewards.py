"""The reward of an action, and the same without one of its parts."""

from __future__ import annotations

import pytest

from jupyter_mlagent.records import Direction, Trial, TrialError, TrialStatus
from jupyter_mlagent.reward.reward import RewardConfig, trial_reward
from local_rl.steps.rewards import RewardParts, action_reward

CONFIG = RewardConfig()
BETTER = Trial(status=TrialStatus.OK, metric_before=1.0, metric_after=1.2)
WORSE = Trial(status=TrialStatus.OK, metric_before=1.0, metric_after=0.9)
FAILED = Trial(status=TrialStatus.ERROR, error=TrialError(name="ValueError", value="no"))
SLOW = Trial(status=TrialStatus.TIMEOUT, metric_before=1.0)
UNTRIED = Trial(status=TrialStatus.NOT_TRIED)
CHEAT = Trial(status=TrialStatus.BLOCKED, cheated=True)
ALL = (None, BETTER, WORSE, FAILED, SLOW, UNTRIED, CHEAT)


@pytest.mark.parametrize("trial", ALL)
def test_with_all_parts_it_is_the_products_own_reward(trial: Trial | None) -> None:
    assert action_reward(trial, Direction.MAXIMIZE, CONFIG) == trial_reward(trial, Direction.MAXIMIZE, CONFIG)


def test_without_errors_what_fails_is_neutral_and_nothing_else_changes() -> None:
    parts = RewardParts(errors=False)
    for trial in (None, FAILED, CHEAT):
        reward = action_reward(trial, Direction.MAXIMIZE, CONFIG, parts)
        assert (reward.value, reward.scored) == (0.5, True)
    for trial in (BETTER, WORSE, SLOW, UNTRIED):
        assert action_reward(trial, Direction.MAXIMIZE, CONFIG, parts) == trial_reward(
            trial, Direction.MAXIMIZE, CONFIG
        )


def test_without_corner_cases_a_timeout_is_punished_and_what_was_not_tried_is_still_left_out() -> None:
    parts = RewardParts(corner_cases=False)
    slow = action_reward(SLOW, Direction.MAXIMIZE, CONFIG, parts)
    assert (slow.value, slow.scored) == (0.0, True)
    assert not action_reward(UNTRIED, Direction.MAXIMIZE, CONFIG, parts).scored


def test_without_gain_whatever_runs_is_neutral() -> None:
    parts = RewardParts(gain=False)
    for trial in (BETTER, WORSE):
        assert action_reward(trial, Direction.MAXIMIZE, CONFIG, parts).value == 0.5
    assert action_reward(FAILED, Direction.MAXIMIZE, CONFIG, parts).value == 0.0
