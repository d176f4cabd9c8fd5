"""Which way is better, by the name of a metric function or score variable: one documented table."""

from __future__ import annotations

import re

from jupyter_mlagent.records import Direction

MAXIMIZED = frozenset(
    [
        # sklearn.metrics, classification
        *("accuracy_score", "balanced_accuracy_score", "average_precision_score", "cohen_kappa_score"),
        *("f1_score", "fbeta_score", "jaccard_score", "matthews_corrcoef", "precision_score", "recall_score"),
        *("roc_auc_score", "top_k_accuracy_score", "ndcg_score", "dcg_score", "auc", "d2_log_loss_score"),
        *("label_ranking_average_precision_score", "quadratic_weighted_kappa", "d2_brier_score"),
        # sklearn.metrics, regression
        *("r2_score", "explained_variance_score", "d2_absolute_error_score", "d2_pinball_score"),
        *("d2_tweedie_score", "pearsonr", "spearmanr", "kendalltau", "concordance_index"),
        # sklearn.metrics, clustering
        *("silhouette_score", "calinski_harabasz_score", "adjusted_rand_score", "rand_score"),
        *("adjusted_mutual_info_score", "normalized_mutual_info_score", "mutual_info_score"),
        *("homogeneity_score", "completeness_score", "v_measure_score", "fowlkes_mallows_score"),
        # methods
        *("score", "cross_val_score", "score_samples"),
    ]
)
"""Functions whose larger values are better."""

MINIMIZED = frozenset(
    [
        *("log_loss", "brier_score_loss", "hinge_loss", "hamming_loss", "zero_one_loss", "coverage_error"),
        *("label_ranking_loss", "mean_squared_error", "root_mean_squared_error", "mean_absolute_error"),
        *("mean_squared_log_error", "root_mean_squared_log_error", "median_absolute_error", "max_error"),
        *("mean_absolute_percentage_error", "mean_pinball_loss", "mean_poisson_deviance"),
        *("mean_gamma_deviance", "mean_tweedie_deviance", "davies_bouldin_score", "binary_cross_entropy"),
        *("cross_entropy", "mse_loss", "l1_loss", "smooth_l1_loss", "nll_loss", "huber_loss", "kl_div"),
        *("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"),
        # statsmodels.tools.eval_measures, and the usual names of one's own functions
        *("rmse", "mse", "mae", "mape", "smape", "wape", "mase", "rmsle", "rmspe", "meanabs", "medianabs"),
    ]
)
"""Functions whose smaller values are better."""

KNOWN_FUNCTIONS = MAXIMIZED | MINIMIZED

MULTI_VALUED = frozenset({"pearsonr", "spearmanr", "kendalltau", "precision_recall_fscore_support"})
"""Functions that return more than the one number."""

_WORST = (
    r"rmsle|rmspe|rmse|mse|mae|smape|mape|wape|mase|nll|bic|aic|aicc|perplexity|ppl|wer|cer|brier|inertia|"
    r"deviance|loss|losses|err|error|errors|cost|regret"
)
_BEST = (
    r"acc|accuracy|auc|auroc|roc|ap|map|f1|fbeta|precision|recall|r2|rsquared|r_?squared|r_sq|score|scores|"
    r"kappa|qwk|mcc|iou|dice|ndcg|hits|bleu|rouge|sensitivity|specificity|correlation|corr|pearson|spearman|"
    r"silhouette|ari|nmi|gini|ks|psnr|ssim"
)
_LOWER = re.compile(rf"(?:^|_)(?:{_WORST})(?=\d*(?:_|$))")
_HIGHER = re.compile(rf"(?:^|_)(?:{_BEST})(?=\d*(?:_|$))")


def direction_of_name(name: str) -> Direction | None:
    """Which way is better for a function or variable of this name; None where the name does not say.

    Words of the name decide (`val_acc` up, `test_rmse` down), an error word before a score word:
    `error_score` and `neg_*` are told apart, since scorers named `neg_...` are negated errors.
    """
    if name in MAXIMIZED:
        return Direction.MAXIMIZE
    if name in MINIMIZED:
        return Direction.MINIMIZE
    words = _words(name)
    if words.startswith("neg_"):
        return Direction.MAXIMIZE
    if _LOWER.search(words):
        return Direction.MINIMIZE
    if _HIGHER.search(words):
        return Direction.MAXIMIZE
    return None


def is_score_name(name: str) -> bool:
    """Whether a variable or function of this name looks as if it held a score."""
    return direction_of_name(name) is not None


_HELD_OUT = re.compile(
    r"(?:^|_)(?:val|valid|validation|test|te|holdout|hold_out|oof|cv|dev|eval|va|tst)(?:\d*)(?=_|$)"
)
_TRAINING = re.compile(r"(?:^|_)(?:train|training|tr|trn|fit|insample|in_sample)(?:\d*)(?=_|$)")


def is_held_out_name(name: str) -> bool:
    """`X_val`, `y_test`, `valid_acc`, ...: measured on data that was not trained on."""
    return bool(_HELD_OUT.search(_words(name)))


def is_training_name(name: str) -> bool:
    """`y_train`, `train_acc`, ...: measured on the training data."""
    return bool(_TRAINING.search(_words(name)))


def _words(name: str) -> str:
    """`valAccuracy` and `ValAccuracy` as `val_accuracy`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
