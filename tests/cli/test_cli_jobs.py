"""The main job through the command line: a real kernel, real trials, an endpoint in place of the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import msgspec
import nbformat
import pytest

from jupyter_mlagent.answers import RunAnswer, SuggestAnswer, schemas
from jupyter_mlagent.engine.catalog import resolve
from jupyter_mlagent.errors import ModelError
from jupyter_mlagent.records import source_hash

DOCS = Path(__file__).parents[2] / "docs" / "schemas"
METRIC = "accuracy_score(y_val, model.predict(X_val))"


def documented(name: str) -> dict[str, object]:
    schema: dict[str, object] = json.loads((DOCS / name).read_text())
    return schema


def test_the_documented_schemas_are_those_of_the_program() -> None:
    """`python scripts/write_schemas.py` writes them anew."""
    written = {path.name: json.loads(path.read_text()) for path in DOCS.glob("*.json")}
    assert written == json.loads(json.dumps(schemas()))


@pytest.mark.model
def test_a_real_model_proposes_cells_that_are_really_tried(mlagent, notebook, monkeypatch) -> None:
    """The 0.5B, which CI fetches: what it proposes differs from run to run, that it is tried does not."""
    try:
        weights = resolve("qwen2.5-coder-0.5b").path
    except ModelError as error:
        pytest.skip(str(error))

    done = mlagent("suggest", notebook, "--model", weights, "--candidates", 4, "--seed", 7, "--json")

    assert done.returncode == 0, done.stderr
    jsonschema.validate(json.loads(done.stdout), documented("suggest.schema.json"))
    answer = msgspec.json.decode(done.stdout, type=SuggestAnswer)
    assert 0.5 < answer.metric_before < 1
    assert 1 <= len(answer.proposals) <= 4
    assert len(answer.proposals) + len(answer.dropped) >= 4
    for proposal in answer.proposals:
        assert proposal.code.strip()
        # A cell that does not compile, or uses a name that nobody defined, is an error without being run.
        assert proposal.trial.engine == "fork" or proposal.trial.status == "error"
        assert (
            (proposal.trial.metric_after is not None)
            or proposal.trial.status != "ok"
            or proposal.trial.reason
        )
    assert any(proposal.trial.engine == "fork" for proposal in answer.proposals)


def test_suggest_answers_one_json_object_and_leaves_the_notebook_alone(mlagent, notebook, endpoint) -> None:
    before = notebook.read_bytes()

    done = mlagent("suggest", notebook, "--model", endpoint, "--candidates", 2, "--json")

    assert done.returncode == 0, done.stderr
    jsonschema.validate(json.loads(done.stdout), documented("suggest.schema.json"))
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
    jsonschema.validate(json.loads(done.stdout), documented("run.schema.json"))
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
