"""What kind of step a cell is, from its syntax tree: estimator families and operations.

Used to keep proposals diverse, and to measure how diverse they are. A name is recognised by the class or
function it ends in (`ensemble.RandomForestClassifier`, `RandomForestClassifier`), whatever the import.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache

from jupyter_mlagent.agent.source import parse_cell

FAMILIES: dict[str, re.Pattern[str]] = {
    "boosting": re.compile(r"(Hist)?GradientBoosting|XGB|xgb|LGBM|lgb|CatBoost|AdaBoost|NGB"),
    "forest": re.compile(r"RandomForest|ExtraTrees|IsolationForest"),
    "tree": re.compile(r"(DecisionTree|ExtraTree)(Classifier|Regressor)$"),
    "bagging": re.compile(r"Bagging"),
    "ensemble": re.compile(r"Voting|Stacking"),
    "svm": re.compile(r"(Linear|Nu|OneClass)?SV[CRM]$"),
    "neighbours": re.compile(r"KNeighbors|RadiusNeighbors|NearestCentroid|NearestNeighbors"),
    "naive bayes": re.compile(r"(Gaussian|Multinomial|Complement|Bernoulli|Categorical)NB$"),
    "gaussian process": re.compile(r"GaussianProcess"),
    "neural network": re.compile(
        r"MLP|Sequential$|Dense$|Conv[123]d|Conv[123]D|LSTM|GRU$|Transformer(Encoder|Decoder)"
    ),
    "discriminant": re.compile(r"(Linear|Quadratic)DiscriminantAnalysis"),
    "linear": re.compile(
        r"(LogisticRegression|LinearRegression|Ridge|Lasso|ElasticNet|Lars|SGD|Perceptron|PassiveAggressive|Huber|"
        r"TheilSen|RANSAC|BayesianRidge|ARDRegression|PoissonRegressor|TweedieRegressor|GammaRegressor|"
        r"QuantileRegressor|OrthogonalMatchingPursuit|PLSRegression|KernelRidge|OLS$|GLM$|Logit$|WLS$|GLS$)"
    ),
    "dummy": re.compile(r"Dummy(Classifier|Regressor)"),
    "clustering": re.compile(
        r"KMeans|DBSCAN|OPTICS|Agglomerative|SpectralClustering|GaussianMixture|MeanShift|Birch"
    ),
    "time series": re.compile(
        r"ARIMA|SARIMAX|ExponentialSmoothing|Holt|Prophet|AutoReg|VAR$|UnobservedComponents"
    ),
}
"""Estimator families by class name."""

OPERATIONS: dict[str, re.Pattern[str]] = {
    "ensembling": re.compile(r"Voting|Stacking|Bagging"),
    "calibration": re.compile(r"CalibratedClassifierCV|TunedThresholdClassifierCV|FixedThresholdClassifier"),
    "tuning": re.compile(
        r"SearchCV$|ParameterGrid|ParameterSampler|BayesSearchCV|create_study|cross_val_score|ValidationCurve|(Ridge|Lasso|ElasticNet|LogisticRegression)CV$"
    ),
    "target transform": re.compile(r"TransformedTargetRegressor|log1p$|expm1$"),
    "feature selection": re.compile(
        r"Select(KBest|Percentile|FromModel|Fdr|Fpr|Fwe)|RFE|VarianceThreshold|SequentialFeatureSelector"
    ),
    "decomposition": re.compile(
        r"PCA$|TruncatedSVD|NMF$|FastICA|LatentDirichlet|LinearDiscriminantAnalysis|UMAP|RandomProjection"
    ),
    "features": re.compile(
        r"PolynomialFeatures|SplineTransformer|KBinsDiscretizer|FunctionTransformer|TfidfVectorizer|CountVectorizer|HashingVectorizer|RBFSampler|Nystroem|FeatureUnion|FeatureHasher|rolling$|lag|shift$|diff$|get_dummies|Augment|Random(Flip|Rotation|Crop)"
    ),
    "preprocessing": re.compile(
        r"(Standard|MinMax|Robust|MaxAbs)Scaler|Normalizer|QuantileTransformer|PowerTransformer|Imputer|(OneHot|Ordinal|Target|Label)Encoder|ColumnTransformer|fillna|dropna"
    ),
    "resampling": re.compile(r"SMOTE|Random(Over|Under)Sampler|resample$|compute_(class|sample)_weight"),
}
"""Operations by the class or function that performs them."""


@dataclass(frozen=True)
class CellKinds:
    families: frozenset[str]
    operations: frozenset[str]
    estimators: tuple[str, ...]
    """Class names of the estimators, in order of appearance."""


@lru_cache(maxsize=1024)
def classify(code: str) -> CellKinds:
    """Families and operations of a cell; empty sets for code that is not Python."""
    module = parse_cell(code)
    called = [] if module is None else _called_names(module)
    families: set[str] = set()
    operations: set[str] = set()
    estimators: list[str] = []
    for name in called:
        family = next((family for family, pattern in FAMILIES.items() if pattern.search(name)), None)
        if family is not None and name[:1].isupper():
            families.add(family)
            if name not in estimators:
                estimators.append(name)
        operations |= {operation for operation, pattern in OPERATIONS.items() if pattern.search(name)}
    if families:
        operations.add("model")
    return CellKinds(frozenset(families), frozenset(operations), tuple(estimators))


def describe(code: str) -> str:
    """A plan for a reply that came without one: what the cell does, from its code."""
    kinds = classify(code)
    extras = sorted(kinds.operations - {"model"})
    if kinds.estimators:
        text = "Fit " + ", ".join(kinds.estimators[:3])
        return f"{text} with {', '.join(extras)}." if extras else f"{text}."
    if extras:
        return f"{extras[0].capitalize()}{' and ' + ', '.join(extras[1:]) if extras[1:] else ''}."
    return "A change of the notebook without a stated plan."


def _called_names(module: ast.Module) -> list[str]:
    """Last component of every called name, in source order."""
    calls = sorted(
        (node for node in ast.walk(module) if isinstance(node, ast.Call)),
        key=lambda node: (node.lineno, node.col_offset),
    )
    names = []
    for call in calls:
        if isinstance(call.func, ast.Name):
            names.append(call.func.id)
        elif isinstance(call.func, ast.Attribute):
            names.append(call.func.attr)
    return names
