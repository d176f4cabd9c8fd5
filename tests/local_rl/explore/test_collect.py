"""An exploration of a small task, for real: states are visited, replies executed, nothing done twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Operator, TrialStatus
from local_rl.explore.collect import Collector, choose_next, visits_for
from local_rl.explore.config import CollectConfig, ExploreConfig, KeepConfig
from local_rl.explore.examples import examples_of
from local_rl.explore.keep import select
from local_rl.explore.recipe import RECIPE
from local_rl.explore.records import Tried
from local_rl.explore.run import training_tasks
from local_rl.explore.store import TRIED_FILE, Exploration
from local_rl.tasks.folder import TaskFolder

CONFIG = CollectConfig(expert="recipes", ideas=0, replies=5, rounds=1, starter_steps=2, parallel=1)


async def test_what_was_collected_is_executed_kept_and_made_into_examples(
    line_task: TaskFolder, tmp_path: Path
) -> None:
    store, told = Exploration(tmp_path / "data"), []
    await Collector([line_task], None, None, CONFIG, store, told.append).run()
    rows = store.tried()
    assert {row.batch for row in rows} == {"0/line/starter.ipynb/0", "0/line/starter.ipynb/1"}
    assert len(rows) == 10 and len(told) == 2
    assert {row.state for row in rows} <= store.states().keys()
    assert any(row.status == TrialStatus.OK and row.reward > 0.5 for row in rows)

    selection = select(rows, KeepConfig(most=1.0))
    made = examples_of(selection.kept, store.states(), {"line": line_task}, KeepConfig())
    assert len(made) == len(selection.kept) > 0
    for example, item in zip(made, selection.kept, strict=True):
        assert example.prefill + example.reply == f"{item.row.text.rstrip()}\n```"
        assert "import" not in example.reply and "import" in item.row.code
        assert "Goal: a lower value of mean_absolute_error" in example.messages[-1].content

    # The same command again does nothing; after a crash in the middle of a line it goes on.
    await Collector([line_task], None, None, CONFIG, store, told.append).run()
    assert store.tried() == rows and len(told) == 2
    path = store.folder / TRIED_FILE
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole[:5]) + whole[5][:40])
    await Collector([line_task], None, None, CONFIG, store, told.append).run()
    again = store.tried()
    assert again[:5] == rows[:5] and [row.code for row in again] == [row.code for row in rows]


async def test_it_ends_between_two_requests_when_it_is_asked_to(
    line_task: TaskFolder, tmp_path: Path
) -> None:
    store = Exploration(tmp_path / "data")
    await Collector([line_task], None, None, CONFIG, store, go_on=lambda: not store.tried()).run()
    assert {row.batch for row in store.tried()} == {"0/line/starter.ipynb/0"}


def test_visits_take_tasks_in_turn(line_task: TaskFolder) -> None:
    two = [line_task, line_task]
    visits = visits_for(two, CollectConfig(rounds=2, starter_steps=3))
    assert [(visit.round, visit.steps) for visit in visits] == [(0, 3), (0, 3), (1, 3), (1, 3)]


def test_the_next_state_is_one_that_improved() -> None:
    import random

    rows = [
        Tried(
            batch="b",
            task="t",
            notebook="n",
            state="s",
            operator=Operator.IMPROVE,
            seed=0,
            code=str(reward),
            status="ok",
            reward=reward,
        )
        for reward in (0.2, 0.5, 0.7, 0.9)
    ]
    drawn = {choose_next(rows, random.Random(seed)).reward for seed in range(30)}
    assert drawn == {0.7, 0.9}
    assert choose_next(rows[:2], random.Random(0)) is None


def test_nothing_is_learned_from_tasks_that_judge() -> None:
    with pytest.raises(MlagentError, match="'customer-churn' is held out"):
        training_tasks(("customer-churn",))


def test_a_plan_counts_what_is_to_do(line_task: TaskFolder, tmp_path: Path) -> None:
    config = ExploreConfig(
        collect=CollectConfig(tasks=(str(line_task.path),), expert="recipes", rounds=1),
        data=str(tmp_path / "d"),
    )
    plan = RECIPE.plan(config)
    assert "0 of 3 requests are done, 3 to do with 12 replies each" in plan.lines[1]
    assert plan.updates > 0 and json.dumps(plan.data_fingerprint)
    empty = ExploreConfig(
        collect=CollectConfig(tasks=(str(line_task.path),), rounds=0), data=str(tmp_path / "d")
    )
    with pytest.raises(MlagentError, match="nothing is to be collected"):
        RECIPE.plan(empty)


def test_damage_in_the_middle_of_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / TRIED_FILE).write_text('{"batch": 1}\n{"batch": 2}\n')
    with pytest.raises(MlagentError, match=r"tried\.jsonl, line 1, cannot be read"):
        Exploration(tmp_path).tried()
