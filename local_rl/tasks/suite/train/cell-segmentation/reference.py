"""A support vector machine, extra trees and boosted trees, averaged."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

TARGET = "class"


def solve(public: Path, submission: Path) -> None:
    train, test = (pd.read_csv(public / name) for name in ("train.csv", "test.csv"))
    features = [name for name in test.columns if name != "id"]
    gaussian = QuantileTransformer(n_quantiles=200, output_distribution="normal", random_state=0)
    model = VotingClassifier(
        [
            ("linear", make_pipeline(gaussian, StandardScaler(), LogisticRegression(C=0.02, max_iter=2000))),
            ("extra", ExtraTreesClassifier(400, min_samples_leaf=3, max_features=0.5, random_state=0)),
            (
                "boosted",
                HistGradientBoostingClassifier(
                    learning_rate=0.04, max_iter=150, max_leaf_nodes=12, l2_regularization=5, random_state=0
                ),
            ),
        ],
        voting="soft",
    )
    model.fit(train[features], train[TARGET])
    bad = model.predict_proba(test[features])[:, list(model.classes_).index("PS")]
    pd.DataFrame({"id": test["id"], TARGET: bad}).to_csv(submission, index=False)
