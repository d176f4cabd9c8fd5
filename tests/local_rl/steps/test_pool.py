"""The pool: how likely a state is drawn, that draws repeat, and that it comes back from a file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Cell
from local_rl.environment.states import EnvState
from local_rl.steps.pool import Origin, Pool, PoolConfig, PoolState, load, save, thinned, unique


def state(name: str, origin: Origin = Origin.EXPERT, task: str = "line") -> PoolState:
    cell = Cell(id="a", kind="code", source=f"x = '{name}'")
    return PoolState(
        origin=origin, state=EnvState(hash=name, task_id=task, notebook="starter.ipynb", cells=(cell,))
    )


STATES = [state("start", Origin.STARTER), state("late", Origin.LATE), state("alike"), state("differing")]


def test_states_whose_actions_differ_are_drawn_more_often() -> None:
    pool = Pool(STATES, PoolConfig())
    pool.learn("alike", deviation=0.0, reward=0.5)
    pool.learn("differing", deviation=0.4, reward=0.5)
    drawn = Counter(pool.draw(0, number)[0].key for number in range(2000))
    assert drawn["differing"] > 3 * drawn["alike"] > 0
    expert = (drawn["alike"] + drawn["differing"]) / 2000
    assert expert == pytest.approx(1.5 / 4.0, abs=0.05)  # the origin's share stays what it was


def test_what_was_learned_of_a_state_fades() -> None:
    pool = Pool(STATES, PoolConfig(memory=0.5))
    pool.learn("alike", deviation=0.4, reward=1.0)
    pool.learn("alike", deviation=0.0, reward=0.0)
    assert pool.learned["alike"].deviation == pytest.approx(0.2)
    assert pool.learned["alike"].draws == 2


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(1, 4))
def test_the_same_seed_number_and_learning_draw_the_same_states(seed: int, number: int, count: int) -> None:
    first = Pool(STATES, PoolConfig())
    first.learn("late", 0.2, 0.5)
    again = Pool(STATES, PoolConfig(), learned=first.learned)
    drawn = first.draw(seed, number, count)
    assert drawn == again.draw(seed, number, count)
    assert len({found.key for found in drawn}) == count


def test_a_lost_state_is_drawn_no_more_and_an_empty_pool_says_so() -> None:
    pool = Pool(STATES, PoolConfig())
    for lost in ("start", "late", "alike"):
        pool.lose(lost, "its cell raises")
    assert {pool.draw(0, number)[0].key for number in range(50)} == {"differing"}
    pool.lose("differing", "its cell raises")
    with pytest.raises(MlagentError, match="its cell raises"):
        pool.draw(0, 0)


def test_an_origin_without_a_share_is_left_out() -> None:
    pool = Pool(STATES, PoolConfig(starter=0))
    assert Origin.STARTER not in {found.origin for found in pool.states}
    with pytest.raises(MlagentError, match="no state to learn in"):
        Pool([state("start", Origin.STARTER)], PoolConfig(starter=0))


def test_a_pool_comes_back_from_its_file(tmp_path: Path) -> None:
    save(STATES, tmp_path / "pool.jsonl")
    assert load(tmp_path / "pool.jsonl") == STATES
    with (tmp_path / "pool.jsonl").open("a") as file:
        file.write("nonsense\n")
    with pytest.raises(MlagentError, match="line 5"):
        load(tmp_path / "pool.jsonl")


def test_thinning_keeps_the_tasks_even_and_every_start() -> None:
    many = [state(f"a{place}", task="a") for place in range(50)] + [
        state(f"b{place}", task="b") for place in range(5)
    ]
    kept = thinned([*STATES[:2], *many], 12)
    assert len(kept) == 12
    assert kept[:2] == STATES[:2]
    tasks = Counter(found.state.task_id for found in kept[2:])
    assert tasks == {"a": 5, "b": 5}


def test_a_state_that_comes_twice_counts_once() -> None:
    assert unique([STATES[0], STATES[0], STATES[1]]) == STATES[:2]
