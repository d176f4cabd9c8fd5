"""What the journal teaches: insights for other notebooks, and how good predictions were."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from jupyter_mlagent.agent.profile import likeness, profile_of
from jupyter_mlagent.cli.journal import app
from jupyter_mlagent.errors import JournalError
from jupyter_mlagent.journal import Journal
from jupyter_mlagent.journal.lessons import told
from jupyter_mlagent.records import Direction, Metric, Prediction, State, Task, Variable, Verdict

ACCURACY = Task(
    metric=Metric(expression="accuracy_score(y_val, model.predict(X_val))", direction=Direction.MAXIMIZE)
)
ERROR = Task(
    metric=Metric(expression="mean_absolute_error(y_val, model.predict(X_val))", direction=Direction.MINIMIZE)
)


def state(rows: int, columns: int, notebook: str = "/home/me/other.ipynb", gaps: bool = False) -> State:
    types = f"({columns} float64)" + (", missing values in 2 columns" if gaps else ", nothing missing")
    table = f"table {rows} rows x {columns} columns {types}"
    return State(
        notebook=notebook, cells=(), variables=(Variable(name="X_val", type="DataFrame", summary=table),)
    )


def kept(
    journal: Journal, suggestion, notebook: str, task: Task = ACCURACY, rows: int = 500, **wishes
) -> dict[str, int]:
    record = suggestion(notebook, notebook=f"/home/me/{notebook}.ipynb", **wishes)
    looks = state(rows, 20, record.state.notebook)
    return journal.record_suggestion(msgspec.structs.replace(record, task=task, state=looks))


def test_a_profile_tells_the_kind_and_size_of_a_problem() -> None:
    found = profile_of(state(569, 30), ACCURACY)
    assert found.told == "classification, 569 rows x 30 columns" and found.plain
    assert not profile_of(state(569, 30, gaps=True), ACCURACY).plain


def test_alike_are_problems_of_one_kind_and_size() -> None:
    one = profile_of(state(500, 20), ACCURACY)
    assert likeness(one, one) == 1.0
    near, far = profile_of(state(800, 25), ACCURACY), profile_of(state(200_000, 3), ACCURACY)
    assert 1.0 > likeness(one, near) > likeness(one, far) > 0
    assert likeness(one, profile_of(state(500, 20), ERROR)) == 0.0
    assert likeness(one, near) == likeness(near, one)


def test_the_best_step_of_each_other_notebook_that_is_alike_is_an_insight(journal, suggestion) -> None:
    kept(journal, suggestion, "mine")
    like = kept(journal, suggestion, "near", rows=700)
    kept(journal, suggestion, "far", rows=90_000_000)
    kept(journal, suggestion, "prices", task=ERROR)
    (found,) = journal.insights("/home/me/mine.ipynb", profile_of(state(500, 20), ACCURACY))
    assert (found.step, found.plan) == (like["near-2"], "plan 2")
    assert found.sentence == "plan 2: accuracy_score from 0.5 to 0.7 (classification, 700 rows x 20 columns)"
    assert (
        "near" in told((found,)) and str(found.step) in told((found,)) and "--no-insights" in told((found,))
    )


def test_what_the_person_kept_comes_before_what_measured_best(journal, suggestion) -> None:
    ids = kept(journal, suggestion, "near")
    journal.record_verdict(ids["near-1"], Verdict.ACCEPTED)
    assert [insight.step for insight in journal.insights()] == [ids["near-1"]]
    journal.mark_undone(ids["near-1"])
    assert [insight.step for insight in journal.insights()] == [ids["near-2"]]
    journal.record_verdict(ids["near-2"], Verdict.REJECTED)
    assert journal.insights() == ()


def test_a_removed_insight_is_gone_for_good_but_its_step_stays(journal, suggestion) -> None:
    ids = kept(journal, suggestion, "near")
    journal.remove_insight(ids["near-2"])
    journal.remove_insight(ids["near-2"])
    assert [insight.step for insight in journal.insights()] == [ids["near-1"]]
    assert journal.step(ids["near-2"]).proposal.plan == "plan 2"
    with pytest.raises(JournalError, match="no step 999"):
        journal.remove_insight(999)
    journal.delete([ids["near-2"]])
    assert [insight.step for insight in journal.insights()] == [ids["near-1"]]


def predicted(record, metric: float):
    said = Prediction(metric=metric, low=metric - 0.05, high=metric + 0.05, works=0.8, neighbours=2)
    candidates = tuple(
        msgspec.structs.replace(item, proposal=msgspec.structs.replace(item.proposal, predicted=said))
        for item in record.candidates
    )
    return msgspec.structs.replace(record, candidates=candidates)


def test_predictions_are_kept_beside_what_was_measured(journal, suggestion) -> None:
    ids = journal.record_suggestion(predicted(suggestion(), 0.58))
    assert [(said.metric, value) for said, value in journal.predictions()] == [(0.58, 0.6), (0.58, 0.7)]
    assert journal.predictions("/elsewhere.ipynb") == ()
    assert journal.step(ids["r1-1"]).proposal.predicted.low == pytest.approx(0.53)


def test_precedents_are_the_notebooks_own_and_of_others_the_like(journal, suggestion) -> None:
    kept(journal, suggestion, "mine", codes=("model = A()",))
    kept(journal, suggestion, "other", codes=("model = B()",))
    kept(journal, suggestion, "prices", task=ERROR, codes=("model = C()",))
    found = journal.precedents("/home/me/mine.ipynb", ACCURACY.metric)
    assert [(each.code, each.same_task) for each in found] == [("model = B()", False), ("model = A()", True)]


def answer(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_lists_and_removes_insights_and_tells_the_calibration(
    tmp_path: Path, monkeypatch, suggestion
) -> None:
    monkeypatch.setenv("MLAGENT_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    assert "There are none" in answer("insights", "list")
    assert "Nothing was predicted yet" in answer("calibration")
    with Journal.open() as journal:
        ids = kept(journal, suggestion, "near")
        journal.record_suggestion(predicted(suggestion("r9"), 0.58))
    assert "plan 2: accuracy_score from 0.5 to 0.7" in answer("insights", "list")
    (one, other) = json.loads(answer("insights", "list", "--json"))
    assert ids["near-2"] in (one["step"], other["step"])
    assert "1 removed" in answer("insights", "remove", ids["near-2"])
    assert ids["near-2"] not in [row["step"] for row in json.loads(answer("insights", "list", "--json"))]
    assert "0.53 to 0.63, said before the trial" in answer("show", one["step"])
    assert "50% of the outcomes inside the interval (80% are meant to be)" in answer("calibration")
