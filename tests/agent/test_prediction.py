"""What a cell is expected to measure, from those that were tried."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlagent.agent.prediction import (
    COVERAGE,
    ENOUGH,
    PRIOR_WIDTH,
    Precedent,
    calibration,
    predict,
    traits_of,
)
from jupyter_mlagent.records import Prediction

FOREST = "model = RandomForestClassifier(n_estimators={}, random_state=0).fit(X_train, y_train)"
LINE = "model = LogisticRegression(C={}).fit(X_train, y_train)"

numbers = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))
precedent_lists = st.lists(
    st.builds(
        Precedent, st.sampled_from([FOREST, LINE, "x = 1", "not python ("]), numbers, numbers, st.booleans()
    )
)


def test_it_expects_what_the_nearest_cells_measured() -> None:
    tried = [
        Precedent(FOREST.format(100), 0.7, 0.90),
        Precedent(FOREST.format(200), 0.7, 0.92),
        Precedent(LINE.format(1), 0.7, 0.60),
    ]
    forest, line = predict(FOREST.format(300), 0.7, tried), predict(LINE.format(10), 0.7, tried)
    assert 0.85 < forest.metric < 0.92
    assert line.metric < 0.7
    assert forest.low < forest.metric < forest.high


def test_of_another_task_only_the_relative_change_counts() -> None:
    tried = [Precedent(FOREST.format(100), 100.0, 110.0, same_task=False)]
    assert predict(FOREST.format(100), 0.5, tried).metric == pytest.approx(0.5 + 0.05 / 1.15, rel=1e-6)


def test_cells_that_failed_make_their_like_unlikely_to_run() -> None:
    failed = [Precedent(FOREST.format(n), 0.7, None) for n in range(4)]
    ran = [Precedent(LINE.format(n), 0.7, 0.7) for n in range(4)]
    assert (
        predict(FOREST.format(9), 0.7, failed + ran).works
        < 0.5
        < predict(LINE.format(9), 0.7, failed + ran).works
    )


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert predict(FOREST, None, [Precedent(FOREST, 0.5, 0.6)]) is None
    assert predict(FOREST, 0.5, []) is None
    far = predict("print('hello')", 0.5, [Precedent(FOREST, 0.5, 0.9)])
    assert (far.metric, far.neighbours) == (0.5, 0)


def test_values_at_the_edge_of_floats_do_not_overflow() -> None:
    tried = [Precedent(FOREST, None, value, True) for value in (8.9e307, 9e307)]
    assert math.isfinite(predict(FOREST, 0.0, tried).metric)


@given(precedent_lists, st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9))
def test_whatever_was_tried_the_interval_holds_a_finite_prediction(tried, before) -> None:
    said = predict(FOREST, before, tried)
    if tried:
        assert math.isfinite(said.metric) and said.low <= said.metric <= said.high and 0 < said.works < 1


def test_the_interval_covers_what_it_says_once_it_has_been_wrong_often_enough() -> None:
    chance = random.Random(3)
    tried: list[Precedent] = []
    outcomes = []
    for number in range(400):
        code = FOREST.format(number % 7)
        said = predict(code, 0.7, tried)
        value = 0.8 + chance.gauss(0, 0.02)
        if said is not None:
            outcomes.append((said, value))
        tried.append(Precedent(code, 0.7, value, predicted=said.metric if said else None))
    assert outcomes[0][0].high - outcomes[0][0].metric == pytest.approx(PRIOR_WIDTH * outcomes[0][0].metric)
    found = calibration(outcomes[ENOUGH:])
    assert abs(found.inside - COVERAGE) < 0.06
    assert found.mean_absolute_error < 0.04


def test_calibration_counts_what_ran_and_what_lay_inside() -> None:
    said = Prediction(metric=0.5, low=0.4, high=0.6, works=0.75, neighbours=3)
    found = calibration([(said, 0.55), (said, 0.8), (said, None)])
    assert (found.count, found.inside) == (2, 0.5)
    assert found.mean_absolute_error == pytest.approx(0.175)
    assert found.mean_relative_error == pytest.approx((0.05 / 0.55 + 0.3 / 0.8) / 2)
    assert (found.ran, found.ran_expected) == (pytest.approx(2 / 3), pytest.approx(0.75))
    assert calibration([(said, None)]) is None


def test_traits_tell_settings_apart() -> None:
    one, other = traits_of(FOREST.format(100)), traits_of(FOREST.format(200))
    assert one != other and len(one & other) > len(one ^ other)
