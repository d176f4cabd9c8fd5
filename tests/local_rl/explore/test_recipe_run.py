"""A run of `mlagent train explore` up to the fine-tuning: what was kept is in its folder, and stays so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Operator
from jupyter_mlagent.training_events import TrainingKind, TrainingStateChanged
from local_rl.environment.states import EnvState, cells_of
from local_rl.examples import read_examples
from local_rl.explore import recipe
from local_rl.explore.config import CollectConfig, ExploreConfig, KeepConfig
from local_rl.explore.recipe import EXAMPLES_FILE, RECIPE, TABLE_FILE
from local_rl.explore.records import Tried
from local_rl.explore.store import Exploration
from local_rl.tasks.folder import TaskFolder
from local_rl.training.folder import Facts, RunFolder
from local_rl.training.recipe import Learned
from local_rl.training.run import Paused, Run, Wanted

CODES = {
    "model = Ridge()\nmodel.fit(X_train, y_train)": 0.9,
    "model = SVR()\nmodel.fit(X_train, y_train)": 0.8,
    "model = KNeighborsRegressor()\nmodel.fit(X_train, y_train)": 0.2,
}


@pytest.fixture
def config(line_task: TaskFolder, tmp_path: Path) -> ExploreConfig:
    """Over an exploration that was made already."""
    store = Exploration(tmp_path / "data")
    state = EnvState(
        hash="h",
        task_id="line",
        notebook="starter.ipynb",
        cells=cells_of(line_task.starter),
        metric_value=9.0,
    )
    rows = [
        Tried(
            batch="0/line/starter.ipynb/0",
            task="line",
            notebook="starter.ipynb",
            state="h",
            operator=Operator.IMPROVE,
            seed=1,
            plan=f"Plan {number}.",
            code=code,
            status="ok",
            reward=reward,
            scored=True,
            metric_before=9.0,
            metric_after=8.0,
        )
        for number, (code, reward) in enumerate(CODES.items())
    ]
    store.add_batch(state, rows)
    return ExploreConfig(
        collect=CollectConfig(tasks=(str(line_task.path),), expert="recipes", rounds=0),
        keep=KeepConfig(most=1.0),
        data=str(store.folder),
    )


@pytest.fixture
def learned_from(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the fine-tuning was given, in place of doing it."""
    import local_rl.policy.loading as loading

    seen: list[Any] = []

    def finetune(policy: Any, examples: Any, config: Any, run: Any) -> Learned:
        seen.append(examples)
        return Learned(peft=run.folder.path, steps=len(examples))

    monkeypatch.setattr(loading, "load_policy", lambda *_, **__: None)
    monkeypatch.setattr(recipe, "finetune", finetune)
    return seen


def started(tmp_path: Path, told: list[Any]) -> Run:
    folder = RunFolder(tmp_path / "run")
    facts = Facts(
        kind=TrainingKind.EXPLORE, created="", base_model="m", base_sha256="0", data_fingerprint="d"
    )
    folder.create("", facts)
    return Run(folder, told.append)


def test_what_improved_is_learned_and_the_rest_is_told(config, learned_from, tmp_path: Path) -> None:
    told: list[Any] = []
    run = started(tmp_path, told)
    assert RECIPE.train(config, run).steps == 2
    replies = [example.reply for example in learned_from[0]]
    assert replies == [f" Plan {number}.\n{code}\n```" for number, code in enumerate(CODES) if number < 2]
    assert "| did not improve the metric | 1 | 1 |" in (run.folder.path / TABLE_FILE).read_text()
    assert any(isinstance(event, TrainingStateChanged) and "2 steps kept" in event.reason for event in told)


def test_a_resumed_run_learns_the_same_whatever_was_collected_since(
    config, learned_from, tmp_path: Path
) -> None:
    run = started(tmp_path, [])
    RECIPE.train(config, run)
    store = Exploration(Path(config.data))
    state = store.states()["h"]
    more = [row for row in store.tried() if row.reward == 0.9]
    store.add_batch(state, [Tried(**{**_fields(more[0]), "code": "model = Lasso()", "plan": "More"})])
    RECIPE.train(config, run)
    assert learned_from[0] == learned_from[1] == read_examples(run.folder.path / EXAMPLES_FILE)


def test_nothing_that_improved_is_one_sentence(config, line_task, tmp_path: Path) -> None:
    empty = ExploreConfig(collect=config.collect, keep=config.keep, data=str(tmp_path / "other"))
    with pytest.raises(MlagentError, match="No step of the exploration improved"):
        RECIPE.train(empty, started(tmp_path, []))


@pytest.mark.parametrize("wanted", [Wanted.STOP, Wanted.PAUSE])
def test_who_ends_it_while_collecting_gets_no_training(config, learned_from, tmp_path, wanted) -> None:
    run = started(tmp_path, [])
    run.ask(wanted)
    collecting = replace(config, collect=replace(config.collect, rounds=1))
    with pytest.raises(Paused, match="what was tried is kept"):
        RECIPE.train(collecting, run)
    assert not learned_from


def _fields(row: Tried) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}
