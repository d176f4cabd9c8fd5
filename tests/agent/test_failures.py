"""What kind of failure it was: messages as the libraries of a notebook really write them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.preprocessing import StandardScaler

from jupyter_mlagent.agent.failures import (
    CHEATED,
    NO_METRIC,
    UNKNOWN,
    counted,
    kind_of_error,
    kind_of_trial,
)
from jupyter_mlagent.records import Trial, TrialError, TrialStatus

X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 0, 0, 1, 1, 1])
FRAME = pd.DataFrame({"size": [1.0, 2.0], "place": ["a", "b"]})

REAL = {
    "an unknown name": lambda: undefined_name,  # type: ignore[name-defined]  # noqa: F821
    "missing values": lambda: LinearRegression().fit([[np.nan], [1.0]], [0, 1]),
    "text where numbers belong": lambda: LinearRegression().fit(FRAME[["place"]], [0, 1]),
    "a model that is not fitted": lambda: StandardScaler().transform(X),
    "arrays that do not fit together": lambda: LinearRegression().fit(X, [0, 1]),
    "a column or key that does not exist": lambda: FRAME["price"],
    "an argument that does not exist": lambda: RandomForestClassifier(trees=3),
    "an argument with a wrong value": lambda: RandomForestClassifier(criterion="best").fit(X, Y),
    "a missing argument": lambda: LogisticRegression().fit(X),
    "an attribute that does not exist": lambda: FRAME.fit_transform(),
    "a class that is too small or unseen": lambda: train_test_split(X, Y, stratify=[0] * 5 + [1]),
    "a package that is not installed": lambda: __import__("no_such_package"),
    "an import that does not exist": lambda: exec("from sklearn.linear_model import Boosting"),
    "a file that does not exist": lambda: pd.read_csv("no_such_file.csv"),
    "an index out of range": lambda: [1][4],
    "not Python": lambda: compile("model = (", "cell", "exec"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REAL)
def test_a_real_exception_is_of_its_kind(kind: str) -> None:
    with pytest.raises(Exception) as caught:
        REAL[kind]()
    assert kind_of_error(type(caught.value).__name__, str(caught.value)) == kind


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: LinearRegression().fit(X, Y).predict(X[:, :1]), "arrays that do not fit together"),
        (lambda: LinearRegression().fit(Y, Y), "arrays that do not fit together"),
        (lambda: X + np.ones((5, 2)), "arrays that do not fit together"),
        (lambda: RandomForestClassifier().set_params(depth=3), "an argument that does not exist"),
        (lambda: FRAME.drop(columns=["price"]), "a column or key that does not exist"),
        (lambda: FRAME["place"].astype(float), "text where numbers belong"),
        (
            lambda: cross_val_score(LogisticRegression(), X, Y, cv=StratifiedKFold(9), error_score="raise"),
            "a class that is too small or unseen",
        ),
    ],
)
def test_the_same_kind_has_many_messages(call, kind: str) -> None:
    with pytest.raises(Exception) as caught:
        call()
    assert kind_of_error(type(caught.value).__name__, str(caught.value)) == kind


def test_a_trial_is_of_a_kind_by_its_status_too() -> None:
    assert kind_of_trial(Trial(status=TrialStatus.TIMEOUT)) == "too slow"
    assert kind_of_trial(Trial(status=TrialStatus.BLOCKED, cheated=True)) == CHEATED
    assert kind_of_trial(Trial(status=TrialStatus.OK, metric_after=0.5)) == ""
    assert kind_of_trial(Trial(status=TrialStatus.OK, reason="The metric took too long.")) == NO_METRIC
    failed = Trial(status=TrialStatus.ERROR, error=TrialError(name="KeyError", value="'price'"))
    assert kind_of_trial(failed) == "a column or key that does not exist"
    assert all(kind_of_trial(Trial(status=status)) for status in TrialStatus if status is not TrialStatus.OK)


@given(st.text(), st.text())
def test_whatever_was_raised_has_a_kind(name: str, message: str) -> None:
    assert kind_of_error(name, message)


def test_an_exception_nobody_knows_is_another_error() -> None:
    assert kind_of_error("StrangeError", "odd") == UNKNOWN


def test_kinds_are_counted_most_frequent_first() -> None:
    assert counted(["too slow", "missing values", "", "missing values"]) == "missing values (2), too slow (1)"
    assert counted([]) == ""
