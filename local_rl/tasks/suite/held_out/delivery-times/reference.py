"""Additive splines of hour and distance for each day, plus boosted trees on what they leave; log minutes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, SplineTransformer

TARGET = "time_to_delivery"
SEEDS = 4


def solve(public: Path, submission: Path) -> None:
    train, test = (_features(pd.read_csv(public / name)) for name in ("train.csv", "test.csv"))
    asked = test.drop(columns="id")
    known, minutes = train[asked.columns], np.log1p(train[TARGET])
    smooth = _smooth([name for name in asked if name.startswith("item")])
    left = minutes - cross_val_predict(smooth, known, minutes, cv=5)
    predicted = smooth.fit(known, minutes).predict(asked)
    figures = asked.drop(columns="day").columns
    for seed in range(SEEDS):
        trees = HistGradientBoostingRegressor(
            learning_rate=0.04, max_iter=150, max_leaf_nodes=12, max_features=0.5, random_state=seed
        )
        predicted += trees.fit(known[figures], left).predict(asked[figures]) / SEEDS
    pd.DataFrame({"id": test["id"], TARGET: np.expm1(predicted)}).to_csv(submission, index=False)


def _features(table: pd.DataFrame) -> pd.DataFrame:
    order = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    items = table.filter(like="item")
    return table.assign(
        weekday=table["day"].map(order.index), items=items.sum(axis=1), kinds=(items > 0).sum(axis=1)
    )


def _smooth(items: list[str]):
    splines = make_column_transformer(
        (SplineTransformer(n_knots=7), ["hour", "distance"]), (OneHotEncoder(drop="first"), ["day"])
    )
    crossed = make_pipeline(splines, PolynomialFeatures(2, interaction_only=True, include_bias=False))
    columns = make_column_transformer((crossed, ["hour", "distance", "day"]), ("passthrough", items))
    return make_pipeline(columns, RidgeCV(np.logspace(-2, 2, 9)))
