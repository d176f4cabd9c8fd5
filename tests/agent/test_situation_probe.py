"""The situation is read from variables in the words of the probe that runs in kernels."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jupyter_mlagent.agent.situation import Kind, Situation, read_situation
from jupyter_mlagent.records import Cell, Direction, Metric, State, Task, Variable
from jupyter_mlagent.reward.roles import roles
from mlagent_kernel.probe.plain import type_name
from mlagent_kernel.probe.variables import describe

EXPRESSION = "f1_score(y_val, model.predict(X_val))"
NUMBERS = pd.DataFrame({"age": [1.0, 2.0, 3.0], "size": [4.0, 5.0, 7.0]})
WORDS = NUMBERS.assign(kind=["a", "b", "a"])


def situation(
    X_train: object, model: object = None, source: str = "model.fit(X_train, y_train)"
) -> Situation:
    """As read from a kernel that holds these."""
    labels = pd.Series(["dead", "alive", "dead"])
    held = {"X_train": X_train, "y_train": labels, "y_val": labels, "model": model or LogisticRegression()}
    found = tuple(
        Variable(name=name, type=type_name(value), summary=describe(value).summary)
        for name, value in held.items()
    )
    state = State(notebook="", cells=(Cell(id="a", kind="code", source=source),), variables=found)
    task = Task(metric=Metric(expression=EXPRESSION, direction=Direction.MAXIMIZE))
    return read_situation(state, task, roles(EXPRESSION))


def test_a_table_of_numbers_is_plain_and_one_with_words_or_gaps_is_not() -> None:
    assert situation(NUMBERS).plain_numbers
    assert not situation(WORDS).plain_numbers
    assert not situation(NUMBERS.assign(age=[1.0, np.nan, 3.0])).plain_numbers


def test_tables_arrays_and_sparse_matrices_are_told_apart() -> None:
    assert situation(NUMBERS).frames
    array = situation(NUMBERS.to_numpy())
    assert not array.frames and array.plain_numbers
    assert situation(csr_matrix(np.eye(3))).sparse


def test_labels_that_are_words_make_it_a_classification_of_plain_numbers() -> None:
    found = situation(NUMBERS)
    assert (found.kind, found.plain_numbers) == (Kind.CLASSIFICATION, True)


def test_the_current_model_is_the_last_step_of_a_pipeline_and_an_ensemble_is_itself() -> None:
    booster = HistGradientBoostingClassifier()
    piped = situation(NUMBERS, make_pipeline(StandardScaler(), booster))
    assert piped.current == "HistGradientBoostingClassifier" and piped.late
    voting = VotingClassifier([("a", booster), ("b", LogisticRegression())])
    assert situation(NUMBERS, voting).current == "VotingClassifier"


def test_a_model_of_the_notebooks_own_class_is_known_from_its_cell() -> None:
    class Own:
        pass

    source = "model = Own(GradientBoostingRegressor())\nmodel.fit(X_train, y_train)"
    assert situation(NUMBERS, Own(), source).current == "GradientBoostingRegressor"
