"""Which step comes next, what is remembered of steps, and what kind of step a cell is."""

from __future__ import annotations

import msgspec
import pytest

from jupyter_mlagent.acceptance import anchor_for
from jupyter_mlagent.agent.families import classify, describe
from jupyter_mlagent.agent.memory import MemoryEntry, remember, render_entry
from jupyter_mlagent.agent.operators import STALL, choose_operator
from jupyter_mlagent.records import (
    Anchor,
    Operator,
    Proposal,
    Task,
    Trial,
    TrialError,
    TrialStatus,
    source_hash,
)

from .states import CELLS, STATE, TASK, code, note, raised, state

FAILED = raised("ValueError", "Input contains NaN")


def test_a_failed_last_cell_is_repaired() -> None:
    assert choose_operator(state(*CELLS, code("model.fit(X, y)", FAILED)), TASK) is Operator.DEBUG


def test_a_failed_cell_further_up_or_an_empty_cell_below_changes_nothing() -> None:
    early = state(code("import nothing", FAILED), *CELLS)
    below = state(*CELLS, code("model.fit(X, y)", FAILED), note("later"), code("  \n"))

    assert choose_operator(early, TASK) is Operator.IMPROVE
    assert choose_operator(below, TASK) is Operator.DEBUG


def test_what_counts_is_the_cell_that_the_person_is_at() -> None:
    failing = code("model.fit(X, y)", FAILED)
    whole = state(*CELLS, failing, note("later"))

    above = msgspec.structs.replace(whole, focus=CELLS[-1].id)
    assert above.last_code_cell == CELLS[-1]
    assert choose_operator(above, TASK) is Operator.IMPROVE
    assert anchor_for(above, Operator.IMPROVE).cell_id == CELLS[-1].id

    below = msgspec.structs.replace(whole, focus=whole.cells[-1].id)
    assert choose_operator(below, TASK) is Operator.DEBUG
    assert anchor_for(below, Operator.DEBUG) == Anchor(failing.id, source_hash(failing.source), replaces=True)
    assert anchor_for(below, Operator.IMPROVE).cell_id == whole.cells[-1].id


def test_a_cell_that_was_stopped_by_hand_is_not_repaired() -> None:
    stopped = code("train_for_hours()", raised("KeyboardInterrupt", ""))
    assert choose_operator(state(*CELLS, stopped), TASK) is Operator.IMPROVE


def test_without_metric_value_or_model_a_first_approach_is_drafted() -> None:
    assert choose_operator(STATE, Task(metric=None)) is Operator.DRAFT
    assert choose_operator(state(*CELLS, value=None), TASK) is Operator.DRAFT
    assert choose_operator(state(code("df = load()")), TASK) is Operator.DRAFT
    assert choose_operator(state(code("m = DummyClassifier()")), TASK) is Operator.DRAFT


def test_improve_is_the_rule_and_a_draft_comes_after_steps_without_gain() -> None:
    stuck = [(Operator.IMPROVE, False)] * STALL

    assert choose_operator(STATE, TASK) is Operator.IMPROVE
    assert choose_operator(STATE, TASK, stuck) is Operator.DRAFT
    assert choose_operator(STATE, TASK, [*stuck, (Operator.DRAFT, False)]) is Operator.IMPROVE
    assert choose_operator(STATE, TASK, [*stuck[1:], (Operator.IMPROVE, True)]) is Operator.IMPROVE


def test_a_step_is_remembered_without_its_code_and_its_error_in_one_line() -> None:
    cell = "model = ExtraTreesClassifier()"
    proposal = Proposal(
        id="p",
        operator=Operator.DRAFT,
        plan="many trees",
        code=cell,
        source_hash=source_hash(cell),
        anchor=Anchor(cell_id="c", source_hash=""),
    )
    trial = Trial(status=TrialStatus.ERROR, error=TrialError(name="ValueError", value="first\nsecond " * 50))

    line = render_entry(remember(proposal, trial))

    assert line.startswith("- many trees -> failed, ValueError: first second")
    assert "\n" not in line
    assert "ExtraTrees" not in line
    assert len(line) < 200
    assert remember(proposal, trial).kinds.families == {"forest"}


@pytest.mark.parametrize(
    ("status", "before", "after", "says"),
    [
        (TrialStatus.OK, 0.8, 0.9, "0.8 to 0.9"),
        (TrialStatus.OK, 0.8, 0.8, "no change (0.8)"),
        (TrialStatus.OK, None, 0.9, "0.9"),
        (TrialStatus.OK, 0.8, None, "no metric"),
        (TrialStatus.TIMEOUT, 0.8, None, "timeout"),
        (TrialStatus.NOT_TRIED, 0.8, None, "not_tried"),
    ],
)
def test_results_in_words(status: TrialStatus, before: float | None, after: float | None, says: str) -> None:
    assert render_entry(MemoryEntry(Operator.IMPROVE, "p", status, before, after)) == f"- p -> {says}"


@pytest.mark.parametrize(
    ("source", "families", "operations"),
    [
        ("m = RandomForestClassifier()", {"forest"}, {"model"}),
        ("import xgboost as xgb\nm = xgb.XGBRegressor()", {"boosting"}, {"model"}),
        ("m = make_pipeline(StandardScaler(), SVC())", {"svm"}, {"model", "preprocessing"}),
        ("g = GridSearchCV(Ridge(), {})", {"linear"}, {"model", "tuning"}),
        ("v = VotingClassifier([('a', GaussianNB())])", {"ensemble", "naive bayes"}, {"model", "ensembling"}),
        ("X = PolynomialFeatures(2).fit_transform(X)", set(), {"features"}),
        ("m = TransformedTargetRegressor(Lasso())", {"linear"}, {"model", "target transform"}),
        ("m = CalibratedClassifierCV(m)", set(), {"calibration"}),
        ("net = nn.Sequential(nn.Linear(2, 3))", {"neural network"}, {"model"}),
        ("print('RandomForestClassifier')", set(), set()),
        ("not Python (", set(), set()),
    ],
)
def test_families_and_operations_of_a_cell(source: str, families: set[str], operations: set[str]) -> None:
    kinds = classify(source)

    assert kinds.families == families
    assert kinds.operations == operations


def test_a_cell_describes_itself() -> None:
    assert describe("m = make_pipeline(StandardScaler(), SVC())") == "Fit SVC with preprocessing."
    assert describe("X = SelectKBest().fit_transform(X, y)") == "Feature selection."
    assert describe("x = 1") == "A change of the notebook without a stated plan."
