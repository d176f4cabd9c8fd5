"""A score in a variable becomes the expression that computes it anew, and no more than that."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlagent.records import Cell
from jupyter_mlagent.reward.inline import inline_metric

from .metric_notebooks import CASES, SPLIT, cells

FITTED = "model = RandomForestClassifier().fit(X_train, y_train)"
PREDICTED = "pred = model.predict(X_val)"


def inlined(expression: str, *sources: str) -> str:
    return inline_metric(expression, cells(SPLIT, *sources)).expression


def test_a_score_is_followed_to_the_model_and_stops_at_model_features_and_labels() -> None:
    result = inline_metric("acc", cells(SPLIT, FITTED, PREDICTED, "acc = accuracy_score(y_val, pred)"))

    assert result.expression == "accuracy_score(y_val, model.predict(X_val))"
    assert not result.settable
    assert result.notes == ()


def test_prepared_features_stay_names() -> None:
    prepared = "X_val_s = scaler.transform(X_val)"

    assert inlined("m.score(X_val_s, y_val)", prepared) == "m.score(X_val_s, y_val)"


def test_loaded_data_and_its_parts_stay_names() -> None:
    parts = "X_test = test.drop(columns='y')\ny_test = test['y']"

    assert inlined("f1_score(y_test, m.predict(X_test))", parts) == "f1_score(y_test, m.predict(X_test))"


@pytest.mark.parametrize(
    "definition",
    [
        "for epoch in range(3):\n    acc = accuracy_score(y_val, model.predict(X_val))",
        "if True:\n    acc = accuracy_score(y_val, model.predict(X_val))",
        "with torch.no_grad():\n    acc = accuracy_score(y_val, model.predict(X_val))",
        "try:\n    acc = accuracy_score(y_val, model.predict(X_val))\nexcept Exception:\n    pass",
        "acc = accuracy_score(y_val, model.predict(X_val))\nacc += 0.1",
        "acc = accuracy_score(y_val, model.predict(X_val))\nfor acc in []:\n    pass",
        "acc, other = scores(y_val, model.predict(X_val))",
        "def f():\n    acc = accuracy_score(y_val, model.predict(X_val))",
        "acc = [accuracy_score(y_val, m.predict(X_val)) for m in models]",
        "acc = max(accuracy_score(y_val, m.predict(X_val)) for m in models)",
        "acc = RandomForestClassifier().fit(X_train, y_train).score(X_val, y_val)",
    ],
    ids=lambda text: text.split("\n")[0],
)
def test_what_is_not_one_plain_assignment_of_a_pure_expression_stays_a_name(definition: str) -> None:
    result = inline_metric("acc", cells(SPLIT, FITTED, definition))

    assert result.expression == "acc"
    assert result.settable


def test_predictions_that_were_changed_in_place_stay_a_name_and_say_so() -> None:
    result = inline_metric(
        "accuracy_score(y_val, pred)", cells(SPLIT, FITTED, PREDICTED, "pred[pred > 1] = 1")
    )

    assert result.expression == "accuracy_score(y_val, pred)"
    assert any("pred is not recomputed" in note for note in result.notes)


def test_the_last_definition_wins() -> None:
    first = "acc = accuracy_score(y_val, old.predict(X_val))"
    second = "acc = accuracy_score(y_val, new.predict(X_val))"

    assert inlined("acc", first, second) == "accuracy_score(y_val, new.predict(X_val))"


def test_each_score_uses_the_predictions_of_its_time() -> None:
    earlier = "pred = a.predict(X_val)\nacc_a = accuracy_score(y_val, pred)"
    later = "pred = b.predict(X_val)\nacc_b = accuracy_score(y_val, pred)"

    assert inlined("acc_a", earlier, later) == "accuracy_score(y_val, a.predict(X_val))"
    assert inlined("acc_b", earlier, later) == "accuracy_score(y_val, b.predict(X_val))"


def test_a_name_bound_again_since_then_is_pointed_out() -> None:
    result = inline_metric(
        "acc", cells(SPLIT, FITTED, "acc = model.score(X_val, y_val)", "model = SVC().fit(X_train, y_train)")
    )

    assert result.expression == "model.score(X_val, y_val)"
    assert result.notes == ("model was bound again after acc was computed; the metric uses the new model.",)


def test_a_tuple_written_out_and_an_evaluation_of_keras_are_taken_apart() -> None:
    pair = "acc, f1 = accuracy_score(y_val, m.predict(X_val)), f1_score(y_val, m.predict(X_val))"
    keras = "loss, acc = model.evaluate(X_val, y_val, verbose=0)"

    assert inlined("f1", pair) == "f1_score(y_val, m.predict(X_val))"
    assert inlined("loss", keras) == "model.evaluate(X_val, y_val, verbose=0)[0]"


@pytest.mark.parametrize(
    "wrapped",
    [
        "round(acc, 3)",
        "float(acc)",
        "f'{acc:.3f}'",
        "f'Accuracy: {acc * 100:.2f}%'",
        "'%.3f' % acc",
        "'{:.3f}'.format(acc)",
        "str(round(acc, 2))",
        "np.round(acc, 3)",
        "acc.round(3)",
        "acc.item()",
        "100 * acc",
    ],
)
def test_what_is_put_around_a_score_for_reading_is_taken_off(wrapped: str) -> None:
    score = "acc = model.score(X_val, y_val)"

    assert inlined(wrapped, FITTED, score) == "model.score(X_val, y_val)"


@pytest.mark.parametrize(
    "expression", ["acc", "np.mean(scores)", "correct / total", "history['val'][-1]", "0.97", "((("]
)
def test_a_plain_variable_any_cell_could_set_is_settable(expression: str) -> None:
    assert inline_metric(expression, cells(SPLIT)).settable


@pytest.mark.parametrize(
    "expression",
    [
        "accuracy_score(y_val, model.predict(X_val))",
        "evaluate(model, val_loader)",
        "model.score(X_val, y_val)",
        "cross_val_score(model, X, y).mean()",
        "(model(Xv).argmax(1) == yv).float().mean()",
        "(clf.predict(X_val) == y_val).mean()",
    ],
)
def test_what_asks_a_model_is_not_settable(expression: str) -> None:
    result = inline_metric(expression, cells(SPLIT))

    assert not result.settable
    assert not result.self_reported


@pytest.mark.parametrize(
    "expression", ["grid.best_score_", "res.rsquared", "-res.aic", "history.history['val_loss'][-1]"]
)
def test_what_a_fitted_object_says_of_itself_is_marked(expression: str) -> None:
    result = inline_metric(expression, cells(SPLIT))

    assert result.self_reported
    assert not result.settable
    assert "says of itself" in result.notes[0]


def test_cells_that_raised_define_nothing() -> None:
    error = {"output_type": "error", "ename": "E", "evalue": "", "traceback": []}
    raised = Cell(id="x", kind="code", source="acc = model.score(X_val, y_val)", outputs=(error,))

    assert inline_metric("acc", [*cells(SPLIT, FITTED), raised]).expression == "acc"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_inlining_twice_is_inlining_once(case) -> None:
    once = inline_metric(case.expression, cells(*case.sources))

    assert inline_metric(once.expression, cells(*case.sources)).expression == once.expression


def test_predictions_that_were_reworked_step_by_step_are_followed_through_every_step() -> None:
    steps = "pred = model.predict(X_val)\npred = np.expm1(pred)\npred = np.clip(pred, 0, None)"

    assert (
        inlined("mae(y_val, pred)", steps) == "mae(y_val, np.clip(np.expm1(model.predict(X_val)), 0, None))"
    )


def test_a_chain_of_definitions_that_explodes_is_left_alone() -> None:
    lines = ["s0 = m.score(X_val, y_val)", *(f"s{n + 1} = s{n} + s{n} + s{n}" for n in range(9))]

    result = inline_metric("s9", cells(SPLIT, *lines))

    assert result.expression == "s9"
    assert result.settable


NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.sampled_from(
    [
        "m.score(X, y)",
        "a + b",
        "a",
        "b * c",
        "round(a, 2)",
        "f(m, c)",
        "data['x']",
        "SVC().fit(X, y)",
        "c.mean()",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=8))
def test_the_expression_has_the_value_that_the_variable_had(lines: list[tuple[str, str]]) -> None:
    """Given cells that only assign, the inlined expression evaluates to what the notebook computed."""

    class Model:
        def score(self, x: object, y: object) -> Number:
            return Number(0.75)

        def fit(self, x: object, y: object) -> Number:
            return Number(3.0)

    class Number(float):
        def mean(self) -> Number:
            return self

        def __add__(self, other: float) -> Number:
            return Number(float(self) + float(other))

        def __mul__(self, other: float) -> Number:
            return Number(float(self) * float(other) % 7)

    world: dict[str, object] = {
        "m": Model(), "SVC": Model, "X": 0, "y": 0, "data": {"x": Number(2.0)},
        "f": lambda model, value: Number(1.0) + value,
        "a": Number(1.0), "b": Number(5.0), "c": Number(0.5),
    }  # fmt: skip
    for name, value in lines:
        result = eval(value, world)
        world[name] = Number(result)  # type: ignore[arg-type]
    notebook = cells(*(f"{name} = {value}" for name, value in lines))

    for name in "abc":
        found = inline_metric(name, notebook)
        if not found.notes:
            assert float(eval(found.expression, world)) == pytest.approx(float(world[name]), abs=0.006)  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.text(max_size=80), st.lists(st.text(max_size=60), max_size=4))
def test_any_text_comes_back_as_some_text(expression: str, sources: list[str]) -> None:
    result = inline_metric(expression, cells(*sources))

    assert isinstance(result.expression, str)
    if result.expression != expression:
        ast.parse(result.expression, mode="eval")
