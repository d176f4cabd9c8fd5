"""Which values count as a metric, and what is said about the others."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlagent_kernel.metric.number import number_of


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0.0),
        (0.0, 0.0),
        (-0.25, -0.25),
        (True, 1.0),
        (False, 0.0),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        (np.bool_(True), 1.0),
        (np.array(0.75), 0.75),
        (np.array([0.75]), 0.75),
        (np.array([[0.75]]), 0.75),
        ([0.5], 0.5),
        ((np.float64(2.0),), 2.0),
        (pd.Series([0.125]), 0.125),
        (pd.DataFrame({"score": [0.125]}), 0.125),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 4), 0.25),
    ],
)
def test_one_real_finite_number_is_taken(value: Any, expected: float) -> None:
    assert number_of(value) == (expected, "")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "None"),
        (math.nan, "NaN"),
        (np.array([np.nan]), "NaN"),
        (math.inf, "infinite"),
        (-np.inf, "infinite"),
        (10**400, "too large"),
        (1 + 2j, "complex"),
        (1 + 0j, "complex"),
        (np.complex64(1), "complex"),
        (np.array([0.5, 0.6]), "2 numbers"),
        ([0.1, 0.2, 0.3], "3 numbers"),
        (np.array([]), "empty"),
        (pd.Series([], dtype=float), "empty"),
        ("0.9", "type str"),
        (b"1", "type bytes"),
        ({"acc": 1.0}, "type dict"),
        (object(), "type object"),
        (np.array(["a"]), "type str"),
        (pd.Timestamp(0), "type Timestamp"),
    ],
)
def test_everything_else_is_no_metric_and_says_why(value: Any, reason: str) -> None:
    number, said = number_of(value)
    assert number is None
    assert reason in said
    assert said.endswith(".")


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53))
def test_any_finite_number_comes_through_unchanged(value: float) -> None:
    assert number_of(value) == (float(value), "")
    assert number_of(np.array([value], dtype=float)) == (float(value), "")
