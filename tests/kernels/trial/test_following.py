"""The rule that tells a result that read the labels from an honest one: both sides, by simulation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import mean_absolute_error, r2_score, roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from mlagent_kernel.metric.following import DRAWS, follows

Fit = Callable[[Any, Any, Any, Any], Any]


def accuracy_score(truth: Any, predicted: Any) -> float:
    return float(np.mean(truth == predicted))


def data(seed: int, rows: int, regression: bool = False) -> tuple[Any, Any, Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(3 * rows, 6))
    signal = X[:, 0] + 0.7 * X[:, 1] + rng.normal(size=len(X)) * 0.7
    y = signal if regression else (signal > 0.6).astype(int)
    return X[rows:], y[rows:], X[:rows], y[:rows]


def judged(fit: Fit, seed: int, rows: int, metric: Any, sign: int = 1, regression: bool = False) -> bool:
    """Play the audit: the step runs with true and with shuffled labels, and is judged."""
    X, y, X_val, y_val = data(seed, rows, regression)
    rng = np.random.default_rng(seed + 1)
    shuffled = rng.permutation(y_val)
    first, second = fit(X, y, X_val, y_val), fit(X, y, X_val, shuffled)
    draws = [rng.permutation(y_val) for _ in range(DRAWS)]
    after = metric(y_val, first(X_val))
    return follows(
        sign=sign,
        seen=metric(shuffled, second(X_val)),
        null=[metric(draw, second(X_val)) for draw in draws],
        after=after,
        null_after=[metric(draw, first(X_val)) for draw in draws],
        before=after - sign * 0.05 * abs(after),
    )


def plain(X: Any, y: Any, X_val: Any, y_val: Any) -> Any:
    return LogisticRegression().fit(X, y).predict


def best_of_many(X: Any, y: Any, X_val: Any, y_val: Any) -> Any:
    models = [
        DecisionTreeClassifier(max_depth=d, random_state=s).fit(X, y) for d in range(1, 9) for s in (0, 1)
    ]
    return max(models, key=lambda m: accuracy_score(y_val, m.predict(X_val))).predict


def tuned_threshold(X: Any, y: Any, X_val: Any, y_val: Any) -> Any:
    model = LogisticRegression().fit(X, y)
    scores = model.predict_proba(X_val)[:, 1]
    best = max(np.linspace(0.05, 0.95, 91), key=lambda t: accuracy_score(y_val, scores > t))
    return lambda rows: (model.predict_proba(rows)[:, 1] > best).astype(int)


def early_stopped(X: Any, y: Any, X_val: Any, y_val: Any) -> Any:
    weights, best = np.zeros(X.shape[1]), (-1.0, np.zeros(X.shape[1]))
    for _ in range(150):
        weights = weights + 0.02 * X.T @ (y - 1 / (1 + np.exp(-X @ weights))) / len(X)
        score = accuracy_score(y_val, X_val @ weights > 0.3)
        best = max(best, (score, weights), key=lambda pair: pair[0])
    return lambda rows: (rows @ best[1] > 0.3).astype(int)


def copied(X: Any, y: Any, X_val: Any, y_val: Any) -> Any:
    return lambda rows: y_val.copy()


def trained_on_all(X: Any, y: Any, X_val: Any, y_val: Any) -> Any:
    return RandomForestClassifier(40, random_state=0).fit(np.r_[X, X_val], np.r_[y, y_val]).predict


def trained_on_held_out(X: Any, y: Any, X_val: Any, y_val: Any) -> Any:
    return RandomForestClassifier(40, random_state=0).fit(X_val, y_val).predict


HONEST = [plain, best_of_many, tuned_threshold, early_stopped]
LEAKING = [copied, trained_on_all, trained_on_held_out]


@pytest.mark.parametrize("rows", [30, 120, 600])
@pytest.mark.parametrize("fit", HONEST, ids=lambda f: f.__name__)
def test_honest_uses_of_the_labels_pass(fit: Fit, rows: int) -> None:
    assert not any(judged(fit, seed, rows, accuracy_score) for seed in range(6))


@pytest.mark.parametrize("rows", [30, 120, 600])
@pytest.mark.parametrize("fit", LEAKING, ids=lambda f: f.__name__)
def test_results_that_follow_the_labels_are_caught(fit: Fit, rows: int) -> None:
    assert all(judged(fit, seed, rows, accuracy_score) for seed in range(4))


def test_other_metrics_and_directions() -> None:
    def score(X: Any, y: Any, X_val: Any, y_val: Any) -> Any:
        return LogisticRegression().fit(X, y).decision_function

    def leak(X: Any, y: Any, X_val: Any, y_val: Any) -> Any:
        return RandomForestRegressor(30, random_state=0).fit(np.r_[X, X_val], np.r_[y, y_val]).predict

    def honest(X: Any, y: Any, X_val: Any, y_val: Any) -> Any:
        return Ridge().fit(X, y).predict

    assert not judged(score, 0, 200, roc_auc_score)
    assert judged(leak, 0, 200, roc_auc_score)
    for metric, sign in ((r2_score, 1), (mean_absolute_error, -1)):
        assert not judged(honest, 0, 200, metric, sign, regression=True)
        assert judged(leak, 0, 200, metric, sign, regression=True)


def test_a_worthless_result_follows_nothing() -> None:
    same = {"sign": 1, "null": [0.5] * 10, "null_after": [0.5] * 10, "before": 0.4}
    assert not follows(seen=0.5, after=0.5, **same)  # type: ignore[arg-type]
    assert follows(seen=1.0, after=1.0, **same)  # type: ignore[arg-type]
