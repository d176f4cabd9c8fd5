"""Ideas for texts fit what the model is given: texts, a vectorizer of the notebook, or the matrix it made."""

from __future__ import annotations

import pytest

from jupyter_mlagent.agent.ideas import choose_ideas
from jupyter_mlagent.agent.situation import read_situation
from jupyter_mlagent.records import Direction, Metric, Operator, Task, Variable
from jupyter_mlagent.reward.roles import roles

from .states import code, state

VECTORIZER = Variable(name="vec", type="CountVectorizer", summary="CountVectorizer(), fitted")
TEXTS = Variable(name="X_train", type="Series", summary="Series of 400, str, none missing")
MATRIX = Variable(name="X_train", type="csr_matrix", summary="csr_matrix 400 x 900")
ARRAY = Variable(name="X_train", type="ndarray", summary="ndarray 400 x 50, float64")


def ideas(fit: str, metric: str, *variables: Variable) -> list[tuple[str, str]]:
    cells = (code("vec = CountVectorizer()"), code(f"model = LogisticRegression().{fit}"))
    labels = Variable(name="y_train", type="Series", summary="Series of 400, int64, {0: 200, 1: 200}")
    model = Variable(name="model", type="LogisticRegression", summary="LogisticRegression(), fitted")
    now = state(*cells, variables=(*variables, labels, model))
    task = Task(metric=Metric(expression=metric, direction=Direction.MAXIMIZE))
    situation = read_situation(now, task, roles(metric))
    return [(idea.plan, idea.opening) for idea in choose_ideas(situation, Operator.IMPROVE, count=50)]


def test_texts_get_pipelines_that_start_with_a_vectorizer() -> None:
    found = ideas("fit(X_train, y_train)", "accuracy_score(y_val, model.predict(X_val))", TEXTS)
    assert found
    assert all("Vectorizer" in plan and "make_pipeline" in plan for plan, _ in found)


def test_a_vectorizer_that_the_metric_applies_is_made_anew() -> None:
    """A pipeline with one of its own cannot read what `vec.transform` gives."""
    metric = "accuracy_score(y_val, model.predict(vec.transform(X_val)))"
    found = ideas("fit(vec.fit_transform(X_train), y_train)", metric, TEXTS, VECTORIZER)
    assert found
    for plan, opening in found:
        assert plan.startswith("Make vec a ")
        assert "pipeline" not in plan
        compile(opening, "cell", "exec")
        assert opening.startswith("vec = ")


@pytest.mark.parametrize("made", [MATRIX, ARRAY])
def test_features_made_of_texts_get_estimators_without_a_vectorizer(made: Variable) -> None:
    found = ideas("fit(X_train, y_train)", "accuracy_score(y_val, model.predict(X_val))", made, VECTORIZER)
    assert found
    assert not any("Vectorizer" in plan for plan, _ in found)


def test_a_column_of_texts_in_a_table_goes_through_a_column_transformer() -> None:
    """A vectorizer alone would read the names of the columns."""
    table = Variable(name="X_train", type="DataFrame", summary="table 400 rows x 3 columns (3 str)")
    fit = 'fit(X_train, y_train)\nwords = make_column_transformer((CountVectorizer(), "review"))'
    found = ideas(fit, "accuracy_score(y_val, model.predict(X_val))", table)
    assert found
    for plan, opening in found:
        assert plan.endswith(", after words as the first step")
        compile(f"{opening}    MultinomialNB(),\n)", "cell", "exec")
        assert opening.endswith(', "review"))\nmodel = make_pipeline(\n    words,\n')
