"""The config: through TOML and back, what it refuses, what it hands on."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from local_rl.errors import TrainingError
from local_rl.steps.config import StepsConfig, Unit
from local_rl.training.options import from_toml, to_toml


def test_it_comes_back_from_toml() -> None:
    config = StepsConfig(
        tasks=("digits",), updates=7, unit=Unit.EPISODE, without_gain=True, learning_rate=1e-5
    )
    assert from_toml(StepsConfig, to_toml(config), "config.toml") == config


def test_every_field_says_what_it_is() -> None:
    assert all(field.metadata["help"].endswith((".", ")")) for field in fields(StepsConfig))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"actions": 1}, "actions"),
        ({"updates": 0}, "updates"),
        ({"states": 0}, "states"),
        ({"updates": 5, "passes": 2}, "multiple"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"unit": Unit.EPISODE, "episode_steps": 0}, "episode_steps"),
    ],
)
def test_what_cannot_be_is_named(changes: dict[str, object], named: str) -> None:
    with pytest.raises(TrainingError, match=named):
        replace(StepsConfig(), **changes).check()  # type: ignore[arg-type]


def test_a_batch_is_its_states_or_its_episodes_actions() -> None:
    assert StepsConfig(actions=8, states=2).batch == 16
    assert StepsConfig(actions=4, unit=Unit.EPISODE, episode_steps=5).batch == 20


def test_ablations_reach_the_reward() -> None:
    parts = StepsConfig(without_errors=True, without_corner_cases=True).parts
    assert (parts.errors, parts.corner_cases, parts.gain) == (False, False, True)
    assert StepsConfig(without_gain=True).rollout.parts.gain is False
