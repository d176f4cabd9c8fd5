"""Log price, boosted trees averaged with a ridge regression over one-hot columns and logged areas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor, VotingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

TARGET = "Sale_Price"


def solve(public: Path, submission: Path) -> None:
    train, test = (_with_features(pd.read_csv(public / name)) for name in ("train.csv", "test.csv"))
    features = [name for name in test.columns if name != "id"]
    model = TransformedTargetRegressor(_blend(), func=np.log1p, inverse_func=np.expm1)
    model.fit(train[features], train[TARGET])
    pd.DataFrame({"id": test["id"], TARGET: model.predict(test[features])}).to_csv(submission, index=False)


def _with_features(table: pd.DataFrame) -> pd.DataFrame:
    porches = [name for name in table.columns if "orch" in name]
    return table.assign(
        all_area=table.Gr_Liv_Area + table.Total_Bsmt_SF,
        porch_area=table[porches].sum(axis=1),
        age=table.Year_Sold - table.Year_Built,
        since_remodel=table.Year_Sold - table.Year_Remod_Add,
        baths=table.Full_Bath + table.Half_Bath / 2 + table.Bsmt_Full_Bath + table.Bsmt_Half_Bath / 2,
    )


def _blend() -> VotingRegressor:
    words, figures = (
        make_column_selector(dtype_exclude="number"),
        make_column_selector(dtype_include="number"),
    )
    trees = make_pipeline(
        make_column_transformer(
            (
                OrdinalEncoder(
                    handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
                ),
                words,
            ),
            ("passthrough", figures),
        ),
        GradientBoostingRegressor(
            n_estimators=500, learning_rate=0.05, max_depth=4, subsample=0.6, max_features=0.2, random_state=0
        ),
    )
    logged = make_pipeline(FunctionTransformer(lambda table: np.log1p(table.clip(lower=0))), StandardScaler())
    linear = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", min_frequency=5), words),
            (StandardScaler(), figures),
            (logged, figures),
        ),
        RidgeCV(np.logspace(0, 3, 10)),
    )
    return VotingRegressor([("trees", trees), ("linear", linear)], weights=[0.6, 0.4])
