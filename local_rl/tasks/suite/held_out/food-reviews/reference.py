"""Logistic regression on weighted words and letter groups; strength chosen by cross-validation."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union

TARGET = "score"


def solve(public: Path, submission: Path) -> None:
    train, test = (pd.read_csv(public / name) for name in ("train.csv", "test.csv"))
    texts = make_union(
        TfidfVectorizer(ngram_range=(1, 3), min_df=2, sublinear_tf=True, strip_accents="unicode"),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=5, sublinear_tf=True),
    )
    model = GridSearchCV(LogisticRegression(max_iter=500), {"C": [1, 2, 4, 8]}, scoring="neg_log_loss", cv=4)
    model = make_pipeline(texts, model).fit(train["review"], train[TARGET])
    answer = pd.DataFrame(model.predict_proba(test["review"]), columns=model.classes_)
    answer.insert(0, "id", test["id"])
    answer.to_csv(submission, index=False)
