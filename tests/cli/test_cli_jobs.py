"""The main job through the command line: a real kernel, real trials, an endpoint in place of the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import nbformat

from jupyter_mlagent.answers import RunAnswer, SuggestAnswer
from jupyter_mlagent.records import source_hash

METRIC = "accuracy_score(y_val, model.predict(X_val))"


def test_suggest_answers_one_json_object_and_leaves_the_notebook_alone(mlagent, notebook, endpoint) -> None:
    before = notebook.read_bytes()

    done = mlagent("suggest", notebook, "--model", endpoint, "--candidates", 2, "--json")

    assert done.returncode == 0, done.stderr
    answer = msgspec.json.decode(done.stdout, type=SuggestAnswer)
    assert answer.task.metric is not None and answer.task.metric.expression == METRIC
    (best,) = answer.proposals  # the second reply is a duplicate
    assert best.trial.status == "ok"
    assert best.trial.metric_after > best.trial.metric_before == answer.metric_before
    assert best.source_hash == source_hash(best.code)
    assert best.reward > 0.5
    assert len(answer.dropped) == 1
    assert notebook.read_bytes() == before


def test_suggest_prints_a_ranked_table(mlagent, notebook, endpoint) -> None:
    done = mlagent("suggest", notebook, "--metric", METRIC, "--maximize", "--model", endpoint)

    assert done.returncode == 0, done.stderr
    assert "fit a random forest" in done.stdout
    assert "→" in done.stdout
    assert "RandomForestClassifier" in done.stdout


def test_run_writes_a_notebook_that_gives_its_metric_again(mlagent, notebook, endpoint, tmp_path) -> None:
    out = tmp_path / "better.ipynb"

    done = mlagent(
        "run", notebook, "--model", endpoint, "--steps", 1, "--budget", "5m", "--out", out, "--json"
    )

    assert done.returncode == 0, done.stderr
    answer = msgspec.json.decode(done.stdout, type=RunAnswer)
    assert answer.metric_end > answer.metric_start
    assert answer.reproduced and answer.reproduced_metric == answer.metric_end
    cells = nbformat.read(out, as_version=4).cells
    assert "RandomForestClassifier" in cells[-1].source
    assert cells[-1].metadata["mlagent"]["after"] == answer.metric_end
    assert len(nbformat.read(notebook, as_version=4).cells) == 2


def test_a_notebook_that_raises_is_repaired_in_place(
    mlagent, write_notebook: Callable[..., Path], setup_source: str, endpoint
) -> None:
    broken = "model = DecisionTreeClassifier(depth=1).fit(X_train, y_train)"
    score = "print(accuracy_score(y_val, model.predict(X_val)))"

    path = write_notebook(setup_source, broken, score)
    done = mlagent("suggest", path, "--model", endpoint, "--json")

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["proposals"][0]["operator"] == "debug"
    assert answer["proposals"][0]["anchor"]["replaces"] is True
    assert answer["proposals"][0]["trial"]["status"] == "ok"


def test_what_was_suggested_is_in_the_journal(mlagent, notebook, endpoint) -> None:
    mlagent("suggest", notebook, "--model", endpoint)

    done = mlagent("journal", "export", "--format", "jsonl")

    (line,) = [json.loads(line) for line in done.stdout.splitlines() if '"type":"step"' in line]
    assert line["proposal"]["plan"] == "fit a random forest"
    assert line["verdict"]["verdict"] == "ignored"
