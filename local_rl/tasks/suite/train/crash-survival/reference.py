"""Boosted trees and a logistic regression, averaged; the threshold that maximises F1 in cross-validation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler

TARGET = "dead"


def solve(public: Path, submission: Path) -> None:
    train, test = (_with_features(pd.read_csv(public / name)) for name in ("train.csv", "test.csv"))
    features = [name for name in test.columns if name != "id"]
    model = _model()
    died = (train[TARGET] == "dead").astype(int)
    probable = cross_val_predict(model, train[features], died, cv=4, method="predict_proba")[:, 1]
    precision, recall, thresholds = precision_recall_curve(died, probable)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    threshold = thresholds[f1[:-1].argmax()]
    model.fit(train[features], died)
    dead = model.predict_proba(test[features])[:, 1] >= threshold
    answer = np.where(dead, "dead", "alive")
    pd.DataFrame({"id": test["id"], TARGET: answer}).to_csv(submission, index=False)


def _with_features(table: pd.DataFrame) -> pd.DataFrame:
    speeds = {"1-9km/h": 5, "10-24": 17, "25-39": 32, "40-54": 47, "55+": 65}
    return table.assign(speed=table.dvcat.map(speeds), vehicle_age=table.yearacc - table.yearVeh)


def _model() -> VotingClassifier:
    words, figures = (
        make_column_selector(dtype_exclude="number"),
        make_column_selector(dtype_include="number"),
    )
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    trees = make_pipeline(
        make_column_transformer((one_hot, words), remainder="passthrough"),
        HistGradientBoostingClassifier(
            learning_rate=0.04, max_iter=120, max_leaf_nodes=10, l2_regularization=10, random_state=0
        ),
    )
    smooth = make_pipeline(SimpleImputer(), StandardScaler(), SplineTransformer(n_knots=4))
    linear = make_pipeline(
        make_column_transformer((one_hot, words), (smooth, figures)), LogisticRegression(C=0.3, max_iter=2000)
    )
    return VotingClassifier([("trees", trees), ("linear", linear)], voting="soft")
