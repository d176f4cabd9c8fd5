"""Which names a metric reads, and which of them is the model, the labels, the features."""

from __future__ import annotations

import pytest

from jupyter_mlagent.reward.roles import Roles, roles


@pytest.mark.parametrize(
    ("expression", "models", "labels", "features"),
    [
        ("accuracy_score(y_val, model.predict(X_val))", ["model"], ["y_val"], ["X_val"]),
        ("accuracy_score(y_true=truth, y_pred=net.predict(inputs))", ["net"], ["truth"], ["inputs"]),
        ("clf.score(X_te, y_te)", ["clf"], ["y_te"], ["X_te"]),
        ("roc_auc_score(df['y'], booster.predict_proba(df[cols])[:, 1])", ["booster"], ["df"], []),
        ("cross_val_score(pipe, X, y, cv=5).mean()", ["pipe"], ["y"], ["X"]),
        ("cross_val_score(estimator=pipe, X=X, y=y).mean()", ["pipe"], ["y"], ["X"]),
        ("(clf.predict(X_val_s) == y_val).mean()", ["clf"], ["y_val"], ["X_val_s"]),
        ("silhouette_score(X, km.predict(X))", ["km"], [], ["X"]),
        ("silhouette_score(X, km.labels_)", ["km"], [], ["X"]),
        ("grid.best_score_", ["grid"], [], []),
        ("model.evaluate(X_test, y_test)[1]", ["model"], ["y_test"], ["X_test"]),
        ("(model(Xv).argmax(1) == yv).float().mean().item()", ["model"], [], ["Xv"]),
        ("evaluate(net, val_loader)", ["net"], [], []),
        ("rmse(y_val, np.expm1(reg.predict(X_val)))", ["reg"], ["y_val"], ["X_val"]),
        ("accuracy_score(y_val, pred)", [], ["y_val"], []),
    ],
)
def test_roles(expression: str, models: list[str], labels: list[str], features: list[str]) -> None:
    found = roles(expression)

    assert list(found.models) == models
    assert list(found.labels) == labels
    assert list(found.features) == features


def test_names_are_read_in_order_and_builtins_and_bound_names_are_left_out() -> None:
    found = roles("sum(abs(t - p) for t, p in zip(y_val, model.predict(X_val))) / len(y_val)")

    assert found.reads == ("y_val", "model", "X_val")


def test_what_is_none_of_these_is_other() -> None:
    found = roles("accuracy_score(y_val, pred)")

    assert found.others == ("pred",)
    assert found.functions == ("accuracy_score",)


def test_what_is_not_python_has_no_roles() -> None:
    assert roles("accuracy_score(") == Roles()
