"""Ideas for texts, by what the model is given: the texts, or what a vectorizer of the notebook made of them.

A pipeline that starts with a vectorizer cannot read what the metric has vectorized already.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from jupyter_mlagent.agent.idea import Idea, always
from jupyter_mlagent.agent.preparations import after, begun, vectorized
from jupyter_mlagent.agent.situation import Kind, Situation


def _labels_only(situation: Situation) -> bool:
    return not situation.probabilities


_WORDS = "TfidfVectorizer(sublinear_tf=True)"
_PAIRS = "TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)"
_LETTERS = "TfidfVectorizer(analyzer='char_wb', ngram_range=(2, 5))"
_COUNTS = "CountVectorizer()"
_LOGISTIC = "LogisticRegression(C=10, max_iter=1000)"
_PIPELINE = ", in one make_pipeline"

_CLASSIFIERS: tuple[tuple[str, float, str, str, bool], ...] = (
    ("linear", 3.0, _WORDS, _LOGISTIC, False),
    ("naive bayes", 2.0, _COUNTS, "MultinomialNB(alpha=0.3)", False),
    ("features", 2.0, _PAIRS, _LOGISTIC, False),
    ("characters", 1.0, _LETTERS, _LOGISTIC, False),
    ("svm", 1.5, _WORDS, "LinearSVC(C=0.5)", True),
    ("naive bayes", 1.0, _WORDS, "ComplementNB(alpha=0.3)", False),
)
"""Group, weight, vectorizer, estimator, and whether it gives labels only."""
_REGRESSORS: tuple[tuple[str, float, str, str, bool], ...] = (
    ("linear", 3.0, _WORDS, "Ridge(alpha=1.0)", False),
    ("features", 2.0, _PAIRS, "Ridge(alpha=1.0)", False),
    ("characters", 1.0, _LETTERS, "Ridge(alpha=1.0)", False),
    ("svm", 1.5, _WORDS, "LinearSVR(C=1.0, max_iter=5000)", False),
)
_OF_SPARSE_CLASSES = (
    Idea("linear", 3.0, f"Fit a {_LOGISTIC}"),
    Idea("naive bayes", 2.0, "Fit a ComplementNB(alpha=0.3)"),
    Idea("naive bayes", 1.0, "Fit a MultinomialNB(alpha=0.1)"),
    Idea("svm", 2.0, "Fit a LinearSVC(C=0.5)", _labels_only),
    Idea("preprocessing", 1.5, f"Use TfidfTransformer(sublinear_tf=True) and {_LOGISTIC}{_PIPELINE}"),
    Idea("forest", 1.0, "Fit an ExtraTreesClassifier(n_estimators=300, n_jobs=2)"),
)
_OF_SPARSE_NUMBERS = (
    Idea("linear", 3.0, "Fit a Ridge(alpha=1.0)"),
    Idea("svm", 1.5, "Fit a LinearSVR(C=1.0, max_iter=5000)"),
    Idea("preprocessing", 1.5, f"Use TfidfTransformer(sublinear_tf=True) and Ridge(alpha=1.0){_PIPELINE}"),
    Idea("forest", 1.0, "Fit an ExtraTreesRegressor(n_estimators=300, n_jobs=2)"),
)


def text_ideas(situation: Situation) -> list[Idea]:
    """Those that can work where the model is given texts or their sparse matrix."""
    numbers = situation.kind is Kind.REGRESSION
    if situation.sparse:
        ideas: Sequence[Idea] = _OF_SPARSE_NUMBERS if numbers else _OF_SPARSE_CLASSES
    else:
        make = _replaced if situation.vectorizer else _pipeline
        if situation.table.text and not situation.vectorizer:
            make = partial(_of_column, situation.table.text, situation.model)
        ideas = [make(*parts) for parts in (_REGRESSORS if numbers else _CLASSIFIERS)]
    return [idea for idea in ideas if idea.suits(situation)]


def _pipeline(group: str, weight: float, vectorizer: str, estimator: str, labels_only: bool) -> Idea:
    plan = f"Use {vectorizer} and {estimator}{_PIPELINE}"
    return Idea(group, weight, plan, _labels_only if labels_only else always)


def _of_column(
    column: str, model: str, group: str, weight: float, vectorizer: str, estimator: str, labels_only: bool
) -> Idea:
    """Of a table, whose rows a vectorizer alone cannot read."""
    preparation = vectorized(column, vectorizer)
    plan = after(f"Use {vectorizer} for {column} and fit a {estimator}", preparation)
    suits = _labels_only if labels_only else always
    return Idea(group, weight, plan, suits, opening=preparation.opening + begun(model, preparation))


def _replaced(group: str, weight: float, vectorizer: str, estimator: str, labels_only: bool) -> Idea:
    """The notebook's vectorizer anew: what the metric makes of the held-out texts follows."""
    return Idea(
        group,
        weight,
        f"Make {{vectorizer}} a {vectorizer} and fit a {estimator} on its features",
        _labels_only if labels_only else always,
        opening=f"{{vectorizer}} = {vectorizer}\n",
    )
