"""From the pool to an update's groups, step-wise and episode-wise; the held-out curve; filling the pool."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from jupyter_mlagent.engine.fake import ScriptedEngine
from jupyter_mlagent.errors import EngineError, MlagentError
from jupyter_mlagent.records import Cell
from local_rl.environment.environment import Environment
from local_rl.environment.states import EnvState
from local_rl.explore.store import Exploration
from local_rl.steps.advantage import AdvantageConfig
from local_rl.steps.collect import collect
from local_rl.steps.config import StepsConfig
from local_rl.steps.episode import EpisodeSource
from local_rl.steps.held_out import interval, measure
from local_rl.steps.pool import Origin, Pool, PoolConfig, PoolState
from local_rl.steps.rollout import RolloutConfig, Rollouts
from local_rl.steps.source import StepSource
from local_rl.tasks.folder import TaskFolder

from .test_rollout import LINEAR, PROSE, RAISES, WORSE

TWO = RolloutConfig(actions=2, openings=False)


async def _pool(env: Environment) -> Pool:
    state = await env.reset()
    broken = Cell(id="b", kind="code", source="raise ValueError('never again')")
    lost = EnvState(
        hash=env._hash((*state.sources, broken.source)),
        task_id=state.task_id,
        notebook=state.notebook,
        cells=(*state.cells, broken),
    )
    return Pool(
        [PoolState(origin=Origin.STARTER, state=state), PoolState(origin=Origin.EXPERT, state=lost)],
        PoolConfig(starter=1.0, expert=4.0),
    )


async def test_a_state_that_does_not_come_back_is_left_out_and_said(env: Environment) -> None:
    pool = await _pool(env)
    told: list[str] = []
    source = StepSource(
        pool,
        {"line": env},
        Rollouts(ScriptedEngine([LINEAR, WORSE]), TWO),
        states=1,
        redraws=0,
        seed=0,
        on_lost=lambda _state, why: told.append(why),
    )
    for update in range(6):
        (group,) = await source.groups(update)
        assert group.state == pool.states[0].key
    assert len(told) == 1 and "never again" in told[0]
    assert pool.learned[pool.states[0].key].draws == 6


async def test_a_group_without_differences_is_drawn_again(env: Environment) -> None:
    state = await env.reset()
    pool = Pool([PoolState(origin=Origin.STARTER, state=state)], PoolConfig())
    engine = ScriptedEngine([PROSE, PROSE, LINEAR, PROSE])
    seen = []
    source = StepSource(
        pool,
        {"line": env},
        Rollouts(engine, TWO),
        states=1,
        redraws=1,
        seed=0,
        on_group=lambda update, group: seen.append((update, group.deviation > 0)),
    )
    (group,) = await source.groups(7)
    assert group.deviation > 0
    assert seen == [(7, False), (7, True)]
    seeds = [request.options.seed for request in engine.requests]
    assert len(set(seeds)) == 2


async def test_an_engine_that_fails_ends_the_update_and_costs_no_state(env: Environment) -> None:
    pool = await _pool(env)
    source = StepSource(
        pool, {"line": env}, Rollouts(ScriptedEngine(fails="gone."), TWO), states=1, redraws=0, seed=3
    )
    with pytest.raises((EngineError, MlagentError), match="gone"):
        for update in range(9):
            await source.groups(update)
    assert not pool.learned.get(pool.states[0].key)


async def test_episodes_are_walked_to_their_end_and_share_one_advantage(env: Environment) -> None:
    pool = await _pool(env)
    one = msgspec.structs.replace(TWO, actions=1)
    source = EpisodeSource(
        pool,
        {"line": env},
        Rollouts(ScriptedEngine([LINEAR, RAISES, WORSE, PROSE, PROSE, PROSE]), one),
        TWO,
        AdvantageConfig(scale=False),
        steps=3,
        seed=0,
    )
    groups = await source.groups(0)
    assert len(groups) == 6
    assert all(len(group.actions) == 1 for group in groups)
    first = {group.given_advantages for group in groups[:3]}
    second = {group.given_advantages for group in groups[3:]}
    assert len(first) == len(second) == 1
    assert sum(first.pop()) + sum(second.pop()) == pytest.approx(0)
    improved = [group for group in groups if group.actions[0].reward > 0.5]
    after = groups[groups.index(improved[0]) + 1]
    assert after.metric_before == improved[0].actions[0].metric_after  # the walk goes on from there


async def test_the_held_out_score_is_a_mean_over_states(env: Environment) -> None:
    state = await env.reset()
    rollouts = Rollouts(ScriptedEngine([LINEAR, PROSE]), TWO)
    score = await measure(rollouts, [(env, state)], seed=5)
    assert score.mean == pytest.approx(0.5, abs=0.05)
    assert score.valid == 0.5
    assert score.low <= score.mean <= score.high


def test_the_interval_holds_the_mean_and_narrows_with_equal_values() -> None:
    low, high = interval([0.1, 0.5, 0.9, 0.4])
    assert low < 0.475 < high
    assert interval([0.3]) == (0.3, 0.3)


async def test_the_pool_is_filled_from_tasks_and_explorations(
    env: Environment, line_task: TaskFolder, tmp_path: Path
) -> None:
    state = await env.reset()
    deeper = Cell(id="d", kind="code", source="extra = 1")
    made = msgspec.structs.replace(
        state, cells=(*state.cells, deeper), hash=env._hash((*state.sources, deeper.source))
    )
    changed = msgspec.structs.replace(made, hash="0" * 64)
    elsewhere = msgspec.structs.replace(made, task_id="another")
    for number, found in enumerate((made, changed, elsewhere)):
        Exploration(tmp_path / f"explored-{number}").add_batch(found, [])
    config = StepsConfig(
        tasks=(str(line_task.path),),
        explorations=tuple(str(tmp_path / f"explored-{number}") for number in range(3)),
        held_out_every=0,
    )
    collected = collect(config)
    assert [state.origin for state in collected.states] == [Origin.STARTER, Origin.EXPERT]
    assert collected.states[0].state.hash == state.hash
    assert collected.left_out == {
        "made by a task that has changed since": 1,
        "of tasks that are not learned from": 1,
    }
    assert "2 states of 1 tasks" in collected.lines()[0]
    assert collected.fingerprint == collect(config).fingerprint


def test_what_cannot_be_collected_is_one_sentence(line_task: TaskFolder, tmp_path: Path) -> None:
    tasks = (str(line_task.path),)
    with pytest.raises(MlagentError, match="no exploration"):
        collect(StepsConfig(tasks=tasks, explorations=(str(tmp_path / "none"),), held_out_every=0))
    with pytest.raises(MlagentError, match="no journal"):
        collect(StepsConfig(tasks=tasks, journals=(str(tmp_path / "none.sqlite"),), held_out_every=0))
    with pytest.raises(MlagentError, match="both learned from and held out"):
        collect(StepsConfig(tasks=tasks, held_out=tasks))
