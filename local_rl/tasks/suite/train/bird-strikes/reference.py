"""Two logistic regressions, averaged: on which words occur, and on weighted word and letter groups."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

TARGET = "phase"
FIELDS = ["species", "atype", "time_of_day", "effect"]


def solve(public: Path, submission: Path) -> None:
    train, test = (pd.read_csv(public / name) for name in ("train.csv", "test.csv"))
    occurring = CountVectorizer(min_df=3, binary=True, ngram_range=(1, 2))
    weighted = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=4, sublinear_tf=True)
    fields = (OneHotEncoder(handle_unknown="ignore", min_frequency=5), FIELDS)
    # Strengths by cross-validation on the training data.
    by_words = make_pipeline(
        make_column_transformer((occurring, "remarks"), fields), LogisticRegression(C=0.1, max_iter=300)
    )
    by_weights = make_pipeline(
        make_column_transformer((weighted, "remarks"), (letters, "remarks"), fields),
        LogisticRegression(C=1, max_iter=300),
    )
    model = VotingClassifier([("words", by_words), ("weighted", by_weights)], voting="soft")
    model.fit(train, train[TARGET])
    answer = pd.DataFrame(model.predict_proba(test), columns=model.classes_)
    answer.insert(0, "id", test["id"])
    answer.to_csv(submission, index=False)
