"""A regularised regression over splines and categories, averaged with shallow boosted trees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler

TARGET = "Remote"
SMOOTH = ["Salary", "YearsCodedJob", "size"]


def solve(public: Path, submission: Path) -> None:
    train, test = (_features(pd.read_csv(public / name)) for name in ("train.csv", "test.csv"))
    one_hot = (OneHotEncoder(sparse_output=False), ["Country", "CompanySizeNumber"])
    linear = make_pipeline(
        make_column_transformer(one_hot, (SplineTransformer(n_knots=4), SMOOTH), remainder=StandardScaler()),
        LogisticRegression(C=0.1, max_iter=2000),
    )
    trees = make_pipeline(
        make_column_transformer(one_hot, remainder="passthrough"),
        GradientBoostingClassifier(
            n_estimators=150, learning_rate=0.04, max_depth=3, subsample=0.5, max_features=0.3, random_state=0
        ),
    )
    model = VotingClassifier([("linear", linear), ("trees", trees)], voting="soft")
    asked = test.drop(columns="id")
    model.fit(train[asked.columns], (train[TARGET] == "Remote").astype(int))
    pd.DataFrame({"id": test["id"], TARGET: model.predict_proba(asked)[:, 1]}).to_csv(submission, index=False)


def _features(table: pd.DataFrame) -> pd.DataFrame:
    kinds = table.loc[:, "Data_scientist":"Web_developer"].sum(axis=1)
    return table.assign(
        size=np.log(table["CompanySizeNumber"]), Salary=np.log1p(table["Salary"]), kinds=kinds
    )
