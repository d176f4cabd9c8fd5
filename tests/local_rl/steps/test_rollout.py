"""Groups of actions: a scripted engine, and trials that really run in the state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from jupyter_mlagent.engine.fake import ScriptedEngine
from jupyter_mlagent.errors import EngineError, MlagentError
from jupyter_mlagent.records import Trial, TrialStatus
from local_rl.environment.environment import Attempt, Environment
from local_rl.steps.rewards import RewardParts
from local_rl.steps.rollout import RolloutConfig, Rollouts

HEAD = "```python\n# PLAN: another model.\n"
LINEAR = (
    f"{HEAD}from sklearn.linear_model import LinearRegression\n\n"
    "model = LinearRegression().fit(X_train, y_train)\n```\n"
)
SAME = LINEAR.replace("another model.", "a straight line.")
WORSE = (
    f"{HEAD}from sklearn.dummy import DummyRegressor\n\n"
    "model = DummyRegressor(strategy='constant', constant=900.0).fit(X_train, y_train)\n```\n"
)
RAISES = f"{HEAD}model = model.fit(X_train, missing_name)\n```\n"
PROSE = "There is nothing that I can do here."
ENDLESS = f"{HEAD}import time\n\nwhile True:\n    time.sleep(0.01)\n```\n"
CONFIG = RolloutConfig(actions=5, openings=False)


async def _group(env: Environment, replies: list[str], config: RolloutConfig = CONFIG) -> Any:
    engine = ScriptedEngine(replies)
    config = msgspec.structs.replace(config, actions=len(replies))
    state = await env.reset()
    return await Rollouts(engine, config).group(env, state, key=state.hash, seed=1), engine


async def test_each_action_is_executed_and_earns_what_it_measured(env: Environment) -> None:
    group, engine = await _group(env, [LINEAR, WORSE, RAISES, PROSE])
    linear, worse, raises, prose = group.actions
    assert linear.valid and linear.reward > 0.9
    assert linear.metric_after < group.metric_before
    assert worse.valid and 0 < worse.reward < 0.5
    assert (raises.status, raises.reward, raises.scored) == ("error", 0.0, True)
    assert "missing_name" in raises.reason
    assert (prose.status, prose.reward, prose.scored) == ("", 0.0, True)
    assert all(len(action.token_ids) == len(action.logprobs) > 0 for action in group.actions)
    (request,) = engine.requests
    assert (request.n, request.options.temperature, request.options.top_p) == (4, 1.0, 1.0)
    assert request.options.top_k == 0


async def test_equal_programs_are_executed_once(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    attempt = Environment.attempt

    async def counted(self: Environment, state: Any, code: str, **how: Any) -> Attempt:
        ran.append(code)
        return await attempt(self, state, code, **how)

    monkeypatch.setattr(Environment, "attempt", counted)
    group, _ = await _group(env, [LINEAR, SAME, WORSE])
    assert len(ran) == 2
    assert group.actions[0].program == group.actions[1].program != group.actions[2].program
    assert group.actions[0].reward == group.actions[1].reward


async def test_a_timeout_is_no_evidence(env: Environment) -> None:
    limits = msgspec.structs.replace(env.settings.limits, seconds=2.0)
    env.settings = msgspec.structs.replace(env.settings, limits=limits)
    group, _ = await _group(env, [LINEAR, ENDLESS])
    assert (group.actions[1].status, group.actions[1].scored) == ("timeout", False)
    assert group.scored_rewards == [group.actions[0].reward]


async def test_what_the_machine_could_not_try_is_no_evidence(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: Any, **__: Any) -> Attempt:
        raise MlagentError("The state's process is gone.")

    state = await env.reset()
    monkeypatch.setattr(env, "attempt", lost)
    group = await Rollouts(ScriptedEngine([LINEAR, WORSE]), RolloutConfig(actions=2, openings=False)).group(
        env, state, key="k", seed=0
    )
    assert [action.scored for action in group.actions] == [False, False]
    assert [action.status for action in group.actions] == ["not_tried", "not_tried"]


async def test_parts_of_the_reward_can_be_switched_off(env: Environment) -> None:
    config = RolloutConfig(openings=False, parts=RewardParts(errors=False, gain=False))
    group, _ = await _group(env, [LINEAR, WORSE, RAISES, PROSE], config)
    assert [action.reward for action in group.actions] == [0.5] * 4


async def test_the_state_is_as_it_was_after_its_actions(env: Environment) -> None:
    state = await env.reset()
    first, _ = await _group(env, [LINEAR, WORSE])
    second, _ = await _group(env, [WORSE, LINEAR])
    assert first.metric_before == second.metric_before == state.metric_value
    assert first.actions[0].metric_after == second.actions[1].metric_after


async def test_an_engine_that_fails_or_tells_no_log_probabilities_is_named(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = await env.reset()
    with pytest.raises(EngineError, match="gone"):
        await Rollouts(ScriptedEngine(fails="The worker is gone."), CONFIG).group(env, state, key="k", seed=0)
    silent = ScriptedEngine([LINEAR])
    silent._info = msgspec.structs.replace(silent._info, logprobs=False)
    with pytest.raises(EngineError, match="no log-probabilities"):
        await Rollouts(silent, CONFIG).group(env, state, key="k", seed=0)


async def test_openings_are_the_products_own(env: Environment, proposal: Callable[[str], Any]) -> None:
    engine = ScriptedEngine([LINEAR])
    state = await env.reset()
    group = await Rollouts(engine, RolloutConfig(actions=4)).group(env, state, key="k", seed=3)
    (request,) = engine.requests
    assert tuple(action.opening for action in group.actions) == request.prefills
    assert any(action.opening for action in group.actions)


def test_a_blocked_cheat_is_learned_from() -> None:
    from jupyter_mlagent.records import Direction
    from jupyter_mlagent.reward.reward import RewardConfig
    from local_rl.steps.rewards import action_reward

    cheat = Trial(status=TrialStatus.BLOCKED, cheated=True)
    reward = action_reward(cheat, Direction.MAXIMIZE, RewardConfig())
    assert (reward.value, reward.scored) == (0.0, True)
