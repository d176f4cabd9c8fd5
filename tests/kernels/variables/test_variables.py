"""What the probe says of a kernel's variables."""

from __future__ import annotations

import math
import time
import types

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlagent_kernel.variables import describe, describe_all

FRAME = pd.DataFrame(
    {"age": [30.0, None, 41.5], "city": ["Oslo", "Oslo", "Rome"], "bought": [0, 1, 1]},
)
FITTED = LogisticRegression(C=0.5).fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (FRAME, ["DataFrame 3 x 3", "1 missing", "float64"]),
        (FRAME["bought"], ["Series 'bought' of 3", "1: 2", "none missing"]),
        (np.array([[0.5, np.nan], [1.5, 2.5]]), ["array (2, 2)", "0.5 to 2.5", "1 not finite"]),
        (np.array([0, 1, 1]), ["{0: 1, 1: 2}"]),
        (FITTED, ["LogisticRegression(C=0.5), fitted"]),
        (RandomForestClassifier(), ["RandomForestClassifier(), not fitted"]),
        (make_pipeline(StandardScaler(), FITTED), ["Pipeline: StandardScaler -> LogisticRegression, fitted"]),
        (np, ["module numpy"]),
        (lambda a, *rest, b=1: a, ["(a, b, *args)"]),
        (3.5, ["3.5"]),
        (["x", 1], ["list of 2"]),
        ({"k": FRAME}, ["dict of 1", "'k': DataFrame"]),
        (math.sqrt, ["function sqrt"]),
    ],
)
def test_a_variable_in_one_line(value: object, words: list[str]) -> None:
    summary = describe(value).summary
    assert "\n" not in summary
    for word in words:
        assert word in summary


def test_columns_show_type_missing_values_and_class_balance() -> None:
    detail = describe(FRAME).detail.splitlines()
    assert detail[0] == "age: float64, 1 missing, 30 to 41.5"
    assert "Oslo: 2" in detail[1]
    assert "1: 2" in detail[2]


class Trap:
    """Whatever touches it is noticed."""

    touched = False

    def __getattribute__(self, name: str) -> object:
        if not name.startswith("__"):
            Trap.touched = True
            time.sleep(60)
        return object.__getattribute__(self, name)

    def __repr__(self) -> str:
        Trap.touched = True
        raise RuntimeError("no")

    __str__ = __len__ = __iter__ = __bool__ = __repr__  # type: ignore[assignment]


def test_unknown_objects_are_never_asked_anything() -> None:
    found = describe_all({"odd": Trap(), "inside": [Trap()]})
    assert found[0]["summary"] == "a Trap object"
    assert "Trap" in found[1]["summary"]
    assert not Trap.touched


def test_a_subclass_that_misbehaves_is_named_by_its_type() -> None:
    class Broken(pd.DataFrame):
        @property
        def dtypes(self) -> object:  # type: ignore[override]
            raise RuntimeError("no")

    assert describe(Broken({"a": [1]})).summary == "a Broken object"


def test_the_shells_own_names_are_not_variables() -> None:
    names = {"In": [], "Out": {}, "_": 1, "_i1": "x", "get_ipython": print, "preset": 1, "mine": 2}
    assert [item["name"] for item in describe_all(names, hidden={"preset"})] == ["mine"]


def test_looking_draws_no_random_numbers_and_changes_nothing() -> None:
    frame = FRAME.copy()
    before = np.random.get_state()[1].tolist()
    describe_all({"frame": frame, "array": np.arange(10.0), "model": FITTED})
    assert np.random.get_state()[1].tolist() == before
    pd.testing.assert_frame_equal(frame, FRAME)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    )
)
def test_any_plain_value_gets_one_short_line(value: object) -> None:
    summary = describe(value).summary
    assert "\n" not in summary
    assert len(summary) < 300


def test_module_objects_that_are_not_really_modules() -> None:
    assert describe(types.ModuleType("made_up")).summary == "module made_up"
