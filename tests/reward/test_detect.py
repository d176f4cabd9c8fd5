"""Metrics are found where notebooks leave them: printed, shown or computed in the last cells."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlagent.records import Cell, Direction
from jupyter_mlagent.reward.detect import detect_metrics, direction_of
from jupyter_mlagent.reward.metric_names import MAXIMIZED, MINIMIZED

from .metric_notebooks import CASES, IMPORTS, SPLIT, Case, cells


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_metric_a_person_would_name_comes_first(case: Case) -> None:
    best = detect_metrics(cells(*case.sources))[0]

    assert best.expression == case.expression
    assert best.direction is case.direction
    assert best.origin == case.where
    assert best.inlined.settable is case.settable


def test_a_notebook_without_scores_has_no_candidates() -> None:
    assert detect_metrics(cells("import pandas as pd", "df = pd.read_csv('a.csv')\ndf.head()")) == []
    assert detect_metrics(cells("df['a'].map(names).value_counts()", "df.corr()['y'].sort_values()")) == []
    assert detect_metrics([]) == []


def test_several_metrics_are_all_offered_once_each() -> None:
    notebook = cells(
        IMPORTS,
        SPLIT,
        "model = SVC().fit(X_train, y_train)\npred = model.predict(X_val)\nacc = accuracy_score(y_val, pred)",
        "print('accuracy', acc, 'f1', f1_score(y_val, pred))\nprint('again', accuracy_score(y_val, pred))",
    )

    expressions = [candidate.expression for candidate in detect_metrics(notebook)]

    assert sorted(expressions) == [
        "accuracy_score(y_val, model.predict(X_val))",
        "f1_score(y_val, model.predict(X_val))",
    ]


def test_a_later_cell_is_preferred() -> None:
    notebook = cells(
        SPLIT,
        "a = SVC().fit(X_train, y_train)\nprint(a.score(X_val, y_val))",
        "x = 1",
        "print(f1_score(y_val, b.predict(X_val)))",
    )

    assert [found.expression for found in detect_metrics(notebook)] == [
        "f1_score(y_val, b.predict(X_val))",
        "a.score(X_val, y_val)",
    ]


def test_what_is_recomputed_is_preferred_over_a_variable_any_cell_could_set() -> None:
    notebook = cells(
        SPLIT,
        "model = SVC().fit(X_train, y_train)\nprint('accuracy', model.score(X_val, y_val))",
        "for epoch in range(3):\n    val_acc = train_one()\nprint('val_acc', val_acc)",
    )

    assert [found.expression for found in detect_metrics(notebook)] == [
        "model.score(X_val, y_val)",
        "val_acc",
    ]


def test_cells_that_raised_and_cells_that_are_not_code_are_passed_over() -> None:
    error = {"output_type": "error", "ename": "NameError", "evalue": "", "traceback": []}
    notebook = [
        Cell(id="a", kind="markdown", source="print(accuracy_score(y, p))"),
        Cell(id="b", kind="code", source="print(f1_score(y_val, m.predict(X_val)))", outputs=(error,)),
        Cell(id="c", kind="code", source="this is not Python"),
        Cell(id="d", kind="code", source="%%bash\nprint(accuracy_score(y, p))"),
    ]

    assert detect_metrics(notebook) == []


def test_scores_in_cells_with_magics_are_found() -> None:
    notebook = cells("%matplotlib inline\n!nvidia-smi", "%%time\nprint('acc', clf.score(X_val, y_val))")

    assert detect_metrics(notebook)[0].expression == "clf.score(X_val, y_val)"


@pytest.mark.parametrize("name", sorted(MAXIMIZED))
def test_every_function_of_the_table_says_that_larger_is_better(name: str) -> None:
    assert direction_of(f"{name}(y, p)") is Direction.MAXIMIZE


@pytest.mark.parametrize("name", sorted(MINIMIZED))
def test_every_function_of_the_table_says_that_smaller_is_better(name: str) -> None:
    assert direction_of(f"{name}(y, p)") is Direction.MINIMIZE


@pytest.mark.parametrize(
    ("expression", "direction"),
    [
        ("val_acc", Direction.MAXIMIZE),
        ("valAccuracy", Direction.MAXIMIZE),
        ("test_rmse", Direction.MINIMIZE),
        ("history.history['val_loss'][-1]", Direction.MINIMIZE),
        ("cross_validate(m, X, y)['test_score'].mean()", Direction.MAXIMIZE),
        ("model.evaluate(X, y)", None),
        ("my_own_thing(y, p)", None),
        ("-mean_squared_error(y, p)", Direction.MAXIMIZE),
        ("1 - accuracy_score(y, p)", Direction.MINIMIZE),
        ("1 / (1 + rmse)", Direction.MAXIMIZE),
        ("np.sqrt(mean_squared_error(y, p))", Direction.MINIMIZE),
        ("cross_val_score(m, X, y, scoring='neg_log_loss').mean()", Direction.MAXIMIZE),
        ("-cross_val_score(m, X, y, scoring='neg_log_loss').mean()", Direction.MINIMIZE),
        ("(p == y).mean()", Direction.MAXIMIZE),
        ("(p != y).mean()", Direction.MINIMIZE),
        ("sklearn.metrics.roc_auc_score(y, p)", Direction.MAXIMIZE),
        ("res.rsquared_adj", Direction.MAXIMIZE),
        ("grid.best_score_", Direction.MAXIMIZE),
        ("km.inertia_", Direction.MINIMIZE),
        ("not Python (", None),
        ("", None),
    ],
)
def test_direction_of_an_expression(expression: str, direction: Direction | None) -> None:
    assert direction_of(expression) is direction


SNIPPETS = st.sampled_from([source for case in CASES for source in case.sources])


@settings(deadline=None)
@given(st.lists(st.one_of(SNIPPETS, st.text(max_size=60)), max_size=6))
def test_any_notebook_is_read_without_an_error_and_every_candidate_is_an_expression(
    sources: list[str],
) -> None:
    for candidate in detect_metrics(cells(*sources)):
        ast.parse(candidate.expression, mode="eval")
        assert 0.0 <= candidate.confidence <= 1.0


@settings(deadline=None)
@given(st.permutations(list(range(4))))
def test_the_order_of_prints_in_one_cell_does_not_change_what_is_found(order: list[int]) -> None:
    prints = [
        "print('a', m.score(X_val, y_val))",
        "print('b', m.score(X_train, y_train))",
        "print('c', f1_score(y_val, m.predict(X_val)))",
        "print('d', log_loss(y_val, m.predict_proba(X_val)))",
    ]

    found = detect_metrics(cells("\n".join(prints[index] for index in order)))

    assert {candidate.expression for candidate in found} == {line[11:-1] for line in prints}
    assert found[-1].expression == "m.score(X_train, y_train)"
