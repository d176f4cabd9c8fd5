"""Airport profiles of aircraft and of their neighbours, factored; extra trees and a linear machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import ExtraTreesClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

TARGET = "maker"


def solve(public: Path, submission: Path) -> None:
    train, test, edges = (pd.read_csv(public / name) for name in ("train.csv", "test.csv", "edges.csv"))
    nodes = _features(edges)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.02, max_iter=2000))
    trees = ExtraTreesClassifier(500, min_samples_leaf=1, max_features=0.2, random_state=0)
    model = VotingClassifier([("linear", linear), ("trees", trees)], voting="soft", weights=[1, 2])
    made = model.fit(nodes[train["id"]], train[TARGET]).predict(nodes[test["id"]])
    pd.DataFrame({"id": test["id"], TARGET: made}).to_csv(submission, index=False)


def _features(edges: pd.DataFrame) -> np.ndarray:
    airports = edges["airport"].astype("category").cat.codes
    flights = csr_matrix((edges["flights"].astype(float), (edges["id"], airports)))
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(flights)
    factors = TruncatedSVD(30, random_state=0).fit_transform(weighted)
    # What aircraft with a like profile do: one step over the graph and back.
    alike = weighted @ weighted.T
    around = (alike @ factors) / np.maximum(alike.sum(axis=1), 1e-9).reshape(-1, 1)
    total = np.asarray(flights.sum(axis=1)).ravel()
    reached = np.asarray((flights > 0).sum(axis=1)).ravel()
    largest = flights.max(axis=1).toarray().ravel()
    size = np.column_stack([np.log1p(total), reached, total / reached.clip(1), largest / total.clip(1)])
    shares = flights.toarray() / total.clip(1)[:, None]
    return np.column_stack([size, factors, np.asarray(around), shares])
