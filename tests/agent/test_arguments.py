"""Constructors get arguments that their classes take; everything else stays as it was written."""

from __future__ import annotations

import ast
import inspect

import pytest
import sklearn.ensemble
import sklearn.linear_model
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlagent.agent.arguments import parameters, with_known_arguments


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        ("LogisticRegression(C=1, early_stopping=True)", "LogisticRegression(C=1)"),
        ("LogisticRegression(early_stopping=True, C=1)", "LogisticRegression(C=1)"),
        ("LogisticRegression(early_stopping=True)", "LogisticRegression()"),
        ("MLPClassifier((64, 32), hidden_layer_sizes=(8,), alpha=1)", "MLPClassifier((64, 32), alpha=1)"),
        ("SVC(C=1, C=2, gamma=3)", "SVC(C=1, gamma=3)"),
        ("BaggingClassifier(base_estimator=SVC(), n=2)", "BaggingClassifier(estimator=SVC())"),
        ("OneHotEncoder(sparse=False)", "OneHotEncoder(sparse_output=False)"),
        ("OneHotEncoder(sparse=False, sparse_output=True)", "OneHotEncoder(sparse_output=False)"),
        ("SVC(\n    gamma='é',\n    nope=1,  # no\n    C=1,\n)", "SVC(\n    gamma='é',  # no\n    C=1,\n)"),
        ("VotingClassifier([('a', SVC(x=1))], z=3)", "VotingClassifier([('a', SVC())])"),
        ("RidgeCV(random_state=SVC(bad=1))", "RidgeCV()"),
    ],
)
def test_what_a_class_does_not_take_is_left_out(written: str, mended: str) -> None:
    assert with_known_arguments(f"m = {written}") == f"m = {mended}"


@pytest.mark.parametrize(
    "code",
    [
        "m = SVC(C=1, kernel='rbf')",
        "m = SVC(**options, nope=1)",
        "m = SVC(*values, nope=1)",
        "m = mine.SVC(nope=1)",
        "m = Unknown(nope=1)",
        "class SVC:\n    def __init__(self, nope): ...\nm = SVC(nope=1)",
        "%%bash\nSVC(nope=1)",
        "m = SVC(nope=1",
    ],
)
def test_everything_else_stays_as_it_is(code: str) -> None:
    assert with_known_arguments(code) == code


def test_the_table_is_that_of_the_installed_release() -> None:
    for name, module in (("SVC", "svm"), ("RandomForestClassifier", "ensemble"), ("Ridge", "linear_model")):
        actual = inspect.signature(getattr(getattr(sklearn, module), name)).parameters
        known = parameters()[name]
        missing = {*known.positional, *known.keyword} ^ set(actual)
        assert not missing, f"{name}: {missing} (run scripts/write_parameters.py)"


_WORDS = st.sampled_from(["C", "alpha", "n_estimators", "nope", "max_depth", "sparse"])
_VALUES = st.sampled_from(["1", "(2)", "[3, 4]", "'é'", "SVC(nope=1)", "f(x, y=2)"])
_GIVEN = st.lists(st.tuples(_WORDS, _VALUES), max_size=5)
_CLASSES = st.sampled_from(["SVC", "RandomForestClassifier", "Ridge", "Lasso", "Mine"])


@given(
    name=_CLASSES,
    positional=st.lists(_VALUES, max_size=2),
    keywords=_GIVEN,
    separator=st.sampled_from([", ", ",\n  "]),
)
def test_the_result_is_a_program_whose_calls_can_be_made(name, positional, keywords, separator) -> None:
    listed = separator.join([*positional, *(f"{word}={value}" for word, value in keywords)])
    mended = with_known_arguments(f"m = {name}({listed})")
    for call in (node for node in ast.walk(ast.parse(mended)) if isinstance(node, ast.Call)):
        known = parameters().get(call.func.id)
        words = [keyword.arg for keyword in call.keywords]
        if known is not None:
            assert len(words) == len(set(words)) and set(words) <= {*known.positional, *known.keyword}
    assert with_known_arguments(mended) == mended
