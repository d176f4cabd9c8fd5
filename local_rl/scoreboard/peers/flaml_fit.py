"""FLAML on one task, in an environment of its own: `python flaml_fit.py JOB.json`.

Needs `pip install "flaml[automl]"`. The job names the public folder, the file to write, the seconds, and the
task's metric, direction and tags. FLAML searches and refits within the seconds; where its metrics lack the
task's, the nearest one is searched by (`METRICS`).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

METRICS = {
    "accuracy": "accuracy",
    "auc": "roc_auc",
    "f1": "f1",
    "log_loss": "log_loss",
    "macro_f1": "macro_f1",
    "mae": "mae",
    "map@3": "log_loss",
    "quadratic_kappa": "rmse",
    "rmse": "rmse",
    "rmsle": "rmse",
    "spearman": "rmse",
}
"""A task's metric to FLAML's. Kappa: the rank as a number, rounded; RMSLE: the logarithm of the target."""
CLASSES = ("accuracy", "auc", "f1", "log_loss", "macro_f1", "map@3")
PROSE_SHARE, TOPICS = 0.5, 100
"""A text column with more distinct values than this share of its rows is prose: so many numbers."""
DATE = r"\d{4}-\d{2}-\d{2}"
NOT_APPLICABLE = 3
"""Exit code for tasks that are no table of features."""


def main(job_file: str) -> None:
    import pandas as pd

    job = json.loads(Path(job_file).read_text())
    public = Path(job["public"])
    if job["metric"] not in METRICS or not (public / "train.csv").exists():
        sys.exit(NOT_APPLICABLE)
    train, test, sample = (
        pd.read_csv(public / name) for name in ("train.csv", "test.csv", "sample_submission.csv")
    )
    targets = [name for name in train.columns if name not in test.columns]
    features = [name for name in test.columns if name != "id" and name in train.columns]
    if len(targets) != 1 or not features:
        sys.exit(NOT_APPLICABLE)
    submission = _solve(job, train, test, sample, targets[0], features)
    submission.to_csv(job["submission"], index=False)


def _solve(job: dict[str, Any], train: Any, test: Any, sample: Any, target: str, features: list[str]) -> Any:
    import numpy as np
    from flaml import AutoML

    metric = job["metric"]
    classes = metric in CLASSES
    truth = train[target]
    labels = sorted(truth.unique(), key=str) if classes else []
    if classes:
        truth = truth.map({label: code for code, label in enumerate(labels)})
    elif metric == "rmsle":
        truth = np.log1p(truth)
    known, asked = _numbers_and_categories(train[features], test[features])
    automl = AutoML()
    automl.fit(
        known,
        np.asarray(truth),
        task="classification" if classes else "regression",
        metric=METRICS[metric] if len(labels) < 3 or metric != "auc" else "roc_auc_ovr",
        time_budget=job["seconds"],
        split_type="time" if "time series" in job["tags"] and not classes else "auto",
        seed=job["seed"],
        n_jobs=-1,
        verbose=0,
    )
    answer = test[["id"]].copy()
    columns = [name for name in sample.columns if name != "id"]
    if metric in ("auc", "log_loss", "map@3"):
        chances = np.asarray(automl.predict_proba(asked))
        if metric == "map@3":
            best = np.argsort(-chances, axis=1)[:, :3]
            answer[columns[0]] = [" ".join(str(labels[code]) for code in row) for row in best]
        elif len(columns) == 1:
            positive = job.get("positive")
            code = labels.index(positive) if positive in labels else len(labels) - 1
            answer[columns[0]] = chances[:, code]
        else:
            for code, label in enumerate(labels):
                answer[str(label)] = chances[:, code]
        return answer
    guessed = np.asarray(automl.predict(asked))
    if classes:
        answer[columns[0]] = [labels[int(code)] for code in guessed]
    elif metric == "rmsle":
        answer[columns[0]] = np.expm1(guessed).clip(0)
    elif metric == "quadratic_kappa":
        low, high = train[target].min(), train[target].max()
        answer[columns[0]] = np.clip(np.rint(guessed), low, high).astype(int)
    else:
        answer[columns[0]] = guessed
    return answer


def _numbers_and_categories(train: Any, test: Any) -> tuple[Any, Any]:
    """Words as categories that mean the same in both tables (FLAML codes each on its own), prose as topics,
    dates as dates.
    """
    import pandas as pd

    train, test = train.copy(), test.copy()
    for name in train.select_dtypes(exclude="number").columns:
        words = pd.concat([train[name], test[name]]).dropna().astype(str)
        if words.nunique() > PROSE_SHARE * len(words) and words.str.count(" ").mean() >= 3:
            _add_topics(train, test, name)
            continue
        if words.str.fullmatch(DATE).all():
            for table in (train, test):
                table[name] = pd.to_datetime(table[name])
            continue
        kind = pd.CategoricalDtype(sorted(words.unique()))
        for table in (train, test):
            table[name] = table[name].astype(str).where(table[name].notna()).astype(kind)
    return train, test


def _add_topics(train: Any, test: Any, name: str) -> None:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    topics = make_pipeline(TfidfVectorizer(min_df=2, sublinear_tf=True), TruncatedSVD(TOPICS, random_state=0))
    found = topics.fit_transform(train[name].fillna(""))
    asked = topics.transform(test[name].fillna(""))
    for number in range(found.shape[1]):
        train[f"{name}_{number}"], test[f"{name}_{number}"] = found[:, number], asked[:, number]
    for table in (train, test):
        table.drop(columns=name, inplace=True)


if __name__ == "__main__":
    main(sys.argv[1])
