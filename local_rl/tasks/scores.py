"""Metrics that scikit-learn does not have under these names. Arrays are (n,) unless said otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def rmse(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Root mean squared error."""
    import numpy as np

    return float(np.sqrt(np.mean((np.asarray(truth, float) - np.asarray(predicted, float)) ** 2)))


def rmsle(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Root mean squared error of log(1 + value); values >= 0."""
    import numpy as np

    return rmse(np.log1p(np.asarray(truth, float)), np.log1p(np.asarray(predicted, float)))


def quadratic_kappa(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968) of ordered classes given as numbers."""
    from sklearn.metrics import cohen_kappa_score

    return float(cohen_kappa_score(truth, predicted, weights="quadratic"))


def correlation(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Spearman's rank correlation; 0 for constant predictions, which rank nothing."""
    import numpy as np
    from scipy.stats import spearmanr

    if np.ptp(np.asarray(predicted, float)) == 0:
        return 0.0
    return float(spearmanr(truth, predicted).statistic)


def mean_average_precision(right: Sequence[Sequence[str]], ranked: Sequence[Sequence[Any]], k: int) -> float:
    """MAP@k: for each row the mean of precision at each hit, over min(k, number of right items)."""
    total = 0.0
    for items, guesses in zip(right, ranked, strict=True):
        hits, precision = 0, 0.0
        wanted = set(items)
        for place, guess in enumerate(list(guesses)[:k], start=1):
            if str(guess) in wanted:
                hits += 1
                precision += hits / place
        total += precision / max(min(k, len(wanted)), 1)
    return total / max(len(right), 1)
