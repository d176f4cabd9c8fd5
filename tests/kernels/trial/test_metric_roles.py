"""What each name of a metric expression is there for, and so what may come from the cell."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer, mean_squared_error, silhouette_score
from sklearn.model_selection import KFold, cross_val_score

from mlagent_kernel.metric import parting
from mlagent_kernel.metric import plan as plans
from mlagent_kernel.metric.roles import Role

M, F, P, U = Role.MODEL, Role.FEATURES, Role.PREDICTION, Role.UNDECIDED


def rmsle(actual: Any, estimate: Any) -> Any:
    return np.sqrt(np.mean((np.log1p(actual) - np.log1p(estimate)) ** 2))


NAMESPACE: dict[str, Any] = {
    "np": np,
    "metrics": metrics,
    "accuracy_score": accuracy_score,
    "mean_squared_error": mean_squared_error,
    "silhouette_score": silhouette_score,
    "cross_val_score": cross_val_score,
    "spearmanr": spearmanr,
    "scorer": make_scorer(accuracy_score),
    "rmsle": rmsle,
    "kf": KFold(),
    "model": LogisticRegression(),
    "models": {"a": LogisticRegression()},
    "X": np.zeros((6, 2)),
    "X_val": np.zeros((6, 2)),
    "y": np.zeros(6),
    "y_val": np.zeros(6),
    "pred": np.zeros(6),
    "a": np.zeros(6),
    "b": np.zeros(6),
    "acc": 0.5,
}


@pytest.mark.parametrize(
    ("expression", "taken", "truth"),
    [
        ("accuracy_score(y_val, model.predict(X_val))", {"model": M, "X_val": F}, {"y_val"}),
        ("accuracy_score(model.predict(X_val), y_val)", {"model": M, "X_val": F}, {"y_val"}),
        ("metrics.f1_score(y_true=y_val, y_pred=model.predict(X_val))", {"model": M, "X_val": F}, {"y_val"}),
        ("model.score(X_val, y_val)", {"model": M, "X_val": F}, {"y_val"}),
        ("scorer(model, X_val, y_val)", {"model": M, "X_val": F}, {"y_val"}),
        ("cross_val_score(model, X, y, cv=kf).mean()", {"model": M, "X": F}, {"y", "kf"}),
        ("-np.sqrt(mean_squared_error(y_val, pred))", {"pred": P}, {"y_val"}),
        ("(pred == y_val).mean()", {"pred": P}, {"y_val"}),
        ("1 - abs(y_val - pred).sum() / abs(y_val).sum()", {"pred": P}, {"y_val"}),
        ("spearmanr(y_val, pred)[0]", {"pred": P}, {"y_val"}),
        ("rmsle(y_val, models['a'].predict(X_val))", {"models": M, "X_val": F}, {"y_val"}),
        ("silhouette_score(X, model.predict(X))", {"model": M, "X": F}, {"X"}),
        ("model.score(X)", {"model": M}, {"X"}),
        ("accuracy_score(y_val, brand_new.predict(X_val))", {"brand_new": M, "X_val": F}, {"y_val"}),
        ("max(accuracy_score(y_val, pred > t) for t in (0.3, 0.5))", {"pred": P}, {"y_val"}),
        ("np.mean(a == b)", {"a": U, "b": U}, set()),
        ("acc", {}, set()),
    ],
)
def test_roles(expression: str, taken: dict[str, Role], truth: set[str]) -> None:
    plan = plans.make(expression, NAMESPACE)
    assert plan.taken == {name: frozenset({role}) for name, role in taken.items()}
    assert set(plan.truth) == truth


@pytest.mark.parametrize("expression", ["model.coef_[0, 0]", "pred.mean()", "model.best_score_"])
def test_what_only_the_cell_decides_is_not_verifiable(expression: str) -> None:
    assert not plans.make(expression, NAMESPACE).verifiable


def test_a_function_of_the_notebook_is_looked_into() -> None:
    namespace: dict[str, Any] = {**NAMESPACE, "__name__": "__main__"}
    source = "def evaluate(m):\n    guess = m.predict(X_val)\n    return accuracy_score(y_val, guess)"
    exec(compile(source, "<cell>", "exec"), namespace)
    import linecache

    linecache.cache["<cell>"] = (len(source), None, source.splitlines(True), "<cell>")
    plan = plans.make("evaluate(model)", namespace)
    assert plan.truth == ("y_val",)
    assert plan.taken == {"model": frozenset({M}), "X_val": frozenset({F})}
    assert plan.inner["y_val"] is Role.TRUTH


@pytest.mark.parametrize(
    ("expression", "rest", "parts"),
    [
        (
            "accuracy_score(y_val, model.predict(X_val))",
            "accuracy_score(y_val, __part_0)",
            ["model.predict(X_val)"],
        ),
        (
            "float((model.predict_proba(X_val)[:, 1] > 0.5).mean() - y_val.mean())",
            "float(__part_0 - y_val.mean())",
            ["(model.predict_proba(X_val)[:, 1] > 0.5).mean()"],
        ),
        (
            "max(accuracy_score(y_val, model.predict(X_val) > t) for t in (1, 2))",
            "max((accuracy_score(y_val, __part_0 > t) for t in (1, 2)))",
            ["model.predict(X_val)"],
        ),
    ],
)
def test_the_model_is_parted_from_the_truth(expression: str, rest: str, parts: list[str]) -> None:
    plan = plans.make(expression, NAMESPACE)
    split = parting.split(plan, NAMESPACE, frozenset({"model"}))
    assert split is not None
    assert ast.unparse(split[0]) == rest
    assert split[1] == parts


@pytest.mark.parametrize("expression", ["model.score(X_val, y_val)", "cross_val_score(model, X, y).mean()"])
def test_some_metrics_cannot_be_parted(expression: str) -> None:
    plan = plans.make(expression, NAMESPACE)
    assert parting.split(plan, NAMESPACE, frozenset({"model"})) is None


def test_what_does_not_parse_is_told_in_a_sentence() -> None:
    plan, reason = plans.try_make("accuracy_score(y_val, ", NAMESPACE)
    assert plan is None
    assert reason.startswith("The metric is not a Python expression:")
