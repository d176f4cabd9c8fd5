"""Given the bundled suite, then it keeps its spread, its splits share no data, and every task is sound."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from local_rl.tasks import audit, check
from local_rl.tasks.folder import TaskFolder
from local_rl.tasks.grading import grade
from local_rl.tasks.preparing import fingerprint, prepare_into, prepared
from local_rl.tasks.running import read_notebook, score_notebook, score_reference
from local_rl.tasks.suite import Split, find, tasks
from local_rl.tasks.tables import SAMPLE_FILE

ALL = [folder for split in Split for folder in tasks(split)]
QUICK = ("digits", "customer-churn")
"""Starter and reference of these run in every test run; those of the others are marked slow."""
METRICS = {
    "accuracy",
    "auc",
    "log_loss",
    "f1",
    "mae",
    "rmse",
    "rmsle",
    "quadratic_kappa",
    "spearman",
    "map@10",
}
KINDS = {
    "classification",
    "regression",
    "ordinal",
    "imbalanced",
    "missing values",
    "high cardinality",
    "images",
    "text",
    "time series",
}


def by_id(folders: list[TaskFolder]) -> list[object]:
    marks = {folder.id: () if folder.id in QUICK else pytest.mark.slow for folder in folders}
    return [pytest.param(folder, id=folder.id, marks=marks[folder.id]) for folder in folders]


every_task = pytest.mark.parametrize("folder", [pytest.param(folder, id=folder.id) for folder in ALL])
quick_and_slow_tasks = pytest.mark.parametrize("folder", by_id(ALL))


def test_the_suite_has_the_published_spread() -> None:
    assert {folder.spec.metric for folder in ALL} >= METRICS
    assert set(chain.from_iterable(folder.spec.tags for folder in ALL)) >= KINDS


def test_nine_tasks_to_learn_from_and_ten_to_be_judged_by() -> None:
    assert [len(tasks(split)) for split in Split] == [9, 10]


def test_ids_are_those_of_the_folders_and_stand_once() -> None:
    assert [folder.id for folder in ALL] == [folder.path.name for folder in ALL]
    assert len({folder.id for folder in ALL}) == len(ALL)


def test_no_data_set_stands_on_both_sides() -> None:
    sources = {split: {folder.spec.source.split(" (")[0] for folder in tasks(split)} for split in Split}
    assert not sources[Split.TRAIN] & sources[Split.HELD_OUT]
    assert all(chain.from_iterable(sources.values()))


def test_a_task_is_found_by_id() -> None:
    assert find("digits").path == Split.TRAIN.folder / "digits"


@every_task
def test_scores_are_recorded_and_the_reference_leaves_room(folder: TaskFolder) -> None:
    measured = folder.spec.measured
    assert measured is not None
    assert folder.spec.gain is not None and folder.spec.gain > 0.04
    assert len(measured.late) == len(folder.late_states) == 2
    assert all(folder.spec.relative_gain(score) > 0.02 for score in measured.late)


@every_task
def test_notebooks_compile_and_have_the_tasks_own_metric(folder: TaskFolder) -> None:
    check.notebooks_read(folder)
    for notebook in (folder.starter, *folder.late_states):
        sources = [cell.source for cell in read_notebook(notebook).cells]
        assert any(folder.spec.expression in source for source in sources)


@every_task
@pytest.mark.usefixtures("with_suite_cache")
def test_preparing_is_deterministic(folder: TaskFolder, tmp_path: Path) -> None:
    first, again = prepared(folder), prepare_into(folder, tmp_path)
    assert fingerprint(first.public) == fingerprint(again.public)
    assert fingerprint(first.private) == fingerprint(again.private)


@every_task
@pytest.mark.usefixtures("with_suite_cache")
def test_no_leak(folder: TaskFolder) -> None:
    audit.refuse_leaks(folder)


@every_task
@pytest.mark.usefixtures("with_suite_cache")
def test_the_sample_submission_scores_worse_than_the_reference(folder: TaskFolder) -> None:
    score = grade(folder, prepared(folder).public / SAMPLE_FILE)
    assert folder.spec.measured is not None
    assert folder.spec.direction.sign * (folder.spec.measured.reference - score) > 0


@quick_and_slow_tasks
@pytest.mark.usefixtures("with_suite_cache")
def test_the_starter_repeats_its_score(folder: TaskFolder) -> None:
    check.starter_repeats(folder)


@quick_and_slow_tasks
@pytest.mark.usefixtures("with_suite_cache")
def test_the_reference_repeats_its_score(folder: TaskFolder) -> None:
    assert folder.spec.measured is not None
    check.same_score(folder, "reference.py", score_reference(folder).score, folder.spec.measured.reference)


@pytest.mark.slow
@every_task
@pytest.mark.usefixtures("with_suite_cache")
def test_late_states_repeat_their_scores(folder: TaskFolder) -> None:
    assert folder.spec.measured is not None
    for notebook, recorded in zip(folder.late_states, folder.spec.measured.late, strict=True):
        check.same_score(folder, notebook.name, score_notebook(folder, notebook).score, recorded)
