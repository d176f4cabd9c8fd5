"""What holds for every reward, whatever was measured."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlagent.records import Direction, Trial, TrialStatus, Verdict
from jupyter_mlagent.reward.reward import (
    RewardConfig,
    alpha_for,
    gain_reward,
    relative_gain,
    step_reward,
    trial_reward,
)

CONFIG = RewardConfig()
directions = st.sampled_from(Direction)
finite = st.floats(allow_nan=False, allow_infinity=False)
ordinary = st.floats(min_value=1e-3, max_value=1e6) | st.floats(min_value=-1e6, max_value=-1e-3)
anything = st.none() | st.floats()
trials = st.none() | st.builds(
    Trial,
    status=st.sampled_from(TrialStatus),
    metric_before=anything,
    metric_after=anything,
    cheated=st.booleans(),
)


def measured(before: float, after: float, direction: Direction) -> float:
    trial = Trial(status=TrialStatus.OK, metric_before=before, metric_after=after)
    return trial_reward(trial, direction, CONFIG).value


@settings(deadline=None)
@given(trials, st.none() | directions, st.none() | st.sampled_from(Verdict), st.booleans())
def test_a_reward_is_always_a_number_from_0_to_1(trial, direction, verdict, undone):
    reward = trial_reward(trial, direction, CONFIG)
    joined = step_reward(reward, verdict, CONFIG, undone=undone)
    assert 0.0 <= reward.value <= 1.0
    assert 0.0 <= joined.value <= 1.0
    assert reward.reason and "\n" not in joined.reason


@settings(deadline=None)
@given(finite, finite, finite, directions)
def test_a_better_metric_never_earns_less(before, one, other, direction):
    worse, better = sorted([one, other], reverse=direction is Direction.MINIMIZE)
    assert measured(before, worse, direction) <= measured(before, better, direction)


@settings(deadline=None)
@given(ordinary, st.floats(min_value=0.001, max_value=0.5), directions)
def test_better_earns_more_than_a_half_and_worse_earns_less(before, change, direction):
    step = direction.sign * change * abs(before)
    assert measured(before, before + step, direction) > 0.5 > measured(before, before - step, direction)


@settings(deadline=None)
@given(finite, directions)
def test_no_change_earns_exactly_a_half(value, direction):
    assert measured(value, value, direction) == 0.5


@settings(deadline=None)
@given(finite, finite)
def test_the_two_directions_are_mirror_images(before, after):
    up, down = (measured(before, after, direction) for direction in Direction)
    assert math.isclose(up + down, 1.0, abs_tol=1e-12)


@settings(deadline=None)
@given(finite, finite)
def test_maximising_a_metric_is_minimising_its_negative(before, after):
    assert measured(before, after, Direction.MAXIMIZE) == measured(-before, -after, Direction.MINIMIZE)


@settings(deadline=None)
@given(ordinary, ordinary, st.floats(min_value=1e-3, max_value=1e3), directions)
def test_the_unit_of_the_metric_does_not_matter(before, after, scale, direction):
    assert math.isclose(
        measured(before, after, direction),
        measured(scale * before, scale * after, direction),
        rel_tol=1e-6,
        abs_tol=1e-9,
    )


@settings(deadline=None)
@given(st.floats(min_value=1e-6, max_value=1e6), st.floats(min_value=1e-9, max_value=1.0))
def test_alpha_maps_its_reference_gain_to_nine_tenths_and_half_of_it_to_three_quarters(reference, eps):
    config = RewardConfig(alpha=alpha_for(reference), eps=eps)
    assert math.isclose(gain_reward(reference, config), 0.9, rel_tol=1e-9)
    # sigmoid(ln(9) / 2) = 3 / 4
    assert math.isclose(gain_reward(reference / 2, config), 0.75, rel_tol=1e-9)


@settings(deadline=None)
@given(finite, finite, directions)
def test_a_gain_is_never_nan(before, after, direction):
    assert not math.isnan(relative_gain(before, after, direction, CONFIG))
