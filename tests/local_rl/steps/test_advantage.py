"""Advantages of a group: what they sum to, what is masked, what copies count."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_rl.steps.advantage import AdvantageConfig, Outcome, advantages, deviation

PLAIN = AdvantageConfig(scale=False, distinct=False)
rewards = st.floats(0, 1)
outcomes = st.builds(
    Outcome, reward=rewards, scored=st.booleans(), program=st.sampled_from(["", "a", "b", "c", "d"])
)
groups = st.lists(outcomes, max_size=16)
configs = st.builds(
    AdvantageConfig,
    scale=st.booleans(),
    least_deviation=st.floats(0.01, 1),
    distinct=st.booleans(),
)


@given(groups, configs)
def test_what_is_not_scored_has_no_advantage_and_moves_nobody_elses(
    group: list[Outcome], config: AdvantageConfig
) -> None:
    found = advantages(group, config)
    scored = [outcome for outcome in group if outcome.scored]
    assert len(found) == len(group)
    assert all(value == 0 for value, outcome in zip(found, group, strict=True) if not outcome.scored)
    kept = [value for value, outcome in zip(found, group, strict=True) if outcome.scored]
    assert kept == advantages(scored, config)


@given(groups, st.booleans())
def test_advantages_sum_to_nothing(group: list[Outcome], scale: bool) -> None:
    found = advantages(group, AdvantageConfig(scale=scale, distinct=False))
    assert math.fsum(found) == pytest.approx(0, abs=1e-9)


@given(groups, configs)
def test_a_better_action_never_has_the_smaller_advantage_unless_it_shares_it(
    group: list[Outcome], config: AdvantageConfig
) -> None:
    plain = advantages(group, AdvantageConfig(scale=config.scale, distinct=False))
    scored = sorted(
        (outcome.reward, value) for outcome, value in zip(group, plain, strict=True) if outcome.scored
    )
    assert all(one[1] <= other[1] + 1e-9 for one, other in itertools.pairwise(scored))


@given(st.lists(rewards, min_size=2, max_size=16), configs)
def test_the_baseline_is_the_mean_of_the_others(values: list[float], config: AdvantageConfig) -> None:
    found = advantages([Outcome(reward=value) for value in values], PLAIN)
    if max(values) - min(values) > 1e-6:
        for place, value in enumerate(values):
            others = values[:place] + values[place + 1 :]
            assert found[place] == pytest.approx(value - math.fsum(others) / len(others), abs=1e-9)


@given(rewards, st.integers(1, 16), configs)
def test_equal_rewards_teach_nothing(reward: float, count: int, config: AdvantageConfig) -> None:
    assert advantages([Outcome(reward=reward)] * count, config) == [0.0] * count


@given(groups, st.floats(0.1, 10), configs)
def test_the_scale_has_a_floor(group: list[Outcome], factor: float, config: AdvantageConfig) -> None:
    scaled = AdvantageConfig(scale=True, least_deviation=config.least_deviation, distinct=False)
    plain = advantages(group, PLAIN)
    unit = max(deviation([outcome.reward for outcome in group if outcome.scored]), config.least_deviation)
    assert advantages(group, scaled) == pytest.approx([value / unit for value in plain])


def test_copies_of_a_good_program_share_its_advantage_and_those_of_a_bad_one_do_not() -> None:
    group = [
        *[Outcome(reward=0.9, program="forest")] * 3,
        Outcome(reward=0.9, program="ridge"),
        *[Outcome(reward=0.0, program="broken")] * 2,
    ]
    shared = advantages(group, AdvantageConfig(scale=False))
    plain = advantages(group, PLAIN)
    assert shared[:3] == pytest.approx([plain[0] / 3] * 3)
    assert sum(shared[:3]) == pytest.approx(shared[3])
    assert shared[4:] == plain[4:]


def test_one_scored_action_has_nothing_to_be_compared_with() -> None:
    group = [Outcome(reward=1.0), Outcome(reward=0.5, scored=False)]
    assert advantages(group, AdvantageConfig()) == [0.0, 0.0]
